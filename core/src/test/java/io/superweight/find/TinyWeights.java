package io.superweight.find;

import io.superweight.checkpoint.ModelConfig;
import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import io.superweight.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;

/**
 * Random weights of a tiny model in the storage layout of its family, with views that a planter
 * writes through. Gaussian or, for {@code heavy} models, Student t with four degrees of freedom, as
 * trained matrices are.
 */
final class TinyWeights {
  static final List<String> FAMILIES =
      List.of("llama", "gemma2", "olmo2", "gpt2", "mixtral", "qwen3_moe", "phi3", "qwen2");

  /** A matrix {@code [rows = out, cols = in]} inside a tensor. */
  record View(MemorySegment data, long offset, int rows, int cols, boolean transposed) {
    private long at(int row, int col) {
      return 4 * (offset + (transposed ? (long) col * rows + row : (long) row * cols + col));
    }

    float get(int row, int col) {
      return data.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at(row, col));
    }

    void set(int row, int col, double value) {
      data.set(ValueLayout.JAVA_FLOAT_UNALIGNED, at(row, col), (float) value);
    }

    void setRow(int row, double[] values) {
      for (int c = 0; c < cols; c++) {
        set(row, c, values[c]);
      }
    }

    void scaleRow(int row, double factor) {
      for (int c = 0; c < cols; c++) {
        set(row, c, get(row, c) * factor);
      }
    }
  }

  /**
   * One MLP or expert.
   *
   * @param gate null for a plain MLP
   * @param upBias null where there is none, {@code [1, intermediate]} else
   */
  record Mlp(View gate, View up, View upBias, View down) {}

  /**
   * One layer.
   *
   * @param mlps one, or one for each expert
   * @param value rows of the value projection
   * @param output the attention's output projection
   */
  record Layer(List<Mlp> mlps, View value, View output) {}

  final String family;
  final int layers;
  final int hidden;
  final int intermediate;
  final int vocabulary;
  final int experts;

  /** Typical magnitude of the residual stream. */
  final double scale;

  /** Standard deviation of the down projections. */
  final double downDeviation;

  final View embed;
  final List<Layer> layer = new ArrayList<>();
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  private final RandomGenerator random;
  private final boolean heavy;
  private final Arena arena = Arena.ofAuto();

  /**
   * @param postNormOutliers {@code [layer] → (channel → weight)} of the norm after the MLP, for
   *     families that have one
   */
  TinyWeights(
      String family,
      RandomGenerator random,
      int layers,
      double scale,
      boolean heavy,
      List<Map<Integer, Double>> postNormOutliers) {
    this.family = family;
    this.random = random;
    this.layers = layers;
    this.heavy = heavy;
    this.scale = scale;
    hidden = 16 * random.nextInt(3, 7);
    experts = family.equals("mixtral") ? 4 : family.equals("qwen3_moe") ? 6 : 0;
    intermediate = experts > 0 ? 32 * random.nextInt(2, 4) : 32 * random.nextInt(3, 9);
    vocabulary = random.nextInt(64, 129);
    double up = 1 / Math.sqrt(hidden);
    downDeviation = 0.2 * scale / (0.35 * Math.sqrt(intermediate));
    boolean gemma = family.equals("gemma2");
    boolean gpt2 = family.equals("gpt2");
    boolean olmo2 = family.equals("olmo2");
    int headDim = 16;
    int heads = hidden / headDim;
    int attention = heads * headDim;
    // A vanishing share of attention's output is what keeps the tokens apart.
    double outputDeviation = 0.15 * scale / Math.sqrt(attention);
    embed =
        gaussian(
            gpt2 ? "transformer.wte.weight" : "model.embed_tokens.weight",
            vocabulary,
            hidden,
            gemma ? scale / Math.sqrt(hidden) : scale);
    if (gpt2) {
      gaussian("transformer.wpe.weight", 64, hidden, 0.3 * scale);
    }
    norm(gpt2 ? "transformer.ln_f" : "model.norm", gemma ? 0 : 1, gpt2);
    if (!gemma && !gpt2) {
      gaussian("lm_head.weight", vocabulary, hidden, up);
    }
    for (int i = 0; i < layers; i++) {
      if (gpt2) {
        String p = "transformer.h." + i + ".";
        norm(p + "ln_1", 1, true);
        norm(p + "ln_2", 1, true);
        MemorySegment qkv = tensor(p + "attn.c_attn.weight", hidden, 3 * attention);
        fill(qkv, (long) hidden * 3 * attention, up);
        fill(tensor(p + "attn.c_attn.bias", 3L * attention), 3L * attention, 0.02);
        View output = transposed(p + "attn.c_proj.weight", hidden, attention, outputDeviation);
        fill(tensor(p + "attn.c_proj.bias", hidden), hidden, 0.01 * scale);
        View fc = transposed(p + "mlp.c_fc.weight", intermediate, hidden, up);
        MemorySegment bias = tensor(p + "mlp.c_fc.bias", intermediate);
        fill(bias, intermediate, 0.1);
        View down = transposed(p + "mlp.c_proj.weight", hidden, intermediate, downDeviation);
        fill(tensor(p + "mlp.c_proj.bias", hidden), hidden, 0.01 * scale);
        layer.add(
            new Layer(
                List.of(new Mlp(null, fc, new View(bias, 0, 1, intermediate, false), down)),
                null,
                output));
        continue;
      }
      String p = "model.layers." + i + ".";
      if (!olmo2) {
        norm(p + "input_layernorm", gemma ? 0 : 1, false);
      }
      if (gemma) {
        norm(p + "pre_feedforward_layernorm", 0, false);
      } else if (!olmo2) {
        norm(p + "post_attention_layernorm", 1, false);
      }
      if (gemma || olmo2) {
        double stored = 0.2 * scale - (gemma ? 1 : 0);
        norm(p + "post_attention_layernorm", stored, false);
        MemorySegment post = norm(p + "post_feedforward_layernorm", stored, false);
        postNormOutliers
            .get(i)
            .forEach((channel, weight) ->
                post.set(
                    ValueLayout.JAVA_FLOAT_UNALIGNED,
                    4L * channel,
                    (float) (weight - (gemma ? 1 : 0))));
      }
      View value;
      if (family.equals("phi3")) {
        MemorySegment qkv = tensor(p + "self_attn.qkv_proj.weight", 3 * attention, hidden);
        fill(qkv, 3L * attention * hidden, up);
        value = new View(qkv, 2L * attention * hidden, attention, hidden, false);
      } else {
        gaussian(p + "self_attn.q_proj.weight", attention, hidden, up);
        gaussian(p + "self_attn.k_proj.weight", attention, hidden, up);
        value = gaussian(p + "self_attn.v_proj.weight", attention, hidden, up);
        if (family.equals("qwen2")) {
          for (String part : List.of("q", "k", "v")) {
            fill(tensor(p + "self_attn." + part + "_proj.bias", attention), attention, 0.1);
          }
        }
        if (olmo2 || family.equals("qwen3_moe")) {
          int width = olmo2 ? attention : headDim;
          for (String part : List.of("q", "k")) {
            vector(p + "self_attn." + part + "_norm.weight", width, 1);
          }
        }
      }
      View output = gaussian(p + "self_attn.o_proj.weight", hidden, attention, outputDeviation);
      List<Mlp> mlps = new ArrayList<>();
      if (family.equals("mixtral")) {
        gaussian(p + "block_sparse_moe.gate.weight", experts, hidden, up);
        for (int e = 0; e < experts; e++) {
          String q = p + "block_sparse_moe.experts." + e + ".";
          mlps.add(gated(q + "w1.weight", q + "w3.weight", q + "w2.weight"));
        }
      } else if (experts > 0) {
        gaussian(p + "mlp.gate.weight", experts, hidden, up);
        for (int e = 0; e < experts; e++) {
          String q = p + "mlp.experts." + e + ".";
          mlps.add(gated(q + "gate_proj.weight", q + "up_proj.weight", q + "down_proj.weight"));
        }
      } else if (family.equals("phi3")) {
        MemorySegment both = tensor(p + "mlp.gate_up_proj.weight", 2L * intermediate, hidden);
        fill(both, 2L * intermediate * hidden, up);
        mlps.add(
            new Mlp(
                new View(both, 0, intermediate, hidden, false),
                new View(both, (long) intermediate * hidden, intermediate, hidden, false),
                null,
                gaussian(p + "mlp.down_proj.weight", hidden, intermediate, downDeviation)));
      } else {
        String q = p + "mlp.";
        mlps.add(gated(q + "gate_proj.weight", q + "up_proj.weight", q + "down_proj.weight"));
      }
      layer.add(new Layer(mlps, value, output));
    }
  }

  PlantedModel.InMemory checkpoint() {
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("model_type", family);
    config.put("num_hidden_layers", layers);
    config.put("hidden_size", hidden);
    config.put("num_attention_heads", hidden / 16);
    config.put("head_dim", 16);
    config.put("intermediate_size", intermediate);
    config.put("vocab_size", vocabulary);
    config.put("max_position_embeddings", 64);
    config.put("norm_eps", 1e-6 * scale * scale);
    config.put(
        "hidden_act",
        switch (family) {
          case "gpt2" -> "gelu_new";
          case "gemma2" -> "gelu_pytorch_tanh";
          default -> "silu";
        });
    config.put("tie_word_embeddings", family.equals("gemma2") || family.equals("gpt2"));
    config.put("query_pre_attn_scalar", 16);
    config.put("rope_parameters", Map.of("rope_type", "default", "rope_theta", 10000.0));
    if (experts > 0) {
      config.put("num_experts", experts);
      config.put("num_experts_per_tok", 2);
      config.put("norm_topk_prob", true);
      config.put("moe_intermediate_size", intermediate);
    }
    return new PlantedModel.InMemory(new ModelConfig("planted", config), tensors);
  }

  private Mlp gated(String gate, String up, String down) {
    double deviation = 1 / Math.sqrt(hidden);
    return new Mlp(
        gaussian(gate, intermediate, hidden, deviation),
        gaussian(up, intermediate, hidden, deviation),
        null,
        gaussian(down, hidden, intermediate, downDeviation));
  }

  private View gaussian(String name, int rows, int cols, double deviation) {
    MemorySegment data = tensor(name, rows, cols);
    fill(data, (long) rows * cols, deviation);
    return new View(data, 0, rows, cols, false);
  }

  private View transposed(String name, int rows, int cols, double deviation) {
    MemorySegment data = tensor(name, cols, rows);
    fill(data, (long) rows * cols, deviation);
    return new View(data, 0, rows, cols, true);
  }

  private MemorySegment norm(String name, double value, boolean bias) {
    if (bias) {
      vector(name + ".bias", hidden, 0);
    }
    return vector(name + ".weight", hidden, value);
  }

  private MemorySegment vector(String name, int width, double value) {
    MemorySegment data = tensor(name, width);
    for (int i = 0; i < width; i++) {
      data.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i, (float) value);
    }
    return data;
  }

  private MemorySegment tensor(String name, long... shape) {
    Shape s = Shape.of(shape);
    MemorySegment data = arena.allocate(4 * s.elements(), 64);
    tensors.put(name, new Tensor(name, DType.F32, s, data));
    return data;
  }

  private void fill(MemorySegment data, long count, double deviation) {
    for (long i = 0; i < count; i++) {
      data.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 4 * i, (float) (deviation * draw()));
    }
  }

  /** Unit variance: Gaussian, or Student t with four degrees of freedom. */
  private double draw() {
    double z = random.nextGaussian();
    if (!heavy) {
      return z;
    }
    double a = random.nextGaussian();
    double b = random.nextGaussian();
    double c = random.nextGaussian();
    double d = random.nextGaussian();
    double chi = (a * a + b * b + c * c + d * d) / 4;
    return z / Math.sqrt(chi) / Math.sqrt(2);
  }
}
