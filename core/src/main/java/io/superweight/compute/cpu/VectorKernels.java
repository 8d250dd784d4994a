package io.superweight.compute.cpu;

import static io.superweight.compute.cpu.VectorTiles.LANES;
import static io.superweight.compute.cpu.VectorTiles.SPECIES;

import io.superweight.compute.Activation;
import io.superweight.compute.AttentionSpec;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

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
    long i = 0;
    for (; i <= count - LANES; i += LANES) {
      store(load(x, i).max(-limit).min(limit), x, i);
    }
    if (i < count) {
      VectorMask<Float> inside = SPECIES.indexInRange(i, count);
      store(load(x, i, inside).max(-limit).min(limit), x, i, inside);
    }
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
      case RELU -> relu(x, count);
      case RELU_SQUARED -> reluSquared(x, count);
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

  private static void relu(MemorySegment x, long count) {
    long i = 0;
    for (; i <= count - LANES; i += LANES) {
      store(load(x, i).max(0f), x, i);
    }
    if (i < count) {
      VectorMask<Float> inside = SPECIES.indexInRange(i, count);
      store(load(x, i, inside).max(0f), x, i, inside);
    }
  }

  private static void reluSquared(MemorySegment x, long count) {
    long i = 0;
    for (; i <= count - LANES; i += LANES) {
      FloatVector v = load(x, i).max(0f);
      store(v.mul(v), x, i);
    }
    if (i < count) {
      VectorMask<Float> inside = SPECIES.indexInRange(i, count);
      FloatVector v = load(x, i, inside).max(0f);
      store(v.mul(v), x, i, inside);
    }
  }

  @Override
  public void gate(Activation activation, MemorySegment gate, MemorySegment up, long count) {
    switch (activation) {
      case SILU -> siluGate(gate, up, count);
      case GELU -> geluGate(gate, up, count);
      case GELU_TANH -> geluTanhGate(gate, up, count);
      case RELU -> reluGate(gate, up, count);
      case RELU_SQUARED -> reluSquaredGate(gate, up, count);
    }
  }

  private static void siluGate(MemorySegment x, MemorySegment up, long count) {
    long i = 0;
    for (; i <= count - LANES; i += LANES) {
      store(VectorMath.silu(load(x, i)).mul(load(up, i)), x, i);
    }
    if (i < count) {
      VectorMask<Float> inside = SPECIES.indexInRange(i, count);
      store(VectorMath.silu(load(x, i, inside)).mul(load(up, i, inside)), x, i, inside);
    }
  }

  private static void geluGate(MemorySegment x, MemorySegment up, long count) {
    long i = 0;
    for (; i <= count - LANES; i += LANES) {
      store(VectorMath.gelu(load(x, i)).mul(load(up, i)), x, i);
    }
    if (i < count) {
      VectorMask<Float> inside = SPECIES.indexInRange(i, count);
      store(VectorMath.gelu(load(x, i, inside)).mul(load(up, i, inside)), x, i, inside);
    }
  }

  private static void geluTanhGate(MemorySegment x, MemorySegment up, long count) {
    long i = 0;
    for (; i <= count - LANES; i += LANES) {
      store(VectorMath.geluTanh(load(x, i)).mul(load(up, i)), x, i);
    }
    if (i < count) {
      VectorMask<Float> inside = SPECIES.indexInRange(i, count);
      store(VectorMath.geluTanh(load(x, i, inside)).mul(load(up, i, inside)), x, i, inside);
    }
  }

  private static void reluGate(MemorySegment x, MemorySegment up, long count) {
    long i = 0;
    for (; i <= count - LANES; i += LANES) {
      store(load(x, i).max(0f).mul(load(up, i)), x, i);
    }
    if (i < count) {
      VectorMask<Float> inside = SPECIES.indexInRange(i, count);
      store(load(x, i, inside).max(0f).mul(load(up, i, inside)), x, i, inside);
    }
  }

  private static void reluSquaredGate(MemorySegment x, MemorySegment up, long count) {
    long i = 0;
    for (; i <= count - LANES; i += LANES) {
      FloatVector v = load(x, i).max(0f);
      store(v.mul(v).mul(load(up, i)), x, i);
    }
    if (i < count) {
      VectorMask<Float> inside = SPECIES.indexInRange(i, count);
      FloatVector v = load(x, i, inside).max(0f);
      store(v.mul(v).mul(load(up, i, inside)), x, i, inside);
    }
  }

  @Override
  public void rope(
      MemorySegment x,
      int cols,
      int headDim,
      MemorySegment cos,
      MemorySegment sin,
      int pairs,
      boolean interleaved) {
    if (interleaved || pairs % LANES != 0) {
      scalar.rope(x, cols, headDim, cos, sin, pairs, interleaved);
      return;
    }
    for (int head = 0; head < cols; head += headDim) {
      for (int i = 0; i < pairs; i += LANES) {
        FloatVector a = load(x, head + i);
        FloatVector b = load(x, head + pairs + i);
        FloatVector c = load(cos, i);
        FloatVector s = load(sin, i);
        store(a.mul(c).sub(b.mul(s)), x, head + i);
        store(b.mul(c).add(a.mul(s)), x, head + pairs + i);
      }
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
    int i = 0;
    for (; i <= cols - LANES; i += LANES) {
      FloatVector normal = load(x, i).mul(inverse);
      store(weight == null ? normal : normal.mul(load(weight, i).add(offset)), y, i);
    }
    if (i < cols) {
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
    for (int i = 0; i < cols; i += VectorReductions.LANES) {
      VectorMask<Float> inside = VectorReductions.FLOATS.indexInRange(i, cols);
      FloatVector normal = VectorReductions.standard(x, i, inside, mean, inverse);
      if (weight != null) {
        normal = normal.mul(VectorReductions.floats(weight, i, inside));
      }
      if (bias != null) {
        normal = normal.add(VectorReductions.floats(bias, i, inside));
      }
      store(normal, y, i, inside);
    }
  }

  @Override
  public int queriesOfTask(int headDim, int queriesOfSequence) {
    return queriesOfSequence >= TiledAttention.FEWEST_QUERIES && TiledAttention.fits(headDim)
        ? TiledAttention.QUERIES
        : Kernels.super.queriesOfTask(headDim, queriesOfSequence);
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
    if (queries >= TiledAttention.FEWEST_QUERIES && TiledAttention.fits(spec.headDim())) {
      TiledAttention.attention(q, k, v, out, qStride, kvStride, queries, position, spec);
    } else {
      VectorAttention.attention(q, k, v, out, qStride, kvStride, queries, position, spec);
    }
  }

  /** Scores whose exponentials are summed in float32 before they are added up in float64. */
  private static final int SUMMED = 512;

  @Override
  public float softmax(
      MemorySegment scores, int from, int to, int count, float scale, float softcap) {
    FloatVector lowest = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
    FloatVector largest = lowest;
    int first = from / LANES * LANES;
    int end = (to + LANES - 1) / LANES * LANES;
    for (int j = first; j < end; j += LANES) {
      FloatVector score = load(scores, j);
      boolean edge = j < from || j + LANES > to;
      if (softcap != 0) {
        score = VectorMath.tanh(score.mul(scale / softcap)).mul(softcap);
      }
      if (edge) {
        VectorMask<Float> seen = SPECIES.indexInRange(j, to).andNot(SPECIES.indexInRange(j, from));
        score = lowest.blend(score, seen);
      }
      if (edge || softcap != 0) {
        store(score, scores, j);
      }
      // Not max, which takes a detour for NaN: that shows in the total.
      largest = largest.blend(score, score.compare(VectorOperators.GT, largest));
    }
    float factor = softcap == 0 ? scale : 1;
    float max = factor * largest.reduceLanes(VectorOperators.MAX);
    float[] lanes = new float[LANES];
    double total = 0;
    for (int block = first; block < end; block += SUMMED) {
      FloatVector sum = FloatVector.zero(SPECIES);
      for (int j = block; j < Math.min(end, block + SUMMED); j += LANES) {
        FloatVector e = VectorMath.expUpToZero(load(scores, j).mul(factor).sub(max));
        store(e, scores, j);
        sum = sum.add(e);
      }
      // Not reduceLanes, whose order changes when the JIT compiles it.
      sum.intoArray(lanes, 0);
      total += VectorTotals.of(lanes, 0);
    }
    scores.asSlice(0, 4L * first).fill((byte) 0);
    scores.asSlice(4L * end, 4L * (count - end)).fill((byte) 0);
    return (float) total;
  }

  @Override
  public int argMax(MemorySegment x, int cols) {
    return VectorReductions.argMax(x, cols);
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
