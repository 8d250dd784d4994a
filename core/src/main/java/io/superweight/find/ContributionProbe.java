package io.superweight.find;

import io.superweight.model.Coordinate;
import io.superweight.model.Probe;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.DoubleStream;

/**
 * Gathers X[t, col] · W[row, col] of some weights over all tokens of a batch. In every layer an
 * earlier batch of a pass comes before a later one, so what it gathered there may be asked for by
 * the transforms of that one.
 */
final class ContributionProbe implements Probe {
  /** A sink's contribution is at least this part of the largest. */
  private static final double SINK_PART = 0.5;

  private final Map<Coordinate, Float> weights = new LinkedHashMap<>();
  private final Map<Coordinate, DoubleStream.Builder> seen = new LinkedHashMap<>();

  private final Map<Coordinate, Optional<ConstantReplacement.Contribution>> summaries =
      new HashMap<>();

  ContributionProbe(Map<Coordinate, Float> weights) {
    this.weights.putAll(weights);
    weights.keySet().forEach(w -> seen.put(w, DoubleStream.builder()));
  }

  @Override
  public boolean wants(Site site) {
    return weights.keySet().stream().anyMatch(w -> ConstantReplacement.inputOf(w).equals(site));
  }

  @Override
  public void observe(Site site, SiteValues values) {
    weights.forEach((weight, value) -> {
      if (ConstantReplacement.inputOf(weight).equals(site)) {
        for (int r = 0; r < values.rows(); r++) {
          seen.get(weight).add((double) values.get(r, weight.col()) * value);
        }
      }
    });
  }

  /** What a weight's contribution is like; empty for one that saw no tokens. */
  Optional<ConstantReplacement.Contribution> of(Coordinate weight) {
    return summaries.computeIfAbsent(
        weight,
        w -> {
          double[] values = seen.remove(w).build().toArray();
          return values.length == 0
              ? Optional.empty()
              : Optional.of(summary(w, weights.get(w), values));
        });
  }

  private static ConstantReplacement.Contribution summary(
      Coordinate weight, float value, double[] contributions) {
    double largest = DoubleStream.of(contributions).map(Math::abs).max().orElse(0);
    double bar = SINK_PART * largest;
    double atSinks = 0;
    double elsewhere = 0;
    int sinks = 0;
    for (double c : contributions) {
      if (Math.abs(c) >= bar) {
        atSinks += c;
        sinks++;
      } else {
        elsewhere += c;
      }
    }
    int others = contributions.length - sinks;
    return new ConstantReplacement.Contribution(
        weight,
        value,
        bar,
        new MeanReplacement.Constant(
            weight, atSinks / Math.max(1, sinks), elsewhere / Math.max(1, others), sinks));
  }
}
