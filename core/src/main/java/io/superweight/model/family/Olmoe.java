package io.superweight.model.family;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Architecture.QueryKeyNorm;
import io.superweight.model.Family;
import java.util.Set;

/** OLMoE: experts, and a norm of all query and key heads together. */
public final class Olmoe implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("olmoe");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    return new Declaration(config, format)
        .queryKeyNorm(QueryKeyNorm.WHOLE)
        .experts(config.flag("norm_topk_prob", false), false)
        .build();
  }
}
