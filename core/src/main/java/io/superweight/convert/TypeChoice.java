package io.superweight.convert;

import io.superweight.InputException;
import io.superweight.tensor.BlockEncoder;
import io.superweight.tensor.DType;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Which type each tensor of a GGUF file is stored in. As llama.cpp's quantizer decides it: tensors
 * of one dimension, routers, learned positions and what is no weight stay as they are; the output
 * head, or the embedding where it serves as head, is Q6_K under a type of fewer bits; a type whose
 * block does not divide a row gives way to one whose block does. Unlike there, no mixture is made
 * beyond that: what else should differ is said by patterns.
 *
 * @param type of all matrices that nothing else decides; null leaves them as they are
 * @param patterns the first that is found in a tensor's name decides
 * @param lifted tensors that hold super weights, by name
 * @param liftedType their type
 */
public record TypeChoice(
    DType type, List<NamePattern> patterns, Set<String> lifted, DType liftedType) {
  /** A type for all tensors whose name contains a match. */
  public record NamePattern(Pattern pattern, DType type) {
    /**
     * Reads {@code REGEX=TYPE}.
     *
     * @throws InputException of kind USAGE if it is not that
     */
    public static NamePattern parse(String text) {
      int at = text.lastIndexOf('=');
      if (at < 1) {
        throw usage("--tensor-type takes REGEX=TYPE, such as ffn_down=Q8_0, not \"" + text + "\"");
      }
      try {
        return new NamePattern(
            Pattern.compile(text.substring(0, at)), parseType(text.substring(at + 1)));
      } catch (PatternSyntaxException e) {
        throw usage(
            "--tensor-type \""
                + text.substring(0, at)
                + "\" is no regular expression: "
                + e.getDescription());
      }
    }
  }

  public TypeChoice {
    patterns = List.copyOf(patterns);
    lifted = Set.copyOf(lifted);
  }

  /** The type of that name, in any case. */
  public static DType parseType(String text) {
    for (DType dtype : DType.values()) {
      if (BlockEncoder.knows(dtype) && dtype.name().equals(text.strip().toUpperCase(Locale.ROOT))) {
        return dtype;
      }
    }
    throw usage(
        "the type \""
            + text
            + "\" cannot be written; known are Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, "
            + "Q5_K, Q6_K, F16, BF16, F32");
  }

  /**
   * The type of a tensor.
   *
   * @param tiedHead the embedding serves as output head
   */
  DType of(OutputTensor tensor, boolean tiedHead) {
    if (!matrix(tensor)) {
      return tensor.stored();
    }
    DType chosen = chosen(tensor, tiedHead);
    return chosen == tensor.stored() ? chosen : fitting(chosen, tensor.cols());
  }

  /**
   * The type that a tensor of a safetensors file is rounded to, under its own name: embeddings and
   * output head are left as they are, as quantizers of that format leave them.
   */
  DType ofSafetensors(OutputTensor tensor, boolean outside) {
    if (tensor.shape().rank() != 2 || !tensor.name().endsWith("weight")) {
      return tensor.stored();
    }
    for (NamePattern one : patterns) {
      if (one.pattern().matcher(tensor.name()).find()) {
        return fitting(one.type(), tensor.cols());
      }
    }
    if (outside || type == null || tensor.name().contains("norm")) {
      return tensor.stored();
    }
    boolean lift = lifted.contains(tensor.name()) && bits(liftedType) > bits(type);
    return fitting(lift ? liftedType : type, tensor.cols());
  }

  private DType chosen(OutputTensor tensor, boolean tiedHead) {
    for (NamePattern one : patterns) {
      if (one.pattern().matcher(tensor.name()).find()) {
        return one.type();
      }
    }
    if (type == null) {
      return tensor.stored();
    }
    DType base = type;
    boolean head =
        tensor.name().equals("output.weight")
            || (tiedHead && tensor.name().equals("token_embd.weight"));
    if (head && type.quantized() && bits(type) < bits(DType.Q6_K)) {
      base = tensor.cols() % 256 == 0 ? DType.Q6_K : DType.Q8_0;
    }
    return lifted.contains(tensor.name()) && bits(liftedType) > bits(base) ? liftedType : base;
  }

  /** What tensors that hold super weights take: Q8_0, or where that is no gain, 16 bits. */
  public static DType lifted(DType type, DType mainType) {
    return bits(type) < bits(DType.Q8_0)
        ? DType.Q8_0
        : mainType == DType.BF16 ? DType.BF16 : DType.F16;
  }

  static double bits(DType dtype) {
    return 8.0 * dtype.blockBytes() / dtype.blockElements();
  }

  /** Whether the quantizer touches it at all. */
  private static boolean matrix(OutputTensor tensor) {
    String name = tensor.name();
    return tensor.shape().rank() >= 2
        && name.endsWith("weight")
        && !name.contains("_norm.")
        && !name.contains("ffn_gate_inp")
        && !name.equals("position_embd.weight")
        && !name.equals("token_types.weight");
  }

  /** The type, or the one that llama.cpp takes instead where the block does not divide the row. */
  static DType fitting(DType type, int cols) {
    if (cols % type.blockElements() == 0) {
      return type;
    }
    DType instead =
        switch (type) {
          case Q4_K -> DType.Q5_0;
          case Q5_K -> DType.Q5_1;
          case Q6_K -> DType.Q8_0;
          default -> DType.F16;
        };
    return cols % instead.blockElements() == 0 ? instead : DType.F16;
  }

  private static InputException usage(String message) {
    return new InputException(InputException.Kind.USAGE, message);
  }
}
