package io.superweight.compute.cpu;

import static io.superweight.compute.cpu.VectorTiles.LANES;
import static io.superweight.compute.cpu.VectorTiles.SPECIES;

import io.superweight.compute.AttentionSpec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * Softmax attention of one head for a block of queries that lie across the lanes: scores are kept
 * as {@code [keys, queries]}, so that neither keys nor values are ever turned round and the softmax
 * runs down the keys for all queries of a vector at once.
 *
 * <p>What a query gets depends on its own position, query, keys and values only: every sum runs
 * over channels or keys in rising order, and keys that it does not see add nothing.
 */
final class TiledAttention {
  private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

  /** Vectors of a tile, and its rows: sixteen running sums. */
  private static final int VECTORS = 4;

  private static final int ROWS = 4;

  /** Queries of a block. */
  static final int QUERIES = 128;

  /** Queries of a sequence from which it is worth it. */
  static final int FEWEST_QUERIES = 32;

  private TiledAttention() {}

  /** Whether heads of that size are whole tiles. */
  static boolean fits(int headDim) {
    return headDim % (VECTORS * LANES) == 0 && QUERIES % (VECTORS * LANES) == 0;
  }

  /** As {@link Kernels#attention}, for at most {@link #QUERIES} queries. */
  static void attention(
      MemorySegment q,
      MemorySegment k,
      MemorySegment v,
      MemorySegment out,
      int qStride,
      int kvStride,
      int queries,
      int position,
      AttentionSpec spec) {
    int d = spec.headDim();
    int firstKey = spec.window() == 0 ? 0 : Math.max(0, position - spec.window() + 1) / ROWS * ROWS;
    int keys = position + queries - firstKey; // numbered from firstKey on
    int width = (queries + VECTORS * LANES - 1) / (VECTORS * LANES) * (VECTORS * LANES);
    float[] turned = turn(q, qStride, queries, d, width);
    int rows = (keys + ROWS - 1) / ROWS * ROWS;
    float[] scores = new float[rows * width];
    float[] tile = new float[ROWS * d];
    for (int key = 0; key < keys; key += ROWS) {
      int count = Math.min(ROWS, keys - key);
      for (int r = 0; r < count; r++) {
        long at = 4L * (firstKey + key + r) * kvStride;
        MemorySegment.copy(k, FLOAT, at, tile, r * d, d);
      }
      for (int column = 0; column < width; column += VECTORS * LANES) {
        score(tile, d, turned, width, column, scores, key * width + column);
      }
    }
    float[] totals = new float[width];
    for (int column = 0; column < width; column += LANES) {
      softmax(scores, keys, width, column, position - firstKey, spec, totals);
    }
    float[] means = new float[ROWS * d];
    for (int query = 0; query < queries; query += ROWS) {
      // The first rows of a causal block see fewer keys than the last.
      int seen = Math.min(keys, position - firstKey + query + ROWS);
      for (int channel = 0; channel < d; channel += VECTORS * LANES) {
        average(scores, query, width, v, firstKey, kvStride, channel, seen, means, channel, d);
      }
      for (int r = 0; r < Math.min(ROWS, queries - query); r++) {
        float factor = 1 / totals[query + r];
        for (int c = 0; c < d; c += LANES) {
          FloatVector.fromArray(SPECIES, means, r * d + c)
              .mul(factor)
              .intoMemorySegment(out, 4L * ((long) (query + r) * qStride + c), NATIVE);
        }
      }
    }
  }

  /** Queries {@code [queries, d]} as {@code [d, width]}, zeros behind the last. */
  private static float[] turn(MemorySegment q, int qStride, int queries, int d, int width) {
    float[] turned = new float[d * width];
    float[] row = new float[d];
    for (int i = 0; i < queries; i++) {
      MemorySegment.copy(q, FLOAT, 4L * i * qStride, row, 0, d);
      for (int c = 0; c < d; c++) {
        turned[c * width + i] = row[c];
      }
    }
    return turned;
  }

