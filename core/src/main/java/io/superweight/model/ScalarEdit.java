package io.superweight.model;

/**
 * One weight given another value for a variant of a pass. The checkpoint is not touched: the output
 * channel of the edited row is computed again with the edited weight.
 */
public record ScalarEdit(Coordinate coordinate, float value) {
  public static ScalarEdit zero(Coordinate coordinate) {
    return new ScalarEdit(coordinate, 0f);
  }
}
