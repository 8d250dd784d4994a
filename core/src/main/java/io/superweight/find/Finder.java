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
    try (MemoryWatch memory = MemoryWatch.start()) {
      Session session = new Session(model, prompts);
      FindResult found = Search.of(session, options).run();
      if (options.stability() && found.main().isPresent()) {
        List<Stability> stability =
            StabilityCheck.of(session, tokenizer, found.main().orElseThrow());
        found = found.withStability(stability, session.cost());
      }
      return found.withCost(found.cost().withMemory(memory.peak()));
    }
  }

  /**
   * Searches on prompts that are tokens already; no stability line.
   *
   * @throws InputException of kind TEXT for a prompt without tokens or longer than the context
   */
  public static FindResult find(Transformer model, List<Prompt> prompts, FindOptions options) {
    try (MemoryWatch memory = MemoryWatch.start()) {
      FindResult found = Search.of(new Session(model, prompts), options).run();
      return found.withCost(found.cost().withMemory(memory.peak()));
    }
  }
}
