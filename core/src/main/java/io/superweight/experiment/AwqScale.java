package io.superweight.experiment;

import io.superweight.compute.Matrix;
import io.superweight.model.Transformer;
import java.util.Arrays;

/**
 * By how much AWQ would multiply a column of a matrix before it quantizes to INT4 in groups of 128:
 * {@code s[k] = mean|X[·,k]|^α / √(max s · min s)}, with the α of 0, 0.05, …, 0.95 that makes the
 * smallest error of the matrix's output (Lin et al. 2024, and its code {@code auto_scale.py}). The
 * error is measured on some rows of the matrix and some tokens, where the code takes all.
 *
 * @param alpha the chosen exponent
 * @param scale of the column
 * @param rank of that scale among all columns, 1 being the largest
 */
record AwqScale(double alpha, double scale, int rank) {
  private static final int STEPS = 20;
  private static final int GROUP = 128;
  private static final int ROWS = 48;

  /**
   * Searches.
   *
   * @param part the matrix
   * @param row the super weight's row, always among those that the error is measured on
   * @param inputs X, {@code [tokens][cols]}
   */
  static AwqScale of(Transformer model, String part, int row, int col, float[][] inputs) {
    Matrix matrix = model.matrices().get(part);
    int cols = matrix.cols();
    double[] mean = new double[cols];
    for (float[] x : inputs) {
      for (int k = 0; k < cols; k++) {
        mean[k] += Math.abs(x[k]) / inputs.length;
      }
    }
    int count = Math.min(ROWS, matrix.rows());
    float[][] weights = new float[count][];
    for (int r = 0; r < count; r++) {
      int at = r == 0 ? row : (int) ((long) r * matrix.rows() / count);
      weights[r] = model.device().row(matrix, at);
    }
    double best = Double.POSITIVE_INFINITY;
    double alpha = 0;
    double[] chosen = null;
    for (int step = 0; step < STEPS; step++) {
      double[] scales = scales(mean, step / (double) STEPS);
      double error = 0;
      for (float[] w : weights) {
        error += error(w, scales, inputs, best - error);
        if (error >= best) {
          break;
        }
      }
      if (error < best) {
        best = error;
        alpha = step / (double) STEPS;
        chosen = scales;
      }
    }
    double scale = chosen[col];
    int rank = 1 + (int) Arrays.stream(chosen).filter(s -> s > scale).count();
    return new AwqScale(alpha, scale, rank);
  }

  private static double[] scales(double[] mean, double alpha) {
    double[] scales = Arrays.stream(mean).map(m -> Math.max(1e-4, Math.pow(m, alpha))).toArray();
    double middle =
        Math.sqrt(Arrays.stream(scales).max().orElse(1) * Arrays.stream(scales).min().orElse(1));
    return Arrays.stream(scales).map(s -> s / middle).toArray();
  }

  /** Σ over tokens of the squared error of one output channel. */
  private static double error(float[] w, double[] scales, float[][] inputs, double enough) {
    double[] off = new double[w.length];
    for (int from = 0; from < w.length; from += GROUP) {
      int to = Math.min(w.length, from + GROUP);
      double low = Double.POSITIVE_INFINITY;
      double high = Double.NEGATIVE_INFINITY;
      for (int k = from; k < to; k++) {
        low = Math.min(low, w[k] * scales[k]);
        high = Math.max(high, w[k] * scales[k]);
      }
      double delta = Math.max(high - low, 1e-5) / 15;
      double zero = Math.clamp(-Math.rint(low / delta), 0, 15);
      for (int k = from; k < to; k++) {
        double q = Math.clamp(Math.rint(w[k] * scales[k] / delta) + zero, 0, 15);
        off[k] = (q - zero) * delta / scales[k] - w[k];
      }
    }
    double error = 0;
    for (float[] x : inputs) {
      double dot = 0;
      for (int k = 0; k < off.length; k++) {
        dot += off[k] * x[k];
      }
      error += dot * dot;
      if (error >= enough) {
        break;
      }
    }
    return error;
  }
}
