package io.superweight.model.family;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Architecture.NormPlacement;
import io.superweight.model.Architecture.QueryKeyNorm;
import io.superweight.model.Family;
import java.util.Set;

/**
 * Gemma 3: as Gemma 2 without soft caps, with norms of query and key heads and two rotary bases.
 */
public final class Gemma3 implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("gemma3_text", "gemma3");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    return sandwich(new Declaration(config, format), config)
        .queryKeyNorm(QueryKeyNorm.PER_HEAD)
        .build();
  }

  static Declaration sandwich(Declaration declaration, ModelConfig config) {
    String layer = "model.layers.{i}.";
    return declaration
        .normsStoredLessOne()
        .place(NormPlacement.SANDWICH)
        .embeddingScale(Math.sqrt(declaration.hidden()))
        .attentionScale(1 / Math.sqrt(config.number("query_pre_attn_scalar", 256)))
        .part("attn.post_norm", layer + "post_attention_layernorm.weight")
        .part("mlp.norm", layer + "pre_feedforward_layernorm.weight")
        .part("mlp.post_norm", layer + "post_feedforward_layernorm.weight");
  }
}
