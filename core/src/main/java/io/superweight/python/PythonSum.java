package io.superweight.python;

/**
 * The built-in {@code sum()} of floats as Python 3.12 and later add them: with Neumaier's
 * compensation, so that the result hardly depends on the order.
 *
 * <p>Source: Neumaier, Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen,
 * 1974.
 */
public final class PythonSum {
  private double sum;
  private double compensation;

  /** {@code sum(values)}. */
  public static double of(double... values) {
    PythonSum sum = new PythonSum();
    for (double value : values) {
      sum.add(value);
    }
    return sum.value();
  }

  public void add(double value) {
    double total = sum + value;
    compensation +=
        Math.abs(sum) >= Math.abs(value) ? (sum - total) + value : (value - total) + sum;
    sum = total;
  }

  /** The sum of what was added; 0 of nothing. */
  public double value() {
    return Double.isFinite(compensation) ? sum + compensation : sum;
  }
}
