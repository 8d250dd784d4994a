package io.superweight.compute.cpu;

import static io.superweight.compute.cpu.VectorTiles.LANES;
import static io.superweight.compute.cpu.VectorTiles.ROWS;
import static io.superweight.compute.cpu.VectorTiles.SPECIES;
import static io.superweight.compute.cpu.VectorTiles.firstOfTile;
import static io.superweight.compute.cpu.VectorTiles.tiles;

import io.superweight.compute.AttentionSpec;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Softmax attention of one head for some queries: all scores of those queries, their softmax, then
 * the mean of the values; both products in the tiles of {@link VectorTiles}. What a query gets
 * depends on its own position, query, keys and values only.
 */
final class VectorAttention {
  private static final ByteOrder NATIVE = ByteOrder.nativeOrder();

  /** Keys whose values are packed at a time. */
  private static final int KEYS = 32;

  private final AttentionSpec spec;
  private final int headDim;
  private final int queries;

  /** Position of the first query among the keys. */
  private final int position;

  private final int keys;

  /** The first key that any of the queries sees, at a whole vector of scores. */
  private final int firstKey;

  /** Scores, then probabilities without their common factor: {@code [queries, scoresOfQuery]}. */
  private final float[] scores;

  private final int scoresOfQuery;

  /** The factors left out. */
  private final float[] totals;

  private VectorAttention(AttentionSpec spec, int queries, int position) {
    this.spec = spec;
    this.headDim = spec.headDim();
    this.queries = queries;
    this.position = position;
    this.keys = position + queries;
    this.firstKey = firstSeen(0) / LANES * LANES;
    this.scoresOfQuery = ceilDiv(keys - firstKey, LANES) * LANES;
    this.scores = new float[queries * scoresOfQuery];
    this.totals = new float[queries];
  }

