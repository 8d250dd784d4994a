package io.superweight.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What flows through a site for one sequence of one variant. Valid only during the call that it is
 * passed to.
 *
 * @param variant index of the variant in the pass
 * @param sequence index of the sequence in the pass
 * @param data float32 {@code [rows, cols]} in host memory
 * @param tokens the position in the sequence of each row; all of them but at experts' sites
 */
public record SiteValues(
    int variant, int sequence, MemorySegment data, int rows, int cols, int[] tokens) {

  public float get(int row, int col) {
    return data.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * ((long) row * cols + col));
  }

  public void set(int row, int col, float value) {
    data.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * ((long) row * cols + col), value);
  }

  /** Copies a row, {@code [cols]}, into {@code to}. */
  public void row(int row, float[] to) {
    MemorySegment.copy(data, ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * row * cols, to, 0, cols);
  }

  /** A copy of all values, {@code [rows · cols]}. */
  public float[] toArray() {
    float[] values = new float[Math.multiplyExact(rows, cols)];
    MemorySegment.copy(data, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, values, 0, values.length);
    return values;
  }
}
