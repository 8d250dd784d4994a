package io.superweight.tensor;

/**
 * The loops of {@link KBlocks} that run over elements and trials. All implementations give the same
 * bits: a trial adds up its elements in order, by fused multiply-adds.
 */
interface GridSearch {
  /**
   * Finds scale and minimum ({@code x ≈ scale · code − minimum}, codes 0 to {@code levels}) of 32
   * elements.
   *
   * @param steps levels that the range takes, one for each trial, {@code [KBlocks.TRIALS]}
   * @param fromZero the first trial whose grid does not begin at the least value, but at 0
   */
  void affine(
      float[] x, int at, float[] weights, int weightsAt, int levels, float[] steps, int fromZero);

  /** Finds the scale ({@code x ≈ scale · code}, codes −levels to levels − 1) of 16 elements. */
  void symmetric(float[] x, int at, int levels, float[] steps);

  /**
   * Of the {@code NEIGHBOURS} scales {@code units[t] · round(ratios[t] · scales[j])} of sixteen
   * parts of 16 elements, the index of those with the least squared error, codes −32 to 31; the
   * first of several.
   */
  int unit(float[] x, int at, float[] scales, float[] units, float[] ratios);

  /**
   * Of the codes {@code code, code − 1, code + 1, code − 2, …}, −128 to 127, the one whose scale
   * {@code d · code} stores 16 elements with the least squared error; the first of several.
   */
  int neighbour(float[] x, int at, float d, int code);

  /** The neighbour of a code, in the order of {@link #neighbour}. */
  static int neighbour(int code, int trial) {
    int offset = (trial + 1) / 2 * (trial % 2 == 1 ? -1 : 1);
    return Math.clamp(code + offset, -128, 127);
  }

  /** The first of the least; NaN is never less. */
  static int least(float[] errors) {
    int best = 0;
    for (int t = 1; t < KBlocks.NEIGHBOURS; t++) {
      best = errors[t] < errors[best] ? t : best;
    }
    return best;
  }

  /** The scale that was found last. */
  float scale();

  /** The minimum that was found last, with the sign taken away: at least 0. */
  float minimum();

  /**
   * Adds to {@code weighted} and {@code squares} the weighted and the plain squared error with
   * which each of {@code KBlocks.NEIGHBOURS} scales and minima stores the elements; a scale of 0
   * has the code 0 only.
   */
  void errors(
      float[] x,
      int at,
      int count,
      float[] weights,
      int weightsAt,
      float[] scales,
      float[] minima,
      int least,
      int most,
      float[] weighted,
      float[] squares);

  /** The nearest codes of {@code (x + minimum) · inverse}. */
  default void codes(
      float[] x,
      int at,
      int count,
      float minimum,
      float inverse,
      int least,
      int most,
      byte[] codes,
      int to) {
    for (int i = 0; i < count; i++) {
      float scaled = (x[at + i] + minimum) * inverse;
      // Adding 1.5 · 2^23 leaves the nearest integer, ties to even, in the low bits.
      float clamped = Math.min(Math.max(scaled, least), most);
      codes[to + i] = (byte) (Float.floatToRawIntBits(clamped + 0x1.8p23f) - 0x4b40_0000);
    }
  }
}