  /** As {@link Kernels#attention}. */
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
    VectorAttention attention = new VectorAttention(spec, queries, position);
    attention.score(q, qStride, k, kvStride);
    attention.softmax();
    attention.average(v, kvStride, out, qStride);
  }

  private int firstSeen(int query) {
    return spec.window() == 0 ? 0 : Math.max(0, position + query - spec.window() + 1);
  }

  /** {@code scores[i, j] = q[i] · k[j]}. */
  private void score(MemorySegment q, int qStride, MemorySegment k, int kvStride) {
    int steps = ceilDiv(headDim, LANES);
    int tiles = tiles(queries);
    float[] packed = new float[queries * steps * LANES];
    for (int tile = 0; tile < tiles; tile++) {
      int first = firstOfTile(queries, tile);
      int count = firstOfTile(queries, tile + 1) - first;
      for (int t = 0; t < count; t++) {
        pack(
            q,
            (long) (first + t) * qStride,
            packed,
            first * steps * LANES + t * LANES,
            count * LANES);
      }
    }
    int groups = Math.max(1, LANES / ROWS);
    float[] packedKeys = new float[groups * ROWS * steps * LANES];
    float[] sums = new float[groups * ROWS * VectorTiles.MAX_TOKENS * LANES];
    float[] scratch = new float[VectorTotals.SCRATCH];
    for (int key = firstKey; key < keys; key += LANES) {
      for (int i = 0; i < Math.min(LANES, keys - key); i++) {
        pack(
            k,
            (long) (key + i) * kvStride,
            packedKeys,
            i / ROWS * ROWS * steps * LANES + i % ROWS * LANES,
            ROWS * LANES);
      }
      for (int tile = 0; tile < tiles; tile++) {
        int first = firstOfTile(queries, tile);
        int count = firstOfTile(queries, tile + 1) - first;
        Arrays.fill(sums, 0, groups * ROWS * count * LANES, 0);
        for (int g = 0; g < groups; g++) {
          VectorTiles.accumulate(
              count,
              packedKeys,
              g * ROWS * steps * LANES,
              packed,
              first * steps * LANES,
              steps,
              sums,
              g * ROWS * count * LANES);
        }
        for (int t = 0; t < count; t++) {
          VectorTotals.of(
              sums,
              t * LANES,
              count * LANES,
              scores,
              (first + t) * scoresOfQuery + key - firstKey,
              scratch);
        }
      }
    }
  }

  /**
   * Puts the channels of one row, vector by vector, to {@code to[at + i · stride]}, the last one
   * filled up with zeros.
   */
  private void pack(MemorySegment row, long from, float[] to, int at, int stride) {
    int c = 0;
    int i = at;
    for (; c <= headDim - LANES; c += LANES, i += stride) {
      FloatVector.fromMemorySegment(SPECIES, row, 4 * (from + c), NATIVE).intoArray(to, i);
    }
    if (c < headDim) {
      FloatVector.fromMemorySegment(
              SPECIES, row, 4 * (from + c), NATIVE, SPECIES.indexInRange(c, headDim))
          .intoArray(to, i);
    }
  }

  private void softmax() {
    float[] lanes = new float[LANES];
    for (int i = 0; i < queries; i++) {
      int row = i * scoresOfQuery;
      // Scores of keys that this query sees, numbered from firstKey.
      int from = firstSeen(i) - firstKey;
      int to = position + i + 1 - firstKey;
      FloatVector largest = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
      for (int j = 0; j < scoresOfQuery; j += LANES) {
        VectorMask<Float> seen = SPECIES.indexInRange(j, to).andNot(SPECIES.indexInRange(j, from));
        FloatVector score = FloatVector.fromArray(SPECIES, scores, row + j).mul(spec.scale());
        if (spec.softcap() != 0) {
          score = VectorMath.tanh(score.div(spec.softcap())).mul(spec.softcap());
        }
        score = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY).blend(score, seen);
        score.intoArray(scores, row + j);
        largest = largest.max(score);
      }
      float max = largest.reduceLanes(VectorOperators.MAX);
      double total = 0;
      for (int block = 0; block < scoresOfQuery; block += KEYS * LANES) {
        FloatVector sum = FloatVector.zero(SPECIES);
        for (int j = block; j < Math.min(scoresOfQuery, block + KEYS * LANES); j += LANES) {
          FloatVector e =
              VectorMath.expUpToZero(FloatVector.fromArray(SPECIES, scores, row + j).sub(max));
          e.intoArray(scores, row + j);
          sum = sum.add(e);
        }
        sum.intoArray(lanes, 0);
        total += VectorTotals.of(lanes, 0);
      }
      totals[i] = (float) total;
    }
  }

  /** {@code out[i] = Σ_j scores[i, j] · v[j] / totals[i]}. */
  private void average(MemorySegment v, int kvStride, MemorySegment out, int outStride) {
    int tiles = tiles(queries);
    // Channels lie as the rows of a tile do, ROWS vectors in a group.
    int groups = ceilDiv(headDim, ROWS * LANES);
    float[] packed = new float[groups * KEYS * ROWS * LANES];
    float[] factors = new float[KEYS * VectorTiles.MAX_TOKENS * LANES];
    float[] sums = new float[queries * groups * ROWS * LANES];
    for (int key = firstSeen(0); key < keys; key += KEYS) {
      int count = Math.min(KEYS, keys - key);
      for (int g = 0; g < groups; g++) {
        for (int j = 0; j < count; j++) {
          packChannels(
              v,
              (long) (key + j) * kvStride,
              g * ROWS * LANES,
              packed,
              (g * KEYS + j) * ROWS * LANES);
        }
      }
      for (int tile = 0; tile < tiles; tile++) {
        int first = firstOfTile(queries, tile);
        int tokens = firstOfTile(queries, tile + 1) - first;
        for (int t = 0; t < tokens; t++) {
          int row = (first + t) * scoresOfQuery + key - firstKey;
          for (int j = 0; j < count; j++) {
            FloatVector.broadcast(SPECIES, scores[row + j])
                .intoArray(factors, (j * tokens + t) * LANES);
          }
        }
        for (int g = 0; g < groups; g++) {
          VectorTiles.accumulate(
              tokens,
              packed,
              g * KEYS * ROWS * LANES,
              factors,
              0,
              count,
              sums,
              (first * groups + g * tokens) * ROWS * LANES);
        }
      }
    }
    for (int tile = 0; tile < tiles; tile++) {
      int first = firstOfTile(queries, tile);
      int tokens = firstOfTile(queries, tile + 1) - first;
      for (int t = 0; t < tokens; t++) {
        for (int i = 0; i * LANES < headDim; i++) {
          int at =
              (first * groups + i / ROWS * tokens) * ROWS * LANES + (i % ROWS * tokens + t) * LANES;
          FloatVector mean = FloatVector.fromArray(SPECIES, sums, at).div(totals[first + t]);
          long to = 4 * ((long) (first + t) * outStride + i * LANES);
          if ((i + 1) * LANES <= headDim) {
            mean.intoMemorySegment(out, to, NATIVE);
          } else {
            mean.intoMemorySegment(out, to, NATIVE, SPECIES.indexInRange(i * LANES, headDim));
          }
        }
      }
    }
  }

  private void packChannels(MemorySegment row, long from, int channel, float[] to, int at) {
    for (int i = 0; i < ROWS; i++) {
      int c = channel + i * LANES;
      long offset = 4 * (from + c);
      if (c + LANES <= headDim) {
        FloatVector.fromMemorySegment(SPECIES, row, offset, NATIVE).intoArray(to, at + i * LANES);
      } else if (c < headDim) {
        FloatVector.fromMemorySegment(
                SPECIES, row, offset, NATIVE, SPECIES.indexInRange(c, headDim))
            .intoArray(to, at + i * LANES);
      }
    }
  }

  private static int ceilDiv(int a, int b) {
    return (a + b - 1) / b;
  }
}
