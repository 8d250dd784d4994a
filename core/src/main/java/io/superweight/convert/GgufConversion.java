package io.superweight.convert;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.convert.GgufContent.Place;
import io.superweight.model.Architecture;
import io.superweight.model.family.Families;
import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import io.superweight.tensor.Tensor;
import io.superweight.tokenizer.TokenizerFiles;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.LongUnaryOperator;
import java.util.regex.Pattern;

/**
 * A safetensors checkpoint as llama.cpp wants it in GGUF. Where the parts of a model lie and how,
 * its family says for both formats; what differs between the two is what is to be done: query and
 * key rows permuted, norms plus one, grouped fused matrices concatenated, transposed ones turned,
 * experts stacked, rotary factors worked out. Vectors, routers and learned positions become
 * float32, as llama.cpp's converter has it; other values keep their type.
 */
final class GgufConversion {
  /** llama.cpp's names of the architectures, by {@code model_type}. */
  private static final Map<String, String> ARCHITECTURES =
      Map.ofEntries(
          Map.entry("llama", "llama"),
          Map.entry("mistral", "llama"),
          Map.entry("mixtral", "llama"),
          Map.entry("smollm3", "smollm3"),
          Map.entry("granite", "granite"),
          Map.entry("qwen2", "qwen2"),
          Map.entry("qwen2_moe", "qwen2moe"),
          Map.entry("qwen3", "qwen3"),
          Map.entry("qwen3_moe", "qwen3moe"),
          Map.entry("gemma", "gemma"),
          Map.entry("gemma2", "gemma2"),
          Map.entry("gemma3", "gemma3"),
          Map.entry("gemma3_text", "gemma3"),
          Map.entry("olmo", "olmo"),
          Map.entry("olmo2", "olmo2"),
          Map.entry("olmoe", "olmoe"),
          Map.entry("phi", "phi2"),
          Map.entry("phi3", "phi3"),
          Map.entry("starcoder2", "starcoder2"),
          Map.entry("stablelm", "stablelm"),
          Map.entry("gpt2", "gpt2"),
          Map.entry("gpt_neox", "gptneox"),
          Map.entry("falcon", "falcon"));

  /** Buffers that some checkpoints store and that are no weights. */
  private static final Pattern NO_WEIGHTS =
      Pattern.compile(
          ".*(rotary_emb\\.inv_freq|attn\\.bias|attn\\.masked_bias|attention\\.bias"
              + "|attention\\.masked_bias|attention\\.rotary_emb\\..*)");

  private final Checkpoint checkpoint;
  private final Optional<TokenizerFiles> tokenizer;
  private final ModelConfig config;
  private final String type;
  private final String architecture;
  private final Architecture from;
  private final Architecture to;
  private final int heads;
  private final int keyValueHeads;
  private final int headDim;
  private final Map<String, Object> metadata = new LinkedHashMap<>();
  private final WholeMatrices whole = new WholeMatrices();
  private final List<OutputTensor> tensors = new ArrayList<>();
  private final Map<String, Place> places = new LinkedHashMap<>();
  private final Set<String> used = new TreeSet<>();

  GgufConversion(Checkpoint checkpoint, Optional<TokenizerFiles> tokenizer) {
    this.checkpoint = checkpoint;
    this.tokenizer = tokenizer;
    this.config = checkpoint.config();
    this.type = config.family();
    this.from = Families.of(config, Checkpoint.Format.SAFETENSORS);
    this.to = Families.of(config, Checkpoint.Format.GGUF);
    this.heads = from.attention().heads();
    this.keyValueHeads = from.attention().keyValueHeads();
    this.headDim = from.attention().headDim();
    this.architecture = ARCHITECTURES.getOrDefault(type, "");
    if (architecture.isEmpty()) {
      throw unsupported("llama.cpp has no architecture for \"" + type + "\"");
    }
    boolean dense = from.layerSpecs().stream().anyMatch(layer -> !layer.sparse());
    if (from.mlp().experts().isPresent() && dense) {
      throw unsupported("llama.cpp has experts in every layer, and this model not");
    }
    boolean everyFourth = true; // without rotary embedding: llama.cpp fixes it so
    for (int i = 0; i < from.layers(); i++) {
      everyFourth &= from.layerSpecs().get(i).rope().isPresent() == (i % 4 != 3);
    }
    if (type.equals("smollm3") && !everyFourth) {
      throw unsupported(
          "llama.cpp leaves every fourth layer without rotary embedding, this model others");
    }
    if (type.equals("olmoe") && keyValueHeads != heads) {
      throw unsupported("llama.cpp knows OLMoE with a key-value head for each head only");
    }
    if (type.equals("falcon") && !from.parallelResidual()) {
      throw unsupported("llama.cpp knows Falcon with a parallel residual only");
    }
  }

