package io.superweight.find;

import io.superweight.model.Coordinate;
import io.superweight.model.Probe;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;

/** Gathers X[t, col] · W[row, col] of some weights over all tokens of a pass. */
final class ContributionProbe implements Probe {
  /** A sink's contribution is at least this part of the largest. */
  private static final double SINK_PART = 0.5;

  private final Map<Coordinate, Float> weights = new LinkedHashMap<>();
  private final Map<Coordinate, DoubleStream.Builder> seen = new LinkedHashMap<>();

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

  /** One for each weight that saw tokens. */
  List<ConstantReplacement.Contribution> contributions() {
    List<ConstantReplacement.Contribution> all = new java.util.ArrayList<>();
    seen.forEach((weight, builder) -> {
      double[] values = builder.build().toArray();
      if (values.length > 0) {
        all.add(summary(weight, weights.get(weight), values));
      }
    });
    return all;
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
