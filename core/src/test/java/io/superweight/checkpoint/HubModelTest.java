package io.superweight.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.InputException.Kind;
import io.superweight.hub.DownloadListener;
import io.superweight.hub.FakeHub;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HubModelTest {
  @TempDir Path temporary;
  private FakeHub server;
  private final Map<String, String> environment = new HashMap<>();
  private final List<String> notices = Collections.synchronizedList(new ArrayList<>());

  @BeforeEach
  void start() throws IOException {
    server = new FakeHub();
    environment.put("HF_ENDPOINT", server.endpoint());
    environment.put("HF_HUB_CACHE", temporary.toString());
    environment.put("HF_TOKEN_PATH", temporary.resolve("no token").toString());
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private ModelLocator locator() {
    return new ModelLocator(
        environment,
        new DownloadListener() {
          @Override
          public void notice(String line) {
            notices.add(line);
          }

          @Override
          public void received(String what, long bytes, long total) {}
        });
  }

  private FakeHub.Repository sharded() throws IOException {
    FakeHub.Repository model = server.model("org/llama");
    try (Stream<Path> files = Files.list(Fixtures.path("hf-tiny/llama1-mha"))) {
      for (Path file : files.sorted().toList()) {
        String name = file.getFileName().toString();
        if (name.matches(
            "config.json|generation_config.json|model-.*|model.safetensors.index.json")) {
          if (name.endsWith(".safetensors")) {
            model.large(name, Files.readAllBytes(file));
          } else {
            model.small(name, Files.readAllBytes(file));
          }
        }
      }
    }
    return model
        .small("tokenizer.json", "{}".getBytes())
        .small("tokenizer_config.json", "{}".getBytes())
        .small("README.md", "x".getBytes())
        .small("sub/config.json", "{}".getBytes())
        .large("pytorch_model.bin", FakeHub.bytes(1, 9000))
        .large("onnx/model.onnx", FakeHub.bytes(2, 9000))
        .large("llama-Q4_0.gguf", FakeHub.bytes(3, 9000));
  }

  private List<String> fetched(FakeHub.Repository model) throws IOException {
    Path snapshot = temporary.resolve("models--org--llama/snapshots").resolve(model.commit);
    try (Stream<Path> files = Files.walk(snapshot)) {
      return files
          .filter(Files::isRegularFile)
          .map(file -> snapshot.relativize(file).toString())
          .sorted()
          .toList();
    }
  }

  @Test
  void onlyConfigurationTokenizerAndSafetensorsAreFetchedAndTheModelOpens() throws IOException {
    FakeHub.Repository model = sharded();
    try (Checkpoint checkpoint = locator().open("org/llama")) {
      assertThat(checkpoint.config().family()).isEqualTo("llama");
    }
    assertThat(fetched(model))
        .containsExactly(
            "config.json",
            "generation_config.json",
            "model-00001-of-00006.safetensors",
            "model-00002-of-00006.safetensors",
            "model-00003-of-00006.safetensors",
            "model-00004-of-00006.safetensors",
            "model-00005-of-00006.safetensors",
            "model-00006-of-00006.safetensors",
            "model.safetensors.index.json",
            "tokenizer.json",
            "tokenizer_config.json");
    server.forget();
    assertThat(locator().find("org/llama")).isDirectory();
    assertThat(server.seen()).as("requests for a model that is in the cache").isEmpty();
  }

  @Test
  void aSnapshotThatLacksAShardIsCompleted() throws IOException {
    sharded();
    Path shard = locator().find("org/llama").resolve("model-00004-of-00006.safetensors");
    Files.delete(shard.toRealPath());
    locator().open("org/llama").close();
    assertThat(shard).isRegularFile();
  }

  @Test
  void aSnapshotWithoutATokenizerIsCompletedOnceAndServesWhereTheHubIsAway() throws IOException {
    FakeHub.Repository model = sharded();
    Path folder = locator().find("org/llama");
    Files.delete(folder.resolve("tokenizer.json"));
    server.close();
    environment.put("HF_HUB_OFFLINE", "1");
    assertThat(locator().find("org/llama")).isEqualTo(folder);
    server = new FakeHub();
    environment.remove("HF_HUB_OFFLINE");
    environment.put("HF_ENDPOINT", server.endpoint());
    assertThat(locator().find("org/llama")).isEqualTo(folder); // it knows of no such model
    assertThat(notices).last().asString().contains("org/llama");
    assertThat(model.commit).isEqualTo(folder.getFileName().toString());
  }

  @Test
  void thatAModelHasNoTokenizerIsNotAskedTwice() throws IOException {
    FakeHub.Repository model = server.model("org/llama");
    Path fixture = Fixtures.path("hf-tiny/llama-f16");
    for (String file : List.of("config.json", "model.safetensors")) {
      model.large(file, Files.readAllBytes(fixture.resolve(file)));
    }
    locator().open("org/llama").close();
    server.forget();
    locator().open("org/llama").close();
    assertThat(server.seen()).isEmpty();
    assertThat(
            temporary.resolve("models--org--llama/.no_exist/" + model.commit + "/tokenizer.json"))
        .isEmptyFile();
  }

  @Test
  void oneGgufFileIsFetchedByItsNameWithAllItsPartsAndNothingElse() throws IOException {
    byte[] gguf = GgufTest.llama("llama").build();
    FakeHub.Repository model =
        server
            .model("org/llama")
            .large("q4/llama.gguf", gguf)
            .large("q8-00001-of-00002.gguf", gguf)
            .large("q8-00002-of-00002.gguf", FakeHub.bytes(1, 50));
    try (Checkpoint checkpoint = locator().open("org/llama/q4/llama.gguf@v1")) {
      assertThat(checkpoint.format()).isEqualTo(Checkpoint.Format.GGUF);
    }
    assertThat(fetched(model)).containsExactly("q4/llama.gguf");
    locator().find("org/llama/q8-00002-of-00002.gguf");
    assertThat(fetched(model)).hasSize(3);
    assertRefused("org/llama/q5.gguf", Kind.NOT_FOUND, "q4/llama.gguf, q8-00001-of-00002.gguf");
    server.forget();
    locator().open("org/llama/q4/llama.gguf").close();
    assertThat(server.seen()).isEmpty();
  }

  @Test
  void aRepositoryWithOneGgufIsThatModelAndWithSeveralAsksWhich() {
    server.model("org/one").large("model.gguf", GgufTest.llama("llama").build());
    locator().open("org/one").close();
    server.forget();
    locator().open("org/one").close();
    assertThat(server.seen()).isEmpty();
    server.model("org/two").large("a.gguf", new byte[9]).large("b.gguf", new byte[9]);
    assertRefused(
        "org/two@v1", Kind.NOT_FOUND, "name one of them, as org/two/a.gguf@v1", "a.gguf, b.gguf");
  }

  @Test
  void aRepositoryWithoutWeightsThatCanBeReadIsToldSo() {
    server
        .model("org/pickles")
        .small("config.json", new byte[2])
        .large("pytorch_model.bin", new byte[9]);
    assertRefused("org/pickles", Kind.UNSUPPORTED, "PyTorch pickles only", "safetensors");
    server.model("org/lora").small("adapter_config.json", new byte[2]);
    assertRefused("org/lora", Kind.NOT_FOUND, "merge it into its base model");
    assertThat(server.seen()).noneMatch(FakeHub.Seen::storage);
  }

  @Test
  void aPathNeverAsksTheNetwork() {
    for (String name : List.of("./org/llama", "/org/llama", "llama", "a/b/c", "../llama")) {
      assertRefused(name, Kind.NOT_FOUND, name);
    }
    assertThat(server.seen()).isEmpty();
  }

  @Test
  void fetchAsksWhatABranchMeansNow() throws IOException {
    sharded();
    locator().find("org/llama");
    server.close();
    server = new FakeHub();
    environment.put("HF_ENDPOINT", server.endpoint());
    server.model("org/other");
    FakeHub.Repository newer = sharded();
    assertThat(locator().find("org/llama").getFileName()).asString().isNotEqualTo(newer.commit);
    assertThat(locator().fetch("org/llama").getFileName()).hasToString(newer.commit);
    assertThat(locator().find("org/llama").getFileName()).hasToString(newer.commit);
    assertThat(server.seen())
        .as("blobs of the older commit serve the newer")
        .noneMatch(FakeHub.Seen::storage);
  }

  private void assertRefused(String name, Kind kind, String... words) {
    assertThatThrownBy(() -> locator().find(name))
        .isInstanceOfSatisfying(InputException.class, e -> assertThat(e.kind()).isEqualTo(kind))
        .hasMessageContainingAll(words);
  }
}
