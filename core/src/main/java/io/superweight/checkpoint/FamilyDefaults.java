package io.superweight.checkpoint;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a key means where a family's configuration leaves it out: the defaults of transformers'
 * {@code configuration_<family>.py}.
 *
 * @param headDim 0 for hidden_size / num_attention_heads
 * @param partialRotary the part of a head that is rotated
 * @param rotary whether positions are rotary at all
 * @param values further keys, written where the file lacks them (an explicit null stays absent)
 * @param sizes the class's own sizes, for nested configurations, which leave them out
 */
record FamilyDefaults(
    String name,
    double normEps,
    String hiddenAct,
    boolean tied,
    double ropeTheta,
    double partialRotary,
    boolean rotary,
    int headDim,
    Map<String, Object> values,
    Map<String, Object> sizes) {

  /** Gemma in any version. */
  boolean gemma() {
    return name.startsWith("gemma");
  }

  /** Whether sliding layers have a rotary base of their own. */
  boolean localRope() {
    return name.startsWith("gemma3");
  }

  static FamilyDefaults of(String family) {
    FamilyDefaults llama = plain(family);
    return switch (family) {
      case "llama" -> llama.eps(1e-6).sized(32_000, 4096, 11_008, 32, 32, 0, 2048);
      case "mistral", "ministral" ->
          llama
              .eps(1e-6)
              .with("sliding_window", 4096)
              .sized(32_000, 4096, 14_336, 32, 32, 8, 131_072);
      case "mixtral" ->
          llama
              .theta(1e6)
              .with("norm_topk_prob", true)
              .with("num_experts", 8)
              .with("num_experts_per_tok", 2)
              .sized(32_000, 4096, 14_336, 32, 32, 8, 131_072);
      case "qwen2" -> llama.eps(1e-6).sized(151_936, 4096, 22_016, 32, 32, 32, 32_768);
      case "qwen3" -> llama.eps(1e-6).heads(128).sized(151_936, 4096, 22_016, 32, 32, 32, 32_768);
      case "qwen2_moe", "qwen3_moe" ->
          llama.eps(1e-6).with("decoder_sparse_step", 1).with("norm_topk_prob", false);
      case "olmoe" -> llama.with("norm_topk_prob", false);
      case "gemma" -> llama.gemma(256).sized(256_000, 3072, 24_576, 28, 16, 16, 8192);
      case "gemma2" ->
          llama
              .gemma(256)
              .with("query_pre_attn_scalar", 256.0)
              .with("sliding_window", 4096)
              .with("attn_logit_softcapping", 50.0)
              .with("final_logit_softcapping", 30.0)
              .sized(256_000, 2304, 9216, 26, 8, 4, 8192);
      case "gemma3", "gemma3_text" ->
          llama
              .gemma(256)
              .theta(1e6)
              .with("query_pre_attn_scalar", 256.0)
              .with("sliding_window", 4096)
              .sized(262_208, 2304, 9216, 26, 8, 4, 131_072);
      case "smollm3" -> llama.eps(1e-6).theta(2e6).tie();
      case "granite" ->
          llama
              .eps(1e-6)
              .with("embedding_multiplier", 1.0)
              .with("residual_multiplier", 1.0)
              .with("attention_multiplier", 1.0)
              .with("logits_scaling", 1.0);
      case "phi3" -> llama.sized(32_064, 3072, 8192, 32, 32, 0, 4096);
      case "phi" -> llama.act("gelu_new").partial(0.5);
      case "stablelm" -> llama.partial(0.25).with("use_parallel_residual", false);
      case "starcoder2" -> llama.act("gelu_pytorch_tanh").tie();
      case "gpt2" -> llama.act("gelu_new").tie().unrotated();
      case "opt" -> llama.act("relu").tie().unrotated();
      case "gpt_neox" -> llama.act("gelu").partial(0.25).with("use_parallel_residual", true);
      case "falcon" ->
          llama
              .act("gelu")
              .tie()
              .with("multi_query", true)
              .with("parallel_attn", true)
              .with("new_decoder_architecture", false)
              .with("alibi", false);
      default -> llama;
    };
  }

  private static FamilyDefaults plain(String family) {
    return new FamilyDefaults(family, 1e-5, "silu", false, 10_000, 1, true, 0, Map.of(), Map.of());
  }

  private FamilyDefaults eps(double eps) {
    return new FamilyDefaults(
        name, eps, hiddenAct, tied, ropeTheta, partialRotary, rotary, headDim, values, sizes);
  }

  private FamilyDefaults act(String act) {
    return new FamilyDefaults(
        name, normEps, act, tied, ropeTheta, partialRotary, rotary, headDim, values, sizes);
  }

  private FamilyDefaults tie() {
    return new FamilyDefaults(
        name, normEps, hiddenAct, true, ropeTheta, partialRotary, rotary, headDim, values, sizes);
  }

  private FamilyDefaults theta(double theta) {
    return new FamilyDefaults(
        name, normEps, hiddenAct, tied, theta, partialRotary, rotary, headDim, values, sizes);
  }

  private FamilyDefaults partial(double part) {
    return new FamilyDefaults(
        name, normEps, hiddenAct, tied, ropeTheta, part, rotary, headDim, values, sizes);
  }

  private FamilyDefaults unrotated() {
    return new FamilyDefaults(
        name, normEps, hiddenAct, tied, ropeTheta, partialRotary, false, headDim, values, sizes);
  }

  private FamilyDefaults heads(int dim) {
    return new FamilyDefaults(
        name, normEps, hiddenAct, tied, ropeTheta, partialRotary, rotary, dim, values, sizes);
  }

  private FamilyDefaults gemma(int dim) {
    return eps(1e-6).act("gelu_pytorch_tanh").tie().heads(dim);
  }

  private FamilyDefaults with(String key, Object value) {
    Map<String, Object> more = new LinkedHashMap<>(values);
    more.put(key, value);
    return new FamilyDefaults(
        name, normEps, hiddenAct, tied, ropeTheta, partialRotary, rotary, headDim, more, sizes);
  }

  private FamilyDefaults sized(
      int vocabulary, int hidden, int mlp, int layers, int heads, int kvHeads, int positions) {
    Map<String, Object> own = new LinkedHashMap<>();
    own.put("vocab_size", vocabulary);
    own.put("hidden_size", hidden);
    own.put("intermediate_size", mlp);
    own.put("num_hidden_layers", layers);
    own.put("num_attention_heads", heads);
    if (kvHeads > 0) {
      own.put("num_key_value_heads", kvHeads);
    }
    own.put("max_position_embeddings", positions);
    return new FamilyDefaults(
        name, normEps, hiddenAct, tied, ropeTheta, partialRotary, rotary, headDim, values, own);
  }
}
