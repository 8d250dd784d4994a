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
    double tail = 0;
    for (int k = plus; k <= n; k++) {
      double logChoose = 0;
      for (int i = 1; i <= k; i++) {
        logChoose += Math.log((double) (n - k + i) / i);
      }
      tail += Math.exp(logChoose - n * Math.log(2));
    }
    return Math.min(1, tail);
  }
}
