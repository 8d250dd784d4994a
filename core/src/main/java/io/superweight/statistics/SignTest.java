package io.superweight.statistics;

/** The exact sign test: McNemar's test of paired yes-or-no outcomes. */
public final class SignTest {
  private SignTest() {}

  /**
   * The probability of {@code plus} or more out of {@code plus + minus} changes in one direction
   * where both directions are equally likely.
   */
  public static double oneSided(int plus, int minus) {
    if (plus < 0 || minus < 0) {
      throw new IllegalArgumentException(plus + " and " + minus + " are no counts");
    }
    int n = plus + minus;
    double logChoose = 0;
    for (int i = 1; i <= plus; i++) {
      logChoose += Math.log((double) (n - plus + i) / i);
    }
    double tail = 0;
    for (int k = plus; k <= n; k++) {
      tail += Math.exp(logChoose - n * Math.log(2));
      logChoose += Math.log((double) (n - k) / (k + 1)); // −∞ after the last one
    }
    return Math.min(1, tail);
  }

  /** The probability of counts at least as unequal, in either direction. */
  public static double twoSided(int plus, int minus) {
    return Math.min(1, 2 * oneSided(Math.max(plus, minus), Math.min(plus, minus)));
  }
}
