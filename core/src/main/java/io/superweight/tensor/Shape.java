package io.superweight.tensor;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** The dimensions of a tensor, outermost first; the last one is contiguous in memory. */
public record Shape(List<Long> dimensions) {
  public Shape {
    dimensions = List.copyOf(dimensions);
    for (long d : dimensions) {
      if (d < 0) {
        throw new IllegalArgumentException("negative dimension in " + dimensions);
      }
    }
  }

  public static Shape of(long... dimensions) {
    return new Shape(Arrays.stream(dimensions).boxed().toList());
  }

  /** The number of dimensions. */
  public int rank() {
    return dimensions.size();
  }

  /** Dimension {@code i}, 0 being the outermost. */
  public long dimension(int i) {
    return dimensions.get(i);
  }

  /**
   * The number of elements; 1 for a scalar.
   *
   * @throws ArithmeticException if it does not fit a long
   */
  public long elements() {
    long product = 1;
    for (long d : dimensions) {
      product = Math.multiplyExact(product, d);
    }
    return product;
  }

  @Override
  public String toString() {
    return dimensions.stream().map(String::valueOf).collect(Collectors.joining(" × ", "[", "]"));
  }
}
