package io.superweight.model;

/** What a pass does with the residual stream after the last layer. */
public enum Head {
  /** Nothing: final norm and output head are skipped. */
  SKIP,
  /** Logits of the last position of each sequence. */
  LAST_LOGITS,
  /** Logits of all positions; meant for short sequences. */
  ALL_LOGITS,
  /**
   * Log-probability of each next token of the sequence, blockwise, and the divergence from variant
   * 0.
   */
  SCORE
}
