package io.superweight.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.Fixtures;
import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import io.superweight.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class HuggingFaceFolderTest {
  static Stream<String> fixtures() throws IOException {
    try (Stream<Path> folders = Files.list(Fixtures.path("hf-tiny"))) {
      return folders.map(f -> f.getFileName().toString()).sorted().toList().stream();
    }
  }

  @ParameterizedTest
  @MethodSource("fixtures")
  void bothConfigSpellingsBecomeTheSameConfiguration(String fixture) throws IOException {
    Path folder = Fixtures.path("hf-tiny").resolve(fixture);

    Map<String, Object> newest = normalized(folder.resolve("config.json"));
    Map<String, Object> legacy = normalized(folder.resolve("config.legacy.json"));

    assertThat(legacy).isEqualTo(newest);
    assertThat(newest)
        .containsKeys(
            "model_type",
            "dtype",
            "hidden_size",
            "intermediate_size",
            "num_hidden_layers",
            "num_attention_heads",
            "num_key_value_heads",
            "head_dim",
            "vocab_size",
            "max_position_embeddings",
            "norm_eps",
            "hidden_act",
            "tie_word_embeddings",
            "layer_types");
  }

  private static Map<String, Object> normalized(Path file) throws IOException {
    ModelConfig config =
        HuggingFaceConfig.normalize(
            file.toString(), Json.object(file.toString(), Files.readAllBytes(file)));
    Map<String, Object> values = new LinkedHashMap<>(config.values());
    values.remove("transformers_version");
    return values;
  }

  @ParameterizedTest
  @MethodSource("fixtures")
  void everyTensorIsFoundWithItsTypeShapeAndBytes(String fixture) {
    Path folder = Fixtures.path("hf-tiny").resolve(fixture);
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      int layers = checkpoint.config().count("num_hidden_layers");
      assertThat(checkpoint.names()).hasSizeGreaterThan(5 * layers);
      long bytes = 0;
      for (String name : checkpoint.names()) {
        Tensor tensor = checkpoint.require(name);
        assertThat(tensor.data().byteSize())
            .isEqualTo(tensor.shape().elements() * tensor.dtype().blockBytes());
        bytes += tensor.data().byteSize();
      }
      assertThat(checkpoint.tensorBytes()).isEqualTo(bytes);
      assertThat(checkpoint.digest()).matches("[0-9a-f]{64}");
      assertThat(checkpoint.path()).contains(folder);
      assertThat(checkpoint.format()).isEqualTo(Checkpoint.Format.SAFETENSORS);
    }
  }

  @Test
  void shardsLookLikeOneCheckpoint() {
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.path("hf-tiny/llama1-mha"))) {
      assertThat(checkpoint.names()).hasSize(39).contains("lm_head.weight", "model.norm.weight");
      Tensor down = checkpoint.require("model.layers.2.mlp.down_proj.weight");
      assertThat(down.shape()).isEqualTo(Shape.of(64, 176));
      assertThat(down.dtype()).isEqualTo(DType.F32);
    }
  }

  @Test
  void aModelInMemoryIsTheModelOnDisk() throws IOException {
    Path folder = Fixtures.path("hf-tiny/llama-f16");
    try (Arena arena = Arena.ofShared();
        Checkpoint disk = Checkpoints.open(folder)) {
      byte[] bytes = Files.readAllBytes(folder.resolve("model.safetensors"));
      MemorySegment segment = arena.allocate(bytes.length);
      segment.copyFrom(MemorySegment.ofArray(bytes));
      try (Checkpoint memory =
          Checkpoints.inMemory(
              "embedded", Files.readAllBytes(folder.resolve("config.json")), List.of(segment))) {
        assertThat(memory.names()).isEqualTo(disk.names());
        assertThat(memory.digest()).isEqualTo(disk.digest());
        assertThat(memory.config().values()).isEqualTo(disk.config().values());
        assertThat(memory.path()).isEmpty();
      }
      assertThat(segment.scope().isAlive()).isTrue();
    }
  }

  @Test
  void digestTellsModelsApart() {
    try (Checkpoint a = Checkpoints.open(Fixtures.path("hf-tiny/qwen2"));
        Checkpoint b = Checkpoints.open(Fixtures.path("hf-tiny/qwen3"))) {
      assertThat(a.digest()).isNotEqualTo(b.digest());
    }
  }
}
