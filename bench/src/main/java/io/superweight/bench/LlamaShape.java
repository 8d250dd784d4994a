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

  /** Bytes of all tensors in bfloat16. */
  public long bytes() {
    return entries().stream().mapToLong(LlamaShape::bytes).sum();
  }

  static long bytes(Entry entry) {
    return 2 * entry.shape().elements();
  }

  /** The tensors in the order in which Hugging Face's library stores them. */
  List<Entry> entries() {
    List<Entry> entries = new ArrayList<>();
    add(entries, "model.embed_tokens", vocabulary, hidden);
    int keys = keyValueHeads * headDim();
    for (int i = 0; i < layers; i++) {
      String layer = "model.layers." + i + ".";
      add(entries, layer + "self_attn.q_proj", hidden, hidden);
      add(entries, layer + "self_attn.k_proj", keys, hidden);
      add(entries, layer + "self_attn.v_proj", keys, hidden);
      add(entries, layer + "self_attn.o_proj", hidden, hidden);
      add(entries, layer + "mlp.gate_proj", intermediate, hidden);
      add(entries, layer + "mlp.up_proj", intermediate, hidden);
      add(entries, layer + "mlp.down_proj", hidden, intermediate);
      add(entries, layer + "input_layernorm", hidden);
      add(entries, layer + "post_attention_layernorm", hidden);
    }
    add(entries, "model.norm", hidden);
    add(entries, "lm_head", vocabulary, hidden);
    return entries;
  }

  private static void add(List<Entry> entries, String name, long... shape) {
    entries.add(Entry.of(name + ".weight", DType.BF16, Shape.of(shape)));
  }

  /** The contents of {@code config.json}. */
  Map<String, Object> config() {
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("architectures", List.of("LlamaForCausalLM"));
    config.put("model_type", "llama");
    config.put("attention_bias", false);
    config.put("mlp_bias", false);
    config.put("bos_token_id", CheckpointGenerator.BOS);
    config.put("eos_token_id", 2);
    config.put("dtype", "bfloat16");
    config.put("torch_dtype", "bfloat16");
    config.put("hidden_act", "silu");
    config.put("hidden_size", hidden);
    config.put("intermediate_size", intermediate);
    config.put("num_hidden_layers", layers);
    config.put("num_attention_heads", heads);
    config.put("num_key_value_heads", keyValueHeads);
    config.put("head_dim", headDim());
    config.put("max_position_embeddings", 2048);
    config.put("rms_norm_eps", 1e-5);
    config.put("rope_theta", 10000.0);
    config.put("tie_word_embeddings", false);
    config.put("use_cache", true);
    config.put("vocab_size", vocabulary);
    return config;
  }
}
