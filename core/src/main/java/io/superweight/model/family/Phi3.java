package io.superweight.model.family;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Family;
import java.util.Set;

/** Phi 3: Llama with fused query-key-value and gate-up matrices. */
public final class Phi3 implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("phi3");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    return new Declaration(config, format).build();
  }
}
