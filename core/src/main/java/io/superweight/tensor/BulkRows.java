package io.superweight.tensor;

import java.lang.foreign.MemorySegment;

/**
 * What happens to each value of a checkpoint that is written anew: by vectors where the JVM has
 * them, which pays where millions of values follow, and to the bit as by plain loops.
 */
public final class BulkRows {
  private static final boolean VECTORS =
      ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();

  private BulkRows() {}

  /** {@link Dequantizer#decode(DType, MemorySegment, long, int, float[], int)}. */
  public static void decode(
      DType dtype, MemorySegment data, long from, int count, float[] out, int at) {
    int done = VECTORS && dtype == DType.BF16 ? VectorRows.bfloat16(data, from, count, out, at) : 0;
    Dequantizer.decode(dtype, data, from + done, count - done, out, at + done);
  }

  /** Whether the first so many values are all finite. */
  public static boolean finite(float[] values, int count) {
    int done = 0;
    float largest = 0;
    if (VECTORS) {
      done = VectorRows.whole(count);
      largest = VectorRows.largest(values, done);
    }
    for (int i = done; i < count; i++) {
      largest = Math.max(largest, Math.abs(values[i])); // NaN stays
    }
    return largest <= Float.MAX_VALUE;
  }
}
