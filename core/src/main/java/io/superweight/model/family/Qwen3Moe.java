package io.superweight.model.family;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Architecture.QueryKeyNorm;
import io.superweight.model.Family;
import java.util.HashSet;
import java.util.Set;

/** Qwen 3 with experts. */
public final class Qwen3Moe implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("qwen3_moe");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    Set<Integer> dense = new HashSet<>();
    config.list("mlp_only_layers").forEach(i -> dense.add(((Number) i).intValue()));
    int step = Math.max(1, config.count("decoder_sparse_step", 1));
    return new Declaration(config, format)
        .queryKeyNorm(QueryKeyNorm.PER_HEAD)
        .experts(config.flag("norm_topk_prob", false), false)
        .sparseLayers(i -> !dense.contains(i) && (i + 1) % step == 0)
        .build();
  }
}
