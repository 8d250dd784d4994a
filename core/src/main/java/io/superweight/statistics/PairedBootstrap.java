package io.superweight.statistics;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
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
  private final int resamples;
  private final double confidence;
  private final long seed;

  /**
   * @param units independent units, at least 1; the interval of one unit is a point
   * @param resamples 2,000 gives the bounds of a 95 % interval to about a tenth of its width
   * @param confidence of the intervals, within 0 to 1
   */
  public PairedBootstrap(int units, int resamples, double confidence, long seed) {
    if (units < 1 || resamples < 1) {
      throw new IllegalArgumentException(units + " units, " + resamples + " resamples");
    }
    if (!(confidence > 0 && confidence < 1)) {
      throw new IllegalArgumentException("confidence " + confidence + " is not within 0 to 1");
    }
    this.units = units;
    this.resamples = resamples;
    this.confidence = confidence;
    this.seed = seed;
  }

  /**
   * The mean {@code Σ sums / Σ weights}, each unit weighing what it weighs: nats per token from
   * sums of nats and counts of tokens.
   *
   * @param sums {@code [units]}
   * @param weights {@code [units]}, positive
   */
  public Interval mean(double[] sums, int[] weights) {
    return means(List.of(sums), Arrays.stream(weights).asDoubleStream().toArray())
        .getFirst()
        .orElseThrow(() -> new IllegalArgumentException("a sum is no number"));
  }

  /**
   * Several such means, all seen on the same draws.
   *
   * @param sums {@code [units]} each; infinite ones give infinite bounds
   * @param weights {@code [units]}, positive
   * @return one for each; empty where the mean of all units, or of a resample, is no number
   */
  public List<Optional<Interval>> means(List<double[]> sums, double[] weights) {
    sums.forEach(s -> check(s.length, weights.length));
    double[][] means = new double[sums.size()][resamples];
    // Drawn anew each time: the draws of ten thousand units would fill memory.
    SplittableRandom random = new SplittableRandom(seed);
    int[] draw = new int[units];
    for (int r = 0; r < resamples; r++) {
      Arrays.fill(draw, 0);
      for (int i = 0; i < units; i++) {
        draw[random.nextInt(units)]++;
      }
      double weight = 0;
      for (int u = 0; u < units; u++) {
        weight += draw[u] * weights[u];
      }
      for (int k = 0; k < means.length; k++) {
        double[] of = sums.get(k);
        double sum = 0;
        for (int u = 0; u < units; u++) {
          sum += draw[u] == 0 ? 0 : draw[u] * of[u]; // 0 · ∞ is no number
        }
        means[k][r] = sum / weight;
      }
    }
    double weight = Arrays.stream(weights).sum();
    List<Optional<Interval>> intervals = new ArrayList<>();
    for (int k = 0; k < means.length; k++) {
      intervals.add(interval(Arrays.stream(sums.get(k)).sum() / weight, means[k]));
    }
    return intervals;
  }

  private Optional<Interval> interval(double estimate, double[] means) {
    if (Double.isNaN(estimate) || Arrays.stream(means).anyMatch(Double::isNaN)) {
      return Optional.empty();
    }
    Arrays.sort(means);
    double tail = (1 - confidence) / 2;
    return Optional.of(new Interval(estimate, quantile(means, tail), quantile(means, 1 - tail)));
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
    if (sorted[below] == sorted[above] || at == below) {
      return sorted[below]; // also where one is infinite
    }
    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
  }
}
