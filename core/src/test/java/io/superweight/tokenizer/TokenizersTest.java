package io.superweight.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class TokenizersTest {
  private static final Path BOOKS = Fixtures.path("models/books-12m-harmless");

  @Test
  void aFolderAndAFileInItHaveTheTokenizerBesideTheWeights() {
    for (Path path : new Path[] {BOOKS, BOOKS.resolve("model.safetensors")}) {
      try (Checkpoint checkpoint = Checkpoints.open(path);
          Tokenizer tokenizer = Tokenizers.of(checkpoint)) {
        assertThat(tokenizer.description()).isEqualTo("tokenizer.json");
        assertThat(tokenizer.vocabularySize()).isEqualTo(8192);
      }
    }
  }

  @Test
  void aGgufFileHasItsTokenizerInside_whichOutlivesIt() {
    Tokenizer tokenizer;
    try (Checkpoint checkpoint = Checkpoints.open(GgufFixtures.file("smollm2"))) {
      tokenizer = Tokenizers.of(checkpoint);
    }
    assertThat(tokenizer.encode("Apple Inc.")).containsExactly(39080, 5829, 30);
  }

  @Test
  void aFolderWithoutTokenizerIsAnErrorThatNamesTheFix() {
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.path("hf-tiny/gpt2"))) {
      assertThatThrownBy(() -> Tokenizers.of(checkpoint))
          .isInstanceOfSatisfying(
              InputException.class,
              e -> assertThat(e.kind()).isEqualTo(InputException.Kind.NOT_FOUND))
          .hasMessageContaining("tokenizer.json");
    }
  }

  @Test
  void theTokenizerOfAModelInsideAJarIsReadFromItsResources() throws Exception {
    URL[] jar = {BOOKS.getParent().toUri().toURL()};
    try (URLClassLoader loader = new URLClassLoader(jar);
        Tokenizer tokenizer = Tokenizers.open(TokenizerFiles.in(loader, "books-12m-harmless/"))) {
      assertThat(tokenizer.vocabularySize()).isEqualTo(8192);
      assertThat(tokenizer.addsBos()).isTrue();

      TokenizerFiles nowhere = TokenizerFiles.in(loader, "nowhere/");
      assertThatThrownBy(() -> Tokenizers.open(nowhere))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("nowhere/");
    }
  }
}
