package io.superweight.compute.cpu;

import io.superweight.compute.AttentionSpec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Softmax attention of one head for a block of queries by somebody else's products: the scores of
 * all keys that the block sees, their softmax, the mean of the values. Keys behind the block are
 * left out, so of a causal square little more than the half is computed.
 *
 * <p>Products are asked for in whole steps of {@value #STEP} queries and keys, so that a library
 * meets few shapes; what is left over is copied and filled up with zeros.
 */
final class BlockedAttention {
  /** Queries of a block. */
  static final int QUERIES = 128;

  /** Queries of a sequence from which it is worth it. */
  static final int FEWEST_QUERIES = 48;

  /** Whole steps of keys are multiplied, from a multiple of this on. */
  static final int STEP = 64;

  /** The most keys of one product. */
  private static final int KEYS = 2048;

  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;
  private static final long ALIGNMENT = 64;

  private final Kernels kernels;
  private final Product.AttentionProducts products;
  private final Scratch[] scratch;

  BlockedAttention(Kernels kernels, Product.AttentionProducts products, int threads) {
    this.kernels = kernels;
    this.products = products;
    this.scratch = new Scratch[threads];
  }

  /** What a thread keeps. */
  private static final class Scratch {
    private Arena arena = Arena.ofShared();
    private long bytes;

    /** One segment of so many floats, as large as the largest asked for so far. */
    MemorySegment floats(long count) {
      if (bytes < 4 * count) {
        arena.close();
        arena = Arena.ofShared();
        bytes = 4 * count;
        memory = arena.allocate(bytes, ALIGNMENT);
      }
      return memory;
    }

    private MemorySegment memory = MemorySegment.NULL;
  }

  /** As {@link Kernels#attention}, for at most {@link #QUERIES} queries. */
  void attention(
      int worker,
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
    int firstSeen = spec.window() == 0 ? 0 : Math.max(0, position - spec.window() + 1);
    int firstKey = firstSeen / STEP * STEP;
    int keys = position + queries - firstKey; // numbered from firstKey on
    int whole = keys / STEP * STEP;
    int columns = (keys + STEP - 1) / STEP * STEP;
    int rows = (queries + STEP - 1) / STEP * STEP;
    if (scratch[worker] == null) {
      scratch[worker] = new Scratch();
    }
    long forScores = (long) rows * columns;
    MemorySegment memory = scratch[worker].floats(forScores + 2L * rows * d + STEP * d);
    MemorySegment scores = memory.asSlice(0, 4 * forScores);
    MemorySegment block = memory.asSlice(4 * forScores, 4L * rows * d);
    MemorySegment tail = memory.asSlice(4 * (forScores + (long) rows * d), 4L * STEP * d);
    MemorySegment means = memory.asSlice(4 * (forScores + (long) (rows + STEP) * d), 4L * rows * d);
    boolean full = queries == rows;
    if (!full) {
      copy(q, qStride, queries, d, block, rows);
    }
    MemorySegment from = full ? q : block;
    int fromStride = full ? qStride : d;
    for (int key = 0; key < whole; key += KEYS) {
      products.scores(
          worker,
          from,
          fromStride,
          rows,
          k.asSlice(4L * (firstKey + key) * kvStride),
          kvStride,
          Math.min(KEYS, whole - key),
          d,
          scores.asSlice(4L * key),
          columns);
    }
    if (whole < keys) {
      copy(k.asSlice(4L * (firstKey + whole) * kvStride), kvStride, keys - whole, d, tail, STEP);
      products.scores(
          worker, from, fromStride, rows, tail, d, STEP, d, scores.asSlice(4L * whole), columns);
    }
    float[] totals = new float[queries];
    for (int i = 0; i < queries; i++) {
      int last = position + i;
      int first = spec.window() == 0 ? 0 : Math.max(0, last - spec.window() + 1);
      totals[i] =
          kernels.softmax(
              scores.asSlice(4L * i * columns, 4L * columns),
              first - firstKey,
              last + 1 - firstKey,
              columns,
              spec.scale(),
              spec.softcap());
    }
    scores.asSlice(4L * queries * columns, 4L * (rows - queries) * columns).fill((byte) 0);
    MemorySegment to = full ? out : means;
    int toStride = full ? qStride : d;
    boolean added = false;
    for (int key = 0; key < whole; key += KEYS) {
      products.mean(
          worker,
          scores.asSlice(4L * key),
          columns,
          rows,
          v.asSlice(4L * (firstKey + key) * kvStride),
          kvStride,
          Math.min(KEYS, whole - key),
          d,
          to,
          toStride,
          added);
      added = true;
    }
    if (whole < keys) {
      copy(v.asSlice(4L * (firstKey + whole) * kvStride), kvStride, keys - whole, d, tail, STEP);
      products.mean(
          worker, scores.asSlice(4L * whole), columns, rows, tail, d, STEP, d, to, toStride, added);
    }
    for (int i = 0; i < queries; i++) {
      MemorySegment row = out.asSlice(4L * i * qStride, 4L * d);
      if (!full) {
        MemorySegment.copy(means, 4L * i * d, row, 0, 4L * d);
      }
      kernels.scale(row, 1 / totals[i], d);
    }
  }

  /** Rows {@code [count, d]} without gaps, followed by zeros up to {@code rows}. */
  private static void copy(
      MemorySegment from, int stride, int count, int d, MemorySegment to, int rows) {
    for (int i = 0; i < count; i++) {
      MemorySegment.copy(from, FLOAT, 4L * i * stride, to, FLOAT, 4L * i * d, d);
    }
    to.asSlice(4L * count * d, 4L * (rows - count) * d).fill((byte) 0);
  }

  void close() {
    for (Scratch s : scratch) {
      if (s != null) {
        s.arena.close();
      }
    }
  }
}
