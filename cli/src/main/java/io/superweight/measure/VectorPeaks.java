package io.superweight.measure;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Loops that do nothing but read, or nothing but multiply and add. */
final class VectorPeaks {
  private static final VectorSpecies<Long> LONGS = LongVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;

  /** Sums that do not wait for each other: two a cycle, each four or five cycles long. */
  private static final int SUMS = 12;

  private VectorPeaks() {}

  /** Bytes that one step of {@link #read} takes. */
  static int stride() {
    return 4 * LONGS.vectorByteSize();
  }

  static int bits() {
    return FLOATS.vectorBitSize();
  }

  /**
   * Reads a segment whole.
   *
   * @param segment its size a multiple of {@link #stride()}
   */
  static int read(MemorySegment segment) {
    LongVector a = LongVector.zero(LONGS);
    LongVector b = a;
    LongVector c = a;
    LongVector d = a;
    int width = LONGS.vectorByteSize();
    ByteOrder order = ByteOrder.nativeOrder();
    long size = segment.byteSize();
    for (long at = 0; at < size; at += 4L * width) {
      a = a.lanewise(VectorOperators.XOR, LongVector.fromMemorySegment(LONGS, segment, at, order));
      b =
          b.lanewise(
              VectorOperators.XOR, LongVector.fromMemorySegment(LONGS, segment, at + width, order));
      c =
          c.lanewise(
              VectorOperators.XOR,
              LongVector.fromMemorySegment(LONGS, segment, at + 2L * width, order));
      d =
          d.lanewise(
              VectorOperators.XOR,
              LongVector.fromMemorySegment(LONGS, segment, at + 3L * width, order));
    }
    return Long.hashCode(
        a.lanewise(VectorOperators.XOR, b)
            .lanewise(VectorOperators.XOR, c.lanewise(VectorOperators.XOR, d))
            .reduceLanes(VectorOperators.XOR));
  }

  /** Operations that {@code multiplyAdd(steps)} does: a multiply-add is two. */
  static double operations(int steps) {
    return 2.0 * SUMS * FLOATS.length() * steps;
  }

  static int multiplyAdd(int steps) {
    FloatVector x = FloatVector.broadcast(FLOATS, 1e-3f);
    FloatVector y = FloatVector.broadcast(FLOATS, 1e-3f * steps);
    FloatVector a = x;
    FloatVector b = x;
    FloatVector c = x;
    FloatVector d = x;
    FloatVector e = x;
    FloatVector f = x;
    FloatVector g = x;
    FloatVector h = x;
    FloatVector i = x;
    FloatVector j = x;
    FloatVector k = x;
    FloatVector l = x;
    for (int step = 0; step < steps; step++) {
      a = x.fma(y, a);
      b = x.fma(y, b);
      c = x.fma(y, c);
      d = x.fma(y, d);
      e = x.fma(y, e);
      f = x.fma(y, f);
      g = x.fma(y, g);
      h = x.fma(y, h);
      i = x.fma(y, i);
      j = x.fma(y, j);
      k = x.fma(y, k);
      l = x.fma(y, l);
    }
    FloatVector all =
        a.add(b).add(c.add(d)).add(e.add(f)).add(g.add(h)).add(i.add(j)).add(k.add(l));
    return Float.floatToIntBits(all.reduceLanes(VectorOperators.ADD));
  }
}
