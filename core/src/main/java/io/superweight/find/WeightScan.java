package io.superweight.find;

import io.superweight.compute.Device;
import io.superweight.compute.Matrix;

/**
 * Where values stand among all weights of their matrix. The matrix is read once, row by row; no
 * copy of it is made.
 */
public final class WeightScan {
  private WeightScan() {}

  /**
   * One value in its matrix.
   *
   * @param rank by magnitude, 1 being the largest; equal magnitudes share the better rank
   * @param size elements of the matrix
   * @param deviation root mean square of the matrix's finite weights
   * @param notFinite NaN and infinite weights of the matrix
   */
  public record Standing(long rank, long size, double deviation, long notFinite) {
    /**
     * The magnitude that the largest of as many Gaussian weights of this deviation would have:
     * {@code deviation · √(2 ln size)}, the universal threshold of Donoho and Johnstone (1994). A
     * weight below it is one that chance would put into the matrix: ordinary.
     */
    public double ordinary() {
      return deviation * Math.sqrt(2 * Math.log(Math.max(2, size)));
    }
  }

  /**
   * Where some values stand.
   *
   * @param values weights of the matrix, in any order
   * @return {@code [values.length]}, in the same order
   */
  public static Standing[] standings(Device device, Matrix matrix, float... values) {
    float[] magnitudes = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      magnitudes[i] = Math.abs(values[i]);
    }
    long[] larger = new long[values.length];
    float smallest = Float.POSITIVE_INFINITY;
    for (float magnitude : magnitudes) {
      smallest = Math.min(smallest, magnitude);
    }
    double squares = 0;
    long notFinite = 0;
    for (int r = 0; r < matrix.rows(); r++) {
      float[] row = device.row(matrix, r);
      double ofRow = 0;
      for (float w : row) {
        float a = Math.abs(w);
        if (!(a <= Float.MAX_VALUE)) {
          notFinite++;
          continue;
        }
        ofRow += (double) w * w;
        if (a > smallest) {
          for (int i = 0; i < magnitudes.length; i++) {
            if (a > magnitudes[i]) {
              larger[i]++;
            }
          }
        }
      }
      squares += ofRow;
    }
    long size = (long) matrix.rows() * matrix.cols();
    double deviation = Math.sqrt(squares / Math.max(1, size - notFinite));
    Standing[] standings = new Standing[values.length];
    for (int i = 0; i < standings.length; i++) {
      standings[i] = new Standing(larger[i] + 1, size, deviation, notFinite);
    }
    return standings;
  }

  /** The NaN and infinite weights of a matrix. */
  public static long notFinite(Device device, Matrix matrix) {
    return standings(device, matrix, 0f)[0].notFinite();
  }
}
