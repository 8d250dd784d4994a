package io.superweight.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Which tokens go to which experts, with which weights: soft-max over all experts, the largest
 * kept, made to sum to one where the family does so. Ties go to the lower expert.
 *
 * @param rowsOf {@code [experts][…]} rows of the chunk, ascending
 * @param weightsOf the same shape
 */
record Routing(int[][] rowsOf, float[][] weightsOf) {

  /**
   * @param scores router outputs, float32 {@code [rows, experts]}
   */
  static Routing of(MemorySegment scores, int rows, Architecture.Experts spec) {
    int experts = spec.count();
    int[] counts = new int[experts];
    int[][] chosen = new int[rows][spec.perToken()];
    float[][] weights = new float[rows][spec.perToken()];
    double[] p = new double[experts];
    for (int r = 0; r < rows; r++) {
      double max = Double.NEGATIVE_INFINITY;
      for (int e = 0; e < experts; e++) {
        p[e] = scores.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * ((long) r * experts + e));
        max = Math.max(max, p[e]);
      }
      double sum = 0;
      for (int e = 0; e < experts; e++) {
        p[e] = Math.exp(p[e] - max);
        sum += p[e];
      }
      double kept = 0;
      for (int n = 0; n < spec.perToken(); n++) {
        int best = -1;
        for (int e = 0; e < experts; e++) {
          if (p[e] >= 0 && (best < 0 || p[e] > p[best])) {
            best = e;
          }
        }
        if (best < 0) {
          best = 0; // only where the scores are not numbers: the result is not one either
        }
        chosen[r][n] = best;
        weights[r][n] = (float) (p[best] / sum);
        kept += p[best] / sum;
        p[best] = -1;
        counts[best]++;
      }
      if (spec.normalised()) {
        for (int n = 0; n < spec.perToken(); n++) {
          weights[r][n] = (float) (weights[r][n] / kept);
        }
      }
    }
    int[][] rowsOf = new int[experts][];
    float[][] weightsOf = new float[experts][];
    for (int e = 0; e < experts; e++) {
      rowsOf[e] = new int[counts[e]];
      weightsOf[e] = new float[counts[e]];
    }
    int[] at = new int[experts];
    for (int r = 0; r < rows; r++) {
      for (int n = 0; n < spec.perToken(); n++) {
        int e = chosen[r][n];
        rowsOf[e][at[e]] = r;
        weightsOf[e][at[e]++] = weights[r][n];
      }
    }
    return new Routing(rowsOf, weightsOf);
  }

  int[] rows(int expert) {
    return rowsOf[expert];
  }

  float[] weights(int expert) {
    return weightsOf[expert];
  }
}
