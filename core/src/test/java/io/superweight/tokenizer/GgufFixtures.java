package io.superweight.tokenizer;

import io.superweight.Fixtures;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.checkpoint.GgufCheckpoint;
import java.nio.file.Path;

/** The vocabulary-only GGUF files of {@code fixtures/tokenizers}. */
final class GgufFixtures {
  private GgufFixtures() {}

  static Path file(String name) {
    return Fixtures.path("tokenizers").resolve(name + ".gguf");
  }

  static GgufVocabulary vocabulary(String name) {
    try (Checkpoint checkpoint = Checkpoints.open(file(name))) {
      return GgufVocabulary.of(name, ((GgufCheckpoint) checkpoint).metadata());
    }
  }

  static Tokenizer tokenizer(String name) {
    try (Checkpoint checkpoint = Checkpoints.open(file(name))) {
      return Tokenizers.of(checkpoint);
    }
  }
}
