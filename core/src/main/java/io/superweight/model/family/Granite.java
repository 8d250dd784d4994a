package io.superweight.model.family;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Family;
import java.util.Set;

/** Granite 3: Llama with four multipliers. */
public final class Granite implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("granite");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    Declaration declaration =
        new Declaration(config, format)
            .permutedInGguf()
            .embeddingScale(config.number("embedding_multiplier", 1))
            .residualScale(config.number("residual_multiplier", 1))
            .logitScale(1 / config.number("logits_scaling", 1));
    if (config.has("attention_multiplier")) {
      declaration.attentionScale(config.number("attention_multiplier"));
    }
    return declaration.build();
  }
}
