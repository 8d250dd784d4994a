package io.superweight.model.family;

import java.util.List;
import java.util.Map;

/** The names that Llama's safetensors files use, and most families after it. */
final class LlamaParts {
  private LlamaParts() {}

  static void put(Map<String, List<String>> parts, String prefix) {
    String layer = prefix + "layers.{i}.";
    parts.put("embed", List.of(prefix + "embed_tokens.weight"));
    parts.put("final_norm", List.of(prefix + "norm.weight"));
    parts.put("head", List.of("lm_head.weight"));
    parts.put("attn.norm", List.of(layer + "input_layernorm.weight"));
    parts.put("attn.q", List.of(layer + "self_attn.q_proj.weight"));
    parts.put("attn.k", List.of(layer + "self_attn.k_proj.weight"));
    parts.put("attn.v", List.of(layer + "self_attn.v_proj.weight"));
    parts.put("attn.qkv", List.of(layer + "self_attn.qkv_proj.weight"));
    parts.put("attn.o", List.of(layer + "self_attn.o_proj.weight"));
    parts.put("attn.q_norm", List.of(layer + "self_attn.q_norm.weight"));
    parts.put("attn.k_norm", List.of(layer + "self_attn.k_norm.weight"));
    parts.put("mlp.norm", List.of(layer + "post_attention_layernorm.weight"));
    parts.put("mlp.gate", List.of(layer + "mlp.gate_proj.weight"));
    parts.put("mlp.up", List.of(layer + "mlp.up_proj.weight"));
    parts.put("mlp.gate_up", List.of(layer + "mlp.gate_up_proj.weight"));
    parts.put("mlp.down", List.of(layer + "mlp.down_proj.weight"));
    parts.put(
        "mlp.router", List.of(layer + "mlp.gate.weight", layer + "block_sparse_moe.gate.weight"));
    parts.put(
        "mlp.experts.gate",
        List.of(
            layer + "mlp.experts.{e}.gate_proj.weight",
            layer + "block_sparse_moe.experts.{e}.w1.weight"));
    parts.put(
        "mlp.experts.up",
        List.of(
            layer + "mlp.experts.{e}.up_proj.weight",
            layer + "block_sparse_moe.experts.{e}.w3.weight"));
    parts.put(
        "mlp.experts.down",
        List.of(
            layer + "mlp.experts.{e}.down_proj.weight",
            layer + "block_sparse_moe.experts.{e}.w2.weight"));
    parts.put("mlp.shared.gate", List.of(layer + "mlp.shared_expert.gate_proj.weight"));
    parts.put("mlp.shared.up", List.of(layer + "mlp.shared_expert.up_proj.weight"));
    parts.put("mlp.shared.down", List.of(layer + "mlp.shared_expert.down_proj.weight"));
    parts.put("mlp.shared.router", List.of(layer + "mlp.shared_expert_gate.weight"));
  }
}