  /** Four keys times 4 vectors of queries: {@code scores[r, :] = Σ_c keys[r, c] · turned[c, :]}. */
  private static void score(
      float[] keys, int d, float[] turned, int width, int column, float[] scores, int at) {
    FloatVector zero = FloatVector.zero(SPECIES);
    FloatVector a0 = zero, a1 = zero, a2 = zero, a3 = zero;
    FloatVector b0 = zero, b1 = zero, b2 = zero, b3 = zero;
    FloatVector c0 = zero, c1 = zero, c2 = zero, c3 = zero;
    FloatVector d0 = zero, d1 = zero, d2 = zero, d3 = zero;
    int from = column;
    for (int c = 0; c < d; c++, from += width) {
      FloatVector q0 = FloatVector.fromArray(SPECIES, turned, from);
      FloatVector q1 = FloatVector.fromArray(SPECIES, turned, from + LANES);
      FloatVector q2 = FloatVector.fromArray(SPECIES, turned, from + 2 * LANES);
      FloatVector q3 = FloatVector.fromArray(SPECIES, turned, from + 3 * LANES);
      FloatVector a = FloatVector.broadcast(SPECIES, keys[c]);
      a0 = a.fma(q0, a0);
      a1 = a.fma(q1, a1);
      a2 = a.fma(q2, a2);
      a3 = a.fma(q3, a3);
      FloatVector b = FloatVector.broadcast(SPECIES, keys[d + c]);
      b0 = b.fma(q0, b0);
      b1 = b.fma(q1, b1);
      b2 = b.fma(q2, b2);
      b3 = b.fma(q3, b3);
      FloatVector e = FloatVector.broadcast(SPECIES, keys[2 * d + c]);
      c0 = e.fma(q0, c0);
      c1 = e.fma(q1, c1);
      c2 = e.fma(q2, c2);
      c3 = e.fma(q3, c3);
      FloatVector f = FloatVector.broadcast(SPECIES, keys[3 * d + c]);
      d0 = f.fma(q0, d0);
      d1 = f.fma(q1, d1);
      d2 = f.fma(q2, d2);
      d3 = f.fma(q3, d3);
    }
    a0.intoArray(scores, at);
    a1.intoArray(scores, at + LANES);
    a2.intoArray(scores, at + 2 * LANES);
    a3.intoArray(scores, at + 3 * LANES);
    b0.intoArray(scores, at + width);
    b1.intoArray(scores, at + width + LANES);
    b2.intoArray(scores, at + width + 2 * LANES);
    b3.intoArray(scores, at + width + 3 * LANES);
    c0.intoArray(scores, at + 2 * width);
    c1.intoArray(scores, at + 2 * width + LANES);
    c2.intoArray(scores, at + 2 * width + 2 * LANES);
    c3.intoArray(scores, at + 2 * width + 3 * LANES);
    d0.intoArray(scores, at + 3 * width);
    d1.intoArray(scores, at + 3 * width + LANES);
    d2.intoArray(scores, at + 3 * width + 2 * LANES);
    d3.intoArray(scores, at + 3 * width + 3 * LANES);
  }

  /** The softmax of a vector of queries down the keys, without its common factor. */
  private static void softmax(
      float[] scores,
      int keys,
      int width,
      int column,
      int position,
      AttentionSpec spec,
      float[] totals) {
    FloatVector lowest = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
    FloatVector largest = lowest;
    for (int j = 0; j < keys; j++) {
      int at = j * width + column;
      FloatVector score = FloatVector.fromArray(SPECIES, scores, at).mul(spec.scale());
      if (spec.softcap() != 0) {
        score = VectorMath.tanh(score.div(spec.softcap())).mul(spec.softcap());
      }
      // Query i sees the keys from its position less the window up to its position.
      int from = j - position - column;
      int to = spec.window() == 0 ? LANES : from + spec.window();
      if (from > 0 || to < LANES) {
        VectorMask<Float> seen =
            SPECIES
                .indexInRange(0, Math.clamp(to, 0, LANES))
                .andNot(SPECIES.indexInRange(0, Math.clamp(from, 0, LANES)));
        score = lowest.blend(score, seen);
      }
      score.intoArray(scores, at);
      largest = largest.max(score);
    }
    // A column behind the last query may see no key: its maximum must not make NaN.
    largest = largest.max(-Float.MAX_VALUE);
    FloatVector total = FloatVector.zero(SPECIES);
    for (int block = 0; block < keys; block += LANES) {
      FloatVector sum = FloatVector.zero(SPECIES);
      for (int j = block; j < Math.min(keys, block + LANES); j++) {
        int at = j * width + column;
        FloatVector e =
            VectorMath.expUpToZero(FloatVector.fromArray(SPECIES, scores, at).sub(largest));
        e.intoArray(scores, at);
        sum = sum.add(e);
      }
      total = total.add(sum);
    }
    total.intoArray(totals, column);
  }

