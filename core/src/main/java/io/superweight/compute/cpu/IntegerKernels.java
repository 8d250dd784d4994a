package io.superweight.compute.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What surrounds sums of integers, in plain loops. Segments hold native float32, int32 or bytes
 * without gaps.
 */
public class IntegerKernels {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;

  IntegerKernels() {}

  /** The fastest that this JVM has. */
  public static IntegerKernels create() {
    return CpuDevice.integerKernels();
  }

  /** The largest magnitude; NaN where there is one. */
  float largest(MemorySegment x, long from, int count) {
    return largest(x, from, 0, count, 0);
  }

  final float largest(MemorySegment x, long from, int begin, int count, float sofar) {
    float largest = sofar;
    for (int i = begin; i < count; i++) {
      largest = Math.max(largest, Math.abs(x.get(FLOAT, from + 4L * i)));
    }
    return largest;
  }

  /** {@code clamp(round(x / scale), −most, most)}; 0 where the scale is. */
  static int code(float x, float scale, int most) {
    return scale > 0 ? (int) Math.clamp((float) Math.rint(x / scale), -most, most) : 0;
  }

  /**
   * Codes as bytes.
   *
   * @param from where x begins, in bytes
   * @param shift is added to each
   */
  public void codes(
      MemorySegment x,
      long from,
      int count,
      float scale,
      int most,
      int shift,
      MemorySegment to,
      long at) {
    codes(x, from, 0, count, scale, most, shift, to, at);
  }

  static void codes(
      MemorySegment x,
      long from,
      int begin,
      int count,
      float scale,
      int most,
      int shift,
      MemorySegment to,
      long at) {
    for (int i = begin; i < count; i++) {
      int code = code(x.get(FLOAT, from + 4L * i), scale, most);
      to.set(ValueLayout.JAVA_BYTE, at + i, (byte) (code + shift));
    }
  }

  /** Codes as float32. */
  void floats(
      MemorySegment x, long from, int count, float scale, int most, MemorySegment to, long at) {
    floats(x, from, 0, count, scale, most, to, at);
  }

  static void floats(
      MemorySegment x,
      long from,
      int begin,
      int count,
      float scale,
      int most,
      MemorySegment to,
      long at) {
    for (int i = begin; i < count; i++) {
      to.set(FLOAT, at + 4L * i, code(x.get(FLOAT, from + 4L * i), scale, most));
    }
  }

  /**
   * {@code y[i] = ((float) (sums[i] − shifts[first + i]) · xScale) · wScales[first + i]}.
   *
   * @param sums int32; may be y
   * @param from where they begin, in bytes, and {@code at} likewise
   */
  public void scale(
      MemorySegment sums,
      long from,
      int count,
      int[] shifts,
      float xScale,
      float[] wScales,
      int first,
      MemorySegment y,
      long at) {
    scale(sums, from, 0, count, shifts, xScale, wScales, first, y, at);
  }

  static void scale(
      MemorySegment sums,
      long from,
      int begin,
      int count,
      int[] shifts,
      float xScale,
      float[] wScales,
      int first,
      MemorySegment y,
      long at) {
    for (int i = begin; i < count; i++) {
      float sum = sums.get(INT, from + 4L * i) - shifts[first + i];
      y.set(FLOAT, at + 4L * i, sum * xScale * wScales[first + i]);
    }
  }

  /** {@code y[i] *= factors[i]}. */
  void scaleColumns(MemorySegment y, long at, int count, float[] factors) {
    scaleColumns(y, at, 0, count, factors);
  }

  static void scaleColumns(MemorySegment y, long at, int begin, int count, float[] factors) {
    for (int i = begin; i < count; i++) {
      y.set(FLOAT, at + 4L * i, y.get(FLOAT, at + 4L * i) * factors[i]);
    }
  }

  /** {@code sums[i] += (int) x[i]}, x holding integers as float32. */
  void addIntegers(MemorySegment x, MemorySegment sums, long from, int count) {
    for (int i = 0; i < count; i++) {
      long at = from + 4L * i;
      sums.set(INT, at, sums.get(INT, at) + (int) x.get(FLOAT, at));
    }
  }
}
