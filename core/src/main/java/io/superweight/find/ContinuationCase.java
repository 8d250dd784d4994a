package io.superweight.find;

import java.util.List;

/**
 * The paper's case: one sentence continued with and without the weights.
 *
 * @param prompt {@code "Summer is hot. Winter is"}
 * @param promptIds its exact token ids, BOS included where the policy adds it
 * @param intactTop the intact model's most probable next tokens
 * @param zeroedTop the same without the weights
 * @param intactText greedy continuation of the intact model
 * @param zeroedText the same without the weights
 * @param tokens tokens of each continuation
 */
public record ContinuationCase(
    String prompt,
    List<Integer> promptIds,
    List<NextToken> intactTop,
    List<NextToken> zeroedTop,
    String intactText,
    String zeroedText,
    int tokens) {
  public ContinuationCase {
    promptIds = List.copyOf(promptIds);
    intactTop = List.copyOf(intactTop);
    zeroedTop = List.copyOf(zeroedTop);
  }

  /** A token that may come next. */
  public record NextToken(int id, String text, double probability) {}
}
