package io.superweight.evaluate;

import java.util.Arrays;
import java.util.OptionalDouble;

/**
 * A number that an evaluation gives, with what each document contributes to it: {@code link(Σ sums
 * / Σ weights)}. So the same documents can be drawn again for intervals, also of differences
 * between two models.
 *
 * @param name as the reference names it: {@code acc}, {@code acc_norm}, {@code word_perplexity}
 * @param link what is done to the mean
 * @param sums {@code [documents]}
 * @param weights {@code [documents]}: 1 for a plain mean, words or tokens for a perplexity
 * @param standardError as the reference computes it; empty where it gives none
 * @param chance what guessing gives; empty where that means nothing
 * @param higherIsBetter false for perplexities
 */
public record Metric(
    String name,
    Link link,
    double[] sums,
    double[] weights,
    OptionalDouble standardError,
    OptionalDouble chance,
    boolean higherIsBetter) {

  /** From the mean to the number. */
  public enum Link {
    /** The mean itself. */
    IDENTITY,
    /** {@code e^mean}: a perplexity from nats. */
    EXP;

    public double of(double mean) {
      return this == EXP ? Math.exp(mean) : mean;
    }
  }

  /** The number. */
  public double value() {
    return link.of(Arrays.stream(sums).sum() / Arrays.stream(weights).sum());
  }

  /** The number over the first document, the first two, …, all: {@code [documents]}. */
  public double[] running() {
    double[] values = new double[sums.length];
    double sum = 0;
    double weight = 0;
    for (int d = 0; d < values.length; d++) {
      sum += sums[d];
      weight += weights[d];
      values[d] = link.of(sum / weight);
    }
    return values;
  }
}
