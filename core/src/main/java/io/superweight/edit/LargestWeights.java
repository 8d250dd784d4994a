package io.superweight.edit;

import io.superweight.compute.Matrix;
import io.superweight.tensor.Dequantizer;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * The weights of a matrix that are largest by magnitude. The matrix is read twice, in pieces, by
 * all processors: first the upper half of each magnitude's bits is counted, then the few that may
 * be among the largest are taken out.
 */
final class LargestWeights {
  private static final int PIECE = 1 << 16;

  /** Upper halves of a non-negative float's bits. */
  private static final int BINS = 1 << 15;

  private static final int INFINITY = Float.floatToRawIntBits(Float.POSITIVE_INFINITY);

  private LargestWeights() {}

  /** A weight and where it is. */
  record Place(int row, int col, float value) {}

  private record Found(long[] elements, float[] values) {}

  /**
   * All weights whose magnitude reaches that of the {@code count}-th largest, so more than {@code
   * count} where some are equal; in the order of the matrix's storage. NaN is never among them.
   *
   * @param count at least 1
   */
  static List<Place> of(Matrix matrix, int count) {
    long size = (long) matrix.rows() * matrix.cols();
    int pieces = Math.toIntExact((size + PIECE - 1) / PIECE);
    long[] bins =
        IntStream.range(0, pieces)
            .parallel()
            .mapToObj(piece -> counts(read(matrix, size, piece)))
            .collect(
                () -> new long[BINS],
                (sum, of) -> {
                  for (int b = 0; b < BINS; b++) {
                    sum[b] += of[b];
                  }
                },
                (sum, of) -> {
                  for (int b = 0; b < BINS; b++) {
                    sum[b] += of[b];
                  }
                });
    int bin = BINS - 1;
    for (long above = bins[bin]; above < count && bin > 0; ) {
      above += bins[--bin];
    }
    int least = bin << 16;
    List<Found> found =
        IntStream.range(0, pieces)
            .parallel()
            .mapToObj(
                (IntFunction<Found>)
                    piece -> atLeast(least, (long) piece * PIECE, read(matrix, size, piece)))
            .toList();
    int[] magnitudes =
        found.stream()
            .flatMapToInt(f -> IntStream.range(0, f.values.length).map(i -> magnitude(f.values[i])))
            .sorted()
            .toArray();
    int threshold = magnitudes[Math.max(0, magnitudes.length - count)];
    return found.stream()
        .flatMap(f ->
            IntStream.range(0, f.values.length)
                .filter(i -> magnitude(f.values[i]) >= threshold)
                .mapToObj(i -> place(matrix, f.elements[i], f.values[i])))
        .toList();
  }

  private static Place place(Matrix matrix, long element, float value) {
    int inner = matrix.transposed() ? matrix.rows() : matrix.cols();
    int outerIndex = (int) (element / inner);
    int innerIndex = (int) (element % inner);
    return matrix.transposed()
        ? new Place(innerIndex, outerIndex, value)
        : new Place(outerIndex, innerIndex, value);
  }

  private static int magnitude(float value) {
    return Float.floatToRawIntBits(value) & 0x7fffffff;
  }

  private static float[] read(Matrix matrix, long size, int piece) {
    long from = (long) piece * PIECE;
    float[] values = new float[(int) Math.min(PIECE, size - from)];
    Dequantizer.decode(matrix.dtype(), matrix.data(), from, values.length, values, 0);
    return values;
  }

  private static int[] counts(float[] values) {
    int[] counts = new int[BINS];
    for (float value : values) {
      int bits = magnitude(value);
      if (bits <= INFINITY) {
        counts[bits >>> 16]++;
      }
    }
    return counts;
  }

  private static Found atLeast(int least, long from, float[] values) {
    long[] elements = new long[values.length];
    float[] kept = new float[values.length];
    int n = 0;
    for (int i = 0; i < values.length; i++) {
      int bits = magnitude(values[i]);
      if (bits >= least && bits <= INFINITY) {
        elements[n] = from + i;
        kept[n++] = values[i];
      }
    }
    return new Found(Arrays.copyOf(elements, n), Arrays.copyOf(kept, n));
  }
}
