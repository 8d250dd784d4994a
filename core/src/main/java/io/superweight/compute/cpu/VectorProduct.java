package io.superweight.compute.cpu;

import static io.superweight.compute.cpu.VectorTiles.LANES;
import static io.superweight.compute.cpu.VectorTiles.MAX_TOKENS;
import static io.superweight.compute.cpu.VectorTiles.ROWS;
import static io.superweight.compute.cpu.VectorTiles.SPECIES;
import static io.superweight.compute.cpu.VectorTiles.firstOfTile;
import static io.superweight.compute.cpu.VectorTiles.tiles;

import io.superweight.compute.Matrix;
import io.superweight.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * Matrix products, x · Wᵀ.
 *
 * <p>x is packed once and shared by all threads. Each thread takes a few rows of W at a time,
 * widens a piece of them that stays in the first-level cache, and uses it for all tokens before it
 * goes on. So W is read once, in place, in long runs, at any number of tokens, and no more of it
 * than {@code ROWS · PIECE} elements a thread is ever held in float32.
 */
final class VectorProduct implements Product {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

  /** Which saves the check. */
  private static final ValueLayout.OfFloat UNALIGNED = ValueLayout.JAVA_FLOAT_UNALIGNED;

  /**
   * Elements of a row of W that are widened at a time: a multiple of all block sizes; 16 KB for 4
   * rows.
   */
  private static final int PIECE = 1024;

  /**
   * The most rows of W that one task computes: so often is a block of x used before it leaves the
   * cache.
   */
  private static final int ROWS_OF_TASK = 8 * ROWS;

  /** The same for one token, whose rows are read as {@value VectorTiles#ROWS} long runs. */
  private static final int ROWS_OF_RUNS = 16 * ROWS;

  /**
   * Tokens for which a widened piece is used at once: their share of x (4 KB each) stays in the
   * second-level cache.
   */
  private static final int TOKENS_OF_BLOCK = 20 * MAX_TOKENS;

  /** The most floats of x that are packed at a time, 32 MB. */
  private static final int PACKED = 8 << 20;

  /**
   * Up to so many tokens the time is that of reading W: its rows are read in one run each, since x
   * stays in the cache by itself, and bfloat16 is used from where it is stored. The bits are the
   * same either way.
   */
  private static final int FEW = 48;

  /** Up to so many products of one output channel are computed without vectors. */
  static final int FEW_PRODUCTS = 1 << 15;

  private static final class Scratch {
    final float[] weights = new float[ROWS * PIECE];
    final float[] row = new float[PIECE + LANES];
    final float[] sums = new float[(ROWS_OF_TASK * TOKENS_OF_BLOCK + LANES) * LANES];
    final float[] totals = new float[ROWS_OF_TASK * TOKENS_OF_BLOCK + LANES];
  }

  private final Scratch[] scratch;
  private float[] packed = new float[0];

  VectorProduct(int threads) {
    scratch = new Scratch[threads];
  }

  @Override
  public String description() {
    return "Vector API " + SPECIES.vectorBitSize() + " bit";
  }

  @Override
  public int lanes() {
    return LANES;
  }

  @Override
  public void multiply(
      Workers workers, MemorySegment x, int tokens, Matrix w, boolean rounded, MemorySegment y) {
    if (tokens == 1 && BlockRows.supports(w)) {
      multiplyOne(workers, x, w, rounded, y);
      return;
    }
    int padded = padded(w.cols());
    int most =
        Math.max(TOKENS_OF_BLOCK, PACKED / Math.max(1, padded) / TOKENS_OF_BLOCK * TOKENS_OF_BLOCK);
    for (int from = 0; from < tokens; from += most) {
      multiply(workers, x, from, Math.min(most, tokens - from), w, rounded, y);
    }
  }

