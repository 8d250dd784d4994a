package io.superweight.quantize;

/**
 * Up to which magnitude weights are kept before the range of their block is taken (the paper's
 * CLIP): larger ones are set to the limit, with their sign. All statistics are of magnitudes.
 */
public sealed interface Clip {
  /** None. */
  record None() implements Clip {}

  /** {@code μ + z · σ} of the block; σ is unbiased. The paper's. */
  record ZScore(double z) implements Clip {}

  /** The {@code ⌊size · fraction + 1⌋}-th largest of the block, so that as many are above. */
  record BlockPercentile(double fraction) implements Clip {}

  /** The {@code ⌊size · fraction⌋}-th largest of the matrix, at least the largest. */
  record TensorPercentile(double fraction) implements Clip {}

  /** {@code q₃ + t · (q₃ − q₁)} of the block's quartiles. */
  record Iqr(double t) implements Clip {}
}
