package io.superweight.model.family;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.compute.Activation;
import io.superweight.model.Architecture;
import io.superweight.model.Architecture.Experts;
import io.superweight.model.Architecture.FusedLayout;
import io.superweight.model.Architecture.LayerSpec;
import io.superweight.model.Architecture.NormKind;
import io.superweight.model.Architecture.NormPlacement;
import io.superweight.model.Architecture.QueryKeyNorm;
import io.superweight.model.RopeSpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntPredicate;

/**
 * An {@link Architecture} being declared. It starts as a Llama of the configuration's sizes; a
 * family says what it does differently.
 */
final class Declaration {
  private final ModelConfig config;
  private final Checkpoint.Format format;
  private final int layers;
  private final int hidden;
  private final int heads;
  private int headDim;
  private NormKind normKind = NormKind.RMS;
  private NormPlacement placement = NormPlacement.PRE;
  private float normOffset;
  private QueryKeyNorm queryKeyNorm = QueryKeyNorm.NONE;
  private FusedLayout fusedLayout = FusedLayout.CONCATENATED;
  private boolean interleavedRope;
  private double attentionScale;
  private boolean gated = true;
  private boolean transposed;
  private boolean rotary = true;
  private IntPredicate rotaryLayer = layer -> true;
  private IntPredicate sparseLayer = layer -> true;
  private Optional<Experts> experts = Optional.empty();
  private boolean parallelResidual;
  private double embeddingScale = 1;
  private double residualScale = 1;
  private double logitScale = 1;
  private Optional<Integer> positionOffset = Optional.empty();
  private final Map<String, List<String>> parts = new LinkedHashMap<>();

  Declaration(ModelConfig config, Checkpoint.Format format) {
    this.config = config;
    this.format = format;
    this.layers = positive("num_hidden_layers");
    this.hidden = positive("hidden_size");
    this.heads = positive("num_attention_heads");
    this.headDim = config.count("head_dim", hidden / heads);
    this.attentionScale = 1 / Math.sqrt(headDim);
    if (format == Checkpoint.Format.GGUF) {
      GgufParts.put(parts);
    } else {
      LlamaParts.put(parts, "model.");
    }
  }

  private int positive(String key) {
    int value = config.count(key);
    if (value == 0) {
      throw new InputException(
          InputException.Kind.MALFORMED, config.source() + ": \"" + key + "\" must not be 0");
    }
    return value;
  }

  int hidden() {
    return hidden;
  }

  boolean gguf() {
    return format == Checkpoint.Format.GGUF;
  }

  /** GGUF permutes the query and key rows of some families so that rotary pairs are neighbours. */
  Declaration permutedInGguf() {
    interleavedRope = gguf();
    return this;
  }

  Declaration layerNorm() {
    normKind = NormKind.LAYER;
    return this;
  }

  /** Norm weights are stored less one; GGUF stores the sum. */
  Declaration normsStoredLessOne() {
    normOffset = gguf() ? 0 : 1;
    return this;
  }

  Declaration place(NormPlacement where) {
    placement = where;
    return this;
  }

  Declaration queryKeyNorm(QueryKeyNorm kind) {
    queryKeyNorm = kind;
    return this;
  }

  /** How the fused matrix lies in a safetensors file; GGUF always concatenates. */
  Declaration fused(FusedLayout layout) {
    fusedLayout = gguf() ? FusedLayout.CONCATENATED : layout;
    return this;
  }

  Declaration attentionScale(double scale) {
    attentionScale = scale;
    return this;
  }

  Declaration plainMlp() {
    gated = false;
    return this;
  }

  /** Matrices lie as {@code [in, out]} in safetensors files; GGUF has them the usual way. */
  Declaration transposed() {
    transposed = !gguf();
    return this;
  }

  Declaration noRotary() {
    rotary = false;
    return this;
  }

  Declaration rotaryLayers(IntPredicate layer) {
    rotaryLayer = layer;
    return this;
  }

  Declaration learnedPositions(int offset) {
    positionOffset = Optional.of(offset);
    return this;
  }

  Declaration parallelResidual(boolean parallel) {
    parallelResidual = parallel;
    return this;
  }

  Declaration embeddingScale(double scale) {
    embeddingScale = scale;
    return this;
  }

  Declaration residualScale(double scale) {
    residualScale = scale;
    return this;
  }

  Declaration logitScale(double scale) {
    logitScale = scale;
    return this;
  }

  Declaration experts(boolean normalised, boolean shared) {
    int count = positive("num_experts");
    int perToken = positive("num_experts_per_tok");
    if (perToken > count) {
      throw new InputException(
          InputException.Kind.MALFORMED,
          config.source() + ": num_experts_per_tok " + perToken + " exceeds num_experts " + count);
    }
    experts = Optional.of(new Experts(count, perToken, normalised, shared));
    return this;
  }

