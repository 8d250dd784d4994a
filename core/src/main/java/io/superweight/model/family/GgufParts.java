package io.superweight.model.family;

import java.util.List;
import java.util.Map;

/** The names in GGUF files, the same for all families (llama.cpp: gguf-py/gguf/constants.py). */
final class GgufParts {
  private GgufParts() {}

  static void put(Map<String, List<String>> parts) {
    parts.put("embed", List.of("token_embd.weight"));
    parts.put("positions", List.of("position_embd.weight"));
    parts.put("final_norm", List.of("output_norm.weight"));
    parts.put("head", List.of("output.weight"));
    // Falcon 40B: attention reads attn_norm_2, the MLP attn_norm.
    parts.put("attn.norm", List.of("blk.{i}.attn_norm_2.weight", "blk.{i}.attn_norm.weight"));
    parts.put("attn.q", List.of("blk.{i}.attn_q.weight"));
    parts.put("attn.k", List.of("blk.{i}.attn_k.weight"));
    parts.put("attn.v", List.of("blk.{i}.attn_v.weight"));
    parts.put("attn.qkv", List.of("blk.{i}.attn_qkv.weight"));
    parts.put("attn.o", List.of("blk.{i}.attn_output.weight"));
    parts.put("attn.q_norm", List.of("blk.{i}.attn_q_norm.weight"));
    parts.put("attn.k_norm", List.of("blk.{i}.attn_k_norm.weight"));
    parts.put("attn.post_norm", List.of("blk.{i}.post_attention_norm.weight"));
    parts.put("mlp.norm", List.of("blk.{i}.ffn_norm.weight", "blk.{i}.attn_norm.weight"));
    parts.put("mlp.post_norm", List.of("blk.{i}.post_ffw_norm.weight"));
    parts.put("mlp.gate", List.of("blk.{i}.ffn_gate.weight"));
    parts.put("mlp.up", List.of("blk.{i}.ffn_up.weight"));
    parts.put("mlp.gate_up", List.of("blk.{i}.ffn_up.weight"));
    parts.put("mlp.down", List.of("blk.{i}.ffn_down.weight"));
    parts.put("mlp.router", List.of("blk.{i}.ffn_gate_inp.weight"));
    parts.put(
        "mlp.experts.gate", List.of("blk.{i}.ffn_gate_exps.weight", "blk.{i}.ffn_gate.{e}.weight"));
    parts.put("mlp.experts.up", List.of("blk.{i}.ffn_up_exps.weight", "blk.{i}.ffn_up.{e}.weight"));
    parts.put(
        "mlp.experts.down", List.of("blk.{i}.ffn_down_exps.weight", "blk.{i}.ffn_down.{e}.weight"));
    parts.put("mlp.shared.gate", List.of("blk.{i}.ffn_gate_shexp.weight"));
    parts.put("mlp.shared.up", List.of("blk.{i}.ffn_up_shexp.weight"));
    parts.put("mlp.shared.down", List.of("blk.{i}.ffn_down_shexp.weight"));
    parts.put("mlp.shared.router", List.of("blk.{i}.ffn_gate_inp_shexp.weight"));
  }
}
