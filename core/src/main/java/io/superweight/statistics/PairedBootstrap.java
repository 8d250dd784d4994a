package io.superweight.statistics;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Percentile bootstrap over independent units (documents): each resample draws as many units as
 * there are, with replacement, and all quantities are seen on the same draws, so that what the
 * units have in common cancels in comparisons. The same arguments give the same intervals.
 *
 * <p>Source: Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13.
 */
public final class PairedBootstrap {
  private final int units;
  private final double confidence;

  /** How often each resample drew each unit, {@code [resamples][units]}. */
  private final short[][] draws;

  /**
   * @param units independent units, at least 1 and at most 32767; the interval of one unit is a
   *     point
   * @param resamples 2,000 gives the bounds of a 95 % interval to about a tenth of its width
   * @param confidence of the intervals, within 0 to 1
   */
  public PairedBootstrap(int units, int resamples, double confidence, long seed) {
    if (units < 1 || units > Short.MAX_VALUE || resamples < 1) {
      throw new IllegalArgumentException(units + " units, " + resamples + " resamples");
    }
    if (!(confidence > 0 && confidence < 1)) {
      throw new IllegalArgumentException("confidence " + confidence + " is not within 0 to 1");
    }
    this.units = units;
    this.confidence = confidence;
    this.draws = new short[resamples][units];
    SplittableRandom random = new SplittableRandom(seed);
    for (short[] draw : draws) {
      for (int i = 0; i < units; i++) {
        draw[random.nextInt(units)]++;
      }
    }
  }

  /**
   * The mean {@code Σ sums / Σ weights}, each unit weighing what it weighs: nats per token from
   * sums of nats and counts of tokens.
   *
   * @param sums {@code [units]}
   * @param weights {@code [units]}, positive
   */
  public Interval mean(double[] sums, int[] weights) {
    check(sums.length, weights.length);
    double[] means = new double[draws.length];
    for (int r = 0; r < draws.length; r++) {
      double sum = 0;
      long weight = 0;
      for (int u = 0; u < units; u++) {
        sum += draws[r][u] * sums[u];
        weight += (long) draws[r][u] * weights[u];
      }
      means[r] = sum / weight;
    }
    double estimate = Arrays.stream(sums).sum() / Arrays.stream(weights).asLongStream().sum();
    Arrays.sort(means);
    double tail = (1 - confidence) / 2;
    return new Interval(estimate, quantile(means, tail), quantile(means, 1 - tail));
  }

  /**
   * The ratio of two perplexities on the same tokens, {@code exp(Σ (nll − base) / Σ tokens)}.
   *
   * @param nll {@code [units]} nats of all tokens of each unit
   * @param base the same for what is compared with
   * @param tokens {@code [units]}
   */
  public Interval perplexityRatio(double[] nll, double[] base, int[] tokens) {
    check(nll.length, base.length);
    double[] difference = new double[nll.length];
    for (int u = 0; u < nll.length; u++) {
      difference[u] = nll[u] - base[u];
    }
    Interval mean = mean(difference, tokens);
    return new Interval(Math.exp(mean.estimate()), Math.exp(mean.low()), Math.exp(mean.high()));
  }

  private void check(int a, int b) {
    if (a != units || b != units) {
      throw new IllegalArgumentException(a + " and " + b + " values for " + units + " units");
    }
  }

  /** Linear interpolation between order statistics (type 7 of Hyndman and Fan). */
  private static double quantile(double[] sorted, double p) {
    double at = p * (sorted.length - 1);
    int below = (int) Math.floor(at);
    int above = Math.min(below + 1, sorted.length - 1);
    if (sorted[below] == sorted[above]) {
      return sorted[below]; // also where both are infinite
    }
    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
  }
}
