package io.superweight.quantize;

import io.superweight.InputException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Rounds the weights of a matrix to few values and decodes them again, in float32 and in the order
 * of operations of the published code ({@code quantize_blockwise}): {@code scale = levels / (max −
 * min)}, then {@code round((w − min) · scale) / scale + min}, half to even.
 *
 * <p>Where it differs: a block of equal weights stays as it is (the code divides by zero), and μ
 * and σ of {@link Clip.ZScore} are sums in float64, rounded once (PyTorch's float32 mean depends on
 * the width of the processor's vectors in its last bit).
 *
 * @param blocks which weights share a range
 * @param clip what is done to outliers before
 */
public record WeightQuantizer(Levels levels, Blocks blocks, Clip clip, Indivisible indivisible) {

  /**
   * What was done to a matrix.
   *
   * @param blocks how many
   * @param constantBlocks those whose weights are all equal, left as they are
   * @param clipped weights beyond their block's limit
   * @param fallback whether the matrix became one block because the size does not divide it
   */
  public record Outcome(long blocks, long constantBlocks, long clipped, boolean fallback) {
    private Outcome plus(Outcome other) {
      return new Outcome(
          blocks + other.blocks,
          constantBlocks + other.constantBlocks,
          clipped + other.clipped,
          fallback || other.fallback);
    }
  }

  /** The canonical text: equal where the same is done. */
  String text() {
    String levelsText =
        switch (levels) {
          case Levels.MinMax(int bits, Levels.Step step, boolean shifted) ->
              "rtn"
                  + bits
                  + switch (step) {
                    case CODE -> "";
                    case DIVIDED -> " delta=divided";
                    case PAPER -> " delta=paper";
                  }
                  + (shifted ? " shift" : "");
          case Levels.Symmetric(int bits) -> "int" + bits;
          case Levels.NormalFloat(int bits) -> "nf" + bits;
        };
    String blocksText =
        switch (blocks) {
          case Blocks.Run(long elements) -> "" + elements;
          case Blocks.Group(int elements) -> "group" + elements;
          case Blocks.Tile(int rows, int cols) -> rows + "x" + cols;
          case Blocks.Row _ -> "channel";
          case Blocks.Whole _ -> "tensor";
        };
    String clipText =
        switch (clip) {
          case Clip.None _ -> "";
          case Clip.ZScore(double z) -> " clip=z:" + z;
          case Clip.BlockPercentile(double fraction) -> " clip=block:" + fraction;
          case Clip.TensorPercentile(double fraction) -> " clip=tensor:" + fraction;
          case Clip.Iqr(double t) -> " clip=iqr:" + t;
        };
    // Whether it divides is the model's, and an error leaves nothing to tell from.
    return levelsText
        + " block="
        + blocksText
        + clipText
        + (indivisible == Indivisible.PER_TENSOR ? " indivisible=per-tensor" : "");
  }

  /** Blocks that one task takes along hold so many weights at least. */
  private static final long GRAIN = 1 << 15;

  /**
   * Rounds a matrix in place.
   *
   * @param weights float32 {@code [rows, cols]} without gaps
   * @param name of the matrix, for errors
   * @throws InputException of kind USAGE where the block size does not divide the matrix and no
   *     remedy was chosen; of kind MALFORMED for weights that are not finite
   */
  public Outcome apply(MemorySegment weights, int rows, int cols, String name) {
    return apply(new RowMajor(weights, rows, cols, null), name);
  }

  Outcome apply(RowMajor matrix, String name) {
    Cut cut = cut(matrix.rows(), matrix.cols(), name);
    float tensorLimit = tensorLimit(matrix);
    long perTask = Math.max(1, GRAIN / Math.max(1, cut.largest()));
    int tasks = Math.toIntExact((cut.count() + perTask - 1) / perTask);
    return IntStream.range(0, tasks)
        .parallel()
        .mapToObj(task -> {
          long end = Math.min(cut.count(), (task + 1) * perTask);
          Outcome sum = new Outcome(0, 0, 0, cut.fallback());
          float[] block = new float[Math.toIntExact(cut.largest())];
          for (long b = task * perTask; b < end; b++) {
            int size = cut.read(matrix, b, block);
            sum = sum.plus(round(block, size, tensorLimit, cut.fallback(), name));
            cut.write(matrix, b, block, size);
          }
          return sum;
        })
        .reduce(new Outcome(0, 0, 0, cut.fallback()), Outcome::plus);
  }

  /** How a matrix falls into blocks. */
  interface Cut {
    long count();

    long largest();

    default boolean fallback() {
      return false;
    }

    /** How many weights were read. */
    int read(RowMajor matrix, long block, float[] to);

    void write(RowMajor matrix, long block, float[] from, int size);
  }

  /** Consecutive elements; within lines of {@code line} elements, the last of each shorter. */
  private record Consecutive(long lines, long line, long elements, boolean fallback)
      implements Cut {
    private long perLine() {
      return (line + elements - 1) / elements;
    }

    @Override
    public long count() {
      return lines * perLine();
    }

    @Override
    public long largest() {
      return Math.min(line, elements);
    }

    private long from(long block) {
      return block / perLine() * line + block % perLine() * elements;
    }

    @Override
    public int read(RowMajor matrix, long block, float[] to) {
      int size = (int) Math.min(elements, line - block % perLine() * elements);
      matrix.read(from(block), size, to, 0);
      return size;
    }

    @Override
    public void write(RowMajor matrix, long block, float[] values, int size) {
      matrix.write(from(block), size, values, 0);
    }
  }

  private record Tiled(int rows, int cols, int tileRows, int tileCols) implements Cut {
    private int across() {
      return (cols + tileCols - 1) / tileCols;
    }

    @Override
    public long count() {
      return (long) across() * ((rows + tileRows - 1) / tileRows);
    }

    @Override
    public long largest() {
      return (long) Math.min(rows, tileRows) * Math.min(cols, tileCols);
    }

    @Override
    public int read(RowMajor matrix, long block, float[] to) {
      return each(matrix, block, to, false);
    }

    @Override
    public void write(RowMajor matrix, long block, float[] from, int size) {
      each(matrix, block, from, true);
    }

    private int each(RowMajor matrix, long block, float[] values, boolean write) {
      int top = (int) (block / across()) * tileRows;
      int left = (int) (block % across()) * tileCols;
      int width = Math.min(tileCols, cols - left);
      int at = 0;
      for (int r = top; r < Math.min(rows, top + tileRows); r++) {
        long from = (long) r * cols + left;
        if (write) {
          matrix.write(from, width, values, at);
        } else {
          matrix.read(from, width, values, at);
        }
        at += width;
      }
      return at;
    }
  }

  /** Whether blocks of a matrix are all of the same size. */
  public boolean divides(int rows, int cols) {
    return switch (blocks) {
      case Blocks.Run(long elements) -> (long) rows * cols % elements == 0;
      case Blocks.Group(int elements) -> cols % elements == 0;
      case Blocks.Tile(int tileRows, int tileCols) -> rows % tileRows == 0 && cols % tileCols == 0;
      case Blocks.Row _, Blocks.Whole _ -> true;
    };
  }

  Cut cut(int rows, int cols, String name) {
    long size = (long) rows * cols;
    boolean divides = divides(rows, cols);
    if (!divides && indivisible == Indivisible.ERROR) {
      throw new InputException(
          InputException.Kind.USAGE,
          name
              + " is ["
              + rows
              + ", "
              + cols
              + "], which "
              + described()
              + " does not divide: choose another size, or --indivisible tail for smaller last"
              + " blocks, or --indivisible per-tensor for one block, as the published code does");
    }
    if (!divides && indivisible == Indivisible.PER_TENSOR) {
      return new Consecutive(1, size, size, true);
    }
    return switch (blocks) {
      case Blocks.Run(long elements) -> new Consecutive(1, size, elements, false);
      case Blocks.Group(int elements) -> new Consecutive(rows, cols, elements, false);
      case Blocks.Tile(int tileRows, int tileCols) -> new Tiled(rows, cols, tileRows, tileCols);
      case Blocks.Row _ -> new Consecutive(rows, cols, cols, false);
      case Blocks.Whole _ -> new Consecutive(1, size, size, false);
    };
  }

  private String described() {
    return switch (blocks) {
      case Blocks.Run(long elements) -> "a block of " + elements;
      case Blocks.Group(int elements) -> "a group of " + elements;
      case Blocks.Tile(int tileRows, int tileCols) -> "a tile of " + tileRows + "×" + tileCols;
      case Blocks.Row _ -> "a row";
      case Blocks.Whole _ -> "the matrix";
    };
  }

  /** Whether what it rounds to are integers times one scale for each row at most. */
  boolean integers() {
    return levels instanceof Levels.Symmetric
        && (blocks instanceof Blocks.Row || blocks instanceof Blocks.Whole);
  }

  /**
   * The integers that {@link #apply} rounds to: it gives {@code codes[r, c] · scales[r]}.
   *
   * @param weights float32 {@code [rows, cols]}, clipped in place
   * @param codes signed bytes {@code [rows, cols]}
   * @return the scale of each row
   */
  float[] codes(MemorySegment weights, int rows, int cols, MemorySegment codes, String name) {
    RowMajor matrix = new RowMajor(weights, rows, cols, null);
    Cut cut = cut(rows, cols, name);
    float tensorLimit = tensorLimit(matrix);
    int most = (1 << (levels.bits() - 1)) - 1;
    float[] scales = new float[rows];
    IntStream.range(0, Math.toIntExact(cut.count()))
        .parallel()
        .forEach(b -> {
          float[] block = new float[Math.toIntExact(cut.largest())];
          int size = cut.read(matrix, b, block);
          Range range = clip(block, size, tensorLimit, cut.fallback(), name);
          float scale = Math.max(-range.min, range.max) / most;
          byte[] rounded = new byte[size];
          for (int i = 0; scale > 0 && i < size; i++) {
            rounded[i] = (byte) Math.rint(block[i] / scale);
          }
          int first = (int) ((long) b * cut.largest() / cols);
          Arrays.fill(scales, first, first + size / cols, scale);
          MemorySegment.copy(
              rounded, 0, codes, ValueLayout.JAVA_BYTE, (long) first * cols, rounded.length);
        });
    return scales;
  }

  private float tensorLimit(RowMajor matrix) {
    return clip instanceof Clip.TensorPercentile(double fraction)
        ? largest(matrix.all(), Math.max((int) (matrix.size() * fraction), 1))
        : Float.NaN;
  }

  private record Range(float min, float max, long clipped) {}

  /** Cuts off what is beyond the limit, in place. */
  private Range clip(float[] w, int size, float tensorLimit, boolean fallback, String name) {
    float limit = limit(w, size, tensorLimit, fallback);
    long clipped = 0;
    float min = Float.POSITIVE_INFINITY;
    float max = Float.NEGATIVE_INFINITY;
    boolean finite = true;
    for (int i = 0; i < size; i++) {
      float value = w[i];
      finite &= Math.abs(value) <= Float.MAX_VALUE;
      if (Math.abs(value) > limit) { // never where the limit is NaN: no clipping
        clipped++;
        value = value > 0 ? limit : -limit;
        w[i] = value;
      }
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
    if (!finite) {
      throw new InputException(
          InputException.Kind.MALFORMED,
          name + " holds weights that are not finite: they cannot be quantized; leave it out");
    }
    return new Range(min, max, clipped);
  }

  private Outcome round(float[] w, int size, float tensorLimit, boolean fallback, String name) {
    Range range = clip(w, size, tensorLimit, fallback, name);
    float min = range.min;
    float max = range.max;
    boolean constant = min == max;
    if (!constant) {
      switch (levels) {
        case Levels.MinMax(int bits, Levels.Step step, boolean shifted) ->
            minMax(w, size, min, max, bits, step, shifted);
        case Levels.Symmetric(int bits) -> symmetric(w, size, min, max, bits);
        case Levels.NormalFloat table -> normalFloat(w, size, min, max, table);
      }
    }
    return new Outcome(1, constant ? 1 : 0, range.clipped, fallback);
  }

  private static void minMax(
      float[] w, int size, float min, float max, int bits, Levels.Step step, boolean shifted) {
    if (step == Levels.Step.DIVIDED) {
      divided(w, size, min, (max - min) / ((1 << bits) - 1));
      return;
    }
    double levels =
        shifted
            ? (1 << bits) - 0.01
            : step == Levels.Step.CODE ? (1 << bits) - 1 : (1 << (bits - 1)) - 1;
    float shift = shifted ? 0.49f : 0f;
    float scale = 1f / (max - min) * (float) levels; // a number over a tensor in PyTorch
    if (!Float.isFinite(scale)) {
      return; // the range is next to nothing: as a block of equal weights
    }
    for (int i = 0; i < size; i++) {
      float code = (w[i] - min) * scale - shift;
      w[i] = ((float) Math.rint(code) + shift) / scale + min;
    }
  }

  private static void divided(float[] w, int size, float min, float step) {
    if (step == 0) {
      return; // the range is next to nothing: as a block of equal weights
    }
    for (int i = 0; i < size; i++) {
      w[i] = (float) Math.rint((w[i] - min) / step) * step + min;
    }
  }

  private static void symmetric(float[] w, int size, float min, float max, int bits) {
    float scale = Math.max(-min, max) / ((1 << (bits - 1)) - 1);
    if (scale == 0) {
      return;
    }
    for (int i = 0; i < size; i++) {
      w[i] = (float) Math.rint(w[i] / scale) * scale;
    }
  }

  private static void normalFloat(
      float[] w, int size, float min, float max, Levels.NormalFloat table) {
    float scale = 1f / (max - min) * 2f;
    if (!Float.isFinite(scale)) {
      return;
    }
    for (int i = 0; i < size; i++) {
      w[i] = (table.nearest((w[i] - min) * scale - 1f) + 1f) / scale + min;
    }
  }

  /** The largest magnitude that stays; NaN for none. */
  private float limit(float[] w, int size, float tensorLimit, boolean fallback) {
    return switch (clip) {
      case Clip.None _ -> Float.NaN;
      case Clip.TensorPercentile _ -> tensorLimit;
      case Clip.BlockPercentile(double fraction) ->
          largest(
              Arrays.copyOf(w, size),
              Math.clamp((int) (size * fraction + (fallback ? 0 : 1)), 1, size));
      case Clip.ZScore(double z) -> zScore(w, size, (float) z);
      case Clip.Iqr(double t) -> {
        float[] sorted = magnitudes(Arrays.copyOf(w, size));
        Arrays.sort(sorted);
        float q1 = quantile(sorted, 0.25f);
        float q3 = quantile(sorted, 0.75f);
        yield q3 + (float) t * (q3 - q1);
      }
    };
  }

  private static float zScore(float[] w, int size, float z) {
    double sum = 0;
    for (int i = 0; i < size; i++) {
      sum += Math.abs(w[i]);
    }
    double mean = sum / size;
    double squares = 0;
    for (int i = 0; i < size; i++) {
      double d = Math.abs(w[i]) - mean;
      squares += d * d;
    }
    // Of a single weight σ is NaN, and nothing is beyond the limit.
    return z * (float) Math.sqrt(squares / (size - 1)) + (float) mean;
  }

  private static float[] magnitudes(float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.abs(values[i]);
    }
    return values;
  }

  /** The {@code count}-th largest magnitude. */
  private static float largest(float[] values, int count) {
    float[] sorted = magnitudes(values);
    Arrays.sort(sorted);
    return sorted[sorted.length - Math.min(count, sorted.length)];
  }

  /** Interpolated as PyTorch does. */
  private static float quantile(float[] sorted, float q) {
    float rank = q * (sorted.length - 1);
    int below = (int) rank;
    float weight = rank - below;
    float low = sorted[below];
    float high = sorted[Math.min(sorted.length - 1, (int) Math.ceil(rank))];
    return weight < 0.5f ? low + weight * (high - low) : high + (weight - 1) * (high - low);
  }
}
