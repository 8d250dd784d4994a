package io.superweight.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.Fixtures;
import io.superweight.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelLocatorTest {
  private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  @TempDir Path temporary;
  private Path hub;
  private ModelLocator locator;

  /** A cache as huggingface_hub makes it: blobs, and snapshots of links to them. */
  @BeforeEach
  void makeCache() throws IOException {
    hub = temporary.resolve("hub");
    Path model = hub.resolve("models--org--tiny-1.0");
    Path snapshot = Files.createDirectories(model.resolve("snapshots").resolve(COMMIT));
    Path blobs = Files.createDirectories(model.resolve("blobs"));
    Files.createDirectories(model.resolve("refs/pr"));
    Files.writeString(model.resolve("refs/main"), COMMIT);
    Files.writeString(model.resolve("refs/pr/1"), COMMIT + "\n");
    Path fixture = Fixtures.path("hf-tiny/llama-f16");
    for (String file : new String[] {"config.json", "model.safetensors"}) {
      Files.copy(fixture.resolve(file), blobs.resolve(file));
      Files.createSymbolicLink(snapshot.resolve(file), snapshot.relativize(blobs.resolve(file)));
    }
    locator = new ModelLocator(Map.of("HF_HUB_CACHE", hub.toString(), "HF_HUB_OFFLINE", "1"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "org/tiny-1.0",
        "org/tiny-1.0@main",
        "org/tiny-1.0@pr/1",
        "org/tiny-1.0@" + COMMIT
      })
  void aHubNameIsFoundInTheCacheAtItsRevision(String name) {
    try (Checkpoint checkpoint = locator.open(name)) {
      assertThat(checkpoint.source()).isEqualTo(name);
      assertThat(checkpoint.config().family()).isEqualTo("llama");
      assertThat(checkpoint.path().orElseThrow().getFileName()).hasToString(COMMIT);
    }
  }

  @Test
  void aPathComesBeforeTheCache() {
    Path fixture = Fixtures.path("hf-tiny/llama-f16");
    assertThat(locator.find(fixture.toString())).isEqualTo(fixture);
  }

  @Test
  void aModelThatIsNotThereIsNamedWithTheCacheAndWhatIsThere() {
    assertNotFound("org/other", hub.toString(), "HF_HUB_OFFLINE");
    assertNotFound("org/tiny-1.0@v2", "not at revision v2", "main", COMMIT, "HF_HUB_OFFLINE");
    assertNotFound("tiny", "neither a path nor in the Hugging Face cache", "org/name");
    assertNotFound("./no/such/folder", "./no/such/folder does not exist");
    assertNotFound("", "empty");
    assertNotFound("a\0b", "is no path");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"org/tiny-1.0@..", "org/tiny-1.0@../refs", "org/tiny-1.0@../../x", "../x"})
  void noNameLeavesTheCache(String name) {
    assertNotFound(name, "; ");
  }

  private void assertNotFound(String name, String... words) {
    assertThatThrownBy(() -> locator.find(name))
        .isInstanceOfSatisfying(
            InputException.class,
            e -> assertThat(e.kind()).isEqualTo(InputException.Kind.NOT_FOUND))
        .hasMessageContainingAll(words);
  }

  @Test
  void aReferenceThatIsNoCommitIsMalformed() throws IOException {
    Files.writeString(hub.resolve("models--org--tiny-1.0/refs/main"), "../../../etc");
    assertThatThrownBy(() -> locator.find("org/tiny-1.0"))
        .isInstanceOfSatisfying(
            InputException.class,
            e -> assertThat(e.kind()).isEqualTo(InputException.Kind.MALFORMED));
  }

  @Test
  void theCacheIsWhereHuggingFacesOwnLibraryLooks() {
    Map<String, String> all = new HashMap<>();
    all.put("HOME", "/home/u");
    assertThat(new ModelLocator(all).hubCache()).hasToString("/home/u/.cache/huggingface/hub");
    all.put("XDG_CACHE_HOME", "/xdg");
    assertThat(new ModelLocator(all).hubCache()).hasToString("/xdg/huggingface/hub");
    all.put("HF_HOME", "~/hf");
    assertThat(new ModelLocator(all).hubCache()).hasToString("/home/u/hf/hub");
    all.put("HF_HUB_CACHE", "/hub");
    assertThat(new ModelLocator(all).hubCache()).hasToString("/hub");
    all.put("HF_HUB_CACHE", " ");
    assertThat(new ModelLocator(all).hubCache()).hasToString("/home/u/hf/hub");
  }

  @Test
  void aFolderWithOneGgufFileIsThatModelAndWithTwoAsksWhich() throws IOException {
    Path folder = Files.createDirectory(temporary.resolve("gguf"));
    Files.write(folder.resolve("a.gguf"), GgufTest.llama("llama").build());
    Files.write(folder.resolve("mmproj-a.gguf"), new byte[3]);
    Files.writeString(folder.resolve("README.md"), "");
    try (Checkpoint checkpoint = locator.open(folder.toString())) {
      assertThat(checkpoint.format()).isEqualTo(Checkpoint.Format.GGUF);
      assertThat(checkpoint.path()).contains(folder.resolve("a.gguf"));
    }
    Files.write(folder.resolve("b.gguf"), GgufTest.llama("llama").build());
    assertThatThrownBy(() -> locator.open(folder.toString()))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("a.gguf, b.gguf");
  }
}
