package io.superweight.compute.cpu;

import io.superweight.compute.Activation;
import io.superweight.compute.Matrix;
import java.lang.foreign.MemorySegment;

/**
 * The matrix products of a {@link CpuDevice}. Segments are float32 in native order, row-major;
 * shapes have been checked. The bits of a result depend on shapes alone, never on the number of
 * threads.
 */
public interface Product extends AutoCloseable {
  /** For reports: {@code "Vector API 512 bit"}. */
  String description();

  /**
   * {@code y[m, n] = Σ_k x[m, k] · W[n, k]} on all threads.
   *
   * @param x {@code [tokens, cols]}
   * @param rounded whether x is rounded to bfloat16 first
   * @param y {@code [tokens, rows]}
   */
  void multiply(
      Workers workers, MemorySegment x, int tokens, Matrix w, boolean rounded, MemorySegment y);

  /**
   * {@code y[m · stride + column] = Σ_k x[m, k] · weights[k]} for some m, on the calling thread.
   *
   * @param rounded as in {@link #multiply}
   */
  void column(
      MemorySegment x,
      int fromToken,
      int toToken,
      float[] weights,
      boolean rounded,
      MemorySegment y,
      int stride,
      int column);

  /**
   * {@code gate = activation(gate) · up} where the library has that operation, too.
   *
   * @return whether it was done
   */
  default boolean gate(
      Workers workers, Activation activation, MemorySegment gate, MemorySegment up, long count) {
    return false;
  }

  @Override
  default void close() {}
}