  /** One token, by {@link BlockRows}. */
  private void multiplyOne(
      Workers workers, MemorySegment x, Matrix w, boolean rounded, MemorySegment y) {
    int cols = w.cols();
    if (packed.length < padded(cols)) {
      packed = new float[padded(cols)];
    }
    for (int k = 0; k < cols; k += LANES) {
      FloatVector v = FloatVector.fromMemorySegment(SPECIES, x, 4L * k, ByteOrder.nativeOrder());
      (rounded ? VectorMath.roundToBfloat16(v) : v).intoArray(packed, k);
    }
    int blocks = cols / BlockRows.ELEMENTS;
    long rowBytes = w.dtype().bytes(cols);
    int rowsOfTask = rowsOfTask(w.rows(), workers.threads(), ROWS_OF_RUNS);
    workers.run(
        ceilDiv(w.rows(), rowsOfTask),
        (task, worker) -> {
          Scratch s = scratch(worker);
          int from = task * rowsOfTask;
          int rows = Math.min(rowsOfTask, w.rows() - from);
          // Four runs of neighbouring rows: long ones, so that the processor reads ahead in each.
          int run = ceilDiv(rows, ROWS);
          long first = w.data().address() + from * rowBytes;
          for (int r = 0; r < run; r++) {
            BlockRows.multiply(
                w.dtype(),
                first + r * rowBytes,
                first + Math.min(rows - 1, run + r) * rowBytes,
                first + Math.min(rows - 1, 2 * run + r) * rowBytes,
                first + Math.min(rows - 1, 3 * run + r) * rowBytes,
                blocks,
                packed,
                s.sums,
                r * ROWS * LANES);
          }
          for (int i = 0; i < ROWS * run; i += LANES) {
            VectorTotals.of(s.sums, i * LANES, LANES, s.totals, i, s.row);
          }
          for (int i = 0; i < rows; i++) {
            y.setAtIndex(UNALIGNED, from + i, s.totals[i % run * ROWS + i / run]);
          }
        });
  }

  private void multiply(
      Workers workers,
      MemorySegment x,
      int fromToken,
      int tokens,
      Matrix w,
      boolean rounded,
      MemorySegment y) {
    int cols = w.cols();
    int padded = padded(cols);
    if (packed.length < tokens * padded) {
      packed = new float[tokens * padded];
    }
    int blocks = ceilDiv(tokens, TOKENS_OF_BLOCK);
    workers.run(
        blocks * ceilDiv(TOKENS_OF_BLOCK, MAX_TOKENS),
        (task, worker) -> {
          int block = task % blocks;
          int first = block * TOKENS_OF_BLOCK;
          int count = Math.min(TOKENS_OF_BLOCK, tokens - first);
          int tile = task / blocks;
          if (tile < tiles(count)) {
            pack(x, fromToken + first, count, tile, cols, rounded, first * padded);
          }
        });
    int rowsOfTask = rowsOfTask(w.rows(), workers.threads(), ROWS_OF_TASK);
    workers.run(
        ceilDiv(w.rows(), rowsOfTask),
        (task, worker) -> {
          int end = Math.min(w.rows(), (task + 1) * rowsOfTask);
          int rowsOfBlock = tokens <= FEW ? ROWS : rowsOfTask;
          for (int row = task * rowsOfTask; row < end; row += rowsOfBlock) {
            int rows = Math.min(rowsOfBlock, end - row);
            for (int first = 0; first < tokens; first += TOKENS_OF_BLOCK) {
              int count = Math.min(TOKENS_OF_BLOCK, tokens - first);
              multiplyBlock(
                  w, row, rows, first * padded, count, y, fromToken + first, scratch(worker));
            }
          }
        });
  }

  /** Fewer than the most where that leaves a thread without work. */
  private static int rowsOfTask(int rows, int threads, int most) {
    return Math.clamp(ceilDiv(rows, 4 * threads * ROWS) * ROWS, ROWS, most);
  }

  private Scratch scratch(int worker) {
    if (scratch[worker] == null) {
      scratch[worker] = new Scratch();
    }
    return scratch[worker];
  }

