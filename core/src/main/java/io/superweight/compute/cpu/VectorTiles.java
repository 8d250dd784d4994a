package io.superweight.compute.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The inner loops of a product: {@value #ROWS} rows of W times one to five rows of x, all running
 * sums in registers.
 *
 * <p>Both operands are packed so that one pass reads them front to back: W as {@code [steps, ROWS,
 * lanes]}, x as {@code [steps, tokens, lanes]}, the sums as {@code [ROWS, tokens, lanes]}. Lane i
 * of a sum takes the elements {@code k mod lanes = i} in rising order of k, each with one fused
 * multiply-add, whatever the number of tokens: so an element of the result has the same bits in
 * every tile. One method for each size, written out, because the JIT keeps vectors in registers
 * only as local variables.
 */
final class VectorTiles {
  static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  static final int LANES = SPECIES.length();

  /** Rows of W in a tile. */
  static final int ROWS = 4;

  /**
   * The most tokens of a tile: what leaves no sum outside of the registers (32 of them with AVX-512
   * and NEON, 16 with AVX2).
   */
  static final int MAX_TOKENS = SPECIES.vectorBitSize() == 256 ? 2 : 5;

  private VectorTiles() {}

  /**
   * The tiles that so many tokens are split into: as few as there can be, of sizes that differ by
   * at most one.
   */
  static int tiles(int tokens) {
    return (tokens + MAX_TOKENS - 1) / MAX_TOKENS;
  }

  /** The first token of a tile; that of tile {@code tiles(tokens)} is {@code tokens}. */
  static int firstOfTile(int tokens, int tile) {
    int tiles = tiles(tokens);
    return tile * (tokens / tiles) + Math.min(tile, tokens % tiles);
  }

  /** Adds {@code steps · lanes} products to each of the {@code ROWS · tokens} sums. */
  static void accumulate(
      int tokens, float[] w, int wAt, float[] x, int xAt, int steps, float[] sums, int sumsAt) {
    switch (tokens) {
      case 1 -> tokens1(w, wAt, x, xAt, steps, sums, sumsAt);
      case 2 -> tokens2(w, wAt, x, xAt, steps, sums, sumsAt);
      case 3 -> tokens3(w, wAt, x, xAt, steps, sums, sumsAt);
      case 4 -> tokens4(w, wAt, x, xAt, steps, sums, sumsAt);
      case 5 -> tokens5(w, wAt, x, xAt, steps, sums, sumsAt);
      default -> throw new IllegalArgumentException("no tile of " + tokens + " tokens");
    }
  }

  private static void tokens1(
      float[] w, int wAt, float[] x, int xAt, int steps, float[] sums, int sumsAt) {
    FloatVector a0 = FloatVector.fromArray(SPECIES, sums, sumsAt);
    FloatVector b0 = FloatVector.fromArray(SPECIES, sums, sumsAt + LANES);
    FloatVector c0 = FloatVector.fromArray(SPECIES, sums, sumsAt + 2 * LANES);
    FloatVector d0 = FloatVector.fromArray(SPECIES, sums, sumsAt + 3 * LANES);
    for (int i = 0; i < steps; i++) {
      int wi = wAt + i * (ROWS * LANES);
      int xi = xAt + i * (LANES);
      FloatVector w0 = FloatVector.fromArray(SPECIES, w, wi);
      FloatVector w1 = FloatVector.fromArray(SPECIES, w, wi + LANES);
      FloatVector w2 = FloatVector.fromArray(SPECIES, w, wi + 2 * LANES);
      FloatVector w3 = FloatVector.fromArray(SPECIES, w, wi + 3 * LANES);
      FloatVector x0 = FloatVector.fromArray(SPECIES, x, xi);
      a0 = w0.fma(x0, a0);
      b0 = w1.fma(x0, b0);
      c0 = w2.fma(x0, c0);
      d0 = w3.fma(x0, d0);
    }
    a0.intoArray(sums, sumsAt);
    b0.intoArray(sums, sumsAt + LANES);
    c0.intoArray(sums, sumsAt + 2 * LANES);
    d0.intoArray(sums, sumsAt + 3 * LANES);
  }

  private static void tokens2(
      float[] w, int wAt, float[] x, int xAt, int steps, float[] sums, int sumsAt) {
    FloatVector a0 = FloatVector.fromArray(SPECIES, sums, sumsAt);
    FloatVector a1 = FloatVector.fromArray(SPECIES, sums, sumsAt + LANES);
    FloatVector b0 = FloatVector.fromArray(SPECIES, sums, sumsAt + 2 * LANES);
    FloatVector b1 = FloatVector.fromArray(SPECIES, sums, sumsAt + 3 * LANES);
    FloatVector c0 = FloatVector.fromArray(SPECIES, sums, sumsAt + 4 * LANES);
    FloatVector c1 = FloatVector.fromArray(SPECIES, sums, sumsAt + 5 * LANES);
    FloatVector d0 = FloatVector.fromArray(SPECIES, sums, sumsAt + 6 * LANES);
    FloatVector d1 = FloatVector.fromArray(SPECIES, sums, sumsAt + 7 * LANES);
    for (int i = 0; i < steps; i++) {
      int wi = wAt + i * (ROWS * LANES);
      int xi = xAt + i * (2 * LANES);
      FloatVector w0 = FloatVector.fromArray(SPECIES, w, wi);
      FloatVector w1 = FloatVector.fromArray(SPECIES, w, wi + LANES);
      FloatVector w2 = FloatVector.fromArray(SPECIES, w, wi + 2 * LANES);
      FloatVector w3 = FloatVector.fromArray(SPECIES, w, wi + 3 * LANES);
      FloatVector x0 = FloatVector.fromArray(SPECIES, x, xi);
      a0 = w0.fma(x0, a0);
      b0 = w1.fma(x0, b0);
      c0 = w2.fma(x0, c0);
      d0 = w3.fma(x0, d0);
      FloatVector x1 = FloatVector.fromArray(SPECIES, x, xi + LANES);
      a1 = w0.fma(x1, a1);
      b1 = w1.fma(x1, b1);
      c1 = w2.fma(x1, c1);
      d1 = w3.fma(x1, d1);
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
      float[] w, int wAt, float[] x, int xAt, int steps, float[] sums, int sumsAt) {
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
      int wi = wAt + i * (ROWS * LANES);
      int xi = xAt + i * (3 * LANES);
      FloatVector w0 = FloatVector.fromArray(SPECIES, w, wi);
      FloatVector w1 = FloatVector.fromArray(SPECIES, w, wi + LANES);
      FloatVector w2 = FloatVector.fromArray(SPECIES, w, wi + 2 * LANES);
      FloatVector w3 = FloatVector.fromArray(SPECIES, w, wi + 3 * LANES);
      FloatVector x0 = FloatVector.fromArray(SPECIES, x, xi);
      a0 = w0.fma(x0, a0);
      b0 = w1.fma(x0, b0);
      c0 = w2.fma(x0, c0);
      d0 = w3.fma(x0, d0);
      FloatVector x1 = FloatVector.fromArray(SPECIES, x, xi + LANES);
      a1 = w0.fma(x1, a1);
      b1 = w1.fma(x1, b1);
      c1 = w2.fma(x1, c1);
      d1 = w3.fma(x1, d1);
      FloatVector x2 = FloatVector.fromArray(SPECIES, x, xi + 2 * LANES);
      a2 = w0.fma(x2, a2);
      b2 = w1.fma(x2, b2);
      c2 = w2.fma(x2, c2);
      d2 = w3.fma(x2, d2);
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
      float[] w, int wAt, float[] x, int xAt, int steps, float[] sums, int sumsAt) {
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
      int wi = wAt + i * (ROWS * LANES);
      int xi = xAt + i * (4 * LANES);
      FloatVector w0 = FloatVector.fromArray(SPECIES, w, wi);
      FloatVector w1 = FloatVector.fromArray(SPECIES, w, wi + LANES);
      FloatVector w2 = FloatVector.fromArray(SPECIES, w, wi + 2 * LANES);
      FloatVector w3 = FloatVector.fromArray(SPECIES, w, wi + 3 * LANES);
      FloatVector x0 = FloatVector.fromArray(SPECIES, x, xi);
      a0 = w0.fma(x0, a0);
      b0 = w1.fma(x0, b0);
      c0 = w2.fma(x0, c0);
      d0 = w3.fma(x0, d0);
      FloatVector x1 = FloatVector.fromArray(SPECIES, x, xi + LANES);
      a1 = w0.fma(x1, a1);
      b1 = w1.fma(x1, b1);
      c1 = w2.fma(x1, c1);
      d1 = w3.fma(x1, d1);
      FloatVector x2 = FloatVector.fromArray(SPECIES, x, xi + 2 * LANES);
      a2 = w0.fma(x2, a2);
      b2 = w1.fma(x2, b2);
      c2 = w2.fma(x2, c2);
      d2 = w3.fma(x2, d2);
      FloatVector x3 = FloatVector.fromArray(SPECIES, x, xi + 3 * LANES);
      a3 = w0.fma(x3, a3);
      b3 = w1.fma(x3, b3);
      c3 = w2.fma(x3, c3);
      d3 = w3.fma(x3, d3);
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
      float[] w, int wAt, float[] x, int xAt, int steps, float[] sums, int sumsAt) {
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
      int wi = wAt + i * (ROWS * LANES);
      int xi = xAt + i * (5 * LANES);
      FloatVector w0 = FloatVector.fromArray(SPECIES, w, wi);
      FloatVector w1 = FloatVector.fromArray(SPECIES, w, wi + LANES);
      FloatVector w2 = FloatVector.fromArray(SPECIES, w, wi + 2 * LANES);
      FloatVector w3 = FloatVector.fromArray(SPECIES, w, wi + 3 * LANES);
      FloatVector x0 = FloatVector.fromArray(SPECIES, x, xi);
      a0 = w0.fma(x0, a0);
      b0 = w1.fma(x0, b0);
      c0 = w2.fma(x0, c0);
      d0 = w3.fma(x0, d0);
      FloatVector x1 = FloatVector.fromArray(SPECIES, x, xi + LANES);
      a1 = w0.fma(x1, a1);
      b1 = w1.fma(x1, b1);
      c1 = w2.fma(x1, c1);
      d1 = w3.fma(x1, d1);
      FloatVector x2 = FloatVector.fromArray(SPECIES, x, xi + 2 * LANES);
      a2 = w0.fma(x2, a2);
      b2 = w1.fma(x2, b2);
      c2 = w2.fma(x2, c2);
      d2 = w3.fma(x2, d2);
      FloatVector x3 = FloatVector.fromArray(SPECIES, x, xi + 3 * LANES);
      a3 = w0.fma(x3, a3);
      b3 = w1.fma(x3, b3);
      c3 = w2.fma(x3, c3);
      d3 = w3.fma(x3, d3);
      FloatVector x4 = FloatVector.fromArray(SPECIES, x, xi + 4 * LANES);
      a4 = w0.fma(x4, a4);
      b4 = w1.fma(x4, b4);
      c4 = w2.fma(x4, c4);
      d4 = w3.fma(x4, d4);
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
