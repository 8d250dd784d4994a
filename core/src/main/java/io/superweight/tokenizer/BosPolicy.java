package io.superweight.tokenizer;

/** Whether the beginning-of-sequence token is put before a text. */
public enum BosPolicy {
  /** As the model's own tokenizer does when it is called plainly. */
  AUTO,
  /** Always; an error for a tokenizer without such a token. */
  ALWAYS,
  /** Never. */
  NEVER
}