  /**
   * Packs the tokens of one tile of a block: {@code packed[at:]} is {@code [pieces, tiles, steps of
   * the piece, tokens of the tile, lanes]}.
   */
  private void pack(
      MemorySegment x,
      int fromToken,
      int tokensOfBlock,
      int tile,
      int cols,
      boolean rounded,
      int at) {
    int first = firstOfTile(tokensOfBlock, tile);
    int count = firstOfTile(tokensOfBlock, tile + 1) - first;
    for (int k = 0; k < cols; k += PIECE) {
      int length = Math.min(PIECE, cols - k);
      int to = at + k * tokensOfBlock + padded(length) * first;
      int whole = length / LANES;
      for (int t = 0; t < count; t++) {
        long from = 4 * ((long) (fromToken + first + t) * cols + k);
        for (int i = 0; i < whole; i++) {
          FloatVector v =
              FloatVector.fromMemorySegment(
                  SPECIES, x, from + 4L * LANES * i, ByteOrder.nativeOrder());
          (rounded ? VectorMath.roundToBfloat16(v) : v)
              .intoArray(packed, to + (i * count + t) * LANES);
        }
        if (whole * LANES < length) {
          int tail = to + (whole * count + t) * LANES;
          Arrays.fill(packed, tail, tail + LANES, 0);
          MemorySegment.copy(
              x, FLOAT, from + 4L * LANES * whole, packed, tail, length - whole * LANES);
          if (rounded) {
            VectorMath.roundToBfloat16(FloatVector.fromArray(SPECIES, packed, tail))
                .intoArray(packed, tail);
          }
        }
      }
    }
  }

  /**
   * Rows {@code row} to {@code row + rows} of W, at most {@code ROWS_OF_TASK}, times a block of
   * tokens.
   */
  private void multiplyBlock(
      Matrix w,
      int row,
      int rows,
      int packedAt,
      int tokens,
      MemorySegment y,
      int fromToken,
      Scratch s) {
    boolean direct =
        w.dtype() == DType.BF16 && !w.transposed() && tokens <= FEW && w.cols() % LANES == 0;
    int tiles = tiles(tokens);
    int sumsOfTile = ROWS * tokens * LANES;
    Arrays.fill(s.sums, 0, ceilDiv(rows, ROWS) * sumsOfTile, 0);
    for (int k = 0; k < w.cols(); k += PIECE) {
      int length = Math.min(PIECE, w.cols() - k);
      int steps = padded(length) / LANES;
      int xAt = packedAt + k * tokens;
      for (int r = 0; r < rows; r += ROWS) {
        if (direct) {
          multiplyDirectly(
              w, row + r, rows - r, k, steps, tokens, xAt, s.sums, r / ROWS * sumsOfTile);
          continue;
        }
        for (int i = 0; i < Math.min(ROWS, rows - r); i++) {
          VectorRows.read(w, row + r + i, k, length, s.weights, i * LANES, ROWS * LANES, s.row);
        }
        for (int tile = 0; tile < tiles; tile++) {
          int first = firstOfTile(tokens, tile);
          int count = firstOfTile(tokens, tile + 1) - first;
          int sumsAt = r / ROWS * sumsOfTile + ROWS * first * LANES;
          VectorTiles.accumulate(
              count, s.weights, 0, packed, xAt + first * steps * LANES, steps, s.sums, sumsAt);
        }
      }
    }
    int vectors = ceilDiv(rows, ROWS) * ROWS * tokens;
    for (int i = 0; i < vectors; i += LANES) {
      VectorTotals.of(s.sums, i * LANES, LANES, s.totals, i, s.row);
    }
    for (int tile = 0; tile < tiles; tile++) {
      int first = firstOfTile(tokens, tile);
      int count = firstOfTile(tokens, tile + 1) - first;
      for (int t = 0; t < count; t++) {
        long to = 4 * ((long) (fromToken + first + t) * w.rows() + row);
        for (int r = 0; r < rows; r++) {
          int at = (r / ROWS * tokens + first) * ROWS + r % ROWS * count + t;
          y.set(UNALIGNED, to + 4 * r, s.totals[at]);
        }
      }
    }
  }

