package io.superweight.model;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import java.util.Set;

/** One model family, as a declaration: how its configuration becomes an {@link Architecture}. */
public interface Family {
  /** The values of {@code model_type} that it answers to. */
  Set<String> modelTypes();

  /**
   * The architecture of a model of this family.
   *
   * @throws io.superweight.InputException of kind MALFORMED or UNSUPPORTED where the configuration
   *     lacks a key or asks for what is not known
   */
  Architecture declare(ModelConfig config, Checkpoint.Format format);
}
