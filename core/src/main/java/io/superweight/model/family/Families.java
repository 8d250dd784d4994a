package io.superweight.model.family;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Architecture;
import io.superweight.model.Family;
import java.util.List;
import java.util.TreeSet;

/** The families that are known. A new one is a file beside this and a line in it. */
public final class Families {
  private static final List<Family> ALL =
      List.of(
          new Llama(),
          new SmolLm3(),
          new Granite(),
          new Mixtral(),
          new Qwen2(),
          new Qwen2Moe(),
          new Qwen3(),
          new Qwen3Moe(),
          new Gemma(),
          new Gemma2(),
          new Gemma3(),
          new Olmo(),
          new Olmo2(),
          new Olmoe(),
          new Phi(),
          new Phi3(),
          new StarCoder2(),
          new StableLm(),
          new Gpt2(),
          new GptNeoX(),
          new Opt(),
          new Falcon());

  private Families() {}

  /** All {@code model_type}s that are known, sorted. */
  public static List<String> known() {
    TreeSet<String> names = new TreeSet<>();
    ALL.forEach(family -> names.addAll(family.modelTypes()));
    return List.copyOf(names);
  }

  /**
   * The architecture of a checkpoint.
   *
   * @throws InputException of kind UNSUPPORTED where its {@code model_type} is not known
   */
  public static Architecture of(Checkpoint checkpoint) {
    return of(checkpoint.config(), checkpoint.format());
  }

  /**
   * The architecture of a configuration, as files of a format store it.
   *
   * @throws InputException of kind UNSUPPORTED where its {@code model_type} is not known
   */
  public static Architecture of(ModelConfig config, Checkpoint.Format format) {
    for (Family family : ALL) {
      if (family.modelTypes().contains(config.family())) {
        return family.declare(config, format);
      }
    }
    throw new InputException(
        InputException.Kind.UNSUPPORTED,
        config.source()
            + ": the architecture \""
            + config.family()
            + "\" is not known; known are "
            + String.join(", ", known()));
  }
}