  private InputException unsupported(String why) {
    return new InputException(
        InputException.Kind.UNSUPPORTED,
        config.source() + ": " + why + "; keep the model in safetensors (--format safetensors)");
  }

  GgufContent content() {
    metadata();
    single("embed", "token_embd");
    single("positions", "position_embd");
    rotaryFactors();
    for (int i = 0; i < from.layers(); i++) {
      layer(i);
    }
    single("final_norm", "output_norm");
    if (!from.tiedHead()) {
      single("head", "output");
    } else {
      find("head", -1, 0).ifPresent(name -> used.add(name)); // a copy of the embedding
    }
    for (String name : checkpoint.names()) {
      if (!used.contains(name) && !NO_WEIGHTS.matcher(name).matches()) {
        throw unsupported("the tensor \"" + name + "\" has no place in GGUF");
      }
    }
    return new GgufContent(metadata, tensors, places, notices());
  }

  private List<String> notices() {
    List<String> notices = new ArrayList<>();
    int window =
        from.layerSpecs().stream().mapToInt(Architecture.LayerSpec::window).max().orElse(0);
    boolean windows = List.of("gemma2", "gemma3", "phi3").contains(architecture);
    if (window > 0 && !windows && window < from.maxPositions()) {
      notices.add(
          "llama.cpp attends to all tokens where this model's window is "
              + window
              + ": texts longer than that score otherwise");
    }
    if ("no_vocab".equals(metadata.get("tokenizer.ggml.model"))) {
      notices.add("there is no tokenizer.json beside the model: the file has no vocabulary");
    }
    return notices;
  }

  /** The name under which the checkpoint has a part; bare models lack the first segment. */
  private Optional<String> find(String part, int layer, int expert) {
    for (String name : MatrixParts.names(from, part, layer, expert)) {
      if (checkpoint.find(name).isPresent()) {
        return Optional.of(name);
      }
      String bare = name.substring(name.indexOf('.') + 1);
      if (checkpoint.find(bare).isPresent()) {
        return Optional.of(bare);
      }
    }
    return Optional.empty();
  }

  private void single(String part, String target) {
    find(part, -1, 0).ifPresent(name -> weightAndBias(part, -1, name, target));
  }

