package io.superweight.model.family;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Architecture.FusedLayout;
import io.superweight.model.Family;
import java.util.Set;

/** GPT-NeoX and Pythia: LayerNorm, partial rotary, fused by head, usually parallel residual. */
public final class GptNeoX implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("gpt_neox");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    String layer = "gpt_neox.layers.{i}.";
    return new Declaration(config, format)
        .ownNames()
        .layerNorm()
        .plainMlp()
        .parallelResidual(config.flag("use_parallel_residual", true))
        .fused(FusedLayout.GROUPED)
        .part("embed", "gpt_neox.embed_in.weight")
        .part("final_norm", "gpt_neox.final_layer_norm.weight")
        .part("head", "embed_out.weight")
        .part("attn.norm", layer + "input_layernorm.weight")
        .part("attn.qkv", layer + "attention.query_key_value.weight")
        .part("attn.o", layer + "attention.dense.weight")
        .part("mlp.norm", layer + "post_attention_layernorm.weight")
        .part("mlp.up", layer + "mlp.dense_h_to_4h.weight")
        .part("mlp.down", layer + "mlp.dense_4h_to_h.weight")
        .build();
  }
}
