package io.superweight.find;

import io.superweight.model.ActivationTransform;
import io.superweight.model.Coordinate;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * Puts constants in the place of zeroed weights' contributions: after the product with the zeroed
 * weight, Y[t, row] gets the mean contribution at sink positions, and the mean elsewhere at others.
 * Sinks are told by the contribution that the weight would have made, not by position: without BOS
 * they move.
 */
final class ConstantReplacement implements ActivationTransform {

  /**
   * What a weight's contribution is like on the held-out text.
   *
   * @param value the weight's value
   * @param sinkBar contributions of this magnitude and more are at sink positions
   */
  record Contribution(
      Coordinate weight, float value, double sinkBar, MeanReplacement.Constant mean) {}

  private final Map<Site, List<Coordinate>> byInput = new HashMap<>();
  private final Map<Site, List<Coordinate>> byOutput = new HashMap<>();
  private final Function<Coordinate, Optional<Contribution>> contributions;

  /** X[t, col] of each weight at the rows of a sequence, kept from the input to the output site. */
  private final Map<Long, float[]> inputs = new HashMap<>();

  /**
   * @param contributions what is known of a weight, asked for when the pass is at its output; one
   *     of which nothing is known gets no constant
   */
  ConstantReplacement(
      List<Coordinate> weights, Function<Coordinate, Optional<Contribution>> contributions) {
    this.contributions = contributions;
    for (Coordinate weight : weights) {
      byInput.computeIfAbsent(inputOf(weight), s -> new ArrayList<>()).add(weight);
      byOutput.computeIfAbsent(outputOf(weight), s -> new ArrayList<>()).add(weight);
    }
  }

  /** Whether a weight's contribution passes a site: down projections only. */
  static boolean possible(Coordinate weight) {
    return weight.part().equals("layers." + weight.layer() + ".mlp.down")
        || weight.expert().isPresent() && weight.part().endsWith(".down");
  }

  static Site inputOf(Coordinate weight) {
    return weight.expert().isPresent()
        ? new Site(Site.Kind.EXPERT_DOWN_IN, weight.layer(), weight.expert().getAsInt())
        : Site.of(Site.Kind.DOWN_IN, weight.layer());
  }

  private static Site outputOf(Coordinate weight) {
    return weight.expert().isPresent()
        ? new Site(Site.Kind.EXPERT_DOWN_OUT, weight.layer(), weight.expert().getAsInt())
        : Site.of(Site.Kind.DOWN_OUT, weight.layer());
  }

  @Override
  public boolean wants(Site site) {
    return byInput.containsKey(site) || byOutput.containsKey(site);
  }

  @Override
  public void transform(Site site, SiteValues values) {
    List<Coordinate> entering = byInput.getOrDefault(site, List.of());
    for (int i = 0; i < entering.size(); i++) {
      float[] x = new float[values.rows()];
      for (int r = 0; r < x.length; r++) {
        x[r] = values.get(r, entering.get(i).col());
      }
      inputs.put(key(values, i), x);
    }
    List<Coordinate> leaving = byOutput.getOrDefault(site, List.of());
    for (int i = 0; i < leaving.size(); i++) {
      float[] x = inputs.remove(key(values, i));
      Optional<Contribution> known = contributions.apply(leaving.get(i));
      if (known.isEmpty()) {
        continue;
      }
      Contribution c = known.get();
      for (int r = 0; r < x.length; r++) {
        boolean sink = Math.abs((double) x[r] * c.value()) >= c.sinkBar();
        double constant = sink ? c.mean().atSinks() : c.mean().elsewhere();
        values.set(r, c.weight().row(), (float) (values.get(r, c.weight().row()) + constant));
      }
    }
  }

  private static long key(SiteValues values, int contribution) {
    return (long) values.sequence() << 32 | contribution;
  }
}
