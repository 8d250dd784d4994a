package io.superweight.model;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.GgufBuilder;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.tensor.DType;
import io.superweight.tensor.Dequantizer;
import io.superweight.tensor.Tensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * Converts the small Hugging Face fixtures as llama.cpp's converter does (convert_hf_to_gguf.py):
 * its names, its permuted query and key rows, norms plus one, fused matrices taken apart or put
 * together, experts stacked, rotary factors as a tensor. All weights become float32.
 */
final class ToGguf {
  private static final Map<String, String> ARCHITECTURES =
      Map.of(
          "mistral", "llama",
          "mixtral", "llama",
          "qwen2_moe", "qwen2moe",
          "qwen3_moe", "qwen3moe",
          "gemma3_text", "gemma3",
          "gpt_neox", "gptneox");

  /** Parts of names, longest first where one holds another. */
  private static final String[][] NAMES = {
    {"transformer.wte", "token_embd"},
    {"transformer.wpe", "position_embd"},
    {"transformer.word_embeddings", "token_embd"},
    {"gpt_neox.embed_in", "token_embd"},
    {"model.embed_tokens", "token_embd"},
    {"transformer.ln_f", "output_norm"},
    {"gpt_neox.final_layer_norm", "output_norm"},
    {"model.norm", "output_norm"},
    {"lm_head", "output"},
    {"embed_out", "output"},
    {"transformer.h.", "blk."},
    {"gpt_neox.layers.", "blk."},
    {"model.layers.", "blk."},
    {"attn.c_attn", "attn_qkv"},
    {"attn.c_proj", "attn_output"},
    {"mlp.c_fc", "ffn_up"},
    {"mlp.c_proj", "ffn_down"},
    {"ln_1", "attn_norm"},
    {"ln_2", "ffn_norm"},
    {"self_attention.query_key_value", "attn_qkv"},
    {"self_attention.dense", "attn_output"},
    {"attention.query_key_value", "attn_qkv"},
    {"attention.dense", "attn_output"},
    {"mlp.dense_h_to_4h", "ffn_up"},
    {"mlp.dense_4h_to_h", "ffn_down"},
    {"self_attn.qkv_proj", "attn_qkv"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"mlp.gate_up_proj", "ffn_up"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
    {"block_sparse_moe.gate", "ffn_gate_inp"},
    {"mlp.gate.", "ffn_gate_inp."},
    {"input_layernorm", "attn_norm"},
    {"pre_feedforward_layernorm", "ffn_norm"},
    {"post_feedforward_layernorm", "post_ffw_norm"},
  };

  private final Checkpoint from;
  private final ModelConfig config;
  private final String type;
  private final String architecture;
  private final int heads;
  private final int keyValueHeads;
  private final GgufBuilder file = new GgufBuilder();

  private ToGguf(Checkpoint from) {
    this.from = from;
    this.config = from.config();
    this.type = config.family();
    this.architecture = ARCHITECTURES.getOrDefault(type, type);
    this.heads = config.count("num_attention_heads");
    this.keyValueHeads = config.count("num_key_value_heads");
  }

  static byte[] convert(Checkpoint from) {
    return new ToGguf(from).build();
  }

  private byte[] build() {
    metadata();
    for (String name : from.names()) {
      if (!name.contains(".experts.")) {
        tensor(name);
      }
    }
    experts();
    rotaryFactors();
    return file.build();
  }

  private void metadata() {
    file.text("general.architecture", architecture);
    count("block_count", "num_hidden_layers");
    count("context_length", "max_position_embeddings");
    count("embedding_length", "hidden_size");
    count("feed_forward_length", "intermediate_size");
    count("attention.head_count", "num_attention_heads");
    count("attention.head_count_kv", "num_key_value_heads");
    count("attention.key_length", "head_dim");
    count("attention.sliding_window", "sliding_window");
    count("expert_count", "num_experts");
    count("expert_used_count", "num_experts_per_tok");
    count("expert_feed_forward_length", "moe_intermediate_size");
    number("attn_logit_softcapping", "attn_logit_softcapping");
    number("final_logit_softcapping", "final_logit_softcapping");
    number("attention.clamp_kqv", "clip_qkv");
    boolean layerNorm = List.of("gpt2", "gpt_neox", "falcon", "olmo").contains(type);
    number(
        layerNorm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon",
        "norm_eps");
    if (config.has("use_parallel_residual")) {
      file.flag(
          architecture + ".use_parallel_residual", config.flag("use_parallel_residual", true));
    }
    config
        .section("rope_parameters")
        .ifPresent(rope -> {
          ModelConfig full = rope.section("full_attention").orElse(rope);
          file.float32(architecture + ".rope.freq_base", (float) full.number("rope_theta"));
          file.uint32(
              architecture + ".rope.dimension_count",
              (int) (config.count("head_dim") * full.number("partial_rotary_factor")));
        });
    file.texts("tokenizer.ggml.tokens", Collections.nCopies(config.count("vocab_size"), "t"));
  }

  private void count(String to, String key) {
    if (config.has(key)) {
      file.uint32(architecture + "." + to, config.count(key));
    }
  }

  private void number(String to, String key) {
    if (config.has(key)) {
      file.float32(architecture + "." + to, (float) config.number(key));
    }
  }

  private String name(String name) {
    String to = name;
    if (List.of("gemma2", "gemma3_text", "olmo2").contains(type)) {
      to = to.replace("post_attention_layernorm", "post_attention_norm");
    } else {
      to = to.replace("post_attention_layernorm", "ffn_norm");
    }
    for (String[] pair : NAMES) {
      to = to.replace(pair[0], pair[1]);
    }
    return to;
  }

  private void tensor(String name) {
    Tensor tensor = from.require(name);
    float[] values = Dequantizer.decode(tensor);
    long[] shape = tensor.shape().dimensions().stream().mapToLong(d -> d).toArray();
    if (List.of("llama", "mistral", "mixtral", "olmo").contains(type)) {
      if (name.endsWith("q_proj.weight")) {
        values = permuted(values, heads, (int) shape[1]);
      } else if (name.endsWith("k_proj.weight")) {
        values = permuted(values, keyValueHeads, (int) shape[1]);
      }
    }
    if (type.startsWith("gemma") && name.endsWith("norm.weight")) {
      for (int i = 0; i < values.length; i++) {
        values[i] += 1;
      }
    }
    if (type.equals("gpt2") && shape.length == 2 && name.contains(".h.")) {
      values = transposed(values, (int) shape[0], (int) shape[1]);
      shape = new long[] {shape[1], shape[0]};
    }
    if (type.equals("gpt_neox") && name.contains("query_key_value")) {
      values = ungrouped(values, shape.length == 2 ? (int) shape[1] : 1);
    }
    file.tensor(name(name), DType.F32, bytes(values), shape);
  }

  /** Rows 0, 1, … of each half of a head become neighbours: r of the first, r of the second. */
  private static float[] permuted(float[] values, int heads, int cols) {
    int half = values.length / cols / heads / 2;
    float[] out = new float[values.length];
    for (int h = 0; h < heads; h++) {
      for (int part = 0; part < 2; part++) {
        for (int r = 0; r < half; r++) {
          System.arraycopy(
              values,
              ((2 * h + part) * half + r) * cols,
              out,
              ((h * half + r) * 2 + part) * cols,
              cols);
        }
      }
    }
    return out;
  }

  private static float[] transposed(float[] values, int rows, int cols) {
    float[] out = new float[values.length];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < cols; c++) {
        out[c * rows + r] = values[r * cols + c];
      }
    }
    return out;
  }

  /** Query, key and value of each head become all queries, all keys, all values. */
  private float[] ungrouped(float[] values, int cols) {
    int block = values.length / heads / 3;
    assert block % cols == 0;
    float[] out = new float[values.length];
    for (int h = 0; h < heads; h++) {
      for (int part = 0; part < 3; part++) {
        System.arraycopy(values, (3 * h + part) * block, out, (part * heads + h) * block, block);
      }
    }
    return out;
  }

  private void experts() {
    if (!config.has("num_experts")) {
      return;
    }
    boolean mixtral = type.equals("mixtral");
    String[][] parts =
        mixtral
            ? new String[][] {{"w1", "gate"}, {"w3", "up"}, {"w2", "down"}}
            : new String[][] {{"gate_proj", "gate"}, {"up_proj", "up"}, {"down_proj", "down"}};
    int count = config.count("num_experts");
    for (int i = 0; i < config.count("num_hidden_layers"); i++) {
      for (String[] part : parts) {
        String prefix =
            "model.layers." + i + (mixtral ? ".block_sparse_moe.experts." : ".mlp.experts.");
        Tensor first = from.require(prefix + "0." + part[0] + ".weight");
        int size = (int) first.shape().elements();
        float[] all = new float[count * size];
        for (int e = 0; e < count; e++) {
          Tensor tensor = from.require(prefix + e + "." + part[0] + ".weight");
          Dequantizer.decode(tensor.dtype(), tensor.data(), 0, size, all, e * size);
        }
        file.tensor(
            "blk." + i + ".ffn_" + part[1] + "_exps.weight",
            DType.F32,
            bytes(all),
            count,
            first.shape().dimension(0),
            first.shape().dimension(1));
      }
    }
  }

  /** Llama 3.1 stretches its context by a factor for each frequency, which the file stores. */
  private void rotaryFactors() {
    ModelConfig rope = config.section("rope_parameters").orElse(null);
    if (rope == null || !rope.text("rope_type", "default").equals("llama3")) {
      return;
    }
    int dims = config.count("head_dim");
    double factor = rope.number("factor");
    double low = rope.number("low_freq_factor");
    double high = rope.number("high_freq_factor");
    double original = rope.number("original_max_position_embeddings");
    float[] factors = new float[dims / 2];
    for (int i = 0; i < factors.length; i++) {
      double wavelength = 2 * Math.PI * Math.pow(rope.number("rope_theta"), 2.0 * i / dims);
      double smooth = (original / wavelength - low) / (high - low);
      factors[i] =
          wavelength < original / high
              ? 1
              : wavelength > original / low
                  ? (float) factor
                  : (float) (1 / ((1 - smooth) / factor + smooth));
    }
    file.tensor("rope_freqs.weight", DType.F32, bytes(factors), factors.length);
  }

  private static byte[] bytes(float[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      bytes.putFloat(value);
    }
    return bytes.array();
  }
}
