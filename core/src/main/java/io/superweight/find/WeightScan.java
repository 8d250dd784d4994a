package io.superweight.find;

import io.superweight.compute.Matrix;
import io.superweight.tensor.DType;
import io.superweight.tensor.Dequantizer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Where values stand among all weights of their matrix. The matrix is read in pieces by all
 * processors, without a copy of it. The 16-bit types have few magnitudes: they are counted once,
 * and every later question is answered from the counts. Of the other types each question reads the
 * matrix again.
 */
public final class WeightScan {
  private static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Elements of a piece of the 16-bit types, and of others, which are decoded: whole blocks. */
  private static final int COUNTED = 1 << 20;

  private static final int DECODED = 1 << 14;

  /** Elements that are copied at a time. */
  private static final int COPIED = 1 << 14;

  /** Magnitudes of a 16-bit type: all but the sign. */
  private static final int MAGNITUDES = 1 << 15;

  private final Matrix matrix;
  private final long size;

  /** How many weights have each magnitude; null before the first question and of other types. */
  private long[] counts;

  public WeightScan(Matrix matrix) {
    this.matrix = matrix;
    this.size = (long) matrix.rows() * matrix.cols();
  }

  /**
   * One value in its matrix.
   *
   * @param rank by magnitude, 1 being the largest; equal magnitudes share the better rank
   * @param size elements of the matrix
   * @param deviation root mean square of the matrix's finite weights
   * @param notFinite NaN and infinite weights of the matrix
   */
  public record Standing(long rank, long size, double deviation, long notFinite) {
    /**
     * The magnitude that the largest of as many Gaussian weights of this deviation would have:
     * {@code deviation · √(2 ln size)}, the universal threshold of Donoho and Johnstone (1994). A
     * weight below it is one that chance would put into the matrix: ordinary.
     */
    public double ordinary() {
      return deviation * Math.sqrt(2 * Math.log(Math.max(2, size)));
    }
  }

  /**
   * Where some values stand.
   *
   * @param values weights of the matrix, in any order
   * @return {@code [values.length]}, in the same order
   */
  public Standing[] standings(float... values) {
    float[] magnitudes = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      magnitudes[i] = Math.abs(values[i]);
    }
    boolean counted = matrix.dtype() == DType.BF16 || matrix.dtype() == DType.F16;
    Sums sums = counted ? counted(magnitudes) : decoded(magnitudes);
    double deviation = Math.sqrt(sums.squares / Math.max(1, size - sums.notFinite));
    return Arrays.stream(sums.larger)
        .mapToObj(larger -> new Standing(larger + 1, size, deviation, sums.notFinite))
        .toArray(Standing[]::new);
  }

  /** The NaN and infinite weights of the matrix. */
  public long notFinite() {
    return standings(0f)[0].notFinite();
  }

  /** Bytes that the next question reads. */
  long bytesToRead() {
    return counts == null ? matrix.data().byteSize() : 0;
  }

  private static final class Sums {
    final long[] larger;
    double squares;
    long notFinite;

    Sums(int values) {
      larger = new long[values];
    }

    void add(float magnitude, long times, float[] magnitudes) {
      if (!(magnitude <= Float.MAX_VALUE)) {
        notFinite += times;
        return;
      }
      squares += (double) magnitude * magnitude * times;
      for (int i = 0; i < magnitudes.length; i++) {
        larger[i] += magnitude > magnitudes[i] ? times : 0;
      }
    }
  }

  private Sums counted(float[] magnitudes) {
    if (counts == null) {
      counts = count();
    }
    Sums sums = new Sums(magnitudes.length);
    for (int bits = 0; bits < MAGNITUDES; bits++) {
      if (counts[bits] > 0) {
        float magnitude =
            matrix.dtype() == DType.BF16
                ? Float.intBitsToFloat(bits << 16)
                : Float.float16ToFloat((short) bits);
        sums.add(magnitude, counts[bits], magnitudes);
      }
    }
    return sums;
  }

  private static void count(short[] values, int length, int[] of) {
    for (int i = 0; i < length; i++) {
      of[values[i] & (MAGNITUDES - 1)]++;
    }
  }

  private long[] count() {
    MemorySegment data = matrix.data();
    return IntStream.range(0, pieces(COUNTED))
        .parallel()
        .mapToObj(piece -> {
          long from = (long) piece * COUNTED;
          int[] of = new int[MAGNITUDES];
          long end = Math.min(size, from + COUNTED);
          // By an array: a JVM that has just started is slow at reading a segment.
          short[] some = new short[(int) Math.min(COPIED, end - from)];
          for (long i = from; i < end; i += some.length) {
            int length = (int) Math.min(some.length, end - i);
            MemorySegment.copy(data, U16, 2 * i, some, 0, length);
            count(some, length, of);
          }
          return of;
        })
        .collect(
            () -> new long[MAGNITUDES],
            (sum, piece) -> {
              for (int m = 0; m < MAGNITUDES; m++) {
                sum[m] += piece[m];
              }
            },
            (sum, other) -> {
              for (int m = 0; m < MAGNITUDES; m++) {
                sum[m] += other[m];
              }
            });
  }

  private Sums decoded(float[] magnitudes) {
    Sums[] pieces = new Sums[pieces(DECODED)];
    float smallest = Float.POSITIVE_INFINITY;
    for (float magnitude : magnitudes) {
      smallest = Math.min(smallest, magnitude);
    }
    float least = smallest;
    // Each run of pieces has one array to decode into.
    int runs = Math.min(pieces.length, 4 * Runtime.getRuntime().availableProcessors());
    IntStream.range(0, runs)
        .parallel()
        .forEach(run -> {
          float[] values = new float[DECODED];
          for (int piece = run; piece < pieces.length; piece += runs) {
            pieces[piece] = piece(piece, values, magnitudes, least);
          }
        });
    // Piece by piece, so that the sum does not depend on the number of processors.
    Sums sums = new Sums(magnitudes.length);
    for (Sums piece : pieces) {
      sums.squares += piece.squares;
      sums.notFinite += piece.notFinite;
      for (int i = 0; i < sums.larger.length; i++) {
        sums.larger[i] += piece.larger[i];
      }
    }
    return sums;
  }

  private Sums piece(int piece, float[] values, float[] magnitudes, float least) {
    long from = (long) piece * DECODED;
    int count = (int) Math.min(DECODED, size - from);
    Dequantizer.decode(matrix.dtype(), matrix.data(), from, count, values, 0);
    Sums sums = new Sums(magnitudes.length);
    double squares = 0;
    for (int i = 0; i < count; i++) {
      float a = Math.abs(values[i]);
      if (a > least || !(a <= Float.MAX_VALUE)) {
        sums.add(a, 1, magnitudes);
      } else {
        squares += (double) a * a;
      }
    }
    sums.squares += squares;
    return sums;
  }

  private int pieces(int elements) {
    return Math.toIntExact((size + elements - 1) / elements);
  }
}
