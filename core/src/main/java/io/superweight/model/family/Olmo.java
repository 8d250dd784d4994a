package io.superweight.model.family;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Family;
import java.util.Set;

/** OLMo 1: LayerNorm without weights, queries, keys and values clamped. */
public final class Olmo implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("olmo");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    return new Declaration(config, format).permutedInGguf().layerNorm().build();
  }
}
