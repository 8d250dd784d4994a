package io.superweight.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Spellings of published configurations that no fixture has. */
class HuggingFaceConfigTest {
  private static ModelConfig read(String json) {
    return HuggingFaceConfig.normalize(
        "config.json", Json.object("config.json", json.getBytes(StandardCharsets.UTF_8)));
  }

  private static Map<String, Object> rope(ModelConfig config) {
    return config.section("rope_parameters").orElseThrow().values();
  }

  @Test
  void llama2LeavesOutWhatTheClassDefaults() {
    ModelConfig config =
        read(
            """
            {"model_type": "llama", "hidden_size": 4096, "num_attention_heads": 32,
             "num_hidden_layers": 32, "rms_norm_eps": 1e-05, "torch_dtype": "float16"}
            """);
    assertThat(config.values())
        .containsEntry("num_key_value_heads", 32)
        .containsEntry("head_dim", 128)
        .containsEntry("norm_eps", 1e-5)
        .containsEntry("dtype", "float16")
        .containsEntry("hidden_act", "silu")
        .containsEntry("tie_word_embeddings", false)
        .doesNotContainKeys("torch_dtype", "rms_norm_eps", "sliding_window");
    assertThat(rope(config))
        .isEqualTo(Map.of("rope_type", "default", "rope_theta", 1e4, "partial_rotary_factor", 1.0));
  }

  @Test
  void anOldRopeScalingNamesItsTypeOtherwise() {
    assertThat(
            rope(
                read(
                    "{\"model_type\": \"llama\", \"rope_scaling\": {\"type\": \"linear\", \"factor\": 4}}")))
        .containsEntry("rope_type", "linear")
        .containsEntry("factor", 4.0)
        .doesNotContainKey("type");
    assertThat(
            rope(
                read(
                    """
                    {"model_type": "llama", "max_position_embeddings": 4096,
                     "rope_scaling": {"type": "dynamic", "factor": 2}}
                    """)))
        .containsEntry("original_max_position_embeddings", 4096);
  }

  @Test
  void phi3CallsLongRopeSuAndKeepsTheTrainedLengthOutside() {
    assertThat(
            rope(
                read(
                    """
                    {"model_type": "phi3", "max_position_embeddings": 131072,
                     "original_max_position_embeddings": 4096,
                     "rope_scaling": {"type": "su", "long_factor": [1.5, 2], "short_factor": [1, 1]}}
                    """)))
        .containsEntry("rope_type", "longrope")
        .containsEntry("original_max_position_embeddings", 4096)
        .containsEntry("long_factor", List.of(1.5, 2));
  }

  @Test
  void aMultimodalGemma3IsItsTextModelWithTheClassesSizes() {
    ModelConfig config =
        read(
            """
            {"model_type": "gemma3", "eos_token_id": [1, 106], "vision_config": {"hidden_size": 1152},
             "text_config": {"model_type": "gemma3_text", "hidden_size": 2560,
               "intermediate_size": 10240, "num_hidden_layers": 34, "sliding_window": 1024,
               "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}}
            """);
    assertThat(config.values())
        .containsEntry("model_type", "gemma3_text")
        .containsEntry("hidden_size", 2560)
        .containsEntry("num_attention_heads", 8)
        .containsEntry("num_key_value_heads", 4)
        .containsEntry("head_dim", 256)
        .containsEntry("vocab_size", 262_208)
        .containsEntry("sliding_window", 1024)
        .containsEntry("query_pre_attn_scalar", 256.0)
        .containsEntry("tie_word_embeddings", true)
        .containsEntry("eos_token_id", List.of(1, 106))
        .doesNotContainKeys("text_config", "vision_config");
    assertThat(config.list("layer_types").subList(0, 7))
        .isEqualTo(
            List.of(
                "sliding_attention",
                "sliding_attention",
                "sliding_attention",
                "sliding_attention",
                "sliding_attention",
                "full_attention",
                "sliding_attention"));
    ModelConfig rope = config.section("rope_parameters").orElseThrow();
    assertThat(rope.section("full_attention").orElseThrow().values())
        .containsEntry("factor", 8.0)
        .containsEntry("rope_theta", 1e6);
    assertThat(rope.section("sliding_attention").orElseThrow().values())
        .containsEntry("rope_type", "default")
        .containsEntry("rope_theta", 1e4);
  }

  @Test
  void gemma1SaysGeluAndMeansTheApproximation() {
    String config = "{\"model_type\": \"gemma\", \"hidden_act\": \"gelu\"%s}";
    assertThat(read(config.formatted("")).text("hidden_act")).isEqualTo("gelu_pytorch_tanh");
    assertThat(read(config.formatted(", \"hidden_activation\": null")).text("hidden_act"))
        .isEqualTo("gelu_pytorch_tanh");
    assertThat(read(config.formatted(", \"hidden_activation\": \"gelu\"")).text("hidden_act"))
        .isEqualTo("gelu");
  }

