package io.superweight.measure;

import java.util.Arrays;

/**
 * A rate that was measured several times.
 *
 * @param median in the unit of what was measured
 * @param low the smallest of the rounds
 * @param high the largest of the rounds
 * @param rounds how often it was measured
 */
public record Spread(double median, double low, double high, int rounds) {

  /** Of at least one value. */
  static Spread of(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int n = sorted.length;
    double median = n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    return new Spread(median, sorted[0], sorted[n - 1], n);
  }
}
