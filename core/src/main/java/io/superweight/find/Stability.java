package io.superweight.find;

import io.superweight.tokenizer.BosPolicy;
import java.util.List;

/**
 * Whether the main super activation is the same on other texts, under one BOS policy.
 *
 * @param policy the policy; ALWAYS is left out for a tokenizer without BOS
 * @param same on how many of the built-in prompts the largest spike has the same layer, channel and
 *     token position
 * @param of the number of built-in prompts
 * @param cases what each prompt showed
 */
public record Stability(BosPolicy policy, int same, int of, List<Case> cases) {
  public Stability {
    cases = List.copyOf(cases);
  }

  /**
   * One built-in prompt.
   *
   * @param text the prompt
   * @param layer the layer that writes its largest persistent spike; −1 for none
   * @param channel its channel; −1 for none
   * @param position its token's position; −1 for none
   * @param token its token's text
   * @param value its peak
   * @param same whether layer, channel and position are those of the main super activation
   */
  public record Case(
      String text, int layer, int channel, int position, String token, float value, boolean same) {}
}
