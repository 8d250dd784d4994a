package io.superweight.checkpoint;

import io.superweight.InputException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Turns a {@code config.json} of any age into the key set that {@link ModelConfig} documents.
 * Source of names and defaults: transformers' {@code configuration_*.py} and {@code
 * PretrainedConfig.standardize_rope_params}.
 */
final class HuggingFaceConfig {
  /** More layers than any model has; what claims more is broken, and is not allocated for. */
  private static final int MAX_LAYERS = 10_000;

  /** Older and family-specific spellings; the first that holds a value counts. */
  private static final List<Map.Entry<String, List<String>>> SPELLINGS =
      List.of(
          Map.entry("dtype", List.of("torch_dtype")),
          Map.entry("hidden_size", List.of("n_embd", "d_model")),
          Map.entry("num_hidden_layers", List.of("n_layer", "n_layers", "num_layers")),
          Map.entry("num_attention_heads", List.of("n_head", "n_heads")),
          Map.entry("num_key_value_heads", List.of("num_kv_heads", "n_head_kv")),
          Map.entry(
              "max_position_embeddings",
              List.of("n_positions", "max_seq_len", "seq_length", "n_ctx")),
          Map.entry(
              "norm_eps",
              List.of("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_epsilon")),
          Map.entry("hidden_act", List.of("activation_function", "activation")),
          Map.entry(
              "num_experts", List.of("num_local_experts", "n_routed_experts", "moe_num_experts")));

  /** The size of the MLP by family: the first key that holds a value, else 4 · hidden_size. */
  static final Map<String, String> MLP_SIZE =
      Map.of("gpt2", "n_inner", "falcon", "ffn_hidden_size", "opt", "ffn_dim");

  /** Keys that are folded into others and dropped. */
  private static final List<String> FOLDED =
      List.of(
          "n_inner",
          "ffn_hidden_size",
          "ffn_dim",
          "hidden_activation",
          "rope_theta",
          "rotary_emb_base",
          "rope_scaling",
          "rope_local_base_freq",
          "partial_rotary_factor",
          "rotary_pct",
          "rope_pct",
          "sliding_window_pattern",
          "_sliding_window_pattern",
          "use_sliding_window",
          "max_window_layers",
          "text_config",
          "vision_config",
          "rotary");

  private final String source;
  private final FamilyDefaults family;

  /** What the file says, nulls and all: an explicit null is not the same as an absent key. */
  private final Map<String, Object> raw;

  private final Map<String, Object> out;

  private HuggingFaceConfig(String source, Map<String, Object> raw) {
    this.source = source;
    this.raw = raw;
    this.family = FamilyDefaults.of(String.valueOf(raw.get("model_type")));
    this.out = new LinkedHashMap<>(raw);
  }

  /**
   * The normalised configuration.
   *
   * @param source the file, for messages
   * @param json the document, with its nulls
   * @throws InputException of kind MALFORMED where a value has a type or size that it cannot have
   */
  static ModelConfig normalize(String source, Map<String, Object> json) {
    boolean nested = json.get("text_config") instanceof Map<?, ?>;
    Map<String, Object> flat = nested ? merged(json) : new LinkedHashMap<>(json);
    // Falcon was published under these names before transformers had it.
    Object type = flat.get("model_type");
    if ("RefinedWeb".equals(type) || "RefinedWebModel".equals(type)) {
      flat.put("model_type", "falcon");
      flat.putIfAbsent("new_decoder_architecture", "RefinedWeb".equals(type));
    }
    HuggingFaceConfig config = new HuggingFaceConfig(source, flat);
    if (nested) {
      // Multimodal configurations leave out what equals the class's default, sizes among them.
      config.family.sizes().forEach(flat::putIfAbsent);
      config.out.putAll(flat);
    }
    return config.normalize();
  }

  private static Map<String, Object> merged(Map<String, Object> json) {
    Map<String, Object> flat = new LinkedHashMap<>(json);
    ((Map<?, ?>) json.get("text_config")).forEach((key, value) -> flat.put((String) key, value));
    return flat;
  }

