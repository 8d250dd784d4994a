package io.superweight.model.family;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Family;
import java.util.HashSet;
import java.util.Set;

/** Qwen 1.5 and 2 with experts, and a shared expert with a gate of its own. */
public final class Qwen2Moe implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("qwen2_moe");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    Set<Integer> dense = new HashSet<>();
    config.list("mlp_only_layers").forEach(i -> dense.add(((Number) i).intValue()));
    int step = Math.max(1, config.count("decoder_sparse_step", 1));
    return new Declaration(config, format)
        .experts(config.flag("norm_topk_prob", false), true)
        .sparseLayers(i -> !dense.contains(i) && (i + 1) % step == 0)
        .build();
  }
}
