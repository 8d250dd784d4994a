package io.superweight.checkpoint;

import io.superweight.InputException;
import io.superweight.tensor.DType;
import io.superweight.tensor.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Turns GGUF metadata into the key set that {@link ModelConfig} documents. What a file does not
 * hold (activation, window pattern, Gemma's query scale) is what llama.cpp's source fixes for the
 * architecture (llama-model.cpp), or the default of the family's class in transformers.
 */
final class GgufConfig {
  /** Architectures whose name differs from Hugging Face's. */
  private static final Map<String, String> MODEL_TYPES =
      Map.of(
          "qwen2moe", "qwen2_moe",
          "qwen3moe", "qwen3_moe",
          "gemma3", "gemma3_text",
          "gptneox", "gpt_neox",
          "phi2", "phi");

  /** Counts by their key after the architecture's name, with Hugging Face's key. */
  private static final List<Map.Entry<String, String>> COUNTS =
      List.of(
          Map.entry("embedding_length", "hidden_size"),
          Map.entry("block_count", "num_hidden_layers"),
          Map.entry("attention.head_count", "num_attention_heads"),
          Map.entry("attention.head_count_kv", "num_key_value_heads"),
          Map.entry("attention.key_length", "head_dim"),
          Map.entry("context_length", "max_position_embeddings"),
          Map.entry("attention.sliding_window", "sliding_window"),
          Map.entry("expert_count", "num_experts"),
          Map.entry("expert_used_count", "num_experts_per_tok"),
          Map.entry("expert_feed_forward_length", "moe_intermediate_size"),
          Map.entry("expert_shared_feed_forward_length", "shared_expert_intermediate_size"));

  /** The same for real numbers. */
  private static final List<Map.Entry<String, String>> NUMBERS =
      List.of(
          Map.entry("attn_logit_softcapping", "attn_logit_softcapping"),
          Map.entry("final_logit_softcapping", "final_logit_softcapping"),
          Map.entry("attention.clamp_kqv", "clip_qkv"),
          Map.entry("embedding_scale", "embedding_multiplier"),
          Map.entry("residual_scale", "residual_multiplier"),
          Map.entry("logit_scale", "logits_scaling"),
          Map.entry("attention.scale", "attention_multiplier"));

  private final String source;
  private final GgufMetadata metadata;
  private final Map<String, Tensor> tensors;
  private final String architecture;
  private final String modelType;
  private final Map<String, Object> out = new LinkedHashMap<>();

  private GgufConfig(String source, GgufMetadata metadata, Map<String, Tensor> tensors) {
    this.source = source;
    this.metadata = metadata;
    this.tensors = tensors;
    this.architecture =
        metadata
            .text("general.architecture")
            .orElseThrow(() -> malformed("the metadata key \"general.architecture\" is missing"));
    boolean experts = metadata.count(architecture + ".expert_count", 0) > 0;
    this.modelType =
        architecture.equals("llama") && experts
            ? "mixtral"
            : MODEL_TYPES.getOrDefault(architecture, architecture);
  }

  static ModelConfig read(String source, GgufMetadata metadata, Map<String, Tensor> tensors) {
    return new GgufConfig(source, metadata, tensors).read();
  }

  private ModelConfig read() {
    out.put("model_type", modelType);
    for (Map.Entry<String, String> key : COUNTS) {
      if (has(key.getKey())) {
        out.put(key.getValue(), layerCount(key.getKey()));
      }
    }
    for (Map.Entry<String, String> key : NUMBERS) {
      if (has(key.getKey())) {
        out.put(key.getValue(), number(key.getKey(), 0));
      }
    }
    // Dense models may say so.
    out.remove("num_experts", 0);
    vocabulary();
    if (has("feed_forward_length")) {
      String key = HuggingFaceConfig.MLP_SIZE.getOrDefault(modelType, "intermediate_size");
      out.put(key, layerCount("feed_forward_length"));
    }
    if (has("attention.layer_norm_rms_epsilon")) {
      out.put("norm_eps", number("attention.layer_norm_rms_epsilon", 0));
    } else if (has("attention.layer_norm_epsilon")) {
      out.put("norm_eps", number("attention.layer_norm_epsilon", 0));
    }
    if (has("use_parallel_residual")) {
      out.put("use_parallel_residual", metadata.flag(key("use_parallel_residual"), true));
    }
    if (metadata.has("tokenizer.ggml.bos_token_id")) {
      out.put("bos_token_id", metadata.count("tokenizer.ggml.bos_token_id", 0));
    }
    if (metadata.has("tokenizer.ggml.eos_token_id")) {
      out.put("eos_token_id", metadata.count("tokenizer.ggml.eos_token_id", 0));
    }
    out.put("tie_word_embeddings", !tensors.containsKey("output.weight"));
    family();
    rope();
    return HuggingFaceConfig.normalize(source, out);
  }

  private void vocabulary() {
    Tensor embedding = tensors.get("token_embd.weight");
    if (metadata.has("tokenizer.ggml.tokens")) {
      out.put("vocab_size", metadata.length("tokenizer.ggml.tokens"));
    } else if (has("vocab_size")) {
      out.put("vocab_size", metadata.count(key("vocab_size"), 0));
    } else if (embedding != null
        && embedding.shape().rank() == 2
        && embedding.shape().dimension(0) <= Integer.MAX_VALUE) {
      out.put("vocab_size", (int) embedding.shape().dimension(0));
    }
  }

  /** What llama.cpp fixes in its source for each architecture. */
  private void family() {
    int layers = count("block_count", 0);
    int hidden = count("embedding_length", 0);
    switch (modelType) {
      case "falcon" -> {
        boolean oneHead = Integer.valueOf(1).equals(out.get("num_key_value_heads"));
        out.put("multi_query", oneHead);
        out.put("new_decoder_architecture", !oneHead);
      }
      case "gemma2", "gemma3_text" -> {
        // The 27B models of both generations scale by hidden / heads, all others by the head size.
        boolean largest =
            (modelType.equals("gemma2") && layers == 46)
                || (modelType.equals("gemma3_text") && layers == 62);
        int heads = out.get("num_attention_heads") instanceof Integer n && n > 0 ? n : 1;
        out.put(
            "query_pre_attn_scalar", largest ? hidden / heads : out.getOrDefault("head_dim", 256));
        if (modelType.equals("gemma3_text")) {
          slidingPattern(layers);
        }
      }
      case "qwen3_moe" -> out.put("norm_topk_prob", flag("expert_weights_norm", true));
      case "qwen2_moe", "olmoe" -> out.put("norm_topk_prob", flag("expert_weights_norm", false));
      default -> {}
    }
  }

  /** Gemma 3 files of late say which layers slide: every n-th not, or a flag for each. */
  private void slidingPattern(int layers) {
    String key = key("attention.sliding_window_pattern");
    if (metadata.isArray(key)) {
      int[] sliding = metadata.integers(key);
      if (sliding.length < layers) {
        throw malformed(key + " has " + sliding.length + " values for " + layers + " layers");
      }
      List<String> types = new ArrayList<>();
      for (int i = 0; i < layers; i++) {
        types.add(sliding[i] != 0 ? "sliding_attention" : "full_attention");
      }
      out.put("layer_types", types);
    } else if (metadata.has(key)) {
      out.put("sliding_window_pattern", metadata.count(key, 6));
    }
  }

  private void rope() {
    Map<String, Object> rope = new LinkedHashMap<>();
    String type = metadata.text(key("rope.scaling.type"), "none");
    Tensor longFactors = tensors.get("rope_factors_long.weight");
    Tensor shortFactors = tensors.get("rope_factors_short.weight");
    if (longFactors != null && shortFactors != null) {
      type = "longrope";
      rope.put("long_factor", values(longFactors));
      rope.put("short_factor", values(shortFactors));
      copy(rope, "rope.scaling.attn_factor", "attention_factor");
    }
    // Llama 3.1's stretching, worked out for each frequency by the converter.
    Tensor factors = tensors.get("rope_freqs.weight");
    if (factors != null && longFactors == null) {
      type = "stored";
      rope.put("factors", values(factors));
    }
    // Files of 2023 have the inverse factor of linear scaling under its own name.
    double scale = number("rope.scale_linear", 0);
    if (scale > 0 && scale != 1 && !has("rope.scaling.type")) {
      type = "linear";
      rope.put("factor", scale);
    }
    copy(rope, "rope.scaling.factor", "factor");
    copy(rope, "rope.scaling.yarn_beta_fast", "beta_fast");
    copy(rope, "rope.scaling.yarn_beta_slow", "beta_slow");
    if (has("rope.scaling.original_context_length")) {
      rope.put(
          "original_max_position_embeddings", count("rope.scaling.original_context_length", 0));
    }
    rope.put("rope_type", type.equals("none") ? "default" : type);
    int headDim =
        out.get("head_dim") instanceof Integer given
            ? given
            : count("embedding_length", 0) / Math.max(1, headCount());
    int dims = count("rope.dimension_count", headDim);
    double partial = headDim > 0 && dims > 0 ? (double) dims / headDim : 1;
    double theta = number("rope.freq_base", modelType.equals("gemma3_text") ? 1e6 : 10_000);
    if (modelType.equals("gemma3_text")) {
      out.put("rope_local_base_freq", number("rope.freq_base_swa", 10_000));
      out.put("rope_theta", theta);
      out.put("partial_rotary_factor", partial);
      out.put("rope_scaling", rope);
    } else {
      rope.put("rope_theta", theta);
      rope.put("partial_rotary_factor", partial);
      out.put("rope_parameters", rope);
    }
  }

  private int headCount() {
    return out.get("num_attention_heads") instanceof Integer heads ? heads : 1;
  }

  private void copy(Map<String, Object> rope, String from, String to) {
    if (has(from)) {
      rope.put(to, number(from, 0));
    }
  }

  private List<Double> values(Tensor tensor) {
    if (tensor.dtype() != DType.F32 || tensor.shape().elements() > 65_536) {
      throw malformed("the tensor \"" + tensor.name() + "\" is no short list of float32");
    }
    List<Double> values = new ArrayList<>();
    for (long i = 0; i < tensor.shape().elements(); i++) {
      float value = tensor.data().get(GgufCursor.FLOAT, 4 * i);
      values.add(Double.valueOf(Float.toString(value)));
    }
    return values;
  }

  /** A count that is the same for all layers; some files repeat it for each. */
  private int layerCount(String suffix) {
    if (!metadata.isArray(key(suffix))) {
      return count(suffix, 0);
    }
    int[] ofLayers = metadata.integers(key(suffix));
    for (int value : ofLayers) {
      if (value != ofLayers[0]) {
        throw new InputException(
            InputException.Kind.UNSUPPORTED,
            source + ": " + key(suffix) + " differs from layer to layer, which is not known");
      }
    }
    if (ofLayers.length == 0 || ofLayers[0] < 0) {
      throw malformed(key(suffix) + " is empty or negative");
    }
    return ofLayers[0];
  }

  private String key(String suffix) {
    return architecture + "." + suffix;
  }

  private boolean has(String suffix) {
    return metadata.has(key(suffix));
  }

  private int count(String suffix, int fallback) {
    return metadata.count(key(suffix), fallback);
  }

  private double number(String suffix, double fallback) {
    return metadata.number(key(suffix), fallback);
  }

  private boolean flag(String suffix, boolean fallback) {
    return metadata.flag(key(suffix), fallback);
  }

  private InputException malformed(String trouble) {
    return new InputException(
        InputException.Kind.MALFORMED, source + ": " + trouble + "; convert the model again");
  }
}