  private void multiplyDirectly(
      Matrix w,
      int row,
      int rows,
      int k,
      int steps,
      int tokens,
      int xAt,
      float[] sums,
      int sumsAt) {
    int tiles = tiles(tokens);
    long w0 = 2 * ((long) row * w.cols() + k);
    long w1 = w0 + 2L * Math.min(1, rows - 1) * w.cols();
    long w2 = w0 + 2L * Math.min(2, rows - 1) * w.cols();
    long w3 = w0 + 2L * Math.min(3, rows - 1) * w.cols();
    for (int tile = 0; tile < tiles; tile++) {
      int first = firstOfTile(tokens, tile);
      int count = firstOfTile(tokens, tile + 1) - first;
      BfloatTiles.accumulate(
          count,
          w.data(),
          w0,
          w1,
          w2,
          w3,
          packed,
          xAt + first * steps * LANES,
          steps,
          sums,
          sumsAt + ROWS * first * LANES);
    }
  }

  /**
   * {@code y[m · stride + column] = Σ_k x[m, k] · weights[k]}, summed as {@link #multiply} sums.
   */
  @Override
  public void column(
      MemorySegment x,
      int fromToken,
      int toToken,
      float[] weights,
      boolean rounded,
      MemorySegment y,
      int stride,
      int column) {
    int cols = weights.length;
    int whole = cols / LANES * LANES;
    float[] w = Arrays.copyOf(weights, padded(cols));
    if ((long) (toToken - fromToken) * cols <= FEW_PRODUCTS) {
      columnByScalars(x, fromToken, toToken, w, cols, rounded, y, stride, column);
      return;
    }
    float[] tail = new float[LANES];
    float[] sums = new float[LANES];
    for (int m = fromToken; m < toToken; m++) {
      long from = 4L * m * cols;
      FloatVector sum = FloatVector.zero(SPECIES);
      for (int k = 0; k < whole; k += LANES) {
        FloatVector v =
            FloatVector.fromMemorySegment(SPECIES, x, from + 4L * k, ByteOrder.nativeOrder());
        sum =
            FloatVector.fromArray(SPECIES, w, k)
                .fma(rounded ? VectorMath.roundToBfloat16(v) : v, sum);
      }
      if (whole < cols) {
        MemorySegment.copy(x, FLOAT, from + 4L * whole, tail, 0, cols - whole);
        FloatVector v = FloatVector.fromArray(SPECIES, tail, 0);
        sum =
            FloatVector.fromArray(SPECIES, w, whole)
                .fma(rounded ? VectorMath.roundToBfloat16(v) : v, sum);
      }
      sum.intoArray(sums, 0);
      y.setAtIndex(FLOAT, (long) m * stride + column, VectorTotals.of(sums, 0));
    }
  }

  /**
   * The same bits without vectors: lane l sums the products l, l + {@link #LANES}, … Where there
   * are few, most of the calls come before the JVM has compiled the loop, and interpreted vectors
   * are some twenty times slower than interpreted numbers.
   *
   * @param w padded with zeros to whole vectors
   */
  private static void columnByScalars(
      MemorySegment x,
      int fromToken,
      int toToken,
      float[] w,
      int cols,
      boolean rounded,
      MemorySegment y,
      int stride,
      int column) {
    float[] in = new float[w.length];
    float[] sums = new float[LANES];
    for (int m = fromToken; m < toToken; m++) {
      MemorySegment.copy(x, FLOAT, 4L * m * cols, in, 0, cols);
      Arrays.fill(sums, 0);
      for (int k = 0; k < w.length; k += LANES) {
        for (int lane = 0; lane < LANES; lane++) {
          float v = in[k + lane];
          sums[lane] = Math.fma(w[k + lane], rounded ? Bfloat16.round(v) : v, sums[lane]);
        }
      }
      y.setAtIndex(FLOAT, (long) m * stride + column, VectorTotals.of(sums, 0));
    }
  }

  private static int padded(int cols) {
    return ceilDiv(cols, LANES) * LANES;
  }

  private static int ceilDiv(int a, int b) {
    return (a + b - 1) / b;
  }
}
