package io.superweight.find;

import io.superweight.InputException;
import io.superweight.model.Transformer;
import io.superweight.tokenizer.Tokenizer;
import java.util.List;

/**
 * Finds super weights: scalars that make a super activation, alone or as a set.
 *
 * <p>It reads each weight once in a pass and holds prompt tokens × widths of activations, whatever
 * the size of the model.
 */
public final class Finder {
  private Finder() {}

  /**
   * Searches on the prompts of the options.
   *
   * @throws InputException of kind TEXT for a prompt without tokens or longer than the context
   */
  public static FindResult find(Transformer model, Tokenizer tokenizer, FindOptions options) {
    List<Prompt> prompts =
        options.prompts().stream().map(text -> Prompt.of(text, tokenizer, options.bos())).toList();
    return find(model, prompts, options);
  }

  /**
   * Searches on prompts that are tokens already; no stability line.
   *
   * @throws InputException of kind TEXT for a prompt without tokens or longer than the context
   */
  public static FindResult find(Transformer model, List<Prompt> prompts, FindOptions options) {
    Session session = new Session(model, prompts);
    return switch (options.rule()) {
      case SUPERWEIGHT -> SuperweightSearch.find(session, options);
      case PAPER, ARCTOS_V5 -> throw new UnsupportedOperationException("not yet");
    };
  }
}
