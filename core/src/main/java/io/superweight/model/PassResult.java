package io.superweight.model;

/**
 * What a pass gives, indexed {@code [variant][sequence]}. Arrays that its {@link Head} does not
 * fill are empty.
 *
 * @param logits {@code [variant][sequence][rows · vocabulary]}: one row for LAST_LOGITS, all for
 *     ALL_LOGITS
 * @param logProbabilities {@code [variant][sequence][length − 1]} nats of token i + 1 after tokens
 *     0 to i
 * @param divergence {@code [variant][sequence][length − 1]} nats of KL(variant 0 ‖ variant) at
 *     positions 0 to length − 2; zeros for variant 0
 * @param greedy {@code [variant][sequence][length − 1]}: the most probable token at those positions
 */
public record PassResult(
    float[][][] logits, double[][][] logProbabilities, double[][][] divergence, int[][][] greedy) {
  /** Of a batch whose head is {@link Head#SKIP}. */
  static final PassResult NOTHING =
      new PassResult(new float[0][][], new double[0][][], new double[0][][], new int[0][][]);
}
