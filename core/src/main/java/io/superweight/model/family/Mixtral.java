package io.superweight.model.family;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Family;
import java.util.Set;

/** Mixtral: Mistral with experts. */
public final class Mixtral implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("mixtral");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    return new Declaration(config, format).permutedInGguf().experts(true, false).build();
  }
}
