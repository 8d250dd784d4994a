package io.superweight.quantize;

import io.superweight.model.Coordinate;
import java.util.List;

/**
 * What quantizing did to a matrix.
 *
 * @param meanSquaredError of its weights, held ones put back
 * @param relativeError squared error over squared weights
 * @param largestError of a weight
 * @param outcome blocks, and what was clipped
 * @param held weights that were put back
 */
public record TensorReport(
    String part,
    int rows,
    int cols,
    double meanSquaredError,
    double relativeError,
    double largestError,
    WeightQuantizer.Outcome outcome,
    List<Held> held) {
  public TensorReport {
    held = List.copyOf(held);
  }

  /**
   * A weight that was put back.
   *
   * @param original its value
   * @param quantized what it would have become
   */
  public record Held(Coordinate weight, float original, float quantized) {
    /** Whether putting it back changed anything. */
    public boolean noEffect() {
      return original == quantized;
    }
  }
}
