package io.superweight.compute.cpu;

import io.superweight.compute.Buffer;
import io.superweight.compute.IntegerProducts;
import java.lang.foreign.MemorySegment;

/** Integer products of a {@link CpuDevice}: checks shapes, and shares rows out among threads. */
final class CpuIntegerProducts implements IntegerProducts {
  /** Rows of x that one task looks at. */
  private static final int ROWS = 32;

  private final Workers workers;
  private final IntegerProduct product;
  private final IntegerKernels kernels;

  CpuIntegerProducts(Workers workers, IntegerProduct product, IntegerKernels kernels) {
    this.workers = workers;
    this.product = product;
    this.kernels = kernels;
  }

  @Override
  public String description() {
    return product.description();
  }

  @Override
  public Packed pack(MemorySegment codes, int rows, int cols) {
    require(
        codes.byteSize() == (long) rows * cols && cols <= MOST_COLUMNS,
        codes.byteSize() + " bytes are not [" + rows + ", " + cols + "] codes that can be summed");
    return product.pack(workers, codes, rows, cols);
  }

  @Override
  public float[] largest(Buffer x) {
    float[] result = new float[x.rows()];
    eachRow(x.rows(), m -> result[m] = kernels.largest(x.data(), 4L * m * x.cols(), x.cols()));
    return result;
  }

  @Override
  public void multiply(Buffer x, float[] xScales, int most, Packed w, float[] wScales, Buffer y) {
    require(
        x.cols() == w.cols()
            && y.cols() == w.rows()
            && x.rows() == y.rows()
            && xScales.length == x.rows()
            && wScales.length == w.rows()
            && most <= 127,
        "[" + x.rows() + ", " + x.cols() + "] · [" + w.rows() + ", " + w.cols() + "]ᵀ of codes");
    if (x.rows() > 0 && w.rows() > 0) {
      product.multiply(workers, x.data(), x.rows(), xScales, most, w, wScales, y.data());
    }
  }

  @Override
  public void scaleColumns(Buffer y, float[] factors) {
    require(y.cols() == factors.length, factors.length + " factors of " + y.cols() + " columns");
    eachRow(y.rows(), m -> kernels.scaleColumns(y.data(), 4L * m * y.cols(), y.cols(), factors));
  }

  private interface RowWork {
    void run(int row);
  }

  private void eachRow(int rows, RowWork work) {
    workers.run(
        (rows + ROWS - 1) / ROWS,
        (task, worker) -> {
          for (int m = task * ROWS; m < Math.min(rows, (task + 1) * ROWS); m++) {
            work.run(m);
          }
        });
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
