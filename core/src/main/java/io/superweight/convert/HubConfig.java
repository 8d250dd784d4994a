package io.superweight.convert;

import io.superweight.InputException;
import io.superweight.checkpoint.GgufCheckpoint;
import io.superweight.checkpoint.ModelConfig;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The {@code config.json} of a model that comes from a GGUF file: the names and switches of the
 * family's class in transformers (5.24, {@code configuration_*.py}).
 */
final class HubConfig {
  private static final Map<String, String> CLASSES =
      Map.ofEntries(
          Map.entry("llama", "LlamaForCausalLM"),
          Map.entry("mistral", "MistralForCausalLM"),
          Map.entry("mixtral", "MixtralForCausalLM"),
          Map.entry("smollm3", "SmolLM3ForCausalLM"),
          Map.entry("granite", "GraniteForCausalLM"),
          Map.entry("qwen2", "Qwen2ForCausalLM"),
          Map.entry("qwen2_moe", "Qwen2MoeForCausalLM"),
          Map.entry("qwen3", "Qwen3ForCausalLM"),
          Map.entry("qwen3_moe", "Qwen3MoeForCausalLM"),
          Map.entry("gemma", "GemmaForCausalLM"),
          Map.entry("gemma2", "Gemma2ForCausalLM"),
          Map.entry("gemma3_text", "Gemma3ForCausalLM"),
          Map.entry("olmo", "OlmoForCausalLM"),
          Map.entry("olmo2", "Olmo2ForCausalLM"),
          Map.entry("olmoe", "OlmoeForCausalLM"),
          Map.entry("phi", "PhiForCausalLM"),
          Map.entry("phi3", "Phi3ForCausalLM"),
          Map.entry("starcoder2", "Starcoder2ForCausalLM"),
          Map.entry("stablelm", "StableLmForCausalLM"),
          Map.entry("gpt2", "GPT2LMHeadModel"),
          Map.entry("gpt_neox", "GPTNeoXForCausalLM"),
          Map.entry("falcon", "FalconForCausalLM"));

  /** What the epsilon of the norms is called; others say rms_norm_eps. */
  private static final Map<String, String> EPSILON =
      Map.of(
          "stablelm", "layer_norm_eps",
          "gpt_neox", "layer_norm_eps",
          "phi", "layer_norm_eps",
          "gpt2", "layer_norm_epsilon",
          "falcon", "layer_norm_epsilon",
          "starcoder2", "norm_epsilon");

  private static final Map<String, String> GPT2 =
      Map.of(
          "hidden_size", "n_embd",
          "num_hidden_layers", "n_layer",
          "num_attention_heads", "n_head",
          "max_position_embeddings", "n_positions",
          "intermediate_size", "n_inner",
          "hidden_act", "activation_function");

  private static final Map<String, String> FALCON =
      Map.of(
          "intermediate_size", "ffn_hidden_size",
          "num_key_value_heads", "num_kv_heads",
          "hidden_act", "activation");

  /** Families whose heads may have another size than hidden_size / heads. */
  private static final Set<String> HEAD_SIZES =
      Set.of("llama", "mistral", "mixtral", "qwen3", "qwen3_moe", "gemma", "gemma2", "gemma3_text");

  private final GgufCheckpoint gguf;
  private final ModelConfig config;
  private final String type;
  private final Map<String, Object> out = new LinkedHashMap<>();

  HubConfig(GgufCheckpoint gguf, String type) {
    this.gguf = gguf;
    this.config = gguf.config();
    this.type = type;
  }

  /** The {@code model_type}: Mistral's models are llamas in GGUF, but for their window. */
  static String type(ModelConfig config) {
    return config.family().equals("llama") && config.count("sliding_window", 0) > 0
        ? "mistral"
        : config.family();
  }

