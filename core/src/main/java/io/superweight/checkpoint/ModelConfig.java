package io.superweight.checkpoint;

import io.superweight.InputException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The hyperparameters of a model: a tree of values under the newest key names of Hugging Face's
 * {@code config.json} (transformers 5: {@code rope_parameters}, {@code dtype}, …), whatever
 * spelling or file format they came from. What a key means for a family is the business of {@code
 * model.family}.
 *
 * <p>Both readers, that of {@code config.json} and that of GGUF metadata, bring these keys to one
 * form and keep all others as they are. "Default" is what is written where the file says nothing; a
 * key without one is then absent, and so is one that is explicitly null.
 *
 * <table>
 * <caption>Normalised keys</caption>
 * <tr><th>key</th><th>also read from</th><th>default</th></tr>
 * <tr><td>model_type</td><td>GGUF general.architecture; RefinedWeb(Model) is falcon</td><td></td></tr>
 * <tr><td>dtype</td><td>torch_dtype</td><td></td></tr>
 * <tr><td>vocab_size</td><td>GGUF: length of tokenizer.ggml.tokens</td><td></td></tr>
 * <tr><td>hidden_size</td><td>n_embd, d_model</td><td></td></tr>
 * <tr><td>intermediate_size</td><td>gpt2 n_inner, falcon ffn_hidden_size, opt ffn_dim (these
 * outrank a stray intermediate_size)</td><td>those three: 4 · hidden_size</td></tr>
 * <tr><td>num_hidden_layers</td><td>n_layer, n_layers, num_layers</td><td></td></tr>
 * <tr><td>num_attention_heads</td><td>n_head, n_heads</td><td></td></tr>
 * <tr><td>num_key_value_heads</td><td>num_kv_heads, n_head_kv; falcon with multi_query and
 * without new_decoder_architecture: 1</td><td>num_attention_heads</td></tr>
 * <tr><td>head_dim</td><td></td><td>gemma 256, qwen3 128, else hidden_size /
 * num_attention_heads</td></tr>
 * <tr><td>max_position_embeddings</td><td>n_positions, max_seq_len, seq_length, n_ctx</td><td></td></tr>
 * <tr><td>norm_eps</td><td>rms_norm_eps, layer_norm_eps, layer_norm_epsilon, norm_epsilon</td><td>the
 * family's: 1e-6 or 1e-5</td></tr>
 * <tr><td>hidden_act</td><td>hidden_activation (wins), activation_function, activation</td><td>the
 * family's; Gemma's "gelu" is gelu_pytorch_tanh</td></tr>
 * <tr><td>tie_word_embeddings</td><td>GGUF: no output.weight</td><td>true for gemma, gpt2, falcon,
 * opt, starcoder2, smollm3; else false</td></tr>
 * <tr><td>rope_parameters</td><td>rope_theta, rotary_emb_base, rope_scaling ("type" is rope_type,
 * "su" is longrope), partial_rotary_factor, rotary_pct</td><td>always {rope_type, rope_theta,
 * partial_rotary_factor, …}; absent for gpt2 and opt. dynamic, yarn, longrope and llama3 also have
 * original_max_position_embeddings</td></tr>
 * <tr><td>rope_parameters: rope_type "stored"</td><td>GGUF rope_freqs.weight (Llama
 * 3.1)</td><td>factors: what each frequency is divided by</td></tr>
 * <tr><td>rope_parameters of gemma3</td><td>rope_local_base_freq</td><td>{full_attention: {…},
 * sliding_attention: {…}}, each as above</td></tr>
 * <tr><td>sliding_window</td><td>absent where use_sliding_window (qwen) is false</td><td>mistral,
 * gemma2, gemma3: 4096</td></tr>
 * <tr><td>layer_types</td><td>sliding_window_pattern, max_window_layers</td><td>always one of
 * "full_attention", "sliding_attention" per layer</td></tr>
 * <tr><td>attn_logit_softcapping, final_logit_softcapping, query_pre_attn_scalar</td><td></td><td>gemma2:
 * 50, 30, 256; gemma3: –, –, 256</td></tr>
 * <tr><td>num_experts</td><td>num_local_experts, n_routed_experts, moe_num_experts</td><td>mixtral
 * 8</td></tr>
 * <tr><td>norm_topk_prob</td><td></td><td>mixtral true; qwen2_moe, qwen3_moe, olmoe false</td></tr>
 * <tr><td>decoder_sparse_step</td><td></td><td>qwen2_moe, qwen3_moe 1</td></tr>
 * <tr><td>use_parallel_residual</td><td></td><td>gpt_neox true, stablelm false</td></tr>
 * <tr><td>multi_query, parallel_attn, new_decoder_architecture, alibi</td><td></td><td>falcon: true,
 * true, false, false</td></tr>
 * <tr><td>embedding_multiplier, residual_multiplier, attention_multiplier,
 * logits_scaling</td><td></td><td>granite: 1</td></tr>
 * <tr><td>no_rope_layers</td><td>no_rope_layer_interval</td><td>smollm3: 0 for every fourth layer,
 * else 1</td></tr>
 * </table>
 *
 * <p>A multimodal configuration is that of its {@code text_config}, laid over the outer one.
 */
