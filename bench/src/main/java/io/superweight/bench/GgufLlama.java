package io.superweight.bench;

import io.superweight.checkpoint.GgufLayout;
import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How llama.cpp names and orders what a Llama checkpoint of Hugging Face's layout holds (source:
 * its convert_hf_to_gguf.py and gguf-py/gguf/constants.py).
 */
final class GgufLlama {
  private static final Map<String, String> PARTS =
      Map.of(
          "self_attn.q_proj", "attn_q",
          "self_attn.k_proj", "attn_k",
          "self_attn.v_proj", "attn_v",
          "self_attn.o_proj", "attn_output",
          "mlp.gate_proj", "ffn_gate",
          "mlp.up_proj", "ffn_up",
          "mlp.down_proj", "ffn_down",
          "input_layernorm", "attn_norm",
          "post_attention_layernorm", "ffn_norm");

  private GgufLlama() {}

  /** {@code model.layers.3.mlp.up_proj.weight} is {@code blk.3.ffn_up.weight}. */
  static String name(String name) {
    return switch (name) {
      case "model.embed_tokens.weight" -> "token_embd.weight";
      case "model.norm.weight" -> "output_norm.weight";
      case "lm_head.weight" -> "output.weight";
      default -> {
        String[] words = name.split("\\.", 4);
        yield "blk." + words[2] + "." + PARTS.get(words[3].replace(".weight", "")) + ".weight";
      }
    };
  }

  /** Norms are float32, whatever the matrices are. */
  static GgufLayout.Entry entry(String name, Shape shape, DType dtype) {
    return new GgufLayout.Entry(name(name), shape.rank() == 1 ? DType.F32 : dtype, shape);
  }

  /**
   * The row of Hugging Face's query or key projection that lies in row {@code row} of the file: the
   * two channels of a rotary pair are neighbours there, and half a head apart here.
   */
  static long sourceRow(long row, int headDim) {
    long inHead = row % headDim;
    return row - inHead + inHead % 2 * (headDim / 2) + inHead / 2;
  }

  /** Whether the rows of this tensor are in another order. */
  static boolean permuted(String name) {
    return name.endsWith("q_proj.weight") || name.endsWith("k_proj.weight");
  }

  static Map<String, Object> metadata(LlamaShape shape, DType dtype) {
    Map<String, Object> metadata = new LinkedHashMap<>();
    metadata.put("general.architecture", "llama");
    metadata.put("general.name", "generated " + shape.id());
    metadata.put("general.file_type", fileType(dtype));
    metadata.put("general.quantization_version", 2);
    metadata.put("llama.block_count", shape.layers);
    metadata.put("llama.context_length", LlamaShape.POSITIONS);
    metadata.put("llama.embedding_length", shape.hidden);
    metadata.put("llama.feed_forward_length", shape.intermediate);
    metadata.put("llama.attention.head_count", shape.heads);
    metadata.put("llama.attention.head_count_kv", shape.keyValueHeads);
    metadata.put("llama.attention.layer_norm_rms_epsilon", (float) LlamaShape.NORM_EPSILON);
    metadata.put("llama.rope.dimension_count", shape.headDim());
    metadata.put("llama.rope.freq_base", (float) LlamaShape.ROPE_THETA);
    metadata.put("llama.vocab_size", shape.vocabulary);
    vocabulary(metadata, shape.vocabulary);
    return metadata;
  }

  /** llama.cpp's llama_ftype. */
  private static int fileType(DType dtype) {
    return switch (dtype) {
      case F32 -> 0;
      case F16 -> 1;
      case Q4_0 -> 2;
      case Q8_0 -> 7;
      case BF16 -> 32;
      default -> throw new IllegalArgumentException("no file is written in " + dtype);
    };
  }

  /**
   * A SentencePiece vocabulary as Llama's begins: unknown, BOS, EOS, the 256 bytes; then letters
   * and words nobody writes, since text is of no concern to a model of noise.
   */
  private static void vocabulary(Map<String, Object> metadata, int size) {
    List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>"));
    int[] types = new int[size];
    float[] scores = new float[size];
    for (int b = 0; b < 256; b++) {
      tokens.add(String.format("<0x%02X>", b));
    }
    for (char c = 'a'; c <= 'z'; c++) {
      tokens.add(String.valueOf(c));
    }
    for (int i = tokens.size(); i < size; i++) {
      tokens.add("▁#" + i);
    }
    for (int i = 0; i < size; i++) {
      // The numbers of unknown, control, byte and normal tokens.
      types[i] = i == 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1;
      scores[i] = i < 259 ? 0 : 259 - i;
    }
    metadata.put("tokenizer.ggml.model", "llama");
    metadata.put("tokenizer.ggml.pre", "default");
    metadata.put("tokenizer.ggml.tokens", tokens);
    metadata.put("tokenizer.ggml.scores", scores);
    metadata.put("tokenizer.ggml.token_type", types);
    metadata.put("tokenizer.ggml.bos_token_id", CheckpointGenerator.BOS);
    metadata.put("tokenizer.ggml.eos_token_id", 2);
    metadata.put("tokenizer.ggml.unknown_token_id", 0);
    metadata.put("tokenizer.ggml.add_bos_token", true);
  }
}