  private ModelConfig normalize() {
    for (Map.Entry<String, List<String>> key : SPELLINGS) {
      for (String spelling : key.getValue()) {
        Object value = out.remove(spelling);
        if (value != null && out.get(key.getKey()) == null) {
          out.put(key.getKey(), value);
        }
      }
    }
    activation();
    mlpSize();
    keyValueHeads();
    headDim();
    if (out.get("norm_eps") == null) {
      out.put("norm_eps", family.normEps());
    }
    real("norm_eps");
    for (String scalar :
        List.of(
            "clip_qkv",
            "attn_logit_softcapping",
            "final_logit_softcapping",
            "query_pre_attn_scalar",
            "embedding_multiplier",
            "residual_multiplier",
            "attention_multiplier",
            "logits_scaling")) {
      real(scalar);
    }
    family
        .values()
        .forEach((key, value) -> {
          if (!raw.containsKey(key) && out.get(key) == null) {
            out.put(key, value);
          }
        });
    if (out.get("tie_word_embeddings") == null) {
      out.put("tie_word_embeddings", family.tied());
    }
    slidingWindow();
    unrotatedLayers();
    rope();
    FOLDED.forEach(out::remove);
    return new ModelConfig(source, out);
  }

  private void activation() {
    Object chosen = raw.get("hidden_activation");
    if (chosen != null) {
      out.put("hidden_act", chosen);
    } else if (out.get("hidden_act") == null) {
      out.put("hidden_act", family.hiddenAct());
    } else if (family.hiddenAct().equals("gelu_pytorch_tanh")
        && family.gemma()
        && "gelu".equals(out.get("hidden_act"))) {
      // Gemma's first configurations said "gelu" and meant the approximation it was trained with.
      out.put("hidden_act", "gelu_pytorch_tanh");
    }
  }

  private void mlpSize() {
    String key = MLP_SIZE.get(String.valueOf(out.get("model_type")));
    if (key != null) {
      Object size = raw.get(key);
      if (size == null) {
        size = (int) Math.min(4L * count("hidden_size", 0), Integer.MAX_VALUE);
      }
      out.put("intermediate_size", size);
    }
  }

  private void keyValueHeads() {
    if ("falcon".equals(out.get("model_type"))
        && !flag("new_decoder_architecture", false)
        && flag("multi_query", true)) {
      out.put("num_key_value_heads", 1);
    }
    if (out.get("num_key_value_heads") == null && out.get("num_attention_heads") != null) {
      out.put("num_key_value_heads", out.get("num_attention_heads"));
    }
  }

  private void headDim() {
    if (out.get("head_dim") != null) {
      return;
    }
    if (family.headDim() > 0) {
      out.put("head_dim", family.headDim());
      return;
    }
    int heads = count("num_attention_heads", 0);
    if (heads > 0) {
      out.put("head_dim", count("hidden_size", 0) / heads);
    }
  }

  /** Writes {@code sliding_window} and {@code layer_types}. */
  private void slidingWindow() {
    String type = String.valueOf(out.get("model_type"));
    int layers = count("num_hidden_layers", 0);
    if (layers > MAX_LAYERS) {
      throw malformed("num_hidden_layers", "at most " + MAX_LAYERS, layers);
    }
    boolean windowed = out.get("sliding_window") != null;
    if (type.startsWith("qwen") && !flag("use_sliding_window", false)) {
      windowed = false;
    }
    if (windowed && count("sliding_window", 0) == 0) {
      windowed = false;
    }
    if (!windowed) {
      out.remove("sliding_window");
    }
    Object given = out.get("layer_types");
    if (given != null) {
      if (!(given instanceof List<?> types) || (layers > 0 && types.size() != layers)) {
        throw malformed("layer_types", "a list of num_hidden_layers names", given);
      }
      return;
    }
    int pattern =
        switch (type) {
          case "gemma2" -> 2;
          case "gemma3", "gemma3_text" ->
              count("sliding_window_pattern", count("_sliding_window_pattern", 6));
          default -> 1;
        };
    int firstWindowed = type.startsWith("qwen") ? count("max_window_layers", 28) : 0;
    List<String> types = new ArrayList<>();
    for (int i = 0; i < layers; i++) {
      boolean full = !windowed || i < firstWindowed || (pattern > 1 && (i + 1) % pattern == 0);
      types.add(full ? "full_attention" : "sliding_attention");
    }
    if (layers > 0) {
      out.put("layer_types", types);
    }
  }

  /** SmolLM 3 leaves out the rotary embedding of every fourth layer: 0 in a list of 0s and 1s. */
  private void unrotatedLayers() {
    if (!"smollm3".equals(out.get("model_type")) || out.get("no_rope_layers") != null) {
      return;
    }
    int interval = Math.max(1, count("no_rope_layer_interval", 4));
    List<Integer> rotated = new ArrayList<>();
    for (int i = 0; i < count("num_hidden_layers", 0); i++) {
      rotated.add((i + 1) % interval == 0 ? 0 : 1);
    }
    out.put("no_rope_layers", rotated);
  }

