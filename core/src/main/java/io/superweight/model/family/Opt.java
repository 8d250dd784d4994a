package io.superweight.model.family;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Family;
import java.util.Set;

/** OPT: learned positions that start at row 2, LayerNorm, plain MLP with ReLU. */
public final class Opt implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("opt");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    if (!config.flag("do_layer_norm_before", true)
        || config.has("word_embed_proj_dim")
            && config.count("word_embed_proj_dim") != config.count("hidden_size")) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          config.source()
              + ": of OPT, the 350 M shape (norm after, projected embeddings) is not known");
    }
    String layer = "model.decoder.layers.{i}.";
    return new Declaration(config, format)
        .ownNames()
        .layerNorm()
        .plainMlp()
        .noRotary()
        .learnedPositions(2)
        .part("embed", "model.decoder.embed_tokens.weight", "decoder.embed_tokens.weight")
        .part("positions", "model.decoder.embed_positions.weight", "decoder.embed_positions.weight")
        .part(
            "final_norm",
            "model.decoder.final_layer_norm.weight",
            "decoder.final_layer_norm.weight")
        .part("head", "lm_head.weight")
        .part("attn.norm", layer + "self_attn_layer_norm.weight")
        .part("attn.q", layer + "self_attn.q_proj.weight")
        .part("attn.k", layer + "self_attn.k_proj.weight")
        .part("attn.v", layer + "self_attn.v_proj.weight")
        .part("attn.o", layer + "self_attn.out_proj.weight")
        .part("mlp.norm", layer + "final_layer_norm.weight")
        .part("mlp.up", layer + "fc1.weight")
        .part("mlp.down", layer + "fc2.weight")
        .build();
  }
}
