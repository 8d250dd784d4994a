package io.superweight.bench;

import io.superweight.checkpoint.SafetensorsWriter.Entry;
import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Shapes of Llama-architecture models, as published ones have them. */
public enum LlamaShape {
  /** For tests: a second to write and run. */
  TINY(256, 512, 6, 4, 4, 8192),
  /** For tests of memory: 256 MB. */
  SMALL(1024, 2816, 9, 16, 16, 8192),
  /** 1.1 billion parameters (TinyLlama's shape): 2.2 GB. */
  B1(2048, 5632, 22, 32, 4, 32000),
  /** Llama 7 B: 13.5 GB. */
  B7(4096, 11008, 32, 32, 32, 32000),
  /** Llama 13 B: 26 GB. */
  B13(5120, 13824, 40, 40, 40, 32000);

  static final int POSITIONS = 2048;
  static final double NORM_EPSILON = 1e-5;
  static final double ROPE_THETA = 10_000;

  final int hidden;
  final int intermediate;
  final int layers;
  final int heads;
  final int keyValueHeads;
  final int vocabulary;

  LlamaShape(
      int hidden, int intermediate, int layers, int heads, int keyValueHeads, int vocabulary) {
    this.hidden = hidden;
    this.intermediate = intermediate;
    this.layers = layers;
    this.heads = heads;
    this.keyValueHeads = keyValueHeads;
    this.vocabulary = vocabulary;
  }

  /**
   * The name on the command line: {@code tiny}, {@code small}, {@code 1b}, {@code 7b}, {@code 13b}.
   */
  public String id() {
    return switch (this) {
      case TINY, SMALL -> name().toLowerCase(Locale.ROOT);
      case B1, B7, B13 -> name().substring(1) + "b";
    };
  }

  int headDim() {
    return hidden / heads;
  }

  /** Numbers that it learns. */
  public long parameters() {
    return entries(DType.BF16).stream().mapToLong(entry -> entry.shape().elements()).sum();
  }

  /** The tensors in the order in which Hugging Face's library stores them. */
  List<Entry> entries(DType dtype) {
    List<Entry> entries = new ArrayList<>();
    add(entries, dtype, "model.embed_tokens", vocabulary, hidden);
    int keys = keyValueHeads * headDim();
    for (int i = 0; i < layers; i++) {
      String layer = "model.layers." + i + ".";
      add(entries, dtype, layer + "self_attn.q_proj", hidden, hidden);
      add(entries, dtype, layer + "self_attn.k_proj", keys, hidden);
      add(entries, dtype, layer + "self_attn.v_proj", keys, hidden);
      add(entries, dtype, layer + "self_attn.o_proj", hidden, hidden);
      add(entries, dtype, layer + "mlp.gate_proj", intermediate, hidden);
      add(entries, dtype, layer + "mlp.up_proj", intermediate, hidden);
      add(entries, dtype, layer + "mlp.down_proj", hidden, intermediate);
      add(entries, dtype, layer + "input_layernorm", hidden);
      add(entries, dtype, layer + "post_attention_layernorm", hidden);
    }
    add(entries, dtype, "model.norm", hidden);
    add(entries, dtype, "lm_head", vocabulary, hidden);
    return entries;
  }

  private static void add(List<Entry> entries, DType dtype, String name, long... shape) {
    entries.add(Entry.of(name + ".weight", dtype, Shape.of(shape)));
  }

  /** The contents of {@code config.json}. */
  Map<String, Object> config(DType dtype) {
    String type =
        switch (dtype) {
          case BF16 -> "bfloat16";
          case F16 -> "float16";
          case F32 -> "float32";
          default -> throw new IllegalArgumentException("no safetensors file holds " + dtype);
        };
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("architectures", List.of("LlamaForCausalLM"));
    config.put("model_type", "llama");
    config.put("attention_bias", false);
    config.put("mlp_bias", false);
    config.put("bos_token_id", CheckpointGenerator.BOS);
    config.put("eos_token_id", 2);
    config.put("dtype", type);
    config.put("torch_dtype", type);
    config.put("hidden_act", "silu");
    config.put("hidden_size", hidden);
    config.put("intermediate_size", intermediate);
    config.put("num_hidden_layers", layers);
    config.put("num_attention_heads", heads);
    config.put("num_key_value_heads", keyValueHeads);
    config.put("head_dim", headDim());
    config.put("max_position_embeddings", POSITIONS);
    config.put("rms_norm_eps", NORM_EPSILON);
    config.put("rope_theta", ROPE_THETA);
    config.put("tie_word_embeddings", false);
    config.put("use_cache", true);
    config.put("vocab_size", vocabulary);
    return config;
  }
}
