package io.superweight.compute.cpu;

import io.superweight.compute.Matrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/** Products in plain Java: run everywhere, and say what a product means. */
final class ScalarProduct implements Product {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

  /** Partial sums of a dot product: element k goes to sum {@code k mod LANES}. */
  private static final int LANES = 16;

  /** Rows of W that one task computes. */
  private static final int ROWS_OF_TASK = 16;

  @Override
  public String description() {
    return "scalar";
  }

  @Override
  public Optional<String> notice() {
    return Optional.of(
        "Plain Java kernels are in use, many times slower: pass --add-modules "
            + CpuDevice.VECTOR_MODULE
            + " to java");
  }

  @Override
  public int lanes() {
    return LANES;
  }

  @Override
  public void multiply(
      Workers workers, MemorySegment x, int tokens, Matrix w, boolean rounded, MemorySegment y) {
    int k = w.cols();
    workers.run(
        (w.rows() + ROWS_OF_TASK - 1) / ROWS_OF_TASK,
        (task, worker) -> {
          float[] weights = new float[k];
          float[] row = new float[k];
          int end = Math.min(w.rows(), (task + 1) * ROWS_OF_TASK);
          for (int n = task * ROWS_OF_TASK; n < end; n++) {
            RowReader.read(w, n, 0, k, weights, 0);
            for (int m = 0; m < tokens; m++) {
              load(x, m, rounded, row);
              y.setAtIndex(FLOAT, (long) m * w.rows() + n, dot(row, weights, 0, k));
            }
          }
        });
  }

  @Override
  public void column(
      MemorySegment x,
      int fromToken,
      int toToken,
      float[] weights,
      boolean rounded,
      MemorySegment y,
      int stride,
      int column) {
    float[] row = new float[weights.length];
    for (int m = fromToken; m < toToken; m++) {
      load(x, m, rounded, row);
      y.setAtIndex(FLOAT, (long) m * stride + column, dot(row, weights, 0, row.length));
    }
  }

  private static void load(MemorySegment x, int token, boolean rounded, float[] to) {
    MemorySegment.copy(x, FLOAT, 4L * token * to.length, to, 0, to.length);
    for (int k = 0; rounded && k < to.length; k++) {
      to[k] = Bfloat16.round(to[k]);
    }
  }

  /**
   * {@code LANES} running sums with fused multiply-add, then halves onto halves: of a, and of b
   * from an index on.
   */
  static float dot(float[] a, float[] b, int from, int count) {
    float[] sums = new float[LANES];
    int k = 0;
    for (; k <= count - LANES; k += LANES) {
      for (int lane = 0; lane < LANES; lane++) {
        sums[lane] = Math.fma(a[k + lane], b[from + k + lane], sums[lane]);
      }
    }
    for (int lane = 0; k < count; k++, lane++) {
      sums[lane] = Math.fma(a[k], b[from + k], sums[lane]);
    }
    for (int half = LANES / 2; half > 0; half /= 2) {
      for (int lane = 0; lane < half; lane++) {
        sums[lane] += sums[lane + half];
      }
    }
    return sums[0];
  }
}
