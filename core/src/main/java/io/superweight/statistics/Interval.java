package io.superweight.statistics;

/**
 * An estimate with the interval that it was seen to vary in.
 *
 * @param estimate the value from all data
 * @param low lower bound, at most {@code high}
 * @param high upper bound
 */
public record Interval(double estimate, double low, double high) {
  public Interval {
    if (!(low <= high)) {
      throw new IllegalArgumentException("[" + low + ", " + high + "] is no interval");
    }
  }

  /** A value that is known exactly. */
  public static Interval exactly(double value) {
    return new Interval(value, value, value);
  }

  /** Whether the value lies in the interval, bounds included. */
  public boolean contains(double value) {
    return low <= value && value <= high;
  }
}
