package io.superweight.model.family;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Family;
import java.util.Set;

/** StableLM: Llama with LayerNorm and partial rotary. */
public final class StableLm implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("stablelm");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    if (config.flag("qk_layernorm", false)) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          config.source() + ": StableLM with qk_layernorm is not known yet");
    }
    return new Declaration(config, format)
        .layerNorm()
        .parallelResidual(config.flag("use_parallel_residual", false))
        .build();
  }
}
