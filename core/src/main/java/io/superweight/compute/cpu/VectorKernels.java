package io.superweight.compute.cpu;

import io.superweight.compute.Activation;
import io.superweight.compute.AttentionSpec;
import io.superweight.compute.Matrix;
import java.lang.foreign.MemorySegment;

/**
 * The loops in the Vector API. Only {@link CpuDevice} makes one, and only where the module is
 * there.
 */
final class VectorKernels implements Kernels {
  private final ScalarKernels scalar = new ScalarKernels();
  private final VectorProduct product;

  VectorKernels(int threads) {
    product = new VectorProduct(threads);
  }

  @Override
  public String description() {
    return "Vector API " + VectorTiles.SPECIES.vectorBitSize() + " bit";
  }

  @Override
  public void matmul(Workers workers, MemorySegment x, int tokens, Matrix w, MemorySegment y) {
    product.multiply(workers, x, tokens, w, y);
  }

  @Override
  public void matmulColumn(
      MemorySegment x,
      int fromToken,
      int toToken,
      float[] weights,
      MemorySegment y,
      int stride,
      int column) {
    VectorProduct.column(x, fromToken, toToken, weights, y, stride, column);
  }

  @Override
  public void add(MemorySegment y, MemorySegment x, float factor, long count) {
    scalar.add(y, x, factor, count);
  }

  @Override
  public void scale(MemorySegment x, float factor, long count) {
    scalar.scale(x, factor, count);
  }

  @Override
  public void clamp(MemorySegment x, float limit, long count) {
    scalar.clamp(x, limit, count);
  }

  @Override
  public void softcap(MemorySegment x, float cap, long count) {
    scalar.softcap(x, cap, count);
  }

  @Override
  public void activate(Activation activation, MemorySegment x, long count) {
    scalar.activate(activation, x, count);
  }

  @Override
  public void gate(Activation activation, MemorySegment gate, MemorySegment up, long count) {
    scalar.gate(activation, gate, up, count);
  }

  @Override
  public void rmsNorm(
      MemorySegment x,
      MemorySegment weight,
      float offset,
      float epsilon,
      MemorySegment y,
      int cols) {
    scalar.rmsNorm(x, weight, offset, epsilon, y, cols);
  }

  @Override
  public void layerNorm(
      MemorySegment x,
      MemorySegment weight,
      MemorySegment bias,
      float epsilon,
      MemorySegment y,
      int cols) {
    scalar.layerNorm(x, weight, bias, epsilon, y, cols);
  }

  @Override
  public void attention(
      MemorySegment q,
      MemorySegment k,
      MemorySegment v,
      MemorySegment out,
      int qStride,
      int kvStride,
      int queries,
      int position,
      AttentionSpec spec) {
    scalar.attention(q, k, v, out, qStride, kvStride, queries, position, spec);
  }

  @Override
  public double logSumExp(MemorySegment x, int cols) {
    return scalar.logSumExp(x, cols);
  }

  @Override
  public double divergence(MemorySegment p, MemorySegment q, int cols) {
    return scalar.divergence(p, q, cols);
  }
}
