package io.superweight.compute;

import java.lang.foreign.MemorySegment;

/**
 * Products of signed integers of up to 8 bits: {@code y[m, n] = xScale[m] · wScale[n] · Σ_k
 * xCode[m, k] · wCode[n, k]}.
 *
 * <p>The sums are exact, and what follows them is {@code ((float) sum · xScale) · wScale} on every
 * device: so the bits depend neither on the number of threads, nor on what stands beside a row, nor
 * on which device computes them.
 */
public interface IntegerProducts {
  /** Columns of a matrix up to which 32 bits hold every sum, codes of x shifted by 128. */
  int MOST_COLUMNS = 65_536;

  /** Codes of a weight matrix, laid out as a device's products read them. */
  interface Packed {
    int rows();

    int cols();

    /** What they take in memory. */
    long bytes();
  }

  /** Who multiplies, for reports: {@code "oneDNN u8·s8"}. */
  String description();

  /**
   * Lays out codes. The result is freed when nobody refers to it any more.
   *
   * @param codes signed bytes {@code [rows, cols]}, −127 to 127; not needed afterwards
   */
  Packed pack(MemorySegment codes, int rows, int cols);

  /** The largest magnitude of each row; NaN where the row holds one. */
  float[] largest(Buffer x);

  /**
   * Rounds x to {@code clamp(round(x / xScale), −most, most)}, half to even, and multiplies.
   *
   * @param xScales of each row of x; a row whose scale is 0 gives zeros
   * @param most at most 127
   * @param wScales of each row of w
   * @param y {@code [x.rows, w.rows]}
   */
  void multiply(Buffer x, float[] xScales, int most, Packed w, float[] wScales, Buffer y);

  /** {@code y[m, n] *= factors[n]}. */
  void scaleColumns(Buffer y, float[] factors);
}