  private void layer(int i) {
    String block = "blk." + i + ".";
    boolean twoNorms =
        type.equals("falcon")
            && find("mlp.norm", i, 0).filter(n -> n.contains("ln_mlp")).isPresent();
    Map<String, String> names = new LinkedHashMap<>();
    // Falcon 40B: the MLP reads attn_norm, attention attn_norm_2.
    names.put("attn.norm", twoNorms ? "attn_norm_2" : "attn_norm");
    names.put("attn.q", "attn_q");
    names.put("attn.k", "attn_k");
    names.put("attn.v", "attn_v");
    names.put("attn.qkv", "attn_qkv");
    names.put("attn.q_norm", "attn_q_norm");
    names.put("attn.k_norm", "attn_k_norm");
    names.put("attn.o", "attn_output");
    names.put("attn.post_norm", "post_attention_norm");
    names.put("mlp.norm", twoNorms ? "attn_norm" : "ffn_norm");
    names.put("mlp.router", "ffn_gate_inp");
    names.put("mlp.gate", "ffn_gate");
    names.put("mlp.up", "ffn_up");
    names.put("mlp.gate_up", "ffn_up");
    names.put("mlp.down", "ffn_down");
    names.put("mlp.shared.router", "ffn_gate_inp_shexp");
    names.put("mlp.shared.gate", "ffn_gate_shexp");
    names.put("mlp.shared.up", "ffn_up_shexp");
    names.put("mlp.shared.down", "ffn_down_shexp");
    names.put("mlp.post_norm", "post_ffw_norm");
    names.forEach((part, target) ->
        find(part, i, 0)
            .filter(name -> !used.contains(name)) // a parallel MLP may share its norm
            .ifPresent(name -> weightAndBias(part, i, name, block + target)));
    for (String kind : List.of("gate", "up", "down")) {
      experts(i, kind, block + "ffn_" + kind + "_exps.weight");
    }
  }

  private void weightAndBias(String part, int layer, String name, String target) {
    weight(part, layer, name, target + ".weight");
    if (name.endsWith(".weight")) {
      String bias = name.substring(0, name.length() - 6) + "bias";
      checkpoint.find(bias).ifPresent(tensor -> bias(part, bias, tensor, target + ".bias"));
    }
  }

  private void weight(String part, int layer, String name, String target) {
    used.add(name);
    Tensor tensor = checkpoint.require(name);
    boolean norm = part.endsWith("norm");
    if (tensor.shape().rank() == 1 || norm) {
      float offset = norm ? from.norm().offset() - to.norm().offset() : 0;
      tensors.add(
          OutputTensor.of(target, DType.F32, tensor.shape(), OutputTensor.rowsOf(tensor, offset)));
      return;
    }
    if (part.equals("mlp.router") || part.equals("positions") || part.equals("mlp.shared.router")) {
      boolean vector = part.equals("mlp.shared.router"); // one row, which llama.cpp has as a vector
      tensors.add(
          OutputTensor.of(
              target,
              DType.F32,
              vector ? Shape.of(tensor.shape().elements()) : tensor.shape(),
              OutputTensor.rowsOf(tensor, 0)));
      if (part.equals("mlp.router")) {
        place(part, layer, tensor, new Place(target, row -> row));
      }
      return;
    }
    boolean turned = layer >= 0 && from.mlp().transposed() && !to.mlp().transposed();
    OutputTensor out =
        turned ? OutputTensor.turned(target, tensor, whole) : OutputTensor.of(target, tensor);
    Optional<LongUnaryOperator> source = source(part);
    if (source.isPresent()) {
      out = out.permuted(source.get());
    }
    tensors.add(out);
    if (layer >= 0) {
      LongUnaryOperator row =
          source.map(s -> inverse(s, tensor.shape().dimension(0))).orElse(r -> r);
      place(part, layer, tensor, new Place(target, row));
    }
  }

  private void place(String part, int layer, Tensor tensor, Place place) {
    if (part.equals("mlp.gate_up")) { // two matrices, one upon the other
      long half = tensor.shape().dimension(0) / 2;
      places.put(MatrixParts.canonical("mlp.gate", layer, 0), place);
      places.put(
          MatrixParts.canonical("mlp.up", layer, 0), new Place(place.tensor(), row -> half + row));
    } else {
      places.put(MatrixParts.canonical(part, layer, 0), place);
    }
  }

  static LongUnaryOperator inverse(LongUnaryOperator source, long rows) {
    return row -> {
      for (long r = 0; r < rows; r++) {
        if (source.applyAsLong(r) == row) {
          return r;
        }
      }
      throw new IndexOutOfBoundsException(row);
    };
  }

  private void bias(String part, String name, Tensor tensor, String target) {
    used.add(name);
    int size = (int) tensor.shape().elements();
    tensors.add(OutputTensor.vector(target, DType.F32, tensor, 0, size, source(part)));
  }

