package io.superweight.compute.cpu;

import io.superweight.compute.Activation;
import io.superweight.compute.Matrix;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The matrix products of a {@link CpuDevice}. Segments are float32 in native order, row-major;
 * shapes have been checked. The bits of a result depend on shapes alone, never on the number of
 * threads.
 */
public interface Product extends AutoCloseable {
  /** For reports: {@code "Vector API 512 bit"}. */
  String description();

  /** One line for the user where it could be much faster. */
  default Optional<String> notice() {
    return Optional.empty();
  }

  /** Whether bfloat16 weights and rounded x are multiplied as such, not widened first. */
  default boolean multipliesBfloat16() {
    return false;
  }

  /**
   * How many running sums a float32 product has: sum i takes the elements {@code k mod lanes = i}
   * in rising order of k, each with one fused multiply-add, and the sums are added up by halves
   * onto halves. 0 where it sums otherwise.
   */
  default int lanes() {
    return 0;
  }

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
   * The two products of attention, where the library is faster at them than the kernels; empty
   * otherwise.
   */
  default Optional<AttentionProducts> attention() {
    return Optional.empty();
  }

  /**
   * Products of float32 matrices on one thread; strides in elements.
   *
   * @see BlockedAttention
   */
  interface AttentionProducts {
    /** {@code scores[i, j] = q[i] · k[j]}, for i below {@code queries} and j below {@code keys}. */
    void scores(
        int worker,
        MemorySegment q,
        int qStride,
        int queries,
        MemorySegment k,
        int kStride,
        int keys,
        int headDim,
        MemorySegment scores,
        int scoresStride);

    /**
     * {@code out[i] = Σ_j weights[i, j] · v[j]}.
     *
     * @param added whether the sum is added to what {@code out} holds
     */
    void mean(
        int worker,
        MemorySegment weights,
        int weightsStride,
        int queries,
        MemorySegment v,
        int vStride,
        int keys,
        int headDim,
        MemorySegment out,
        int outStride,
        boolean added);
  }

  /**
   * {@code gate = activation(gate) · up} where the library has that operation, too.
   *
   * @return whether it was done
   */
  default boolean gate(
      Workers workers, Activation activation, MemorySegment gate, MemorySegment up, long count) {
    return false;
  }

  /** Products of integers, where the library has them; closed with this. Empty otherwise. */
  default Optional<IntegerProduct> integers() {
    return Optional.empty();
  }

  @Override
  default void close() {}
}
