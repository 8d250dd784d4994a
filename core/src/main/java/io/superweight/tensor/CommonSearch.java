package io.superweight.tensor;

/** What the searches do before they try anything, and what they found. */
abstract class CommonSearch implements GridSearch {
  /** Adding and taking away 1.5 · 2^23 rounds to the nearest integer, ties to even. */
  static final float ROUNDER = 0x1.8p23f;

  float scale;
  float minimum;

  /** Of the 32 elements of {@link #affine}; the least of them and 0. */
  float min;

  float max;
  float sumW;
  float sumX;

  @Override
  public final float scale() {
    return scale;
  }

  @Override
  public final float minimum() {
    return minimum;
  }

  /** Range and weighted sums of 32 elements; false where there is nothing to search. */
  final boolean beginAffine(float[] x, int at, float[] weights, int weightsAt) {
    float least = 0;
    float most = x[at];
    for (int i = 0; i < 32; i++) {
      least = Math.min(least, x[at + i]);
      most = Math.max(most, x[at + i]);
    }
    float evenW = 0;
    float evenX = 0;
    float oddW = 0;
    float oddX = 0;
    for (int i = 0; i < 32; i += 2) { // two sums, so that none waits for the one before
      float even = weights[weightsAt + i];
      float odd = weights[weightsAt + i + 1];
      evenW += even;
      oddW += odd;
      evenX = Math.fma(even, x[at + i], evenX);
      oddX = Math.fma(odd, x[at + i + 1], oddX);
    }
    min = least;
    max = most;
    sumW = evenW + oddW;
    sumX = evenX + oddX;
    scale = 0;
    minimum = -least;
    return most - least > 0;
  }

  /** The first of 16 elements of the largest magnitude; 0 where there is nothing to search. */
  final float beginSymmetric(float[] x, int at) {
    float extreme = extreme(x, at);
    scale = 0;
    return Math.abs(extreme) < 1e-15f ? 0 : extreme;
  }

  /** The first of 16 elements of the largest magnitude. */
  float extreme(float[] x, int at) {
    float extreme = 0;
    for (int i = 0; i < 16; i++) {
      if (Math.abs(x[at + i]) > Math.abs(extreme)) {
        extreme = x[at + i];
      }
    }
    return extreme;
  }
}