  /** Where a row of the matrix in GGUF lies in the checkpoint; empty where it does likewise. */
  private Optional<LongUnaryOperator> source(String part) {
    boolean query = part.equals("attn.q");
    if ((query || part.equals("attn.k"))
        && to.attention().interleavedRope()
        && !from.attention().interleavedRope()) {
      // Rows 0, 1, … of each half of a head become neighbours.
      return Optional.of(row -> {
        long head = row / headDim;
        long within = row % headDim;
        return head * headDim + within % 2 * (headDim / 2) + within / 2;
      });
    }
    if (part.equals("attn.qkv")
        && from.attention().fusedLayout() == Architecture.FusedLayout.GROUPED
        && to.attention().fusedLayout() == Architecture.FusedLayout.CONCATENATED) {
      int inGroup = heads / keyValueHeads;
      long group = (long) (inGroup + 2) * headDim;
      return Optional.of(row -> {
        long head = row / headDim;
        long within = row % headDim;
        if (head < heads) {
          return head / inGroup * group + head % inGroup * headDim + within;
        }
        long of = (head - heads) % keyValueHeads;
        long kind = (head - heads) / keyValueHeads; // 0 for keys, 1 for values
        return of * group + (inGroup + kind) * headDim + within;
      });
    }
    return Optional.empty();
  }

  private void experts(int layer, String kind, String target) {
    List<Tensor> all = new ArrayList<>();
    int count = from.mlp().experts().map(Architecture.Experts::count).orElse(0);
    for (int e = 0; e < count; e++) {
      Optional<String> name = find("mlp.experts." + kind, layer, e);
      if (name.isPresent()) {
        used.add(name.get());
        all.add(checkpoint.require(name.get()));
      }
    }
    if (all.isEmpty()) {
      return;
    }
    Shape each = all.getFirst().shape();
    if (all.size() != count || each.rank() != 2) {
      throw unsupported("layer " + layer + " has " + all.size() + " experts of " + count);
    }
    long rows = each.dimension(0);
    tensors.add(OutputTensor.stacked(target, Shape.of(count, rows, each.dimension(1)), all));
    for (int e = 0; e < count; e++) {
      long first = e * rows;
      places.put(
          MatrixParts.canonical("mlp.experts." + kind, layer, e),
          new Place(target, row -> first + row));
    }
  }

  private void metadata() {
    metadata.put("general.architecture", architecture);
    metadata.put("general.type", "model");
    String name = checkpoint.source();
    metadata.put("general.name", name.substring(name.replaceAll("/+$", "").lastIndexOf('/') + 1));
    count("block_count", "num_hidden_layers");
    count("context_length", "max_position_embeddings");
    count("embedding_length", "hidden_size");
    put("feed_forward_length", from.mlp().intermediateSize());
    put("attention.head_count", heads);
    put("attention.head_count_kv", keyValueHeads);
    put("attention.key_length", headDim);
    put("attention.value_length", headDim);
    count("attention.sliding_window", "sliding_window");
    count("expert_count", "num_experts");
    count("expert_used_count", "num_experts_per_tok");
    count("expert_feed_forward_length", "moe_intermediate_size");
    count("expert_shared_feed_forward_length", "shared_expert_intermediate_size");
    number("attn_logit_softcapping", "attn_logit_softcapping");
    number("final_logit_softcapping", "final_logit_softcapping");
    number("attention.clamp_kqv", "clip_qkv");
    number("embedding_scale", "embedding_multiplier");
    number("residual_scale", "residual_multiplier");
    number("logit_scale", "logits_scaling");
    number("attention.scale", "attention_multiplier");
    put(
        from.norm().kind() == Architecture.NormKind.LAYER
            ? "attention.layer_norm_epsilon"
            : "attention.layer_norm_rms_epsilon",
        from.norm().epsilon());
    if (type.equals("gpt_neox") || type.equals("stablelm")) {
      put("use_parallel_residual", from.parallelResidual());
    }
    put("vocab_size", from.vocabularySize());
    rope();
    metadata.put("general.file_type", fileType());
    metadata.putAll(GgufTokenizer.metadata(tokenizer, config, from.vocabularySize()));
  }

