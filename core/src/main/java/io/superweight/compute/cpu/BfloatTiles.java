package io.superweight.compute.cpu;

import static io.superweight.compute.cpu.VectorTiles.LANES;
import static io.superweight.compute.cpu.VectorTiles.SPECIES;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The tiles of {@link VectorTiles} with bfloat16 rows of W straight from where they are stored,
 * widened in registers: for a few tokens, where the time is that of reading W. The sums are laid
 * out as there and have the same bits.
 */
final class BfloatTiles {
  private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Integer> INTS = SPECIES.withLanes(int.class);

  /** As many 16-bit elements as {@link VectorTiles#SPECIES} has lanes. */
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(SPECIES.vectorBitSize() / 2));

  private BfloatTiles() {}

  /**
   * Adds {@code steps · lanes} products to each of the {@code ROWS · tokens} sums.
   *
   * @param w0 offset of the first row in bytes, and so on
   */
  static void accumulate(
      int tokens,
      MemorySegment w,
      long w0,
      long w1,
      long w2,
      long w3,
      float[] x,
      int xAt,
      int steps,
      float[] sums,
      int sumsAt) {
    switch (tokens) {
      case 1 -> tokens1(w, w0, w1, w2, w3, x, xAt, steps, sums, sumsAt);
      case 2 -> tokens2(w, w0, w1, w2, w3, x, xAt, steps, sums, sumsAt);
      case 3 -> tokens3(w, w0, w1, w2, w3, x, xAt, steps, sums, sumsAt);
      case 4 -> tokens4(w, w0, w1, w2, w3, x, xAt, steps, sums, sumsAt);
      case 5 -> tokens5(w, w0, w1, w2, w3, x, xAt, steps, sums, sumsAt);
      default -> throw new IllegalArgumentException("no tile of " + tokens + " tokens");
    }
  }

  private static void tokens1(
      MemorySegment w,
      long w0,
      long w1,
      long w2,
      long w3,
      float[] x,
      int xAt,
      int steps,
      float[] sums,
      int sumsAt) {
    FloatVector a0 = FloatVector.fromArray(SPECIES, sums, sumsAt);
    FloatVector b0 = FloatVector.fromArray(SPECIES, sums, sumsAt + LANES);
    FloatVector c0 = FloatVector.fromArray(SPECIES, sums, sumsAt + 2 * LANES);
    FloatVector d0 = FloatVector.fromArray(SPECIES, sums, sumsAt + 3 * LANES);
    for (int i = 0; i < steps; i++) {
      long wi = i * (2L * LANES);
      int xi = xAt + i * (1 * LANES);
      FloatVector v0 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w0 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector v1 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w1 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector v2 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w2 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector v3 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w3 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector x0 = FloatVector.fromArray(SPECIES, x, xi);
      a0 = v0.fma(x0, a0);
      b0 = v1.fma(x0, b0);
      c0 = v2.fma(x0, c0);
      d0 = v3.fma(x0, d0);
    }
    a0.intoArray(sums, sumsAt);
    b0.intoArray(sums, sumsAt + LANES);
    c0.intoArray(sums, sumsAt + 2 * LANES);
    d0.intoArray(sums, sumsAt + 3 * LANES);
  }

  private static void tokens2(
      MemorySegment w,
      long w0,
      long w1,
      long w2,
      long w3,
      float[] x,
      int xAt,
      int steps,
      float[] sums,
      int sumsAt) {
    FloatVector a0 = FloatVector.fromArray(SPECIES, sums, sumsAt);
    FloatVector a1 = FloatVector.fromArray(SPECIES, sums, sumsAt + LANES);
    FloatVector b0 = FloatVector.fromArray(SPECIES, sums, sumsAt + 2 * LANES);
    FloatVector b1 = FloatVector.fromArray(SPECIES, sums, sumsAt + 3 * LANES);
    FloatVector c0 = FloatVector.fromArray(SPECIES, sums, sumsAt + 4 * LANES);
    FloatVector c1 = FloatVector.fromArray(SPECIES, sums, sumsAt + 5 * LANES);
    FloatVector d0 = FloatVector.fromArray(SPECIES, sums, sumsAt + 6 * LANES);
    FloatVector d1 = FloatVector.fromArray(SPECIES, sums, sumsAt + 7 * LANES);
    for (int i = 0; i < steps; i++) {
      long wi = i * (2L * LANES);
      int xi = xAt + i * (2 * LANES);
      FloatVector v0 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w0 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector v1 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w1 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector v2 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w2 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector v3 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w3 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector x0 = FloatVector.fromArray(SPECIES, x, xi);
      a0 = v0.fma(x0, a0);
      b0 = v1.fma(x0, b0);
      c0 = v2.fma(x0, c0);
      d0 = v3.fma(x0, d0);
      FloatVector x1 = FloatVector.fromArray(SPECIES, x, xi + LANES);
      a1 = v0.fma(x1, a1);
      b1 = v1.fma(x1, b1);
      c1 = v2.fma(x1, c1);
      d1 = v3.fma(x1, d1);
    }
    a0.intoArray(sums, sumsAt);
    a1.intoArray(sums, sumsAt + LANES);
    b0.intoArray(sums, sumsAt + 2 * LANES);
    b1.intoArray(sums, sumsAt + 3 * LANES);
    c0.intoArray(sums, sumsAt + 4 * LANES);
    c1.intoArray(sums, sumsAt + 5 * LANES);
    d0.intoArray(sums, sumsAt + 6 * LANES);
    d1.intoArray(sums, sumsAt + 7 * LANES);
  }

  private static void tokens3(
      MemorySegment w,
      long w0,
      long w1,
      long w2,
      long w3,
      float[] x,
      int xAt,
      int steps,
      float[] sums,
      int sumsAt) {
    FloatVector a0 = FloatVector.fromArray(SPECIES, sums, sumsAt);
    FloatVector a1 = FloatVector.fromArray(SPECIES, sums, sumsAt + LANES);
    FloatVector a2 = FloatVector.fromArray(SPECIES, sums, sumsAt + 2 * LANES);
    FloatVector b0 = FloatVector.fromArray(SPECIES, sums, sumsAt + 3 * LANES);
    FloatVector b1 = FloatVector.fromArray(SPECIES, sums, sumsAt + 4 * LANES);
    FloatVector b2 = FloatVector.fromArray(SPECIES, sums, sumsAt + 5 * LANES);
    FloatVector c0 = FloatVector.fromArray(SPECIES, sums, sumsAt + 6 * LANES);
    FloatVector c1 = FloatVector.fromArray(SPECIES, sums, sumsAt + 7 * LANES);
    FloatVector c2 = FloatVector.fromArray(SPECIES, sums, sumsAt + 8 * LANES);
    FloatVector d0 = FloatVector.fromArray(SPECIES, sums, sumsAt + 9 * LANES);
    FloatVector d1 = FloatVector.fromArray(SPECIES, sums, sumsAt + 10 * LANES);
    FloatVector d2 = FloatVector.fromArray(SPECIES, sums, sumsAt + 11 * LANES);
    for (int i = 0; i < steps; i++) {
      long wi = i * (2L * LANES);
      int xi = xAt + i * (3 * LANES);
      FloatVector v0 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w0 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector v1 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w1 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector v2 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w2 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector v3 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w3 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector x0 = FloatVector.fromArray(SPECIES, x, xi);
      a0 = v0.fma(x0, a0);
      b0 = v1.fma(x0, b0);
      c0 = v2.fma(x0, c0);
      d0 = v3.fma(x0, d0);
      FloatVector x1 = FloatVector.fromArray(SPECIES, x, xi + LANES);
      a1 = v0.fma(x1, a1);
      b1 = v1.fma(x1, b1);
      c1 = v2.fma(x1, c1);
      d1 = v3.fma(x1, d1);
      FloatVector x2 = FloatVector.fromArray(SPECIES, x, xi + 2 * LANES);
      a2 = v0.fma(x2, a2);
      b2 = v1.fma(x2, b2);
      c2 = v2.fma(x2, c2);
      d2 = v3.fma(x2, d2);
    }
    a0.intoArray(sums, sumsAt);
    a1.intoArray(sums, sumsAt + LANES);
    a2.intoArray(sums, sumsAt + 2 * LANES);
    b0.intoArray(sums, sumsAt + 3 * LANES);
    b1.intoArray(sums, sumsAt + 4 * LANES);
    b2.intoArray(sums, sumsAt + 5 * LANES);
    c0.intoArray(sums, sumsAt + 6 * LANES);
    c1.intoArray(sums, sumsAt + 7 * LANES);
    c2.intoArray(sums, sumsAt + 8 * LANES);
    d0.intoArray(sums, sumsAt + 9 * LANES);
    d1.intoArray(sums, sumsAt + 10 * LANES);
    d2.intoArray(sums, sumsAt + 11 * LANES);
  }

  private static void tokens4(
      MemorySegment w,
      long w0,
      long w1,
      long w2,
      long w3,
      float[] x,
      int xAt,
      int steps,
      float[] sums,
      int sumsAt) {
    FloatVector a0 = FloatVector.fromArray(SPECIES, sums, sumsAt);
    FloatVector a1 = FloatVector.fromArray(SPECIES, sums, sumsAt + LANES);
    FloatVector a2 = FloatVector.fromArray(SPECIES, sums, sumsAt + 2 * LANES);
    FloatVector a3 = FloatVector.fromArray(SPECIES, sums, sumsAt + 3 * LANES);
    FloatVector b0 = FloatVector.fromArray(SPECIES, sums, sumsAt + 4 * LANES);
    FloatVector b1 = FloatVector.fromArray(SPECIES, sums, sumsAt + 5 * LANES);
    FloatVector b2 = FloatVector.fromArray(SPECIES, sums, sumsAt + 6 * LANES);
    FloatVector b3 = FloatVector.fromArray(SPECIES, sums, sumsAt + 7 * LANES);
    FloatVector c0 = FloatVector.fromArray(SPECIES, sums, sumsAt + 8 * LANES);
    FloatVector c1 = FloatVector.fromArray(SPECIES, sums, sumsAt + 9 * LANES);
    FloatVector c2 = FloatVector.fromArray(SPECIES, sums, sumsAt + 10 * LANES);
    FloatVector c3 = FloatVector.fromArray(SPECIES, sums, sumsAt + 11 * LANES);
    FloatVector d0 = FloatVector.fromArray(SPECIES, sums, sumsAt + 12 * LANES);
    FloatVector d1 = FloatVector.fromArray(SPECIES, sums, sumsAt + 13 * LANES);
    FloatVector d2 = FloatVector.fromArray(SPECIES, sums, sumsAt + 14 * LANES);
    FloatVector d3 = FloatVector.fromArray(SPECIES, sums, sumsAt + 15 * LANES);
    for (int i = 0; i < steps; i++) {
      long wi = i * (2L * LANES);
      int xi = xAt + i * (4 * LANES);
      FloatVector v0 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w0 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector v1 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w1 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector v2 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w2 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector v3 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w3 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector x0 = FloatVector.fromArray(SPECIES, x, xi);
      a0 = v0.fma(x0, a0);
      b0 = v1.fma(x0, b0);
      c0 = v2.fma(x0, c0);
      d0 = v3.fma(x0, d0);
      FloatVector x1 = FloatVector.fromArray(SPECIES, x, xi + LANES);
      a1 = v0.fma(x1, a1);
      b1 = v1.fma(x1, b1);
      c1 = v2.fma(x1, c1);
      d1 = v3.fma(x1, d1);
      FloatVector x2 = FloatVector.fromArray(SPECIES, x, xi + 2 * LANES);
      a2 = v0.fma(x2, a2);
      b2 = v1.fma(x2, b2);
      c2 = v2.fma(x2, c2);
      d2 = v3.fma(x2, d2);
      FloatVector x3 = FloatVector.fromArray(SPECIES, x, xi + 3 * LANES);
      a3 = v0.fma(x3, a3);
      b3 = v1.fma(x3, b3);
      c3 = v2.fma(x3, c3);
      d3 = v3.fma(x3, d3);
    }
    a0.intoArray(sums, sumsAt);
    a1.intoArray(sums, sumsAt + LANES);
    a2.intoArray(sums, sumsAt + 2 * LANES);
    a3.intoArray(sums, sumsAt + 3 * LANES);
    b0.intoArray(sums, sumsAt + 4 * LANES);
    b1.intoArray(sums, sumsAt + 5 * LANES);
    b2.intoArray(sums, sumsAt + 6 * LANES);
    b3.intoArray(sums, sumsAt + 7 * LANES);
    c0.intoArray(sums, sumsAt + 8 * LANES);
    c1.intoArray(sums, sumsAt + 9 * LANES);
    c2.intoArray(sums, sumsAt + 10 * LANES);
    c3.intoArray(sums, sumsAt + 11 * LANES);
    d0.intoArray(sums, sumsAt + 12 * LANES);
    d1.intoArray(sums, sumsAt + 13 * LANES);
    d2.intoArray(sums, sumsAt + 14 * LANES);
    d3.intoArray(sums, sumsAt + 15 * LANES);
  }

  private static void tokens5(
      MemorySegment w,
      long w0,
      long w1,
      long w2,
      long w3,
      float[] x,
      int xAt,
      int steps,
      float[] sums,
      int sumsAt) {
    FloatVector a0 = FloatVector.fromArray(SPECIES, sums, sumsAt);
    FloatVector a1 = FloatVector.fromArray(SPECIES, sums, sumsAt + LANES);
    FloatVector a2 = FloatVector.fromArray(SPECIES, sums, sumsAt + 2 * LANES);
    FloatVector a3 = FloatVector.fromArray(SPECIES, sums, sumsAt + 3 * LANES);
    FloatVector a4 = FloatVector.fromArray(SPECIES, sums, sumsAt + 4 * LANES);
    FloatVector b0 = FloatVector.fromArray(SPECIES, sums, sumsAt + 5 * LANES);
    FloatVector b1 = FloatVector.fromArray(SPECIES, sums, sumsAt + 6 * LANES);
    FloatVector b2 = FloatVector.fromArray(SPECIES, sums, sumsAt + 7 * LANES);
    FloatVector b3 = FloatVector.fromArray(SPECIES, sums, sumsAt + 8 * LANES);
    FloatVector b4 = FloatVector.fromArray(SPECIES, sums, sumsAt + 9 * LANES);
    FloatVector c0 = FloatVector.fromArray(SPECIES, sums, sumsAt + 10 * LANES);
    FloatVector c1 = FloatVector.fromArray(SPECIES, sums, sumsAt + 11 * LANES);
    FloatVector c2 = FloatVector.fromArray(SPECIES, sums, sumsAt + 12 * LANES);
    FloatVector c3 = FloatVector.fromArray(SPECIES, sums, sumsAt + 13 * LANES);
    FloatVector c4 = FloatVector.fromArray(SPECIES, sums, sumsAt + 14 * LANES);
    FloatVector d0 = FloatVector.fromArray(SPECIES, sums, sumsAt + 15 * LANES);
    FloatVector d1 = FloatVector.fromArray(SPECIES, sums, sumsAt + 16 * LANES);
    FloatVector d2 = FloatVector.fromArray(SPECIES, sums, sumsAt + 17 * LANES);
    FloatVector d3 = FloatVector.fromArray(SPECIES, sums, sumsAt + 18 * LANES);
    FloatVector d4 = FloatVector.fromArray(SPECIES, sums, sumsAt + 19 * LANES);
    for (int i = 0; i < steps; i++) {
      long wi = i * (2L * LANES);
      int xi = xAt + i * (5 * LANES);
      FloatVector v0 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w0 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector v1 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w1 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector v2 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w2 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector v3 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, w, w3 + wi, LITTLE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector x0 = FloatVector.fromArray(SPECIES, x, xi);
      a0 = v0.fma(x0, a0);
      b0 = v1.fma(x0, b0);
      c0 = v2.fma(x0, c0);
      d0 = v3.fma(x0, d0);
      FloatVector x1 = FloatVector.fromArray(SPECIES, x, xi + LANES);
      a1 = v0.fma(x1, a1);
      b1 = v1.fma(x1, b1);
      c1 = v2.fma(x1, c1);
      d1 = v3.fma(x1, d1);
      FloatVector x2 = FloatVector.fromArray(SPECIES, x, xi + 2 * LANES);
      a2 = v0.fma(x2, a2);
      b2 = v1.fma(x2, b2);
      c2 = v2.fma(x2, c2);
      d2 = v3.fma(x2, d2);
      FloatVector x3 = FloatVector.fromArray(SPECIES, x, xi + 3 * LANES);
      a3 = v0.fma(x3, a3);
      b3 = v1.fma(x3, b3);
      c3 = v2.fma(x3, c3);
      d3 = v3.fma(x3, d3);
      FloatVector x4 = FloatVector.fromArray(SPECIES, x, xi + 4 * LANES);
      a4 = v0.fma(x4, a4);
      b4 = v1.fma(x4, b4);
      c4 = v2.fma(x4, c4);
      d4 = v3.fma(x4, d4);
    }
    a0.intoArray(sums, sumsAt);
    a1.intoArray(sums, sumsAt + LANES);
    a2.intoArray(sums, sumsAt + 2 * LANES);
    a3.intoArray(sums, sumsAt + 3 * LANES);
    a4.intoArray(sums, sumsAt + 4 * LANES);
    b0.intoArray(sums, sumsAt + 5 * LANES);
    b1.intoArray(sums, sumsAt + 6 * LANES);
    b2.intoArray(sums, sumsAt + 7 * LANES);
    b3.intoArray(sums, sumsAt + 8 * LANES);
    b4.intoArray(sums, sumsAt + 9 * LANES);
    c0.intoArray(sums, sumsAt + 10 * LANES);
    c1.intoArray(sums, sumsAt + 11 * LANES);
    c2.intoArray(sums, sumsAt + 12 * LANES);
    c3.intoArray(sums, sumsAt + 13 * LANES);
    c4.intoArray(sums, sumsAt + 14 * LANES);
    d0.intoArray(sums, sumsAt + 15 * LANES);
    d1.intoArray(sums, sumsAt + 16 * LANES);
    d2.intoArray(sums, sumsAt + 17 * LANES);
    d3.intoArray(sums, sumsAt + 18 * LANES);
    d4.intoArray(sums, sumsAt + 19 * LANES);
  }
}
