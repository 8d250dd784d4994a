package io.superweight.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import io.superweight.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufTest {
  @TempDir Path folder;

  /** The hyperparameters of a small Llama; 4 tokens. */
  static GgufBuilder llama(String architecture) {
    return new GgufBuilder()
        .text("general.architecture", architecture)
        .uint32(architecture + ".block_count", 2)
        .uint32(architecture + ".context_length", 512)
        .uint32(architecture + ".embedding_length", 64)
        .uint32(architecture + ".feed_forward_length", 192)
        .uint32(architecture + ".attention.head_count", 4)
        .uint32(architecture + ".attention.head_count_kv", 2)
        .float32(architecture + ".attention.layer_norm_rms_epsilon", 1e-5f)
        .float32(architecture + ".rope.freq_base", 500_000f)
        .texts("tokenizer.ggml.tokens", List.of("<s>", "é", "b", ""));
  }

  private static GgufCheckpoint open(GgufBuilder builder) {
    return Checkpoints.inMemory("test.gguf", List.of(builder.segment()));
  }

  @Test
  void metadataOfEveryTypeIsReadAsWhatItIs() {
    GgufMetadata metadata =
        open(llama("llama")
                .flag("a.flag", true)
                .uint16("a.short", 65_535)
                .uint64("a.long", 1L << 40)
                .float32("a.float", 0.1f)
                .int32s("a.ints", -1, 2, 3)
                .flags("a.flags", true, false)
                .float32s("a.floats", 1.5f, -2)
                .nested("a.nested", 4)
                .uint32("tokenizer.ggml.bos_token_id", 1))
            .metadata();

    assertThat(metadata.texts("tokenizer.ggml.tokens")).containsExactly("<s>", "é", "b", "");
    assertThat(metadata.text("general.architecture")).contains("llama");
    assertThat(metadata.flag("a.flag", false)).isTrue();
    assertThat(metadata.count("a.short", 0)).isEqualTo(65_535);
    assertThat(metadata.number("a.long", 0)).isEqualTo(0x1p40);
    assertThat(metadata.number("a.float", 0)).isEqualTo(0.1);
    assertThat(metadata.integers("a.ints")).containsExactly(-1, 2, 3);
    assertThat(metadata.integers("a.flags")).containsExactly(1, 0);
    assertThat(metadata.numbers("a.floats")).containsExactly(1.5f, -2);
    assertThat(metadata.numbers("a.ints")).containsExactly(-1, 2, 3);
    assertThat(metadata.length("tokenizer.ggml.tokens")).isEqualTo(4);
    assertThat(metadata.has("absent")).isFalse();
    assertThat(metadata.texts("absent")).isEmpty();
    assertThat(metadata.integers("absent")).isEmpty();
    assertThat(metadata.keys()).startsWith("general.architecture").contains("a.nested");
    assertThatThrownBy(() -> metadata.count("a.long", 0))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("a.long")
        .hasMessageContaining("whole number");
    assertThatThrownBy(() -> metadata.texts("a.ints"))
        .hasMessageContaining("an array of strings, not an array of 3 × INT32");
  }

  @Test
  void tensorsAreRowMajorAndLieWhereTheFileSays() {
    byte[] down = new byte[(int) DType.Q4_1.bytes(64 * 192)];
    down[0] = 42;
    try (GgufCheckpoint checkpoint =
        open(
            llama("llama")
                .zeros("token_embd.weight", DType.F16, 4, 64)
                .tensor("blk.0.ffn_down.weight", DType.Q4_1, down, 64, 192)
                .zeros("output_norm.weight", DType.F32, 64))) {
      Tensor tensor = checkpoint.require("blk.0.ffn_down.weight");
      assertThat(tensor.shape()).isEqualTo(Shape.of(64, 192));
      assertThat(tensor.dtype()).isEqualTo(DType.Q4_1);
      assertThat(tensor.data().get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0))
          .isEqualTo((byte) 42);
      assertThat(checkpoint.names())
          .containsExactly("token_embd.weight", "blk.0.ffn_down.weight", "output_norm.weight");
      assertThat(checkpoint.format()).isEqualTo(Checkpoint.Format.GGUF);
    }
  }

  @Test
  void hyperparametersGetTheirHuggingFaceNames() {
    ModelConfig config =
        open(llama("llama")
                .uint32("tokenizer.ggml.eos_token_id", 2)
                .zeros("output.weight", DType.F32, 4, 64))
            .config();

    assertThat(config.values())
        .containsEntry("model_type", "llama")
        .containsEntry("hidden_size", 64)
        .containsEntry("intermediate_size", 192)
        .containsEntry("num_hidden_layers", 2)
        .containsEntry("num_attention_heads", 4)
        .containsEntry("num_key_value_heads", 2)
        .containsEntry("head_dim", 16)
        .containsEntry("vocab_size", 4)
        .containsEntry("max_position_embeddings", 512)
        .containsEntry("norm_eps", 1e-5)
        .containsEntry("hidden_act", "silu")
        .containsEntry("eos_token_id", 2)
        .containsEntry("tie_word_embeddings", false)
        .containsEntry("layer_types", List.of("full_attention", "full_attention"))
        .containsEntry(
            "rope_parameters",
            Map.of("rope_type", "default", "rope_theta", 5e5, "partial_rotary_factor", 1.0));
  }

  @Test
  void aLlamaWithExpertsIsAMixtral() {
    ModelConfig config =
        open(llama("llama").uint32("llama.expert_count", 8).uint32("llama.expert_used_count", 2))
            .config();
    assertThat(config.family()).isEqualTo("mixtral");
    assertThat(config.count("num_experts")).isEqualTo(8);
    assertThat(config.count("num_experts_per_tok")).isEqualTo(2);
  }

  @Test
  void eachArchitectureGetsWhatLlamaCppFixesInItsSource() {
    assertThat(open(llama("qwen3moe")).config().family()).isEqualTo("qwen3_moe");
    assertThat(open(llama("qwen3moe")).config().flag("norm_topk_prob", false)).isTrue();
    assertThat(open(llama("gptneox")).config().values())
        .containsEntry("hidden_act", "gelu")
        .containsEntry("use_parallel_residual", true);
    assertThat(open(llama("gpt2")).config().values())
        .containsEntry("intermediate_size", 192)
        .containsEntry("hidden_act", "gelu_new")
        .doesNotContainKey("rope_parameters");
    assertThat(open(llama("falcon")).config().values())
        .containsEntry("new_decoder_architecture", true)
        .containsEntry("num_key_value_heads", 2)
        .containsEntry("intermediate_size", 192);
    ModelConfig gemma2 =
        open(llama("gemma2")
                .uint32("gemma2.attention.key_length", 32)
                .uint32("gemma2.attention.sliding_window", 8))
            .config();
    assertThat(gemma2.values())
        .containsEntry("query_pre_attn_scalar", 32.0)
        .containsEntry("head_dim", 32)
        .containsEntry("sliding_window", 8)
        .containsEntry("attn_logit_softcapping", 50.0)
        .containsEntry("hidden_act", "gelu_pytorch_tanh")
        .containsEntry("tie_word_embeddings", true)
        .containsEntry("layer_types", List.of("sliding_attention", "full_attention"));
  }

  @Test
  void gemma3HasARotaryBaseForEachKindOfLayerAndStretchesTheFullOnes() {
    ModelConfig config =
        open(llama("gemma3")
                .uint32("gemma3.attention.key_length", 16)
                .uint32("gemma3.attention.sliding_window", 8)
                .flags("gemma3.attention.sliding_window_pattern", false, true)
                .text("gemma3.rope.scaling.type", "linear")
                .float32("gemma3.rope.scaling.factor", 8))
            .config();
    assertThat(config.family()).isEqualTo("gemma3_text");
    assertThat(config.list("layer_types"))
        .isEqualTo(List.of("full_attention", "sliding_attention"));
    ModelConfig rope = config.section("rope_parameters").orElseThrow();
    assertThat(rope.section("full_attention").orElseThrow().values())
        .containsEntry("rope_type", "linear")
        .containsEntry("factor", 8.0)
        .containsEntry("rope_theta", 5e5);
    assertThat(rope.section("sliding_attention").orElseThrow().values())
        .containsEntry("rope_type", "default")
        .containsEntry("rope_theta", 1e4);
  }

  @Test
  void longRopeFactorsComeFromTheirTensors() {
    byte[] ones = new byte[32];
    for (int i = 0; i < 8; i++) {
      ones[4 * i + 2] = (byte) 0x80;
      ones[4 * i + 3] = 0x3f;
    }
    ModelConfig rope =
        open(llama("phi3")
                .uint32("phi3.rope.scaling.original_context_length", 64)
                .float32("phi3.rope.scaling.attn_factor", 1.19f)
                .tensor("rope_factors_long.weight", DType.F32, ones, 8)
                .tensor("rope_factors_short.weight", DType.F32, ones, 8))
            .config()
            .section("rope_parameters")
            .orElseThrow();
    assertThat(rope.values())
        .containsEntry("rope_type", "longrope")
        .containsEntry("original_max_position_embeddings", 64)
        .containsEntry("attention_factor", 1.19)
        .containsEntry("long_factor", Collections.nCopies(8, 1.0));
  }

  @Test
  void aSplitFileIsOneCheckpointWhicheverPartIsNamed() throws IOException {
    List<byte[]> parts = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      GgufBuilder part = i == 0 ? llama("llama") : new GgufBuilder();
      parts.add(
          part.uint16("split.no", i)
              .uint16("split.count", 3)
              .uint32("split.tensors.count", 3)
              .zeros("blk." + i + ".ffn_down.weight", DType.Q8_0, 64, 192)
              .build());
      Files.write(folder.resolve("m-0000%d-of-00003.gguf".formatted(i + 1)), parts.get(i));
    }
    for (int i = 1; i <= 3; i++) {
      try (Checkpoint checkpoint =
          Checkpoints.open(folder.resolve("m-0000%d-of-00003.gguf".formatted(i)))) {
        assertThat(checkpoint.names()).hasSize(3);
        assertThat(checkpoint.config().family()).isEqualTo("llama");
      }
    }
    Files.delete(folder.resolve("m-00002-of-00003.gguf"));
    assertThatThrownBy(() -> Checkpoints.open(folder.resolve("m-00001-of-00003.gguf")))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("m-00002-of-00003.gguf")
        .hasMessageContaining("missing");
  }

  @Test
  void whatIsNotKnownIsNamedWithTheFix() {
    assertUnsupported(new GgufBuilder().version(1), "version 1 is not known", "current llama.cpp");
    assertUnsupported(new GgufBuilder().version(0x0300_0000), "big-endian");
    assertUnsupported(
        llama("llama").info("blk.0.ffn_up.weight", 16, 0, 256, 256),
        "blk.0.ffn_up.weight",
        "IQ2_XXS",
        "Q8_0");
    assertUnsupported(llama("llama").info("x", 77, 0, 256), "type number 77");
  }

  private static void assertUnsupported(GgufBuilder builder, String... words) {
    assertThatThrownBy(() -> open(builder))
        .isInstanceOfSatisfying(
            InputException.class,
            e -> assertThat(e.kind()).isEqualTo(InputException.Kind.UNSUPPORTED))
        .hasMessageContainingAll(words);
  }

  @Test
  void smolLm2IsReadWhole() {
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.smolLm2())) {
      assertThat(checkpoint.names()).hasSize(272);
      assertThat(checkpoint.config().values())
          .containsEntry("hidden_size", 576)
          .containsEntry("intermediate_size", 1536)
          .containsEntry("num_hidden_layers", 30)
          .containsEntry("num_attention_heads", 9)
          .containsEntry("num_key_value_heads", 3)
          .containsEntry("vocab_size", 49_152)
          .containsEntry("norm_eps", 1e-5)
          .containsEntry("tie_word_embeddings", true);
      assertThat(checkpoint.require("blk.11.ffn_down.weight").shape())
          .isEqualTo(Shape.of(576, 1536));
      GgufMetadata metadata = ((GgufCheckpoint) checkpoint).metadata();
      assertThat(metadata.texts("tokenizer.ggml.tokens")).hasSize(49_152);
      assertThat(metadata.texts("tokenizer.ggml.merges")).hasSize(48_900).contains("h e");
      assertThat(metadata.integers("tokenizer.ggml.token_type")).hasSize(49_152);
      assertThat(checkpoint.digest()).hasSize(64);
    }
  }
}