  Declaration sparseLayers(IntPredicate layer) {
    sparseLayer = layer;
    return this;
  }

  /**
   * Where a part lies in a safetensors file; the first name that exists counts. GGUF names are the
   * same for all families.
   */
  Declaration part(String canonical, String... names) {
    if (!gguf()) {
      parts.put(canonical, List.of(names));
    }
    return this;
  }

  /** Forgets the Llama names of safetensors files, for families that share none of them. */
  Declaration ownNames() {
    if (!gguf()) {
      parts.clear();
    }
    return this;
  }

  Architecture build() {
    int keyValueHeads = config.count("num_key_value_heads", heads);
    if (headDim == 0 || keyValueHeads == 0 || heads % keyValueHeads != 0) {
      throw new InputException(
          InputException.Kind.MALFORMED,
          config.source()
              + ": "
              + heads
              + " heads, "
              + keyValueHeads
              + " key-value heads and head_dim "
              + headDim
              + " do not fit together");
    }
    int maxPositions = config.count("max_position_embeddings", 2048);
    List<LayerSpec> specs = new ArrayList<>();
    List<?> types = config.list("layer_types");
    if (!types.isEmpty() && types.size() < layers) {
      throw new InputException(
          InputException.Kind.MALFORMED,
          config.source() + ": layer_types names " + types.size() + " layers of " + layers);
    }
    int window = config.count("sliding_window", 0);
    for (int i = 0; i < layers; i++) {
      boolean sliding =
          types.isEmpty() ? window > 0 : String.valueOf(types.get(i)).equals("sliding_attention");
      Optional<RopeSpec> rope =
          rotary && rotaryLayer.test(i)
              ? Optional.of(rope(sliding, maxPositions))
              : Optional.empty();
      specs.add(
          new LayerSpec(sliding ? window : 0, rope, experts.isPresent() && sparseLayer.test(i)));
    }
    return new Architecture(
        config.family(),
        hidden,
        positive("vocab_size"),
        specs.stream().mapToInt(spec -> reach(spec, maxPositions)).max().orElse(maxPositions),
        new Architecture.Norm(
            normKind, placement, (float) config.number("norm_eps", 1e-5), normOffset),
        new Architecture.Attention(
            heads,
            keyValueHeads,
            headDim,
            (float) attentionScale,
            (float) config.number("attn_logit_softcapping", 0),
            (float) config.number("clip_qkv", 0),
            queryKeyNorm,
            fusedLayout,
            interleavedRope),
        new Architecture.Mlp(
            config.count("intermediate_size", 0), activation(), gated, transposed, experts),
        specs,
        parallelResidual,
        (float) embeddingScale,
        (float) residualScale,
        (float) logitScale,
        (float) config.number("final_logit_softcapping", 0),
        config.flag("tie_word_embeddings", false),
        positionOffset,
        parts);
  }

  /**
   * Dynamic scaling is made for sequences longer than {@code max_position_embeddings}, by its
   * factor.
   */
  private static int reach(LayerSpec spec, int maxPositions) {
    return spec.rope().map(RopeSpec::scaling).orElse(null) instanceof RopeSpec.Scaling.Dynamic d
        ? (int) Math.min(Integer.MAX_VALUE, maxPositions * Math.max(1, d.factor()))
        : maxPositions;
  }

  private RopeSpec rope(boolean sliding, int maxPositions) {
    ModelConfig parameters =
        config
            .section("rope_parameters")
            .orElseGet(() -> new ModelConfig(config.source(), Map.of()));
    ModelConfig ofLayer =
        parameters.section(sliding ? "sliding_attention" : "full_attention").orElse(parameters);
    return RopeSpec.of(ofLayer, headDim, maxPositions, config);
  }

  private Activation activation() {
    String name = config.text("hidden_act", "silu");
    return switch (name) {
      case "silu", "swish" -> Activation.SILU;
      case "gelu", "gelu_python" -> Activation.GELU;
      case "gelu_pytorch_tanh", "gelu_new", "gelu_fast", "gelu_tanh" -> Activation.GELU_TANH;
      case "relu" -> Activation.RELU;
      case "relu2" -> Activation.RELU_SQUARED;
      default ->
          throw new InputException(
              InputException.Kind.UNSUPPORTED,
              config.source()
                  + ": the activation \""
                  + name
                  + "\" is not known; known are silu, gelu, gelu_pytorch_tanh, gelu_new, relu, relu2");
    };
  }
}
