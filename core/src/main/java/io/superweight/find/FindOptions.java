package io.superweight.find;

import io.superweight.tokenizer.BosPolicy;
import java.util.List;

/**
 * How to search.
 *
 * @param rule which rule chooses
 * @param prompts texts; {@link Prompt#REFERENCE} by default
 * @param bos whether BOS goes before them
 * @param maxRounds bound of zero-and-repeat
 * @param stability whether to compare with the built-in prompts under each BOS policy
 * @param maxRejected how many rejected candidates to report, the strongest first
 */
public record FindOptions(
    Rule rule,
    List<String> prompts,
    BosPolicy bos,
    int maxRounds,
    boolean stability,
    int maxRejected) {

  /** The defaults. */
  public static final FindOptions DEFAULT =
      new FindOptions(Rule.SUPERWEIGHT, List.of(Prompt.REFERENCE), BosPolicy.AUTO, 8, true, 12);

  public FindOptions {
    prompts = List.copyOf(prompts);
    if (prompts.isEmpty() || maxRounds < 1 || maxRejected < 0) {
      throw new IllegalArgumentException("at least one prompt and one round");
    }
  }

  public FindOptions withRule(Rule chosen) {
    return new FindOptions(chosen, prompts, bos, maxRounds, stability, maxRejected);
  }

  public FindOptions withPrompts(List<String> texts, BosPolicy policy) {
    return new FindOptions(rule, texts, policy, maxRounds, stability, maxRejected);
  }

  public FindOptions withStability(boolean wanted) {
    return new FindOptions(rule, prompts, bos, maxRounds, wanted, maxRejected);
  }
}
