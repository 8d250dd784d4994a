package io.superweight.evaluate;

import io.superweight.InputException;
import io.superweight.model.Transformer;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import java.util.OptionalInt;
import java.util.stream.Stream;

/**
 * What an evaluation must know of the model and of the user's wishes.
 *
 * @param tokenizer of the model; must stay open
 * @param family as {@code model_type} names it
 * @param maxLength tokens that the model can take in
 * @param preset whose rules are followed where there are several
 * @param bos what the user wants for the BOS token; AUTO: what the preset or the protocol says
 * @param limit documents or windows to take at most, the first ones; empty for all
 * @param window tokens of a window, at most {@code maxLength}; empty for the protocol's own
 */
public record EvaluationSettings(
    Tokenizer tokenizer,
    String family,
    int maxLength,
    Preset preset,
    BosPolicy bos,
    OptionalInt limit,
    OptionalInt window) {
  public EvaluationSettings {
    if (maxLength < 1
        || limit.orElse(1) < 1
        || window.orElse(2) < 2
        || window.orElse(0) > maxLength) {
      throw new IllegalArgumentException(
          "context of " + maxLength + ", limit of " + limit + ", window of " + window);
    }
  }

  /** The preset's rules, all documents, the protocols' own windows. */
  public static EvaluationSettings of(Tokenizer tokenizer, String family, int maxLength) {
    return new EvaluationSettings(
        tokenizer,
        family,
        maxLength,
        Preset.DEFAULT,
        BosPolicy.AUTO,
        OptionalInt.empty(),
        OptionalInt.empty());
  }

  /**
   * The preset's rules, all documents, the protocols' own windows. The context is the harness's
   * {@code max_length}: {@code max_position_embeddings}, else 2048, also where the frequencies of a
   * model stretch beyond.
   */
  public static EvaluationSettings of(Tokenizer tokenizer, Transformer model) {
    int declared = model.checkpoint().config().count("max_position_embeddings", 2048);
    return of(tokenizer, model.architecture().family(), Math.min(declared, model.maxPositions()));
  }

  public EvaluationSettings withPreset(Preset other) {
    return new EvaluationSettings(tokenizer, family, maxLength, other, bos, limit, window);
  }

  public EvaluationSettings withBos(BosPolicy other) {
    return new EvaluationSettings(tokenizer, family, maxLength, preset, other, limit, window);
  }

  public EvaluationSettings withLimit(int documents) {
    return new EvaluationSettings(
        tokenizer, family, maxLength, preset, bos, OptionalInt.of(documents), window);
  }

  public EvaluationSettings withWindow(int tokens) {
    return new EvaluationSettings(
        tokenizer, family, maxLength, preset, bos, limit, OptionalInt.of(tokens));
  }

  /** What is done about BOS on a task's prompts: the user's wish, else the preset's rule. */
  public BosPolicy taskBos() {
    return bos == BosPolicy.AUTO ? preset.bos(family) : bos;
  }

  /**
   * The token that stands before a text that has nothing before it: BOS, else EOS, as the harness
   * has it.
   *
   * @throws InputException of kind UNSUPPORTED where the tokenizer names neither
   */
  public int prefix() {
    return Stream.of(tokenizer.bos(), tokenizer.eos())
        .flatMapToInt(OptionalInt::stream)
        .findFirst()
        .orElseThrow(() ->
            new InputException(
                InputException.Kind.UNSUPPORTED,
                "the tokenizer names neither a BOS nor an EOS token to put before a text: add"
                    + " bos_token_id to config.json"));
  }

  /** How many of {@code all} documents or windows are taken. */
  public int taken(int all) {
    return Math.min(all, limit.orElse(all));
  }
}
