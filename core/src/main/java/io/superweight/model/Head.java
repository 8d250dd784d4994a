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
  SCORE,
  /**
   * Log-probability and most probable token at the tokens that a batch's {@linkplain Batch.Place
   * places} name, and nothing else. The last token of a sequence that none continues is not
   * computed. Rows of one variant never stand in a product with those of another or of another
   * batch, so the bits depend on the sequences alone.
   */
  SCORE_WANTED
}
