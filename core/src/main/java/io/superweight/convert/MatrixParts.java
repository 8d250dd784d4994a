package io.superweight.convert;

import io.superweight.model.Architecture;
import java.util.List;

/** The canonical names of the matrices in a layer, and what files call them. */
final class MatrixParts {
  static final List<String> ALL =
      List.of(
          "attn.q",
          "attn.k",
          "attn.v",
          "attn.qkv",
          "attn.o",
          "mlp.router",
          "mlp.gate",
          "mlp.up",
          "mlp.gate_up",
          "mlp.down",
          "mlp.experts.gate",
          "mlp.experts.up",
          "mlp.experts.down",
          "mlp.shared.gate",
          "mlp.shared.up",
          "mlp.shared.down");

  private MatrixParts() {}

  /** The names that a file may have for a part of a layer. */
  static List<String> names(Architecture architecture, String part, int layer, int expert) {
    return architecture.parts().getOrDefault(part, List.of()).stream()
        .map(template ->
            template.replace("{i}", String.valueOf(layer)).replace("{e}", String.valueOf(expert)))
        .toList();
  }

  /** As coordinates name the part. */
  static String canonical(String part, int layer, int expert) {
    return "layers."
        + layer
        + "."
        + (part.startsWith("mlp.experts.")
            ? part.replace("mlp.experts.", "mlp.experts." + expert + ".")
            : part);
  }
}
