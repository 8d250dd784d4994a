package io.superweight.model.family;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Family;
import java.util.Set;

/** Phi 1.5 and 2: parallel residual with one norm, partial rotary, biases everywhere. */
public final class Phi implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("phi");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    String layer = "model.layers.{i}.";
    return new Declaration(config, format)
        .layerNorm()
        .plainMlp()
        .parallelResidual(true)
        .part("final_norm", "model.final_layernorm.weight")
        .part("attn.o", layer + "self_attn.dense.weight")
        .part("mlp.norm")
        .part("mlp.up", layer + "mlp.fc1.weight")
        .part("mlp.down", layer + "mlp.fc2.weight")
        .build();
  }
}