  /** Writes {@code rope_parameters}. */
  private void rope() {
    if (!family.rotary()) {
      out.remove("rope_parameters");
      return;
    }
    Map<String, Object> scaling = object("rope_parameters");
    if (scaling.isEmpty()) {
      scaling = object("rope_scaling");
    }
    if (scaling.get("full_attention") instanceof Map<?, ?>
        || scaling.get("sliding_attention") instanceof Map<?, ?>) {
      Map<String, Object> byLayerType = new LinkedHashMap<>();
      for (Map.Entry<String, Object> entry : scaling.entrySet()) {
        if (entry.getValue() == null) {
          continue;
        }
        if (!(entry.getValue() instanceof Map<?, ?> ofLayer)) {
          throw malformed("rope_parameters", "an object per layer type", scaling);
        }
        Map<String, Object> copy = new LinkedHashMap<>();
        ofLayer.forEach((key, value) -> copy.put((String) key, value));
        boolean sliding = entry.getKey().equals("sliding_attention");
        byLayerType.put(entry.getKey(), ropeOf(copy, sliding ? localTheta() : theta()));
      }
      out.put("rope_parameters", byLayerType);
    } else if (family.localRope()) {
      // Gemma 3: what stretches the context stretches the full layers only.
      Map<String, Object> byLayerType = new LinkedHashMap<>();
      byLayerType.put("full_attention", ropeOf(scaling, theta()));
      byLayerType.put("sliding_attention", ropeOf(new LinkedHashMap<>(), localTheta()));
      out.put("rope_parameters", byLayerType);
    } else {
      out.put("rope_parameters", ropeOf(scaling, theta()));
    }
  }

  private double theta() {
    return number("rope_theta", number("rotary_emb_base", family.ropeTheta()));
  }

  private double localTheta() {
    return number("rope_local_base_freq", 10_000);
  }

  private Map<String, Object> ropeOf(Map<String, Object> given, double theta) {
    Map<String, Object> rope = new LinkedHashMap<>();
    Object type = given.get("rope_type") != null ? given.get("rope_type") : given.get("type");
    String name = type == null ? "default" : String.valueOf(type);
    // Phi-3's first configurations; Qwen2-VL's sections are the default for text.
    boolean phi3 = String.valueOf(out.get("model_type")).startsWith("phi3");
    if (name.equals("su") || (phi3 && name.equals("yarn"))) {
      name = "longrope";
    } else if (name.equals("mrope")) {
      name = "default";
    }
    rope.put("rope_type", name);
    rope.put("rope_theta", theta);
    rope.put(
        "partial_rotary_factor",
        number(
            "partial_rotary_factor",
            number("rotary_pct", number("rope_pct", family.partialRotary()))));
    given.forEach((key, value) -> {
      if (value instanceof Number number && !key.equals("original_max_position_embeddings")) {
        rope.put(key, number.doubleValue());
      } else if (value != null && !key.equals("type") && !key.equals("rope_type")) {
        rope.put(key, value);
      }
    });
    if (List.of("dynamic", "yarn", "longrope", "llama3").contains(name)
        && rope.get("original_max_position_embeddings") == null) {
      Object original = out.get("original_max_position_embeddings");
      if (original == null) {
        original = out.get("max_position_embeddings");
      }
      if (original != null) {
        rope.put("original_max_position_embeddings", original);
      }
    }
    return rope;
  }

  private Map<String, Object> object(String key) {
    Map<String, Object> copy = new LinkedHashMap<>();
    Object value = raw.get(key);
    if (value != null && !(value instanceof Map<?, ?>)) {
      throw malformed(key, "an object", value);
    }
    if (value instanceof Map<?, ?> map) {
      map.forEach((k, v) -> copy.put((String) k, v));
    }
    return copy;
  }

  private ModelConfig typed() {
    return new ModelConfig(source, out);
  }

  private int count(String key, int fallback) {
    return typed().count(key, fallback);
  }

  private double number(String key, double fallback) {
    return typed().number(key, fallback);
  }

  private boolean flag(String key, boolean fallback) {
    return typed().flag(key, fallback);
  }

  /** Real numbers as doubles, whether the file wrote 10000 or 10000.0. */
  private void real(String key) {
    if (out.get(key) instanceof Number number) {
      out.put(key, number.doubleValue());
    }
  }

  private InputException malformed(String key, String wanted, Object found) {
    return new InputException(
        InputException.Kind.MALFORMED,
        source
            + ": \""
            + key
            + "\" must be "
            + wanted
            + ", not "
            + Json.shorten(String.valueOf(found))
            + "; fetch the file again");
  }
}