  /** Four queries: {@code means[r, :] = Σ_j weights[j, query + r] · v[j, channel:]}, 4 vectors. */
  private static void average(
      float[] weights,
      int query,
      int width,
      MemorySegment v,
      int firstKey,
      int kvStride,
      int channel,
      int keys,
      float[] means,
      int to,
      int d) {
    FloatVector zero = FloatVector.zero(SPECIES);
    FloatVector a0 = zero, a1 = zero, a2 = zero, a3 = zero;
    FloatVector b0 = zero, b1 = zero, b2 = zero, b3 = zero;
    FloatVector c0 = zero, c1 = zero, c2 = zero, c3 = zero;
    FloatVector d0 = zero, d1 = zero, d2 = zero, d3 = zero;
    long from = 4L * ((long) firstKey * kvStride + channel);
    int at = query;
    for (int j = 0; j < keys; j++, from += 4L * kvStride, at += width) {
      FloatVector v0 = FloatVector.fromMemorySegment(SPECIES, v, from, NATIVE);
      FloatVector v1 = FloatVector.fromMemorySegment(SPECIES, v, from + 4L * LANES, NATIVE);
      FloatVector v2 = FloatVector.fromMemorySegment(SPECIES, v, from + 8L * LANES, NATIVE);
      FloatVector v3 = FloatVector.fromMemorySegment(SPECIES, v, from + 12L * LANES, NATIVE);
      FloatVector a = FloatVector.broadcast(SPECIES, weights[at]);
      a0 = a.fma(v0, a0);
      a1 = a.fma(v1, a1);
      a2 = a.fma(v2, a2);
      a3 = a.fma(v3, a3);
      FloatVector b = FloatVector.broadcast(SPECIES, weights[at + 1]);
      b0 = b.fma(v0, b0);
      b1 = b.fma(v1, b1);
      b2 = b.fma(v2, b2);
      b3 = b.fma(v3, b3);
      FloatVector e = FloatVector.broadcast(SPECIES, weights[at + 2]);
      c0 = e.fma(v0, c0);
      c1 = e.fma(v1, c1);
      c2 = e.fma(v2, c2);
      c3 = e.fma(v3, c3);
      FloatVector f = FloatVector.broadcast(SPECIES, weights[at + 3]);
      d0 = f.fma(v0, d0);
      d1 = f.fma(v1, d1);
      d2 = f.fma(v2, d2);
      d3 = f.fma(v3, d3);
    }
    a0.intoArray(means, to);
    a1.intoArray(means, to + LANES);
    a2.intoArray(means, to + 2 * LANES);
    a3.intoArray(means, to + 3 * LANES);
    b0.intoArray(means, to + d);
    b1.intoArray(means, to + d + LANES);
    b2.intoArray(means, to + d + 2 * LANES);
    b3.intoArray(means, to + d + 3 * LANES);
    c0.intoArray(means, to + 2 * d);
    c1.intoArray(means, to + 2 * d + LANES);
    c2.intoArray(means, to + 2 * d + 2 * LANES);
    c3.intoArray(means, to + 2 * d + 3 * LANES);
    d0.intoArray(means, to + 3 * d);
    d1.intoArray(means, to + 3 * d + LANES);
    d2.intoArray(means, to + 3 * d + 2 * LANES);
    d3.intoArray(means, to + 3 * d + 3 * LANES);
  }
}
