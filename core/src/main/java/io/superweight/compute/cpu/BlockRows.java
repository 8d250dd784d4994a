package io.superweight.compute.cpu;

import static io.superweight.compute.cpu.VectorTiles.LANES;
import static io.superweight.compute.cpu.VectorTiles.SPECIES;

import io.superweight.compute.Matrix;
import io.superweight.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Four rows of W times one row of x, straight from where they are stored: weights exist in
 * registers only. A weight has the bits that {@link VectorBlocks} gives, a sum those of {@link
 * VectorTiles}: lane i takes the elements {@code k mod lanes = i} in rising order of k.
 *
 * <p>For vectors of 16 floats: those hold the 16 weights that a nibble can name, so that a block's
 * table is made once and each weight is looked up.
 *
 * <p>Written out without methods of its own in the loops: the JIT inlines only so many of those,
 * and a vector that crosses a call is an object on the heap. Rows are named by address because the
 * checks of an access at a 64-bit offset take longer than the product; so W must stay mapped, as
 * for a native library.
 */
final class BlockRows {
  private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;
  private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LITTLE);
  private static final VectorSpecies<Integer> INTS = SPECIES.withLanes(int.class);

  private static final boolean WIDE = LANES == 16;

  /** As many 16-bit elements as {@link VectorTiles#SPECIES} has lanes. */
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(SPECIES.vectorBitSize() / 2));

  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, WIDE ? VectorShape.S_128_BIT : VectorShape.S_64_BIT);

  private static final FloatVector FROM_ZERO =
      (FloatVector) IntVector.zero(INTS).addIndex(1).convert(VectorOperators.I2F, 0);

  private static final FloatVector IQ4_NL_VALUES =
      FloatVector.fromArray(
          SPECIES,
          new float[] {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113},
          0,
          SPECIES.indexInRange(0, 16));

  /** −8 to 7. */
  private static final FloatVector SYMMETRIC =
      (FloatVector) IntVector.zero(INTS).addIndex(1).sub(8).convert(VectorOperators.I2F, 0);

  /** All of memory, so that an offset in it is an address. */
  @SuppressWarnings("restricted")
  private static final MemorySegment MEMORY =
      BlockRows.class.getModule().isNativeAccessEnabled()
          ? MemorySegment.NULL.reinterpret(Long.MAX_VALUE)
          : MemorySegment.NULL;

  /** Addresses have no more bits; saying so lets the compiler drop the checks of each access. */
  private static final long ADDRESS = (1L << 48) - 1;

  private BlockRows() {}

  /** Elements that are multiplied at a time: those of a block, as many of the plain types. */
  static final int ELEMENTS = 32;

  /** Whether rows of W can be multiplied here. */
  static boolean supports(Matrix w) {
    return WIDE
        && MEMORY.byteSize() > 0
        && w.data().isNative()
        && !w.transposed()
        && w.cols() % ELEMENTS == 0
        && switch (w.dtype()) {
          case F32, BF16, Q8_0, Q4_0, Q4_1, IQ4_NL -> true;
          default -> false;
        };
  }

  /**
   * Puts the sums of four rows to {@code sums[at:]}, {@code [4, lanes]}.
   *
   * @param w0 address of the first row, and so on
   * @param x a row, {@code blocks · ELEMENTS} long
   */
  static void multiply(
      DType dtype,
      long w0,
      long w1,
      long w2,
      long w3,
      int blocks,
      float[] x,
      float[] sums,
      int at) {
    switch (dtype) {
      case Q8_0 -> q80(w0, w1, w2, w3, blocks, x, sums, at);
      case Q4_0 -> q40(w0, w1, w2, w3, blocks, x, sums, at);
      case Q4_1 -> q41(w0, w1, w2, w3, blocks, x, sums, at);
      case IQ4_NL -> iq4Nl(w0, w1, w2, w3, blocks, x, sums, at);
      case BF16 -> bfloats(w0, w1, w2, w3, blocks, x, sums, at);
      case F32 -> floats(w0, w1, w2, w3, blocks, x, sums, at);
      default -> throw new IllegalArgumentException(dtype.toString());
    }
  }

  private static void q80(
      long w0, long w1, long w2, long w3, int blocks, float[] x, float[] sums, int at) {
    long r0 = w0 & ADDRESS;
    long r1 = w1 & ADDRESS;
    long r2 = w2 & ADDRESS;
    long r3 = w3 & ADDRESS;
    FloatVector a = FloatVector.zero(SPECIES);
    FloatVector b = FloatVector.zero(SPECIES);
    FloatVector c = FloatVector.zero(SPECIES);
    FloatVector d = FloatVector.zero(SPECIES);
    for (int i = 0; i < blocks; i++) {
      long block = i * 34L;
      FloatVector x0 = FloatVector.fromArray(SPECIES, x, 32 * i);
      FloatVector x1 = FloatVector.fromArray(SPECIES, x, 32 * i + 16);
      FloatVector d0 =
          FloatVector.broadcast(SPECIES, Float.float16ToFloat(MEMORY.get(U16, r0 + block)));
      a =
          ((FloatVector)
                  ByteVector.fromMemorySegment(BYTES, MEMORY, r0 + block + 2, LITTLE)
                      .convertShape(VectorOperators.B2F, SPECIES, 0))
              .mul(d0)
              .fma(x0, a);
      a =
          ((FloatVector)
                  ByteVector.fromMemorySegment(BYTES, MEMORY, r0 + block + 18, LITTLE)
                      .convertShape(VectorOperators.B2F, SPECIES, 0))
              .mul(d0)
              .fma(x1, a);
      FloatVector d1 =
          FloatVector.broadcast(SPECIES, Float.float16ToFloat(MEMORY.get(U16, r1 + block)));
      b =
          ((FloatVector)
                  ByteVector.fromMemorySegment(BYTES, MEMORY, r1 + block + 2, LITTLE)
                      .convertShape(VectorOperators.B2F, SPECIES, 0))
              .mul(d1)
              .fma(x0, b);
      b =
          ((FloatVector)
                  ByteVector.fromMemorySegment(BYTES, MEMORY, r1 + block + 18, LITTLE)
                      .convertShape(VectorOperators.B2F, SPECIES, 0))
              .mul(d1)
              .fma(x1, b);
      FloatVector d2 =
          FloatVector.broadcast(SPECIES, Float.float16ToFloat(MEMORY.get(U16, r2 + block)));
      c =
          ((FloatVector)
                  ByteVector.fromMemorySegment(BYTES, MEMORY, r2 + block + 2, LITTLE)
                      .convertShape(VectorOperators.B2F, SPECIES, 0))
              .mul(d2)
              .fma(x0, c);
      c =
          ((FloatVector)
                  ByteVector.fromMemorySegment(BYTES, MEMORY, r2 + block + 18, LITTLE)
                      .convertShape(VectorOperators.B2F, SPECIES, 0))
              .mul(d2)
              .fma(x1, c);
      FloatVector d3 =
          FloatVector.broadcast(SPECIES, Float.float16ToFloat(MEMORY.get(U16, r3 + block)));
      d =
          ((FloatVector)
                  ByteVector.fromMemorySegment(BYTES, MEMORY, r3 + block + 2, LITTLE)
                      .convertShape(VectorOperators.B2F, SPECIES, 0))
              .mul(d3)
              .fma(x0, d);
      d =
          ((FloatVector)
                  ByteVector.fromMemorySegment(BYTES, MEMORY, r3 + block + 18, LITTLE)
                      .convertShape(VectorOperators.B2F, SPECIES, 0))
              .mul(d3)
              .fma(x1, d);
    }
    a.intoArray(sums, at);
    b.intoArray(sums, at + LANES);
    c.intoArray(sums, at + 2 * LANES);
    d.intoArray(sums, at + 3 * LANES);
  }

  private static void q40(
      long w0, long w1, long w2, long w3, int blocks, float[] x, float[] sums, int at) {
    long r0 = w0 & ADDRESS;
    long r1 = w1 & ADDRESS;
    long r2 = w2 & ADDRESS;
    long r3 = w3 & ADDRESS;
    FloatVector a = FloatVector.zero(SPECIES);
    FloatVector b = FloatVector.zero(SPECIES);
    FloatVector c = FloatVector.zero(SPECIES);
    FloatVector d = FloatVector.zero(SPECIES);
    for (int i = 0; i < blocks; i++) {
      long block = i * 18L;
      FloatVector x0 = FloatVector.fromArray(SPECIES, x, 32 * i);
      FloatVector x1 = FloatVector.fromArray(SPECIES, x, 32 * i + 16);
      IntVector t0 =
          SYMMETRIC.mul(Float.float16ToFloat(MEMORY.get(U16, r0 + block))).reinterpretAsInts();
      IntVector q0 =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, MEMORY, r0 + block + 2, LITTLE)
                  .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
      a = q0.selectFrom(t0).reinterpretAsFloats().fma(x0, a);
      a = q0.lanewise(VectorOperators.LSHR, 4).selectFrom(t0).reinterpretAsFloats().fma(x1, a);
      IntVector t1 =
          SYMMETRIC.mul(Float.float16ToFloat(MEMORY.get(U16, r1 + block))).reinterpretAsInts();
      IntVector q1 =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, MEMORY, r1 + block + 2, LITTLE)
                  .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
      b = q1.selectFrom(t1).reinterpretAsFloats().fma(x0, b);
      b = q1.lanewise(VectorOperators.LSHR, 4).selectFrom(t1).reinterpretAsFloats().fma(x1, b);
      IntVector t2 =
          SYMMETRIC.mul(Float.float16ToFloat(MEMORY.get(U16, r2 + block))).reinterpretAsInts();
      IntVector q2 =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, MEMORY, r2 + block + 2, LITTLE)
                  .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
      c = q2.selectFrom(t2).reinterpretAsFloats().fma(x0, c);
      c = q2.lanewise(VectorOperators.LSHR, 4).selectFrom(t2).reinterpretAsFloats().fma(x1, c);
      IntVector t3 =
          SYMMETRIC.mul(Float.float16ToFloat(MEMORY.get(U16, r3 + block))).reinterpretAsInts();
      IntVector q3 =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, MEMORY, r3 + block + 2, LITTLE)
                  .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
      d = q3.selectFrom(t3).reinterpretAsFloats().fma(x0, d);
      d = q3.lanewise(VectorOperators.LSHR, 4).selectFrom(t3).reinterpretAsFloats().fma(x1, d);
    }
    a.intoArray(sums, at);
    b.intoArray(sums, at + LANES);
    c.intoArray(sums, at + 2 * LANES);
    d.intoArray(sums, at + 3 * LANES);
  }

  private static void q41(
      long w0, long w1, long w2, long w3, int blocks, float[] x, float[] sums, int at) {
    long r0 = w0 & ADDRESS;
    long r1 = w1 & ADDRESS;
    long r2 = w2 & ADDRESS;
    long r3 = w3 & ADDRESS;
    FloatVector a = FloatVector.zero(SPECIES);
    FloatVector b = FloatVector.zero(SPECIES);
    FloatVector c = FloatVector.zero(SPECIES);
    FloatVector d = FloatVector.zero(SPECIES);
    for (int i = 0; i < blocks; i++) {
      long block = i * 20L;
      FloatVector x0 = FloatVector.fromArray(SPECIES, x, 32 * i);
      FloatVector x1 = FloatVector.fromArray(SPECIES, x, 32 * i + 16);
      IntVector t0 =
          FROM_ZERO
              .mul(Float.float16ToFloat(MEMORY.get(U16, r0 + block)))
              .add(Float.float16ToFloat(MEMORY.get(U16, r0 + block + 2)))
              .reinterpretAsInts();
      IntVector q0 =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, MEMORY, r0 + block + 4, LITTLE)
                  .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
      a = q0.selectFrom(t0).reinterpretAsFloats().fma(x0, a);
      a = q0.lanewise(VectorOperators.LSHR, 4).selectFrom(t0).reinterpretAsFloats().fma(x1, a);
      IntVector t1 =
          FROM_ZERO
              .mul(Float.float16ToFloat(MEMORY.get(U16, r1 + block)))
              .add(Float.float16ToFloat(MEMORY.get(U16, r1 + block + 2)))
              .reinterpretAsInts();
      IntVector q1 =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, MEMORY, r1 + block + 4, LITTLE)
                  .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
      b = q1.selectFrom(t1).reinterpretAsFloats().fma(x0, b);
      b = q1.lanewise(VectorOperators.LSHR, 4).selectFrom(t1).reinterpretAsFloats().fma(x1, b);
      IntVector t2 =
          FROM_ZERO
              .mul(Float.float16ToFloat(MEMORY.get(U16, r2 + block)))
              .add(Float.float16ToFloat(MEMORY.get(U16, r2 + block + 2)))
              .reinterpretAsInts();
      IntVector q2 =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, MEMORY, r2 + block + 4, LITTLE)
                  .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
      c = q2.selectFrom(t2).reinterpretAsFloats().fma(x0, c);
      c = q2.lanewise(VectorOperators.LSHR, 4).selectFrom(t2).reinterpretAsFloats().fma(x1, c);
      IntVector t3 =
          FROM_ZERO
              .mul(Float.float16ToFloat(MEMORY.get(U16, r3 + block)))
              .add(Float.float16ToFloat(MEMORY.get(U16, r3 + block + 2)))
              .reinterpretAsInts();
      IntVector q3 =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, MEMORY, r3 + block + 4, LITTLE)
                  .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
      d = q3.selectFrom(t3).reinterpretAsFloats().fma(x0, d);
      d = q3.lanewise(VectorOperators.LSHR, 4).selectFrom(t3).reinterpretAsFloats().fma(x1, d);
    }
    a.intoArray(sums, at);
    b.intoArray(sums, at + LANES);
    c.intoArray(sums, at + 2 * LANES);
    d.intoArray(sums, at + 3 * LANES);
  }

  private static void iq4Nl(
      long w0, long w1, long w2, long w3, int blocks, float[] x, float[] sums, int at) {
    long r0 = w0 & ADDRESS;
    long r1 = w1 & ADDRESS;
    long r2 = w2 & ADDRESS;
    long r3 = w3 & ADDRESS;
    FloatVector a = FloatVector.zero(SPECIES);
    FloatVector b = FloatVector.zero(SPECIES);
    FloatVector c = FloatVector.zero(SPECIES);
    FloatVector d = FloatVector.zero(SPECIES);
    for (int i = 0; i < blocks; i++) {
      long block = i * 18L;
      FloatVector x0 = FloatVector.fromArray(SPECIES, x, 32 * i);
      FloatVector x1 = FloatVector.fromArray(SPECIES, x, 32 * i + 16);
      IntVector t0 =
          IQ4_NL_VALUES.mul(Float.float16ToFloat(MEMORY.get(U16, r0 + block))).reinterpretAsInts();
      IntVector q0 =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, MEMORY, r0 + block + 2, LITTLE)
                  .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
      a = q0.selectFrom(t0).reinterpretAsFloats().fma(x0, a);
      a = q0.lanewise(VectorOperators.LSHR, 4).selectFrom(t0).reinterpretAsFloats().fma(x1, a);
      IntVector t1 =
          IQ4_NL_VALUES.mul(Float.float16ToFloat(MEMORY.get(U16, r1 + block))).reinterpretAsInts();
      IntVector q1 =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, MEMORY, r1 + block + 2, LITTLE)
                  .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
      b = q1.selectFrom(t1).reinterpretAsFloats().fma(x0, b);
      b = q1.lanewise(VectorOperators.LSHR, 4).selectFrom(t1).reinterpretAsFloats().fma(x1, b);
      IntVector t2 =
          IQ4_NL_VALUES.mul(Float.float16ToFloat(MEMORY.get(U16, r2 + block))).reinterpretAsInts();
      IntVector q2 =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, MEMORY, r2 + block + 2, LITTLE)
                  .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
      c = q2.selectFrom(t2).reinterpretAsFloats().fma(x0, c);
      c = q2.lanewise(VectorOperators.LSHR, 4).selectFrom(t2).reinterpretAsFloats().fma(x1, c);
      IntVector t3 =
          IQ4_NL_VALUES.mul(Float.float16ToFloat(MEMORY.get(U16, r3 + block))).reinterpretAsInts();
      IntVector q3 =
          (IntVector)
              ByteVector.fromMemorySegment(BYTES, MEMORY, r3 + block + 2, LITTLE)
                  .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
      d = q3.selectFrom(t3).reinterpretAsFloats().fma(x0, d);
      d = q3.lanewise(VectorOperators.LSHR, 4).selectFrom(t3).reinterpretAsFloats().fma(x1, d);
    }
    a.intoArray(sums, at);
    b.intoArray(sums, at + LANES);
    c.intoArray(sums, at + 2 * LANES);
    d.intoArray(sums, at + 3 * LANES);
  }

  private static void bfloats(
      long w0, long w1, long w2, long w3, int blocks, float[] x, float[] sums, int at) {
    long r0 = w0 & ADDRESS;
    long r1 = w1 & ADDRESS;
    long r2 = w2 & ADDRESS;
    long r3 = w3 & ADDRESS;
    FloatVector a = FloatVector.zero(SPECIES);
    FloatVector b = FloatVector.zero(SPECIES);
    FloatVector c = FloatVector.zero(SPECIES);
    FloatVector d = FloatVector.zero(SPECIES);
    for (int i = 0; i < blocks; i++) {
      long block = i * 64L;
      FloatVector x0 = FloatVector.fromArray(SPECIES, x, 32 * i);
      FloatVector x1 = FloatVector.fromArray(SPECIES, x, 32 * i + 16);
      a =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, MEMORY, r0 + block + 0, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(x0, a);
      a =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, MEMORY, r0 + block + 32, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(x1, a);
      b =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, MEMORY, r1 + block + 0, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(x0, b);
      b =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, MEMORY, r1 + block + 32, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(x1, b);
      c =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, MEMORY, r2 + block + 0, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(x0, c);
      c =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, MEMORY, r2 + block + 32, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(x1, c);
      d =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, MEMORY, r3 + block + 0, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(x0, d);
      d =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, MEMORY, r3 + block + 32, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(x1, d);
    }
    a.intoArray(sums, at);
    b.intoArray(sums, at + LANES);
    c.intoArray(sums, at + 2 * LANES);
    d.intoArray(sums, at + 3 * LANES);
  }

  private static void floats(
      long w0, long w1, long w2, long w3, int blocks, float[] x, float[] sums, int at) {
    long r0 = w0 & ADDRESS;
    long r1 = w1 & ADDRESS;
    long r2 = w2 & ADDRESS;
    long r3 = w3 & ADDRESS;
    FloatVector a = FloatVector.zero(SPECIES);
    FloatVector b = FloatVector.zero(SPECIES);
    FloatVector c = FloatVector.zero(SPECIES);
    FloatVector d = FloatVector.zero(SPECIES);
    for (int i = 0; i < blocks; i++) {
      long block = i * 128L;
      FloatVector x0 = FloatVector.fromArray(SPECIES, x, 32 * i);
      FloatVector x1 = FloatVector.fromArray(SPECIES, x, 32 * i + 16);
      a = FloatVector.fromMemorySegment(SPECIES, MEMORY, r0 + block + 0, LITTLE).fma(x0, a);
      a = FloatVector.fromMemorySegment(SPECIES, MEMORY, r0 + block + 64, LITTLE).fma(x1, a);
      b = FloatVector.fromMemorySegment(SPECIES, MEMORY, r1 + block + 0, LITTLE).fma(x0, b);
      b = FloatVector.fromMemorySegment(SPECIES, MEMORY, r1 + block + 64, LITTLE).fma(x1, b);
      c = FloatVector.fromMemorySegment(SPECIES, MEMORY, r2 + block + 0, LITTLE).fma(x0, c);
      c = FloatVector.fromMemorySegment(SPECIES, MEMORY, r2 + block + 64, LITTLE).fma(x1, c);
      d = FloatVector.fromMemorySegment(SPECIES, MEMORY, r3 + block + 0, LITTLE).fma(x0, d);
      d = FloatVector.fromMemorySegment(SPECIES, MEMORY, r3 + block + 64, LITTLE).fma(x1, d);
    }
    a.intoArray(sums, at);
    b.intoArray(sums, at + LANES);
    c.intoArray(sums, at + 2 * LANES);
    d.intoArray(sums, at + 3 * LANES);
  }
}
