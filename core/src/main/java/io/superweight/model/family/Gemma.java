package io.superweight.model.family;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Family;
import java.util.Set;

/** Gemma 1: norm weights stored less one, embeddings scaled by the square root of their size. */
public final class Gemma implements Family {
  @Override
  public Set<String> modelTypes() {
    return Set.of("gemma");
  }

  @Override
  public Architecture declare(ModelConfig config, Checkpoint.Format format) {
    Declaration declaration = new Declaration(config, format).normsStoredLessOne();
    return declaration.embeddingScale(Math.sqrt(declaration.hidden())).build();
  }
}
