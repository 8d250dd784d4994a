package io.superweight.model.family;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Family;
import java.util.Set;

/** GPT-2: LayerNorm, learned positions, plain MLP, matrices stored transposed. */
public final class Gpt2 implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("gpt2");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    String layer = "transformer.h.{i}.";
    double headDim = config.count("hidden_size") / (double) config.count("num_attention_heads");
    if (config.flag("scale_attn_by_inverse_layer_idx", false)) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          config.source() + ": GPT-2 with scale_attn_by_inverse_layer_idx is not known yet");
    }
    return new Declaration(config, format)
        .ownNames()
        .layerNorm()
        .plainMlp()
        .transposed()
        .noRotary()
        .learnedPositions(0)
        .attentionScale(config.flag("scale_attn_weights", true) ? 1 / Math.sqrt(headDim) : 1)
        .part("embed", "transformer.wte.weight")
        .part("positions", "transformer.wpe.weight")
        .part("final_norm", "transformer.ln_f.weight")
        .part("head", "lm_head.weight")
        .part("attn.norm", layer + "ln_1.weight")
        .part("attn.qkv", layer + "attn.c_attn.weight")
        .part("attn.o", layer + "attn.c_proj.weight")
        .part("mlp.norm", layer + "ln_2.weight")
        .part("mlp.up", layer + "mlp.c_fc.weight")
        .part("mlp.down", layer + "mlp.c_proj.weight")
        .build();
  }
}