  /** The beginning and end of a text. */
  static Map<String, Object> generation(ModelConfig config) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("_from_model_config", true);
    for (String key : List.of("bos_token_id", "eos_token_id")) {
      if (config.has(key)) {
        out.put(key, config.count(key));
      }
    }
    return out;
  }

  Map<String, Object> json() {
    String name = CLASSES.get(type);
    if (name == null) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          gguf.source()
              + ": the class of \""
              + type
              + "\" in transformers is not known here; keep the model in GGUF");
    }
    out.put("architectures", List.of(name));
    out.put("model_type", type);
    for (Map.Entry<String, Object> entry : config.values().entrySet()) {
      String key = key(entry.getKey());
      if (!key.isEmpty()) {
        boolean whole = key.equals("query_pre_attn_scalar"); // Gemma's class takes no fraction
        out.put(key, whole ? (Object) config.count(key) : entry.getValue());
      }
    }
    biases();
    family();
    rope();
    return out;
  }

  /** The family's name of a key; empty where it has none. */
  private String key(String key) {
    return switch (key) {
      case "model_type", "rope_parameters" -> "";
      case "norm_eps" -> type.equals("olmo") ? "" : EPSILON.getOrDefault(type, "rms_norm_eps");
      case "head_dim" -> HEAD_SIZES.contains(type) ? key : "";
      case "layer_types" -> type.startsWith("gemma") && !type.equals("gemma") ? key : "";
      case "num_experts" -> type.equals("mixtral") ? "num_local_experts" : key;
      case "norm_topk_prob" -> type.equals("mixtral") ? "" : key;
      default ->
          switch (type) {
            case "gpt2" -> key.equals("num_key_value_heads") ? "" : GPT2.getOrDefault(key, key);
            case "gpt_neox" -> key.equals("num_key_value_heads") ? "" : key;
            case "falcon" -> FALCON.getOrDefault(key, key);
            case "gemma", "gemma2", "gemma3_text" ->
                key.equals("hidden_act") ? "hidden_activation" : key;
            default -> key;
          };
    };
  }

  private boolean has(String tensor) {
    return gguf.find("blk.0." + tensor).isPresent();
  }

  private void biases() {
    boolean query = has("attn_q.bias") || has("attn_qkv.bias");
    boolean output = has("attn_output.bias");
    switch (type) {
      case "llama",
          "granite",
          "smollm3",
          "olmo",
          "olmo2",
          "olmoe",
          "qwen3",
          "qwen3_moe",
          "gemma",
          "gemma2",
          "gemma3_text" -> {
        if (query != output) {
          throw new InputException(
              InputException.Kind.UNSUPPORTED,
              gguf.source()
                  + ": transformers' "
                  + type
                  + " has biases of queries and of attention's output both or not at all; keep the model in GGUF");
        }
        out.put("attention_bias", query);
        if (List.of("llama", "granite", "smollm3").contains(type)) {
          out.put("mlp_bias", has("ffn_up.bias"));
        }
      }
      case "stablelm" -> out.put("use_qkv_bias", query);
      case "starcoder2" -> out.put("use_bias", query);
      case "gpt_neox" -> out.put("attention_bias", query);
      case "falcon" -> out.put("bias", query);
      default -> {}
    }
  }

  private void family() {
    switch (type) {
      case "falcon" -> {
        out.put("alibi", false);
        out.put("parallel_attn", true);
        if (config.flag("new_decoder_architecture", false)) {
          out.put("num_ln_in_parallel_attn", has("attn_norm_2.weight") ? 2 : 1);
        }
      }
      case "mistral" -> out.put("sliding_window", config.count("sliding_window"));
      case "mixtral", "phi3", "starcoder2" ->
          out.putIfAbsent("sliding_window", null); // the class has one by default
      case "qwen2", "qwen3", "qwen2_moe", "qwen3_moe" -> out.put("use_sliding_window", false);
      default -> {}
    }
    if (!out.containsKey("pad_token_id")) {
      int pad = gguf.metadata().count("tokenizer.ggml.padding_token_id", -1);
      out.put("pad_token_id", pad < 0 ? null : pad); // some classes have one by default
    }
    for (String key : List.of("bos_token_id", "eos_token_id")) {
      out.putIfAbsent(key, null);
    }
  }

  private void rope() {
    Optional<ModelConfig> rope = config.section("rope_parameters");
    if (rope.isEmpty()) {
      return;
    }
    Map<String, Object> written = new LinkedHashMap<>();
    if (rope.get().section("full_attention").isPresent()) {
      for (String kind : List.of("full_attention", "sliding_attention")) {
        rope.get().section(kind).ifPresent(one -> written.put(kind, parameters(one)));
      }
    } else {
      written.putAll(parameters(rope.get()));
      if (written.get("original_max_position_embeddings") instanceof Number original
          && type.equals("phi3")) {
        out.put("original_max_position_embeddings", original);
      }
    }
    out.put("rope_parameters", written);
    earlierNames(written);
  }

  /** The same under the keys that transformers had before version 5. */
  private void earlierNames(Map<String, Object> written) {
    Map<?, ?> full = written.get("full_attention") instanceof Map<?, ?> ofLayer ? ofLayer : written;
    out.put("rope_theta", full.get("rope_theta"));
    if (full.get("partial_rotary_factor") != null) {
      out.put("partial_rotary_factor", full.get("partial_rotary_factor"));
    }
    if (written.get("sliding_attention") instanceof Map<?, ?> local) {
      out.put("rope_local_base_freq", local.get("rope_theta"));
    }
    if (!"default".equals(full.get("rope_type"))) {
      Map<String, Object> scaling = new LinkedHashMap<>();
      full.forEach((key, value) -> scaling.put((String) key, value));
      scaling.remove("rope_theta");
      scaling.remove("partial_rotary_factor");
      if (type.equals("phi3")) { // whose class took these three alone
        scaling.put("type", scaling.remove("rope_type"));
        scaling.keySet().retainAll(List.of("type", "short_factor", "long_factor"));
      }
      out.put("rope_scaling", scaling);
    }
  }

  private Map<String, Object> parameters(ModelConfig rope) {
    Map<String, Object> written = new LinkedHashMap<>(rope.values());
    if (Double.valueOf(1).equals(written.get("partial_rotary_factor"))) {
      written.remove("partial_rotary_factor");
    }
    if (rope.text("rope_type", "default").equals("stored")) {
      written.remove("factors");
      written.putAll(
          StoredRope.of(rope, config.count("max_position_embeddings", 0))
              .orElseThrow(() ->
                  new InputException(
                      InputException.Kind.UNSUPPORTED,
                      gguf.source()
                          + ": the factors in rope_freqs.weight are not those of Llama 3.1's scaling, which transformers"
                          + " has; keep the model in GGUF")));
    }
    return written;
  }
}