  @Test
  void gemma2AlternatesAndAnExplicitNullIsNotADefault() {
    ModelConfig config =
        read(
            "{\"model_type\": \"gemma2\", \"num_hidden_layers\": 3, \"attn_logit_softcapping\": null}");
    assertThat(config.list("layer_types"))
        .isEqualTo(List.of("sliding_attention", "full_attention", "sliding_attention"));
    assertThat(config.has("attn_logit_softcapping")).isFalse();
    assertThat(config.number("final_logit_softcapping")).isEqualTo(30);
  }

  @Test
  void slidingWindowsFollowTheFamily() {
    String window = "\"sliding_window\": 64, \"num_hidden_layers\": 3";
    assertThat(read("{\"model_type\": \"mistral\", " + window + "}").list("layer_types"))
        .isEqualTo(List.of("sliding_attention", "sliding_attention", "sliding_attention"));
    assertThat(read("{\"model_type\": \"mistral\"}").count("sliding_window")).isEqualTo(4096);
    assertThat(
            read("{\"model_type\": \"mistral\", \"sliding_window\": null}").has("sliding_window"))
        .isFalse();
    ModelConfig unused =
        read("{\"model_type\": \"qwen2\", \"use_sliding_window\": false, " + window + "}");
    assertThat(unused.has("sliding_window")).isFalse();
    assertThat(unused.list("layer_types"))
        .isEqualTo(List.of("full_attention", "full_attention", "full_attention"));
    assertThat(
            read("{\"model_type\": \"qwen2\", \"use_sliding_window\": true, \"max_window_layers\": 2, "
                    + window
                    + "}")
                .list("layer_types"))
        .isEqualTo(List.of("full_attention", "full_attention", "sliding_attention"));
  }

  @Test
  void falconOfOldNamesItsPartsOtherwise() {
    ModelConfig seven =
        read(
            """
            {"model_type": "RefinedWebModel", "hidden_size": 4544, "n_head": 71, "n_layer": 32,
             "multi_query": true, "parallel_attn": true, "bias": false}
            """);
    assertThat(seven.values())
        .containsEntry("model_type", "falcon")
        .containsEntry("num_attention_heads", 71)
        .containsEntry("num_key_value_heads", 1)
        .containsEntry("num_hidden_layers", 32)
        .containsEntry("intermediate_size", 4 * 4544)
        .containsEntry("new_decoder_architecture", false)
        .containsEntry("hidden_act", "gelu");
    ModelConfig forty =
        read(
            """
            {"model_type": "RefinedWeb", "hidden_size": 8192, "n_head": 128, "n_head_kv": 8,
             "n_layer": 60}
            """);
    assertThat(forty.values())
        .containsEntry("num_key_value_heads", 8)
        .containsEntry("new_decoder_architecture", true);
  }

  @Test
  void gpt2sInnerSizeIsFourTimesItsWidthUnlessItSaysOtherwise() {
    String config = "{\"model_type\": \"gpt2\", \"n_embd\": 768, \"n_head\": 12, \"n_inner\": %s}";
    assertThat(read(config.formatted("null")).count("intermediate_size")).isEqualTo(3072);
    assertThat(read(config.formatted("100")).count("intermediate_size")).isEqualTo(100);
  }

  @Test
  void smolLm3LeavesEveryFourthLayerUnrotated() {
    assertThat(
            read("{\"model_type\": \"smollm3\", \"num_hidden_layers\": 5}").list("no_rope_layers"))
        .isEqualTo(List.of(1, 1, 1, 0, 1));
  }

  @Test
  void aMultimodalModelsDecoderIsFoundByItsPlainNames() {
    for (String prefix : List.of("language_model.model.", "model.language_model.")) {
      String name = prefix + "norm.weight";
      byte[] file =
          MalformedCheckpointTest.safetensors(
              "{\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}".formatted(name),
              4);
      try (Checkpoint checkpoint =
          Checkpoints.inMemory(
              "test",
              "{\"text_config\": {\"model_type\": \"llama\"}}".getBytes(StandardCharsets.UTF_8),
              List.of(MemorySegment.ofArray(file)))) {
        assertThat(checkpoint.names()).containsExactly("model.norm.weight");
        assertThat(checkpoint.find("model.norm.weight")).isPresent();
        assertThat(checkpoint.find(name)).isPresent();
      }
    }
  }
}
