package io.superweight.measure;

import io.superweight.compute.Precision;
import io.superweight.tensor.DType;

/**
 * What a device reaches on {@code y[M, N] = x[M, K] · W[N, K]ᵀ}, weights coming from memory.
 *
 * @param device its name
 * @param dtype of W
 * @param precision what the device does to x
 * @param tokens M
 * @param seconds of one product
 * @param ofCeiling the time that memory and arithmetic need at least, by the ceilings, as a share
 *     of the time taken; NaN where a ceiling is missing
 */
public record ProductSpeed(
    String device,
    DType dtype,
    Precision precision,
    LayerShape shape,
    int tokens,
    Spread seconds,
    double ofCeiling) {

  /** Bytes of W read in a second, in 10⁹. */
  public double gigabytes() {
    return bytes() / seconds.median() / 1e9;
  }

  /** Multiplications and additions in a second, in 10⁹. */
  public double gigaflops() {
    return shape.operations(tokens) / seconds.median() / 1e9;
  }

  double bytes() {
    return dtype.bytes((long) shape.rows() * shape.cols());
  }
}
