package io.superweight.model.family;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Family;
import java.util.Set;

/** StarCoder 2: LayerNorm, rotary, plain MLP, biases. */
public final class StarCoder2 implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("starcoder2");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    String layer = "model.layers.{i}.";
    return new Declaration(config, format)
        .layerNorm()
        .plainMlp()
        .part("mlp.up", layer + "mlp.c_fc.weight")
        .part("mlp.down", layer + "mlp.c_proj.weight")
        .build();
  }
}
