package io.superweight.compute.cpu;

import io.superweight.compute.IntegerProducts;
import java.lang.foreign.MemorySegment;

/** Who multiplies integers for a {@link CpuDevice}; see {@link IntegerProducts}. */
public interface IntegerProduct {
  /** For reports: {@code "oneDNN u8·s8"}. */
  String description();

  /** {@link IntegerProducts#pack}. */
  IntegerProducts.Packed pack(Workers workers, MemorySegment codes, int rows, int cols);

  /**
   * {@link IntegerProducts#multiply}.
   *
   * @param x float32 {@code [tokens, cols]}
   * @param y float32 {@code [tokens, rows]}
   */
  void multiply(
      Workers workers,
      MemorySegment x,
      int tokens,
      float[] xScales,
      int most,
      IntegerProducts.Packed w,
      float[] wScales,
      MemorySegment y);
}
