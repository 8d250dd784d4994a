package io.superweight.find;

import io.superweight.InputException;
import io.superweight.model.Transformer;
import io.superweight.tokenizer.Tokenizer;
import java.util.List;
import java.util.Optional;

/**
 * Finds super weights: scalars that make a super activation, alone or as a set.
 *
 * <p>It reads the checkpoint once for each round of zero-and-repeat: all that is to be measured of
 * one round's weights, and other texts to compare with, ride along. (A prompt of many tokens takes
 * one pass before, a precursor one behind.) It holds prompt tokens × widths of activations,
 * whatever the size of the model.
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
      // Only this rule speaks of super activations.
      Optional<StabilityCheck> check =
          options.stability() && options.rule() == Rule.SUPERWEIGHT
              ? Optional.of(new StabilityCheck(session, tokenizer))
              : Optional.empty();
      FindResult found = Search.of(session, options).run();
      if (check.isPresent() && found.main().isPresent()) {
        found = found.withStability(check.get().lines(found.main().orElseThrow()), session.cost());
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
