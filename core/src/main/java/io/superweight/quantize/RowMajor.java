package io.superweight.quantize;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A float32 matrix {@code [rows, cols]} seen as a line of elements, its rows in an order of their
 * own: blocks of the published code run across rows, in the order in which PyTorch models have
 * them.
 *
 * @param order the stored row of each row; null where they are the same
 */
record RowMajor(MemorySegment data, int rows, int cols, int[] order) {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  long size() {
    return (long) rows * cols;
  }

  float[] all() {
    float[] values = new float[Math.toIntExact(size())];
    MemorySegment.copy(data, FLOAT, 0, values, 0, values.length);
    return values;
  }

  /** Elements {@code from} to {@code from + count}, to {@code to[at …]}. */
  void read(long from, int count, float[] to, int at) {
    for (long e = from; e < from + count; ) {
      int piece = piece(e, from + count);
      MemorySegment.copy(data, FLOAT, 4 * stored(e), to, at + (int) (e - from), piece);
      e += piece;
    }
  }

  void write(long from, int count, float[] values, int at) {
    for (long e = from; e < from + count; ) {
      int piece = piece(e, from + count);
      MemorySegment.copy(values, at + (int) (e - from), data, FLOAT, 4 * stored(e), piece);
      e += piece;
    }
  }

  private int piece(long element, long end) {
    return (int) (order == null ? end - element : Math.min(end - element, cols - element % cols));
  }

  private long stored(long element) {
    return order == null ? element : (long) order[(int) (element / cols)] * cols + element % cols;
  }
}
