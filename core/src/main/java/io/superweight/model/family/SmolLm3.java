package io.superweight.model.family;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Family;
import java.util.Set;

/** SmolLM 3: Llama with layers that have no rotary embedding. */
public final class SmolLm3 implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("smollm3");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    var layers = config.list("no_rope_layers");
    return new Declaration(config, format)
        .permutedInGguf()
        .rotaryLayers(i -> layers.size() <= i || !Integer.valueOf(0).equals(layers.get(i)))
        .build();
  }
}
