package io.superweight.quantize;

/** What becomes of a matrix that the block size does not divide. */
public enum Indivisible {
  /** It is refused. */
  ERROR,
  /** Its last blocks are smaller. */
  TAIL,
  /** It is one block, as in the published code, which does not say so. */
  PER_TENSOR
}
