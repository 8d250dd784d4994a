package io.superweight.model;

import io.superweight.compute.AttentionSpec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;

/** Attention weights that are held whole, for transforms that want to change them. */
final class AttentionWeights {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private AttentionWeights() {}

  /**
   * Causal softmax in place; sums are float64, results float32.
   *
   * @param scores {@code [queries, keys]}, not scaled yet
   * @param before keys before the first query's own
   */
  static void softmax(MemorySegment scores, int queries, int keys, int before, AttentionSpec how) {
    IntStream.range(0, queries)
        .parallel()
        .forEach(t -> {
          float[] row = new float[keys];
          MemorySegment.copy(scores, FLOAT, 4L * t * keys, row, 0, keys);
          int end = before + t + 1;
          int from = how.window() == 0 ? 0 : Math.max(0, end - how.window());
          float max = Float.NEGATIVE_INFINITY;
          for (int j = from; j < end; j++) {
            float score = row[j] * how.scale();
            if (how.softcap() != 0) {
              score = how.softcap() * (float) Math.tanh(score / how.softcap());
            }
            row[j] = score;
            max = Math.max(max, score);
          }
          double sum = 0;
          for (int j = from; j < end; j++) {
            row[j] = (float) Math.exp(row[j] - max);
            sum += row[j];
          }
          for (int j = 0; j < keys; j++) {
            row[j] = j >= from && j < end ? (float) (row[j] / sum) : 0;
          }
          MemorySegment.copy(row, 0, scores, FLOAT, 4L * t * keys, keys);
        });
  }

  /** {@code [rows, cols]} as {@code [cols, rows]}. */
  static float[] transposed(MemorySegment from, int rows, int cols) {
    float[] to = new float[rows * cols];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < cols; c++) {
        to[c * rows + r] = from.get(FLOAT, 4L * ((long) r * cols + c));
      }
    }
    return to;
  }
}
