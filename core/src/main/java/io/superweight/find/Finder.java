package io.superweight.find;

import io.superweight.model.Transformer;
import io.superweight.tokenizer.Tokenizer;
import java.util.List;

/** Finds super weights. */
public final class Finder {
  private Finder() {}

  /** Searches on the prompts of the options. */
  public static FindResult find(Transformer model, Tokenizer tokenizer, FindOptions options) {
    List<Prompt> prompts =
        options.prompts().stream().map(text -> Prompt.of(text, tokenizer, options.bos())).toList();
    return find(model, prompts, options);
  }

  /** Searches on prompts that are tokens already; no stability line. */
  public static FindResult find(Transformer model, List<Prompt> prompts, FindOptions options) {
    throw new UnsupportedOperationException("not yet");
  }
}
