package io.superweight.compute.cpu;

import io.superweight.compute.IntegerProducts.Packed;
import io.superweight.compute.Matrix;
import io.superweight.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Products of integers by float32 products, exactly: 1,024 terms of at most 127² stay below 2²⁴, up
 * to which float32 holds every integer. Codes lie as Q8_0 blocks of scale 1, in panels of 1,024
 * columns; the panels' sums are added as integers.
 */
final class FloatSums implements IntegerProduct {
  /** Columns of a panel. */
  private static final int PANEL = 1024;

  private static final int BLOCK = DType.Q8_0.blockElements();
  private static final int BLOCK_BYTES = DType.Q8_0.blockBytes();
  private static final int ROWS_OF_TASK = 32;
  private static final long ALIGNMENT = 64;

  private final Product product;
  private final IntegerKernels kernels;

  FloatSums(Product product, IntegerKernels kernels) {
    this.product = product;
    this.kernels = kernels;
  }

  /** Panels of codes, {@code [rows, width]} each, the last one filled up with zeros. */
  private record Panels(int rows, int cols, long bytes, List<Matrix> panels) implements Packed {}

  @Override
  public String description() {
    return "exact float32 sums of integers";
  }

  @Override
  public Packed pack(Workers workers, MemorySegment codes, int rows, int cols) {
    List<Matrix> panels = new ArrayList<>();
    long bytes = 0;
    Arena arena = Arena.ofAuto(); // they live as long as the variant that multiplies by them
    for (int from = 0; from < cols; from += PANEL) {
      int first = from;
      int count = Math.min(PANEL, cols - from);
      int width = roundUp(count);
      long rowBytes = DType.Q8_0.bytes(width);
      MemorySegment data = arena.allocate(rows * rowBytes, ALIGNMENT);
      workers.run(
          (rows + ROWS_OF_TASK - 1) / ROWS_OF_TASK,
          (task, worker) -> {
            int end = Math.min(rows, (task + 1) * ROWS_OF_TASK);
            for (int r = task * ROWS_OF_TASK; r < end; r++) {
              block(codes, (long) r * cols + first, count, data, r * rowBytes);
            }
          });
      panels.add(new Matrix(DType.Q8_0, data, rows, width, false));
      bytes += data.byteSize();
    }
    return new Panels(rows, cols, bytes, panels);
  }

  /** A row of blocks of scale 1. */
  private static void block(MemorySegment codes, long from, int count, MemorySegment to, long at) {
    for (int k = 0; k < count; k += BLOCK) {
      long block = at + (long) k / BLOCK * BLOCK_BYTES;
      to.set(ValueLayout.JAVA_SHORT_UNALIGNED, block, Float.floatToFloat16(1));
      MemorySegment.copy(codes, from + k, to, block + 2, Math.min(BLOCK, count - k));
    }
  }

  @Override
  public void multiply(
      Workers workers,
      MemorySegment x,
      int tokens,
      float[] xScales,
      int most,
      Packed w,
      float[] wScales,
      MemorySegment y) {
    Panels panels = (Panels) w;
    int rows = w.rows();
    int cols = w.cols();
    int[] unshifted = new int[rows];
    try (Arena arena = Arena.ofShared()) {
      MemorySegment codes = arena.allocate(4L * tokens * Math.min(PANEL, roundUp(cols)), ALIGNMENT);
      MemorySegment part = arena.allocate(4L * tokens * rows, ALIGNMENT);
      MemorySegment sums = arena.allocate(4L * tokens * rows, ALIGNMENT);
      for (int p = 0; p < panels.panels.size(); p++) {
        Matrix panel = panels.panels.get(p);
        int first = p * PANEL;
        int count = Math.min(PANEL, cols - first);
        MemorySegment in = codes.asSlice(0, 4L * tokens * panel.cols());
        if (count < panel.cols()) {
          in.fill((byte) 0); // what a wider panel left there
        }
        eachToken(
            workers,
            tokens,
            t ->
                kernels.floats(
                    x,
                    4 * ((long) t * cols + first),
                    count,
                    xScales[t],
                    most,
                    in,
                    4L * t * panel.cols()));
        product.multiply(workers, in, tokens, panel, false, part);
        eachToken(workers, tokens, t -> kernels.addIntegers(part, sums, 4L * t * rows, rows));
      }
      eachToken(
          workers,
          tokens,
          t -> {
            long at = 4L * t * rows;
            kernels.scale(sums, at, rows, unshifted, xScales[t], wScales, 0, y, at);
          });
    }
  }

  private interface TokenWork {
    void run(int token);
  }

  private static void eachToken(Workers workers, int tokens, TokenWork work) {
    workers.run(
        (tokens + ROWS_OF_TASK - 1) / ROWS_OF_TASK,
        (task, worker) -> {
          int end = Math.min(tokens, (task + 1) * ROWS_OF_TASK);
          for (int t = task * ROWS_OF_TASK; t < end; t++) {
            work.run(t);
          }
        });
  }

  private static int roundUp(int cols) {
    return (cols + BLOCK - 1) / BLOCK * BLOCK;
  }
}
