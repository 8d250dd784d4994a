package io.superweight.find;

import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What the model was run on.
 *
 * @param text the text as given; empty where ids were given
 * @param ids the exact token ids
 * @param tokens text of each id
 * @param bos the policy that the ids were made under
 * @param startsWithBos whether the first id is the BOS token
 */
public record Prompt(
    String text, List<Integer> ids, List<String> tokens, BosPolicy bos, boolean startsWithBos) {

  /** The reference prompt of the paper's released code. */
  public static final String REFERENCE = "Apple Inc. is a worldwide tech company.";

  public Prompt {
    ids = List.copyOf(ids);
    tokens = List.copyOf(tokens);
  }

  /** A text under a BOS policy. */
  public static Prompt of(String text, Tokenizer tokenizer, BosPolicy policy) {
    int[] ids = tokenizer.encode(text, policy);
    List<String> tokens = new ArrayList<>();
    for (int id : ids) {
      tokens.add(tokenizer.decode(id));
    }
    boolean bos =
        ids.length > 0 && tokenizer.bos().isPresent() && ids[0] == tokenizer.bos().getAsInt();
    return new Prompt(text, Arrays.stream(ids).boxed().toList(), tokens, policy, bos);
  }

  /** Plain ids without a tokenizer; the texts are the numbers. */
  public static Prompt of(int... ids) {
    return new Prompt(
        "",
        Arrays.stream(ids).boxed().toList(),
        Arrays.stream(ids).mapToObj(String::valueOf).toList(),
        BosPolicy.NEVER,
        false);
  }

  /** The ids as {@link io.superweight.model.Transformer#forward} takes them. */
  public int[] idArray() {
    return ids.stream().mapToInt(Integer::intValue).toArray();
  }
}
