package io.superweight.compute.cpu;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** {@link IntegerKernels} in the Vector API, to the bit the same. */
final class VectorIntegerKernels extends IntegerKernels {
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> INTS =
      VectorSpecies.of(int.class, FLOATS.vectorShape());
  private static final int LANES = FLOATS.length();
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();

  /** As many bytes as a vector has lanes; no vector is shorter than 64 bits. */
  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, 8 * LANES)));

  private static final boolean BYTES_FIT = BYTES.length() == LANES;

  /** 1.5 · 2²³: added to a small number, it leaves its nearest integer in the lowest bits. */
  private static final float INTEGERS = 12_582_912f;

  @Override
  float largest(MemorySegment x, long from, int count) {
    FloatVector most = FloatVector.zero(FLOATS);
    int i = 0;
    for (; i <= count - LANES; i += LANES) {
      most = most.max(FloatVector.fromMemorySegment(FLOATS, x, from + 4L * i, ORDER).abs());
    }
    return largest(x, from, i, count, most.reduceLanes(VectorOperators.MAX));
  }

  private static FloatVector quotients(MemorySegment x, long at, float scale, int most) {
    return FloatVector.fromMemorySegment(FLOATS, x, at, ORDER).div(scale).min(most).max(-most);
  }

  @Override
  public void codes(
      MemorySegment x,
      long from,
      int count,
      float scale,
      int most,
      int shift,
      MemorySegment to,
      long at) {
    int i = 0;
    if (scale > 0 && BYTES_FIT) {
      int bias = Float.floatToRawIntBits(INTEGERS) - shift;
      for (; i <= count - LANES; i += LANES) {
        IntVector code =
            quotients(x, from + 4L * i, scale, most).add(INTEGERS).reinterpretAsInts().sub(bias);
        ((ByteVector) code.convertShape(VectorOperators.I2B, BYTES, 0))
            .intoMemorySegment(to, at + i, ORDER);
      }
    }
    codes(x, from, i, count, scale, most, shift, to, at);
  }

  @Override
  void floats(
      MemorySegment x, long from, int count, float scale, int most, MemorySegment to, long at) {
    int i = 0;
    if (scale > 0) {
      for (; i <= count - LANES; i += LANES) {
        quotients(x, from + 4L * i, scale, most)
            .add(INTEGERS)
            .sub(INTEGERS)
            .intoMemorySegment(to, at + 4L * i, ORDER);
      }
    }
    floats(x, from, i, count, scale, most, to, at);
  }

  @Override
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
    int i = 0;
    for (; i <= count - LANES; i += LANES) {
      IntVector sum =
          IntVector.fromMemorySegment(INTS, sums, from + 4L * i, ORDER)
              .sub(IntVector.fromArray(INTS, shifts, first + i));
      ((FloatVector) sum.convertShape(VectorOperators.I2F, FLOATS, 0))
          .mul(xScale)
          .mul(FloatVector.fromArray(FLOATS, wScales, first + i))
          .intoMemorySegment(y, at + 4L * i, ORDER);
    }
    scale(sums, from, i, count, shifts, xScale, wScales, first, y, at);
  }

  @Override
  void scaleColumns(MemorySegment y, long at, int count, float[] factors) {
    int i = 0;
    for (; i <= count - LANES; i += LANES) {
      FloatVector.fromMemorySegment(FLOATS, y, at + 4L * i, ORDER)
          .mul(FloatVector.fromArray(FLOATS, factors, i))
          .intoMemorySegment(y, at + 4L * i, ORDER);
    }
    scaleColumns(y, at, i, count, factors);
  }

  @Override
  void addIntegers(MemorySegment x, MemorySegment sums, long from, int count) {
    int i = 0;
    for (; i <= count - LANES; i += LANES) {
      long at = from + 4L * i;
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, x, at, ORDER);
      IntVector.fromMemorySegment(INTS, sums, at, ORDER)
          .add(v.convertShape(VectorOperators.F2I, INTS, 0))
          .intoMemorySegment(sums, at, ORDER);
    }
    super.addIntegers(x, sums, from + 4L * i, count - i);
  }
}
