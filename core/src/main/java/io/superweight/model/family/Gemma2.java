package io.superweight.model.family;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Family;
import java.util.Set;

/** Gemma 2: norms on both sides, soft caps, every other layer with a sliding window. */
public final class Gemma2 implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("gemma2");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    Declaration declaration = new Declaration(config, format);
    return Gemma3.sandwich(declaration, config).build();
  }
}
