package io.superweight.compute.cpu;

import io.superweight.compute.Buffer;
import io.superweight.compute.IntegerProducts;
import io.superweight.compute.Operands;
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
    Operands.requireCodes(codes.byteSize(), rows, cols);
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
    Operands.requireIntegerProduct(x, xScales, most, w, wScales, y);
    if (x.rows() > 0 && w.rows() > 0) {
      product.multiply(workers, x.data(), x.rows(), xScales, most, w, wScales, y.data());
    }
  }

  @Override
  public void scaleColumns(Buffer y, float[] factors) {
    Operands.requireFactors(y, factors);
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
}
