package io.superweight.compute.cpu;

import io.superweight.compute.Matrix;

/** Widens rows of stored weights to float32; one thread each. */
public interface WeightReader {
  /** Floats that may be written behind the last element of a row. */
  int SLACK = 64;

  /**
   * {@code out[k] = W[row, k]} for all k.
   *
   * @param out at least {@code cols + SLACK} floats
   */
  void read(Matrix w, int row, float[] out);

  /** The fastest that this JVM runs. */
  static WeightReader create() {
    return CpuDevice.weightReader();
  }
}
