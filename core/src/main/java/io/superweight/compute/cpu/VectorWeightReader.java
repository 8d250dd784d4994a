package io.superweight.compute.cpu;

import io.superweight.compute.Matrix;

/**
 * Rows widened by {@link VectorRows}. Only {@link CpuDevice} makes one, where the module is there.
 */
final class VectorWeightReader implements WeightReader {
  private float[] scratch = new float[0];

  @Override
  public void read(Matrix w, int row, float[] out) {
    if (scratch.length < w.cols() + SLACK) {
      scratch = new float[w.cols() + SLACK];
    }
    VectorRows.read(w, row, 0, w.cols(), out, 0, VectorTiles.LANES, scratch);
  }
}
