package io.superweight.model.family;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Architecture.FusedLayout;
import io.superweight.model.Family;
import java.util.Set;

/** Falcon 7B and 40B: parallel residual, one key-value head or grouped ones. */
public final class Falcon implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("falcon");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    if (config.flag("alibi", false)) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          config.source() + ": Falcon with ALiBi positions (the RW models) is not known yet");
    }
    boolean grouped = config.flag("new_decoder_architecture", false);
    boolean oneKeyValueHead = !grouped && config.flag("multi_query", true);
    boolean parallel = grouped || config.flag("parallel_attn", true);
    String layer = "transformer.h.{i}.";
    return new Declaration(config, format)
        .ownNames()
        .layerNorm()
        .plainMlp()
        .parallelResidual(parallel)
        .fused(oneKeyValueHead ? FusedLayout.CONCATENATED : FusedLayout.GROUPED)
        .part("embed", "transformer.word_embeddings.weight")
        .part("final_norm", "transformer.ln_f.weight")
        .part("head", "lm_head.weight")
        .part("attn.norm", layer + "ln_attn.weight", layer + "input_layernorm.weight")
        .part("attn.qkv", layer + "self_attention.query_key_value.weight")
        .part("attn.o", layer + "self_attention.dense.weight")
        .part("mlp.norm", layer + (grouped ? "ln_mlp.weight" : "post_attention_layernorm.weight"))
        .part("mlp.up", layer + "mlp.dense_h_to_4h.weight")
        .part("mlp.down", layer + "mlp.dense_4h_to_h.weight")
        .build();
  }
}
