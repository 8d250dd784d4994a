package io.superweight.compute.cpu;

import static io.superweight.compute.cpu.VectorTiles.LANES;
import static io.superweight.compute.cpu.VectorTiles.SPECIES;

import io.superweight.compute.Activation;
import io.superweight.compute.AttentionSpec;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * The loops in the Vector API. Only {@link CpuDevice} makes one, and only where the module is
 * there.
 */
final class VectorKernels implements Kernels {
  private final ScalarKernels scalar = new ScalarKernels();

  @Override
  public String description() {
    return "Vector API " + VectorTiles.SPECIES.vectorBitSize() + " bit";
  }

  @Override
  public void add(MemorySegment y, MemorySegment x, float factor, long count) {
    long i = 0;
    for (; i <= count - LANES; i += LANES) {
      FloatVector v = load(x, i);
      store(load(y, i).add(factor == 1 ? v : v.mul(factor)), y, i);
    }
    if (i < count) {
      VectorMask<Float> inside = SPECIES.indexInRange(i, count);
      FloatVector v = load(x, i, inside);
      store(load(y, i, inside).add(factor == 1 ? v : v.mul(factor)), y, i, inside);
    }
  }

  @Override
  public void scale(MemorySegment x, float factor, long count) {
    long i = 0;
    for (; i <= count - LANES; i += LANES) {
      store(load(x, i).mul(factor), x, i);
    }
    if (i < count) {
      VectorMask<Float> inside = SPECIES.indexInRange(i, count);
      store(load(x, i, inside).mul(factor), x, i, inside);
    }
  }

  @Override
  public void clamp(MemorySegment x, float limit, long count) {
    scalar.clamp(x, limit, count);
  }

  @Override
  public void softcap(MemorySegment x, float cap, long count) {
    long i = 0;
    for (; i <= count - LANES; i += LANES) {
      store(VectorMath.tanh(load(x, i).div(cap)).mul(cap), x, i);
    }
    if (i < count) {
      VectorMask<Float> inside = SPECIES.indexInRange(i, count);
      store(VectorMath.tanh(load(x, i, inside).div(cap)).mul(cap), x, i, inside);
    }
  }

  @Override
  public void activate(Activation activation, MemorySegment x, long count) {
    switch (activation) {
      case SILU -> silu(x, count);
      case GELU -> gelu(x, count);
      case GELU_TANH -> geluTanh(x, count);
      case RELU, RELU_SQUARED -> scalar.activate(activation, x, count);
    }
  }

  private static void silu(MemorySegment x, long count) {
    long i = 0;
    for (; i <= count - LANES; i += LANES) {
      store(VectorMath.silu(load(x, i)), x, i);
    }
    if (i < count) {
      VectorMask<Float> inside = SPECIES.indexInRange(i, count);
      store(VectorMath.silu(load(x, i, inside)), x, i, inside);
    }
  }

  private static void gelu(MemorySegment x, long count) {
    long i = 0;
    for (; i <= count - LANES; i += LANES) {
      store(VectorMath.gelu(load(x, i)), x, i);
    }
    if (i < count) {
      VectorMask<Float> inside = SPECIES.indexInRange(i, count);
      store(VectorMath.gelu(load(x, i, inside)), x, i, inside);
    }
  }

  private static void geluTanh(MemorySegment x, long count) {
    long i = 0;
    for (; i <= count - LANES; i += LANES) {
      store(VectorMath.geluTanh(load(x, i)), x, i);
    }
    if (i < count) {
      VectorMask<Float> inside = SPECIES.indexInRange(i, count);
      store(VectorMath.geluTanh(load(x, i, inside)), x, i, inside);
    }
  }

  @Override
  public void gate(Activation activation, MemorySegment gate, MemorySegment up, long count) {
    activate(activation, gate, count);
    long i = 0;
    for (; i <= count - LANES; i += LANES) {
      store(load(gate, i).mul(load(up, i)), gate, i);
    }
    if (i < count) {
      VectorMask<Float> inside = SPECIES.indexInRange(i, count);
      store(load(gate, i, inside).mul(load(up, i, inside)), gate, i, inside);
    }
  }

  @Override
  public void rmsNorm(
      MemorySegment x,
      MemorySegment weight,
      float offset,
      float epsilon,
      MemorySegment y,
      int cols) {
    double squares = VectorReductions.squares(x, cols, 0);
    float inverse = (float) (1 / Math.sqrt(squares / cols + epsilon));
    for (int i = 0; i < cols; i += LANES) {
      VectorMask<Float> inside = SPECIES.indexInRange(i, cols);
      FloatVector normal = load(x, i, inside).mul(inverse);
      store(
          weight == null ? normal : normal.mul(load(weight, i, inside).add(offset)), y, i, inside);
    }
  }

  @Override
  public void layerNorm(
      MemorySegment x,
      MemorySegment weight,
      MemorySegment bias,
      float epsilon,
      MemorySegment y,
      int cols) {
    double mean = VectorReductions.sum(x, cols) / cols;
    double inverse = 1 / Math.sqrt(VectorReductions.squares(x, cols, mean) / cols + epsilon);
    scalar.normalize(x, mean, inverse, weight, bias, y, cols);
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
    VectorAttention.attention(q, k, v, out, qStride, kvStride, queries, position, spec);
  }

  @Override
  public double logSumExp(MemorySegment x, int cols) {
    return VectorReductions.logSumExp(x, cols);
  }

  @Override
  public double divergence(MemorySegment p, MemorySegment q, int cols) {
    return VectorReductions.divergence(p, q, cols);
  }

  private static FloatVector load(MemorySegment x, long i) {
    return FloatVector.fromMemorySegment(SPECIES, x, 4 * i, ByteOrder.nativeOrder());
  }

  private static FloatVector load(MemorySegment x, long i, VectorMask<Float> inside) {
    return FloatVector.fromMemorySegment(SPECIES, x, 4 * i, ByteOrder.nativeOrder(), inside);
  }

  private static void store(FloatVector v, MemorySegment x, long i) {
    v.intoMemorySegment(x, 4 * i, ByteOrder.nativeOrder());
  }

  private static void store(FloatVector v, MemorySegment x, long i, VectorMask<Float> inside) {
    v.intoMemorySegment(x, 4 * i, ByteOrder.nativeOrder(), inside);
  }
}
