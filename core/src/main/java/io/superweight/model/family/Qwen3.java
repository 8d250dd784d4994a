package io.superweight.model.family;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Architecture.QueryKeyNorm;
import io.superweight.model.Family;
import java.util.Set;

/** Qwen 3: Llama with a norm of each query and key head. */
public final class Qwen3 implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("qwen3");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    return new Declaration(config, format).queryKeyNorm(QueryKeyNorm.PER_HEAD).build();
  }
}