public final class ModelConfig {
  private final String source;
  private final Map<String, Object> values;

  /**
   * @param source the file, for error messages
   * @param values JSON-like values: maps, lists, strings, booleans, integers, doubles; nulls are
   *     dropped
   */
  public ModelConfig(String source, Map<String, ?> values) {
    this.source = source;
    Map<String, Object> kept = new LinkedHashMap<>();
    values.forEach((key, value) -> {
      if (value != null) {
        kept.put(key, value);
      }
    });
    this.values = Collections.unmodifiableMap(kept);
  }

  /** The file that it came from, for messages. */
  public String source() {
    return source;
  }

  /** The family, as {@code model_type} names it: {@code llama}, {@code qwen3_moe}, …. */
  public String family() {
    return text("model_type");
  }

  public Map<String, Object> values() {
    return values;
  }

  public boolean has(String key) {
    return values.containsKey(key);
  }

  public String text(String key) {
    return find(key, String.class).orElseThrow(() -> missing(key));
  }

  public String text(String key, String fallback) {
    return find(key, String.class).orElse(fallback);
  }

  public boolean flag(String key, boolean fallback) {
    return find(key, Boolean.class).orElse(fallback);
  }

  /** A positive or zero count that fits an int. */
  public int count(String key) {
    if (!has(key)) {
      throw missing(key);
    }
    return count(key, 0);
  }

  /** A positive or zero count that fits an int, or the fallback where the key is absent. */
  public int count(String key, int fallback) {
    Optional<Number> number = find(key, Number.class);
    if (number.isEmpty()) {
      return fallback;
    }
    double value = number.get().doubleValue();
    if (value != Math.rint(value) || value < 0 || value > Integer.MAX_VALUE) {
      throw malformed(key, "a whole number of at least 0", number.get());
    }
    return (int) value;
  }

  public double number(String key) {
    return find(key, Number.class).map(Number::doubleValue).orElseThrow(() -> missing(key));
  }

  public double number(String key, double fallback) {
    return find(key, Number.class).map(Number::doubleValue).orElse(fallback);
  }

  /** A list of any JSON values; empty where the key is absent. */
  public List<?> list(String key) {
    Object value = values.get(key);
    if (value == null) {
      return List.of();
    }
    if (value instanceof List<?> list) {
      return list;
    }
    throw malformed(key, "a list", value);
  }

  /** A nested object; empty where the key is absent. */
  public Optional<ModelConfig> section(String key) {
    Object value = values.get(key);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof Map<?, ?> map) {
      Map<String, Object> nested = new LinkedHashMap<>();
      map.forEach((k, v) -> nested.put(String.valueOf(k), v));
      return Optional.of(new ModelConfig(source + ": " + key, nested));
    }
    throw malformed(key, "an object", value);
  }

  private <T> Optional<T> find(String key, Class<T> type) {
    Object value = values.get(key);
    if (value == null) {
      return Optional.empty();
    }
    if (!type.isInstance(value)) {
      throw malformed(key, "a " + type.getSimpleName().toLowerCase(java.util.Locale.ROOT), value);
    }
    return Optional.of(type.cast(value));
  }

  private InputException missing(String key) {
    return new InputException(
        InputException.Kind.MALFORMED,
        source + ": the key \"" + key + "\" is missing; is this the config of a decoder model?");
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
            + Json.shorten(found instanceof String text ? '"' + text + '"' : String.valueOf(found))
            + "; fetch the file again");
  }
}
