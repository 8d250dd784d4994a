package io.superweight.tokenizer;

import io.superweight.InputException;
import java.util.OptionalInt;

/**
 * Text to token ids and back. No truncation, no padding, no network. Special tokens that are
 * written out in the text ({@code <|im_start|>}) are parsed. Thread-safe.
 */
public interface Tokenizer extends AutoCloseable {

  /**
   * The kind and source of the tokenizer, for reports: {@code "tokenizer.json"}, {@code "GGUF
   * gpt2/smollm"}.
   */
  String description();

  int vocabularySize();

  /** Token ids of the text alone: no BOS, no EOS. */
  int[] encode(String text);

  /** The BOS token, if the vocabulary has one. */
  OptionalInt bos();

  /** The EOS token, if one is named. */
  default OptionalInt eos() {
    return OptionalInt.empty();
  }

  /** Whether the model's own tokenizer puts BOS first when it is called plainly. */
  boolean addsBos();

  /** Text of the ids; special tokens are written out. Invalid UTF-8 becomes U+FFFD. */
  String decode(int... ids);

  /**
   * Token ids under a BOS policy.
   *
   * @throws InputException of kind UNSUPPORTED if the policy is ALWAYS and there is no BOS token
   */
  default int[] encode(String text, BosPolicy policy) {
    int[] ids = encode(text);
    boolean wanted =
        switch (policy) {
          case AUTO -> addsBos();
          case ALWAYS -> true;
          case NEVER -> false;
        };
    if (!wanted) {
      return ids;
    }
    if (bos().isEmpty()) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          "this tokenizer has no BOS token: use --bos auto or --bos never");
    }
    int[] withBos = new int[ids.length + 1];
    withBos[0] = bos().getAsInt();
    System.arraycopy(ids, 0, withBos, 1, ids.length);
    return withBos;
  }

  @Override
  void close();
}
