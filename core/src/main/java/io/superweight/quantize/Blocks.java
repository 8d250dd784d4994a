package io.superweight.quantize;

/** Which weights of a matrix {@code [rows, cols]} share a scale. */
public sealed interface Blocks {

  /**
   * So many consecutive elements in row-major order, across rows: the published code's blocks, also
   * where the paper writes 128×128.
   */
  record Run(long elements) implements Blocks {
    public Run {
      positive(elements);
    }
  }

  /** An output channel. */
  record Row() implements Blocks {}

  /** The matrix. */
  record Whole() implements Blocks {}

  /** So many consecutive elements of a row; what GPTQ and AWQ files call a group. */
  record Group(int elements) implements Blocks {
    public Group {
      positive(elements);
    }
  }

  /** True squares or rectangles. */
  record Tile(int rows, int cols) implements Blocks {
    public Tile {
      positive(rows);
      positive(cols);
    }
  }

  private static void positive(long size) {
    if (size < 1) {
      throw new IllegalArgumentException("a block holds at least one weight");
    }
  }
}
