package io.superweight.model.family;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Architecture.NormPlacement;
import io.superweight.model.Architecture.QueryKeyNorm;
import io.superweight.model.Family;
import java.util.Set;

/** OLMo 2: norms after attention and MLP only, and of all query and key heads together. */
public final class Olmo2 implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("olmo2");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    String layer = "model.layers.{i}.";
    return new Declaration(config, format)
        .place(NormPlacement.POST)
        .queryKeyNorm(QueryKeyNorm.WHOLE)
        .part("attn.post_norm", layer + "post_attention_layernorm.weight")
        .part("mlp.post_norm", layer + "post_feedforward_layernorm.weight")
        .build();
  }
}
