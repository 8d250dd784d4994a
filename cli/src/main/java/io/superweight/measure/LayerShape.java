package io.superweight.measure;

import java.util.List;

/**
 * A projection {@code W[rows, cols]} of a model of that size.
 *
 * @param model {@code "1 B"} or {@code "7 B"}
 * @param rows output channels
 * @param cols input channels
 */
public record LayerShape(String model, int rows, int cols) {
  /** Of Llama 3.2 1B and of Llama 2 7B: attention, up and gate, down. */
  static final List<LayerShape> ALL =
      List.of(
          new LayerShape("1 B", 2048, 2048),
          new LayerShape("1 B", 8192, 2048),
          new LayerShape("1 B", 2048, 8192),
          new LayerShape("7 B", 4096, 4096),
          new LayerShape("7 B", 11008, 4096),
          new LayerShape("7 B", 4096, 11008));

  /** Multiplications and additions for so many tokens. */
  double operations(int tokens) {
    return 2.0 * tokens * rows * cols;
  }
}
