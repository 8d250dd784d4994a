package io.superweight.model;

import io.superweight.compute.Buffer;
import io.superweight.compute.Device;

/**
 * Makes another matrix of a stored one, for one variant of one pass: quantized and decoded again,
 * clipped, many weights set. The changed matrix is scratch, one at a time, and never a second model
 * in memory.
 *
 * <p>It is asked again for each product, with the same matrix each time, and must give the same
 * values each time.
 */
public interface WeightTransform {
  /** Whether it changes the matrix of that canonical part, {@code layers.11.mlp.down}. */
  boolean wants(String part);

  /**
   * Changes the matrix in place.
   *
   * @param weights float32 {@code [rows, cols]}, decoded, with the variant's scalar edits; what is
   *     written to {@link Device#host}'s memory counts when {@link Device#store} has put it back
   */
  void transform(String part, Buffer weights, Device device);
}
