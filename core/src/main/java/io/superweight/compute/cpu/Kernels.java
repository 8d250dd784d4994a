package io.superweight.compute.cpu;

import io.superweight.compute.Activation;
import io.superweight.compute.AttentionSpec;
import java.lang.foreign.MemorySegment;

/**
 * The loops of a CPU device, but products, on one thread each. Segments are float32 in native
 * order; shapes have been checked. {@link ScalarKernels} is the readable definition of each; what
 * computes faster is held against it by the tests.
 */
interface Kernels {
  /** For reports: {@code "scalar"}, {@code "Vector API 512 bit"}. */
  String description();

  /** {@code y[i] += factor · x[i]} for i below count, and so on. */
  void add(MemorySegment y, MemorySegment x, float factor, long count);

  void scale(MemorySegment x, float factor, long count);

  void clamp(MemorySegment x, float limit, long count);

  void softcap(MemorySegment x, float cap, long count);

  void activate(Activation activation, MemorySegment x, long count);

  void gate(Activation activation, MemorySegment gate, MemorySegment up, long count);

  /**
   * Rotates the heads of one row: of each the channel {@code i} with {@code i + pairs}, or where
   * {@code interleaved} 2i with 2i + 1, for i below {@code pairs}.
   *
   * @param cos {@code [pairs]}, and sin likewise
   */
  void rope(
      MemorySegment x,
      int cols,
      int headDim,
      MemorySegment cos,
      MemorySegment sin,
      int pairs,
      boolean interleaved);

  /** One row; weight may be null. */
  void rmsNorm(
      MemorySegment x,
      MemorySegment weight,
      float offset,
      float epsilon,
      MemorySegment y,
      int cols);

  /** One row; weight and bias may be null. */
  void layerNorm(
      MemorySegment x,
      MemorySegment weight,
      MemorySegment bias,
      float epsilon,
      MemorySegment y,
      int cols);

  /** How many queries of a sequence {@link #attention} is best given at a time. */
  default int queriesOfTask(int headDim, int queriesOfSequence) {
    return 20;
  }

  /**
   * One head of some queries of one sequence.
   *
   * @param q the first query's channels of this head; the next query is {@code qStride} floats on;
   *     out likewise
   * @param k the first key's channels of this head; the next key is {@code kvStride} floats on; v
   *     likewise
   * @param position of the first query among the keys
   */
  void attention(
      MemorySegment q,
      MemorySegment k,
      MemorySegment v,
      MemorySegment out,
      int qStride,
      int kvStride,
      int queries,
      int position,
      AttentionSpec spec);

  /**
   * Turns the scores of one query into weights without their common factor: {@code exp(s − max)}
   * for s = the score times {@code scale}, capped, of the keys {@code from} to {@code to}; 0 for
   * the others of {@code count}.
   *
   * @param scores {@code [count]}, a multiple of 64
   * @return the sum of the weights
   */
  float softmax(MemorySegment scores, int from, int to, int count, float scale, float softcap);

  /** The first column of the largest value of one row; NaN is never largest, but in column 0. */
  int argMax(MemorySegment x, int cols);

  /** {@code log Σ exp(x[i])} of one row, in float64. */
  double logSumExp(MemorySegment x, int cols);

  /** {@code Σ p log(p/q)} of one row. */
  double divergence(MemorySegment p, MemorySegment q, int cols);
}
