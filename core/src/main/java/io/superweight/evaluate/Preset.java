package io.superweight.evaluate;

import io.superweight.tokenizer.BosPolicy;

/**
 * A version of the LM Evaluation Harness whose rules are followed. The tasks are the same in all of
 * them; what changed is the BOS token, which a super activation sits on.
 */
public enum Preset {
  /**
   * As from 0.3 to 0.4.9.1, and so in the paper: no BOS before a task's prompts, but for Gemma,
   * whose tokenizer is called plainly.
   */
  LM_EVAL_0_4_4("lm-eval-0.4.4"),
  /** As from 0.4.9.2 on: whatever the model's own tokenizer does when it is called plainly. */
  LM_EVAL_0_4_12("lm-eval-0.4.12");

  /**
   * What holds where nothing is said: the harness of today, so that a number can be checked against
   * a tool that is at hand.
   */
  public static final Preset DEFAULT = LM_EVAL_0_4_12;

  private final String text;

  Preset(String text) {
    this.text = text;
  }

  /** As the user writes it. */
  public String text() {
    return text;
  }

  /**
   * The policy for a task's prompts.
   *
   * @param family of the model, as {@code model_type} names it
   */
  public BosPolicy bos(String family) {
    return switch (this) {
      case LM_EVAL_0_4_4 -> family.contains("gemma") ? BosPolicy.AUTO : BosPolicy.NEVER;
      case LM_EVAL_0_4_12 -> BosPolicy.AUTO;
    };
  }
}