  private int fileType() {
    return switch (checkpoint.mainType()) {
      case F32 -> 0;
      case BF16 -> 32;
      default -> 1;
    };
  }

  private void rope() {
    ModelConfig rope = config.section("rope_parameters").orElse(null);
    if (rope == null) {
      return;
    }
    ModelConfig full = rope.section("full_attention").orElse(rope);
    put("rope.freq_base", (float) full.number("rope_theta"));
    rope.section("sliding_attention")
        .ifPresent(local -> put("rope.freq_base_swa", (float) local.number("rope_theta")));
    put("rope.dimension_count", (int) (headDim * full.number("partial_rotary_factor", 1)));
    String scaling = full.text("rope_type", "default");
    switch (scaling) {
      case "default", "llama3" -> {}
      case "linear" -> {
        put("rope.scaling.type", "linear");
        put("rope.scaling.factor", (float) full.number("factor"));
      }
      case "yarn" -> {
        put("rope.scaling.type", "yarn");
        put("rope.scaling.factor", (float) full.number("factor"));
        put("rope.scaling.original_context_length", full.count("original_max_position_embeddings"));
        optional(full, "beta_fast", "rope.scaling.yarn_beta_fast");
        optional(full, "beta_slow", "rope.scaling.yarn_beta_slow");
      }
      case "longrope" -> {
        int original = full.count("original_max_position_embeddings");
        put("rope.scaling.original_context_length", original);
        double factor = (double) config.count("max_position_embeddings") / original;
        put(
            "rope.scaling.attn_factor",
            (float)
                full.number(
                    "attention_factor",
                    factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original))));
      }
      default -> throw unsupported("llama.cpp has no rotary scaling \"" + scaling + "\"");
    }
  }

  private void optional(ModelConfig rope, String key, String to) {
    if (rope.has(key)) {
      put(to, (float) rope.number(key));
    }
  }

  /** What each frequency is divided by, as a tensor. */
  private void rotaryFactors() {
    ModelConfig rope = config.section("rope_parameters").orElse(null);
    if (rope == null) {
      return;
    }
    if (rope.text("rope_type", "default").equals("longrope")) {
      factors("rope_factors_long.weight", rope.list("long_factor"));
      factors("rope_factors_short.weight", rope.list("short_factor"));
    }
    if (!rope.text("rope_type", "default").equals("llama3")) {
      return;
    }
    int dims = (int) (headDim * rope.number("partial_rotary_factor", 1));
    double factor = rope.number("factor");
    double low = rope.number("low_freq_factor");
    double high = rope.number("high_freq_factor");
    double original = rope.number("original_max_position_embeddings");
    List<Double> factors = new ArrayList<>();
    for (int i = 0; i < dims / 2; i++) {
      double wavelength = 2 * Math.PI * Math.pow(rope.number("rope_theta"), 2.0 * i / dims);
      double smooth = (original / wavelength - low) / (high - low);
      factors.add(
          wavelength < original / high
              ? 1
              : wavelength > original / low ? factor : 1 / ((1 - smooth) / factor + smooth));
    }
    factors("rope_freqs.weight", factors);
  }

  private void factors(String name, List<?> values) {
    tensors.add(
        OutputTensor.of(
            name,
            DType.F32,
            Shape.of(values.size()),
            (row, out, at) -> {
              for (int i = 0; i < values.size(); i++) {
                out[at + i] = ((Number) values.get(i)).floatValue();
              }
            }));
  }

  private void put(String key, Object value) {
    metadata.put(architecture + "." + key, value);
  }

  private void count(String to, String key) {
    if (config.has(key)) {
      put(to, config.count(key));
    }
  }

  private void number(String to, String key) {
    if (config.has(key)) {
      put(to, (float) config.number(key));
    }
  }
}
