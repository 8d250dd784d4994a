package io.superweight.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.superweight.tensor.DType;
import io.superweight.tensor.Dequantizer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What every {@link Device} promises, checked against float64 arithmetic written out here; each
 * implementation runs these tests.
 */
public abstract class DeviceContract {
  /** Sizes that no vector, tile or block divides, and those that they just divide. */
  private static final int[] TOKENS = {
    1, 2, 3, 4, 5, 6, 7, 10, 12, 16, 17, 31, 33, 49, 64, 100, 101, 257
  };

  private static final int[] ROWS = {1, 2, 3, 4, 5, 7, 12, 16, 17, 31, 33, 65, 100};
  private static final int[] COLS = {
    1, 2, 3, 5, 7, 12, 15, 16, 17, 31, 33, 63, 64, 65, 100, 257, 513, 1024, 1030
  };

  /** A new device of so many threads; the test closes it. */
  protected abstract Device device(int threads, Precision precision);

  protected final Device device(int threads) {
    return device(threads, Precision.F32);
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"BF16", "F16", "F32", "Q8_0"})
  void withBfloat16PrecisionXIsRoundedForBfloat16WeightsAndForNoOthers(DType dtype) {
    Random random = new Random(91);
    try (Device device = device(2, Precision.BF16);
        Arena arena = Arena.ofShared();
        Device.Scope scope = device.scope()) {
      assertThat(device.precision()).isEqualTo(Precision.BF16);
      for (int tokens : TOKENS) {
        int rows = ROWS[random.nextInt(ROWS.length)];
        int cols = cols(random, dtype);
        Weights w = weights(random, arena, dtype, rows, cols, false);
        float[] x = gaussian(random, tokens * cols);
        float[] expected = x.clone();
        for (int i = 0; dtype == DType.BF16 && i < x.length; i++) {
          int bits = Float.floatToRawIntBits(x[i]);
          int rest = bits & 0xffff;
          int up = rest > 0x8000 || rest == 0x8000 && (bits & 0x10000) != 0 ? 0x10000 : 0;
          expected[i] = Float.intBitsToFloat((bits & 0xffff0000) + up);
        }
        Buffer y = scope.allocate(tokens, rows);
        device.matmul(scope.upload(x, cols), w.matrix, y);
        assertProduct(expected, w, values(device, y), tokens);
        int column = random.nextInt(rows);
        Buffer again = scope.allocate(tokens, rows);
        device.matmulColumn(
            scope.upload(x, cols), w.matrix, device.row(w.matrix, column), again, column);
        Weights one =
            new Weights(
                new Matrix(DType.F32, arena.allocate(4L * cols), 1, cols, false),
                new float[][] {w.values[column]});
        float[] picked = new float[tokens];
        for (int m = 0; m < tokens; m++) {
          picked[m] = values(device, again)[m * rows + column];
        }
        assertProduct(expected, one, picked, tokens);
      }
    }
  }

  /** What a device's integer products give, by integers and two multiplications. */
  private static float[] integerProduct(
      float[] x, int cols, float[] xScales, int most, byte[] codes, float[] wScales) {
    int tokens = xScales.length;
    int rows = wScales.length;
    float[] y = new float[tokens * rows];
    for (int m = 0; m < tokens; m++) {
      for (int n = 0; n < rows; n++) {
        long sum = 0;
        for (int k = 0; k < cols && xScales[m] > 0; k++) {
          double code = Math.clamp(Math.rint(x[m * cols + k] / xScales[m]), -most, most);
          sum += (long) code * codes[n * cols + k];
        }
        y[m * rows + n] = (float) sum * xScales[m] * wScales[n];
      }
    }
    return y;
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1",
    "2, 3, 31",
    "3, 130, 32",
    "7, 64, 33",
    "16, 65, 257",
    "17, 300, 100",
    "64, 12, 1024",
    "1, 257, 1025",
    "10, 70, 2100",
    "300, 5, 64",
    "33, 520, 96"
  })
  void integerProductsAreExactSumsThatAreScaledTwice(int tokens, int rows, int cols) {
    Random random = new Random(tokens + rows + cols);
    for (int threads : new int[] {1, 3}) {
      try (Device device = device(threads);
          Arena arena = Arena.ofShared();
          Device.Scope scope = device.scope()) {
        Assumptions.assumeTrue(device.integerProducts().isPresent());
        IntegerProducts integers = device.integerProducts().orElseThrow();
        assertThat(integers.description()).isNotBlank();
        byte[] codes = new byte[rows * cols];
        for (int i = 0; i < codes.length; i++) {
          codes[i] = (byte) (random.nextInt(255) - 127);
        }
        // The extremes: every term of the first sums has the same sign.
        Arrays.fill(codes, 0, cols, (byte) 127);
        float[] x = gaussian(random, tokens * cols);
        Arrays.fill(x, 0, cols, -2);
        float[] xScales = new float[tokens];
        for (int m = 0; m < tokens; m++) {
          xScales[m] = m % 5 == 4 ? 0 : (1 + m % 3) / 127f;
        }
        float[] wScales = gaussian(random, rows);
        MemorySegment bytes = arena.allocate(codes.length);
        MemorySegment.copy(codes, 0, bytes, ValueLayout.JAVA_BYTE, 0, codes.length);
        IntegerProducts.Packed packed = integers.pack(bytes, rows, cols);
        bytes.fill((byte) 0);
        assertThat(packed.bytes()).isGreaterThanOrEqualTo((long) rows * cols);
        Buffer y = scope.allocate(tokens, rows);
        for (int most : new int[] {127, 7}) {
          integers.multiply(scope.upload(x, cols), xScales, most, packed, wScales, y);
          assertThat(values(device, y))
              .isEqualTo(integerProduct(x, cols, xScales, most, codes, wScales));
        }
      }
    }
  }

  @Test
  void integerProductsRoundHalvesToEvenAndLeaveNoRoomForOverflow() {
    int cols = 60_000;
    try (Device device = device(2);
        Arena arena = Arena.ofShared();
        Device.Scope scope = device.scope()) {
      Assumptions.assumeTrue(device.integerProducts().isPresent());
      IntegerProducts integers = device.integerProducts().orElseThrow();
      MemorySegment bytes = arena.allocate(2 * cols);
      bytes.asSlice(0, cols).fill((byte) 127);
      bytes.asSlice(cols).fill((byte) -127);
      float[] x = new float[2 * cols];
      Arrays.fill(x, 0, cols, 1000);
      Arrays.fill(x, cols, cols + 40, 2.5f);
      Arrays.fill(x, cols + 40, cols + 60, 3.5f);
      Buffer y = scope.allocate(2, 2);
      integers.multiply(
          scope.upload(x, cols),
          new float[] {1, 1},
          127,
          integers.pack(bytes, 2, cols),
          new float[] {1, 0.5f},
          y);
      float most = 127 * 127 * cols;
      float few = 127 * (40 * 2 + 20 * 4);
      assertThat(values(device, y)).containsExactly(most, -most / 2, few, -few / 2);
      assertThat(integers.largest(scope.upload(x, cols))).containsExactly(1000, 3.5f);
      assertThat(integers.largest(scope.upload(new float[] {1, Float.NaN, -3, -7}, 2)))
          .containsExactly(Float.NaN, 7);
      assertThatThrownBy(() -> integers.pack(bytes, 2, cols - 1))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void productsAreFloat64ProductsWithinFloat32Rounding(DType dtype) {
    Random random = new Random(dtype.ordinal());
    try (Device device = device(2);
        Arena arena = Arena.ofShared();
        Device.Scope scope = device.scope()) {
      for (int tokens : TOKENS) {
        int rows = ROWS[random.nextInt(ROWS.length)];
        int cols = cols(random, dtype);
        for (boolean transposed :
            dtype.quantized() ? new boolean[] {false} : new boolean[] {false, true}) {
          Weights w = weights(random, arena, dtype, rows, cols, transposed);
          float[] x = gaussian(random, tokens * cols);
          Buffer y = scope.allocate(tokens, rows);
          device.matmul(scope.upload(x, cols), w.matrix, y);
          assertProduct(x, w, values(device, y), tokens);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 40, 2560", "10, 9, 11008", "17, 130, 1536", "205, 70, 2100", "512, 36, 256"})
  void productsOfLargerShapesAreRightToo(int tokens, int rows, int cols) {
    Random random = new Random(tokens);
    try (Device device = device(2);
        Arena arena = Arena.ofShared();
        Device.Scope scope = device.scope()) {
      for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
        Weights w = weights(random, arena, dtype, rows, cols, false);
        float[] x = gaussian(random, tokens * cols);
        Buffer y = scope.allocate(tokens, rows);
        device.matmul(scope.upload(x, cols), w.matrix, y);
        assertProduct(x, w, values(device, y), tokens);
      }
    }
  }

  @Test
  void productsHaveTheSameBitsForAnyNumberOfThreadsAndOnRepeat() {
    Random random = new Random(5);
    try (Arena arena = Arena.ofShared()) {
      for (DType dtype : DType.values()) {
        int cols = dtype.quantized() ? 2 * 256 : 777;
        int rows = 70;
        Weights w = weights(random, arena, dtype, rows, cols, false);
        for (int tokens : new int[] {1, 53}) {
          float[] x = gaussian(random, tokens * cols);
          float[] first = null;
          for (int threads : new int[] {1, 2, 4}) {
            try (Device device = device(threads);
                Device.Scope scope = device.scope()) {
              for (int repeat = 0; repeat < threads; repeat += 2) {
                Buffer y = scope.allocate(tokens, rows);
                device.matmul(scope.upload(x, cols), w.matrix, y);
                first = first == null ? values(device, y) : first;
                assertThat(values(device, y))
                    .as("%s, %d tokens, %d threads", dtype, tokens, threads)
                    .isEqualTo(first);
              }
            }
          }
        }
      }
    }
  }

  @Test
  void weightsNeedNoAlignmentAndMayLieOnTheHeap() {
    Random random = new Random(6);
    try (Device device = device(2);
        Arena arena = Arena.ofShared();
        Device.Scope scope = device.scope()) {
      for (DType dtype : DType.values()) {
        int cols = dtype.quantized() ? 256 : 100;
        int rows = 9;
        Weights w = weights(random, arena, dtype, rows, cols, false);
        long bytes = w.matrix.data().byteSize();
        List<MemorySegment> places = new ArrayList<>();
        for (int shift = 1; shift < 8; shift += 2) {
          places.add(arena.allocate(bytes + shift, 64).asSlice(shift));
          places.add(MemorySegment.ofArray(new byte[(int) bytes + shift]).asSlice(shift));
        }
        for (int tokens : new int[] {1, 20}) {
          float[] values = gaussian(random, tokens * cols);
          Buffer x = scope.upload(values, cols);
          Buffer y = scope.allocate(tokens, rows);
          for (MemorySegment place : places) {
            place.copyFrom(w.matrix.data());
            Matrix moved = new Matrix(dtype, place, rows, cols, false);
            device.matmul(x, moved, y);
            assertProduct(values, w, values(device, y), tokens);
            assertThat(device.row(moved, rows - 1)).isEqualTo(w.values[rows - 1]);
          }
        }
      }
    }
  }

  @Test
  void productsTakeAndGiveViewsOfRows() {
    Random random = new Random(7);
    try (Device device = device(2);
        Arena arena = Arena.ofShared();
        Device.Scope scope = device.scope()) {
      Weights w = weights(random, arena, DType.BF16, 40, 33, false);
      Buffer x = scope.upload(gaussian(random, 9 * 33), 33);
      Buffer whole = scope.allocate(9, 40);
      device.matmul(x, w.matrix, whole);
      Buffer y = scope.allocate(9, 40);
      device.matmul(x.rows(2, 5), w.matrix, y.rows(3, 5));
      float[] expected = values(device, whole.rows(2, 5));
      assertThat(values(device, y.rows(3, 5)))
          .usingComparatorWithPrecision(1e-5f)
          .containsExactly(expected);
      assertThat(values(device, y.rows(0, 3))).containsOnly(0);
      assertThat(values(device, y.rows(8, 1))).containsOnly(0);
      Buffer part = scope.allocate(9, 11);
      device.matmul(x, w.matrix.rows(20, 11), part);
      for (int m = 0; m < 9; m++) {
        assertThat(values(device, part.rows(m, 1)))
            .usingComparatorWithPrecision(1e-5f)
            .containsExactly(Arrays.copyOfRange(values(device, whole.rows(m, 1)), 20, 31));
      }
      Buffer none = scope.allocate(0, 40);
      device.matmul(x.rows(0, 0), w.matrix, none);
    }
  }

  @Test
  void productsOfExtremeValuesAreWhatFloat32Gives() {
    try (Device device = device(2);
        Arena arena = Arena.ofShared();
        Device.Scope scope = device.scope()) {
      float denormal = Float.MIN_VALUE * 1000;
      // fill of x, fill of W, the sum of 3 products, or of 2000 where it differs
      float[][] cases = {
        {0, 0, 0},
        {0, 3e38f, 0},
        {denormal, 1, 3 * denormal},
        {1, denormal, 3 * denormal},
        {Float.MAX_VALUE, 0.25f, 0.75f * Float.MAX_VALUE},
        {Float.MAX_VALUE, Float.MAX_VALUE, Float.POSITIVE_INFINITY},
        {Float.MAX_VALUE, -2, Float.NEGATIVE_INFINITY},
        {Float.POSITIVE_INFINITY, 1, Float.POSITIVE_INFINITY},
        {2, Float.NEGATIVE_INFINITY, Float.NEGATIVE_INFINITY},
        {Float.POSITIVE_INFINITY, 0, Float.NaN},
        {Float.NaN, 1, Float.NaN},
      };
      for (float[] c : cases) {
        for (int tokens : new int[] {1, 3, 70}) {
          MemorySegment data = arena.allocate(4 * 5 * 3);
          for (int i = 0; i < 15; i++) {
            store(data, DType.F32, i, c[1]);
          }
          float[] fill = new float[tokens * 3];
          Arrays.fill(fill, c[0]);
          Buffer y = scope.allocate(tokens, 5);
          device.matmul(scope.upload(fill, 3), new Matrix(DType.F32, data, 5, 3, false), y);
          assertThat(values(device, y)).as("%s times %s", c[0], c[1]).containsOnly(c[2]);
        }
      }
    }
  }

  @Test
  void anInfiniteOrMissingWeightStaysInItsOwnRow() {
    try (Device device = device(2);
        Arena arena = Arena.ofShared();
        Device.Scope scope = device.scope()) {
      for (DType dtype : new DType[] {DType.F32, DType.F16, DType.BF16}) {
        for (int tokens : new int[] {1, 9, 60}) {
          int rows = 11;
          int cols = 37;
          MemorySegment data = arena.allocate(dtype.bytes(rows * cols));
          for (int i = 0; i < rows * cols; i++) {
            store(data, dtype, i, 0.5f);
          }
          store(data, dtype, 4 * cols + 36, Float.POSITIVE_INFINITY);
          store(data, dtype, 6 * cols + 2, Float.NaN);
          float[] ones = new float[tokens * cols];
          Arrays.fill(ones, 1);
          Buffer y = scope.allocate(tokens, rows);
          device.matmul(scope.upload(ones, cols), new Matrix(dtype, data, rows, cols, false), y);
          float[] row = new float[rows];
          Arrays.fill(row, 18.5f);
          row[4] = Float.POSITIVE_INFINITY;
          row[6] = Float.NaN;
          for (int m = 0; m < tokens; m++) {
            assertThat(values(device, y.rows(m, 1))).isEqualTo(row);
          }
        }
      }
    }
  }

  @Test
  void oneColumnComputedAgainIsTheProductWithTheGivenWeights() {
    Random random = new Random(8);
    try (Device device = device(2);
        Arena arena = Arena.ofShared();
        Device.Scope scope = device.scope()) {
      for (int tokens : TOKENS) {
        int cols = COLS[random.nextInt(COLS.length)];
        int rows = ROWS[random.nextInt(ROWS.length)];
        float[] x = gaussian(random, tokens * cols);
        Weights w = weights(random, arena, DType.F32, 1, cols, false);
        Buffer y = scope.allocate(tokens, rows);
        int column = random.nextInt(rows);
        device.matmulColumn(scope.upload(x, cols), w.matrix, w.values[0], y, column);
        float[] got = values(device, y);
        float[] picked = new float[tokens];
        for (int m = 0; m < tokens; m++) {
          picked[m] = got[m * rows + column];
          got[m * rows + column] = 0;
        }
        assertProduct(x, w, picked, tokens);
        assertThat(got).containsOnly(0);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void aDecodedMatrixHasTheStoredValuesAndThoseThatArePutThere_andProductsReadIt(DType dtype) {
    Random random = new Random(dtype.ordinal() + 40);
    try (Device device = device(2);
        Arena arena = Arena.ofShared();
        Device.Scope scope = device.scope()) {
      for (int tokens : new int[] {1, 5, 33, 100}) {
        int rows = ROWS[random.nextInt(ROWS.length)];
        int cols = cols(random, dtype);
        boolean transposed = !dtype.quantized() && tokens % 2 == 0;
        Weights w = weights(random, arena, dtype, rows, cols, transposed);
        Buffer decoded = scope.allocate(rows, cols);
        device.decode(w.matrix, decoded);
        float[] expected = new float[rows * cols];
        for (int r = 0; r < rows; r++) {
          System.arraycopy(w.values[r], 0, expected, r * cols, cols);
        }
        assertThat(values(device, decoded)).isEqualTo(expected);
        int row = random.nextInt(rows);
        int col = random.nextInt(cols);
        device.put(decoded, new int[] {0, row}, new int[] {0, col}, new float[] {-2, 0.3f});
        w.values[0][0] = -2;
        expected[0] = -2;
        w.values[row][col] = 0.3f;
        expected[row * cols + col] = 0.3f;
        assertThat(values(device, decoded)).isEqualTo(expected);

        float[] x = gaussian(random, tokens * cols);
        Buffer y = scope.allocate(tokens, rows);
        device.matmul(scope.upload(x, cols), decoded, false, y);
        assertProduct(x, w, values(device, y), tokens);
        device.matmul(scope.upload(x, cols), decoded, true, y);
        for (int i = 0; i < x.length; i++) {
          int bits = Float.floatToRawIntBits(x[i]);
          x[i] = Float.intBitsToFloat((bits + 0x7fff + (bits >>> 16 & 1)) & 0xffff0000);
        }
        assertProduct(x, w, values(device, y), tokens);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void rowsAndEmbeddingsAreTheStoredValuesExactly(DType dtype) {
    Random random = new Random(9);
    try (Device device = device(1);
        Arena arena = Arena.ofShared();
        Device.Scope scope = device.scope()) {
      int cols = dtype.quantized() ? 512 : 37;
      Weights w = weights(random, arena, dtype, 7, cols, false);
      int[] ids = {3, 0, 6, 3};
      Buffer out = scope.allocate(4, cols);
      device.embed(w.matrix, ids, out);
      for (int i = 0; i < ids.length; i++) {
        assertThat(values(device, out.rows(i, 1))).isEqualTo(w.values[ids[i]]);
        assertThat(device.row(w.matrix, ids[i])).isEqualTo(w.values[ids[i]]);
      }
    }
  }

  @Test
  void elementwiseOperationsDoWhatTheySayForEverySize() {
    Random random = new Random(10);
    try (Device device = device(2);
        Device.Scope scope = device.scope()) {
      for (int cols : new int[] {1, 2, 3, 5, 7, 12, 16, 17, 31, 33, 63, 64, 65, 100, 257, 20_000}) {
        int rows = cols > 1000 ? 3 : 4;
        float[] x = gaussian(random, rows * cols);
        float[] y = gaussian(random, rows * cols);
        float[] bias = gaussian(random, cols);
        Buffer yb = scope.upload(y, cols);
        Buffer xb = scope.upload(x, cols);
        float[] expected = new float[x.length];

        device.add(yb, xb, 0.37f);
        for (int i = 0; i < x.length; i++) {
          expected[i] = y[i] + 0.37f * x[i];
        }
        assertClose(device, yb, expected, 1e-6, 1e-3);

        device.copy(xb, yb);
        device.addBias(yb, scope.upload(bias, cols));
        for (int i = 0; i < x.length; i++) {
          expected[i] = x[i] + bias[i % cols];
        }
        assertThat(values(device, yb)).isEqualTo(expected);

        device.copy(xb, yb);
        device.scale(yb, -1.7f);
        for (int i = 0; i < x.length; i++) {
          expected[i] = x[i] * -1.7f;
        }
        assertThat(values(device, yb)).isEqualTo(expected);

        device.copy(xb, yb);
        device.clamp(yb, 0.8f);
        for (int i = 0; i < x.length; i++) {
          expected[i] = Math.min(Math.max(x[i], -0.8f), 0.8f);
        }
        assertThat(values(device, yb)).isEqualTo(expected);

        device.copy(xb, yb);
        device.softcap(yb, 0.9f);
        for (int i = 0; i < x.length; i++) {
          expected[i] = (float) (0.9f * Math.tanh(x[i] / (double) 0.9f));
        }
        assertClose(device, yb, expected, 1e-6, 1e-3);
      }
    }
  }

  @Test
  void rowsAndColumnsAreMovedWhereTheyBelong() {
    try (Device device = device(2);
        Device.Scope scope = device.scope()) {
      Buffer x = scope.upload(new float[] {1, 2, 3, 4, 5, 6, 7, 8, 9}, 3);
      Buffer y = scope.allocate(3, 4);
      device.copyColumns(x, 1, y, 2, 2);
      assertThat(values(device, y)).containsExactly(0, 0, 2, 3, 0, 0, 5, 6, 0, 0, 8, 9);
      Buffer gathered = scope.allocate(4, 3);
      device.gatherRows(x, new int[] {2, 0, 2, 1}, gathered);
      assertThat(values(device, gathered)).containsExactly(7, 8, 9, 1, 2, 3, 7, 8, 9, 4, 5, 6);
      Buffer sum = scope.upload(new float[] {1, 1, 1, 1, 1, 1}, 3);
      device.scatterAddRows(x, new int[] {1, 0, 1}, new float[] {10, 100, 0.5f}, sum);
      assertThat(values(device, sum)).containsExactly(401, 501, 601, 14.5f, 25, 35.5f);
    }
  }

  @Test
  void normsAreThoseOfFloat64() {
    Random random = new Random(11);
    try (Device device = device(2);
        Device.Scope scope = device.scope()) {
      for (int cols : new int[] {1, 2, 3, 7, 16, 17, 33, 64, 100, 257, 576, 4096}) {
        int rows = 5;
        float[] x = gaussian(random, rows * cols);
        x[cols / 2] = 24_000; // a super activation must not drown the others
        float[] weight = gaussian(random, cols);
        float[] bias = gaussian(random, cols);
        Buffer xb = scope.upload(x, cols);
        Buffer wb = scope.upload(weight, cols);
        Buffer bb = scope.upload(bias, cols);
        Buffer y = scope.allocate(rows, cols);
        for (boolean weighted : new boolean[] {true, false}) {
          float[] rms = new float[x.length];
          float[] layer = new float[x.length];
          for (int m = 0; m < rows; m++) {
            double squares = 0;
            double sum = 0;
            for (int i = 0; i < cols; i++) {
              double value = x[m * cols + i];
              squares += value * value;
              sum += value;
            }
            double variance = 0;
            for (int i = 0; i < cols; i++) {
              variance += Math.pow(x[m * cols + i] - sum / cols, 2);
            }
            for (int i = 0; i < cols; i++) {
              double value = x[m * cols + i];
              double r = value / Math.sqrt(squares / cols + 1e-5f);
              double l = (value - sum / cols) / Math.sqrt(variance / cols + 1e-5f);
              rms[m * cols + i] = (float) (weighted ? r * (weight[i] + 1) : r);
              layer[m * cols + i] = (float) (weighted ? l * weight[i] + bias[i] : l);
            }
          }
          device.rmsNorm(xb, weighted ? wb : null, weighted ? 1 : 0, 1e-5f, y);
          assertClose(device, y, rms, 1e-6, 0);
          device.layerNorm(xb, weighted ? wb : null, weighted ? bb : null, 1e-5f, y);
          assertClose(device, y, layer, 1e-6, weighted ? 1 : 1e-3);
          device.copy(xb, y);
          device.rmsNorm(y, weighted ? wb : null, weighted ? 1 : 0, 1e-5f, y);
          assertClose(device, y, rms, 1e-6, 0);
          device.copy(xb, y);
          device.layerNorm(y, weighted ? wb : null, weighted ? bb : null, 1e-5f, y);
          assertClose(device, y, layer, 1e-6, weighted ? 1 : 1e-3);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "8, 4, false",
    "8, 4, true",
    "10, 3, false",
    "10, 3, true",
    "64, 32, false",
    "64, 16, true",
    "96, 48, false",
    "2, 1, true"
  })
  void rotaryEmbeddingTurnsThePairsOfEachHead(int headDim, int pairs, boolean interleaved) {
    Random random = new Random(12);
    try (Device device = device(2);
        Device.Scope scope = device.scope()) {
      int heads = 3;
      int positions = 20;
      float[] angles = gaussian(random, positions * pairs);
      float[] cos = new float[angles.length];
      float[] sin = new float[angles.length];
      for (int i = 0; i < angles.length; i++) {
        cos[i] = (float) Math.cos(angles[i]);
        sin[i] = (float) Math.sin(angles[i]);
      }
      int[] at = {0, 7, 19, 7};
      float[] x = gaussian(random, at.length * heads * headDim);
      float[] expected = x.clone();
      for (int m = 0; m < at.length; m++) {
        for (int h = 0; h < heads; h++) {
          for (int i = 0; i < pairs; i++) {
            int a = (m * heads + h) * headDim + (interleaved ? 2 * i : i);
            int b = a + (interleaved ? 1 : pairs);
            double c = cos[at[m] * pairs + i];
            double s = sin[at[m] * pairs + i];
            expected[a] = (float) (x[a] * c - x[b] * s);
            expected[b] = (float) (x[b] * c + x[a] * s);
          }
        }
      }
      Buffer xb = scope.upload(x, heads * headDim);
      device.rope(xb, headDim, scope.upload(cos, pairs), scope.upload(sin, pairs), at, interleaved);
      assertClose(device, xb, expected, 1e-6, 1);
    }
  }

  @ParameterizedTest
  @CsvSource({
    // heads, key heads, head dim, softcap, window
    "4, 4, 16, 0, 0",
    "6, 2, 24, 0, 0",
    "4, 1, 7, 0, 0",
    "2, 2, 64, 30, 0",
    "4, 2, 33, 0, 5",
    "2, 1, 128, 50, 17",
    "3, 3, 1, 0, 1",
  })
  void attentionIsThatOfFloat64(int heads, int keyHeads, int d, float softcap, int window) {
    assertAttention(
        List.of(
            new AttentionSpec.Span(0, 1, 0, 1),
            new AttentionSpec.Span(1, 40, 1, 40),
            new AttentionSpec.Span(41, 3, 41, 130),
            new AttentionSpec.Span(44, 1, 171, 77)),
        new AttentionSpec(heads, keyHeads, d, (float) (1 / Math.sqrt(d)), softcap, window));
  }

  @ParameterizedTest
  @CsvSource({
    // heads, key heads, head dim, softcap, window
    "2, 1, 64, 0, 0",
    "1, 1, 128, 0, 90",
    "2, 1, 64, 30, 50",
    "2, 2, 24, 30, 0",
    "1, 1, 33, 0, 100",
  })
  void attentionOfLongSequencesIsThatOfFloat64(
      int heads, int keyHeads, int d, float softcap, int window) {
    assertAttention(
        List.of(
            new AttentionSpec.Span(0, 300, 0, 300),
            new AttentionSpec.Span(300, 128, 300, 128),
            new AttentionSpec.Span(428, 64, 428, 2200),
            new AttentionSpec.Span(492, 70, 2628, 2115)),
        new AttentionSpec(heads, keyHeads, d, (float) (1 / Math.sqrt(d)), softcap, window));
  }

  private void assertAttention(List<AttentionSpec.Span> spans, AttentionSpec spec) {
    int heads = spec.heads();
    int keyHeads = spec.keyValueHeads();
    int d = spec.headDim();
    int queries = spans.stream().mapToInt(s -> s.queryRow() + s.queryCount()).max().orElseThrow();
    int keys = spans.stream().mapToInt(s -> s.keyRow() + s.keyCount()).max().orElseThrow();
    Random random = new Random(13);
    try (Device device = device(2);
        Device.Scope scope = device.scope()) {
      float[] q = gaussian(random, queries * heads * d);
      float[] k = gaussian(random, keys * keyHeads * d);
      float[] v = gaussian(random, keys * keyHeads * d);
      for (int i = 0; i < q.length; i++) {
        q[i] *= 3; // scores that are far apart
      }
      double[] expected = new double[q.length];
      for (AttentionSpec.Span span : spans) {
        for (int i = 0; i < span.queryCount(); i++) {
          for (int h = 0; h < heads; h++) {
            attend(q, k, v, expected, span, i, h, spec);
          }
        }
      }
      Buffer out = scope.allocate(queries, heads * d);
      device.attention(
          scope.upload(q, heads * d),
          scope.upload(k, keyHeads * d),
          scope.upload(v, keyHeads * d),
          out,
          spans,
          spec);
      float[] got = values(device, out);
      for (int i = 0; i < got.length; i++) {
        assertThat((double) got[i]).isCloseTo(expected[i], within(1e-5));
      }
    }
  }

  private static void attend(
      float[] q,
      float[] k,
      float[] v,
      double[] out,
      AttentionSpec.Span span,
      int i,
      int h,
      AttentionSpec spec) {
    int d = spec.headDim();
    int queryAt = ((span.queryRow() + i) * spec.heads() + h) * d;
    int last = span.keyCount() - span.queryCount() + i;
    int first = spec.window() == 0 ? 0 : Math.max(0, last - spec.window() + 1);
    int keyHead = h * spec.keyValueHeads() / spec.heads();
    double[] scores = new double[last + 1];
    double max = Double.NEGATIVE_INFINITY;
    for (int j = first; j <= last; j++) {
      int keyAt = ((span.keyRow() + j) * spec.keyValueHeads() + keyHead) * d;
      for (int c = 0; c < d; c++) {
        scores[j] += (double) q[queryAt + c] * k[keyAt + c];
      }
      scores[j] *= spec.scale();
      if (spec.softcap() > 0) {
        scores[j] = spec.softcap() * Math.tanh(scores[j] / spec.softcap());
      }
      max = Math.max(max, scores[j]);
    }
    double total = 0;
    for (int j = first; j <= last; j++) {
      total += Math.exp(scores[j] - max);
    }
    for (int j = first; j <= last; j++) {
      int valueAt = ((span.keyRow() + j) * spec.keyValueHeads() + keyHead) * d;
      for (int c = 0; c < d; c++) {
        out[queryAt + c] += Math.exp(scores[j] - max) / total * v[valueAt + c];
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"10, 0", "40, 0", "40, 7", "150, 0", "150, 33"})
  void keysAndValuesThatAQueryDoesNotSeeDoNotReachItThoughTheyAreInfinite(int tokens, int window) {
    Random random = new Random(tokens + window);
    AttentionSpec spec = new AttentionSpec(4, 2, 32, 0.2f, 0, window);
    int bad = tokens / 2 + 3;
    float[] q = gaussian(random, tokens * 128);
    float[] k = gaussian(random, tokens * 64);
    float[] v = gaussian(random, tokens * 64);
    try (Device device = device(2);
        Device.Scope scope = device.scope()) {
      Buffer out = scope.allocate(tokens, 128);
      List<AttentionSpec.Span> spans = List.of(new AttentionSpec.Span(0, tokens, 0, tokens));
      device.attention(
          scope.upload(q, 128), scope.upload(k, 64), scope.upload(v, 64), out, spans, spec);
      float[] expected = values(device, out);
      for (int c = 0; c < 64; c++) {
        k[bad * 64 + c] = c % 3 == 0 ? Float.NaN : Float.POSITIVE_INFINITY;
        v[bad * 64 + c] = c % 2 == 0 ? Float.NEGATIVE_INFINITY : Float.NaN;
      }
      device.attention(
          scope.upload(q, 128), scope.upload(k, 64), scope.upload(v, 64), out, spans, spec);
      float[] got = values(device, out);
      for (int m = 0; m < tokens; m++) {
        boolean sees = m >= bad && (window == 0 || m < bad + window);
        for (int c = 0; c < 128; c++) {
          if (sees) {
            assertThat(got[m * 128 + c]).as("token %d", m).isNaN();
          } else {
            assertThat(got[m * 128 + c])
                .as("token %d", m)
                .isCloseTo(expected[m * 128 + c], within(1e-5f));
          }
        }
      }
    }
  }

  @Test
  void attentionHasTheSameBitsForAnyNumberOfThreadsAndSequencesBesideIt() {
    Random random = new Random(14);
    AttentionSpec spec = new AttentionSpec(4, 2, 32, 0.2f, 0, 0);
    float[] q = gaussian(random, 150 * 128);
    float[] k = gaussian(random, 150 * 64);
    float[] v = gaussian(random, 150 * 64);
    float[] first = null;
    for (int threads : new int[] {1, 2, 4}) {
      try (Device device = device(threads);
          Device.Scope scope = device.scope()) {
        Buffer qb = scope.upload(q, 128);
        Buffer kb = scope.upload(k, 64);
        Buffer vb = scope.upload(v, 64);
        Buffer out = scope.allocate(150, 128);
        device.attention(
            qb,
            kb,
            vb,
            out,
            List.of(
                new AttentionSpec.Span(0, 100, 0, 100), new AttentionSpec.Span(100, 50, 100, 50)),
            spec);
        first = first == null ? values(device, out) : first;
        assertThat(values(device, out)).isEqualTo(first);
        Buffer alone = scope.allocate(150, 128);
        device.attention(
            qb, kb, vb, alone, List.of(new AttentionSpec.Span(100, 50, 100, 50)), spec);
        assertThat(values(device, alone.rows(100, 50)))
            .isEqualTo(values(device, out.rows(100, 50)));
      }
    }
  }

  /** x, silu(x), gelu(x), gelu_tanh(x), computed with 40 digits. */
  private static final double[][] ACTIVATIONS = {
    {-20.0, -4.1223072363804072e-8, -5.5072482372124674e-88, 0.0},
    {-13.0, -2.9384215872746468e-5, -7.9523137194148436e-38, 0.0},
    {-8.0, -0.0026828010437318248, -4.9767684594174273e-15, -3.1077829375011112e-21},
    {-6.5, -0.009757684668790445, -2.6104003795084266e-10, -6.2782587725914021e-13},
    {-5.0, -0.033464254621424278, -1.4332578593959696e-6, -2.291796196629506e-7},
    {-4.0, -0.071944839848366232, -0.00012668496733247969, -7.024594819237269e-5},
    {-3.0, -0.14227761953270034, -0.0040496940948902836, -0.0036373920817730188},
    {-2.5, -0.18964545005310888, -0.015524163314440338, -0.015084266089998582},
    {-2.0, -0.23840584404423511, -0.045500263896358414, -0.045402305912224981},
    {-1.7020000219345093, -0.26245560489562572, -0.075530815869687066, -0.075662437155385569},
    {-1.278499960899353, -0.27846454262445962, -0.1285360382384938, -0.1287639017190248},
    {-1.0, -0.26894142136999512, -0.15865525393145705, -0.1588080093917233},
    {-0.75, -0.24061597561845527, -0.16997051428265115, -0.1700394448343797},
    {-0.5, -0.18877033439907272, -0.15426876936299345, -0.15428599017485608},
    {-0.10000000149011612, -0.047502081922782245, -0.046017216898856519, -0.046017249581126194},
    {
      -0.0010000000474974513,
      -0.00049975002374581026,
      -0.00049960108149691712,
      -0.00049960108149724622
    },
    {
      -9.999999974752427e-07, -4.9999974873762262e-7, -4.9999959979534297e-7, -4.9999959979534297e-7
    },
    {
      -9.999999682655225e-21,
      -4.9999998413276127e-21,
      -4.9999998413276127e-21,
      -4.9999998413276127e-21
    },
    {
      1.0000000031710769e-30, 5.0000000158553843e-31, 5.0000000158553843e-31, 5.0000000158553843e-31
    },
    {1.0000000116860974e-07, 5.000000308430493e-8, 5.0000004573727768e-8, 5.0000004573727768e-8},
    {0.0010000000474974513, 0.00050025002375164104, 0.00050039896600053419, 0.00050039896600020509},
    {0.05000000074505806, 0.025624870215358241, 0.025996940694146414, 0.025996938640849676},
    {0.30000001192092896, 0.17233276276563721, 0.18537343538671312, 0.18537093227240135},
    {0.5, 0.31122966560092728, 0.34573123063700655, 0.34571400982514392},
    {0.8999999761581421, 0.63985453100258842, 0.73434586202482395, 0.73422846355495827},
    {1.0, 0.73105857863000488, 0.84134474606854295, 0.8411919906082767},
    {1.5, 1.2263617142904655, 1.3997891980967129, 1.3995715769802329},
    {2.0, 1.7615941559557649, 1.9544997361036416, 1.954597694087775},
    {2.75, 2.584761712021479, 2.7418056511036, 2.742276855926382},
    {3.299999952316284, 3.1826150240145062, 3.2984046523984121, 3.2986887239714643},
    {4.199999809265137, 4.1379488673108907, 4.1999437570745969, 4.1999737121726256},
    {5.5, 5.4776142425625713, 5.4999998955574064, 5.4999999940723597},
    {7.0, 6.9936226416391955, 6.9999999999910413, 6.9999999999999977},
    {9.0, 8.9988894488161239, 9.0, 9.0},
    {12.0, 11.999926269904773, 12.0, 12.0},
    {30.0, 29.999999999997193, 30.0, 30.0},
    {88.0, 88.0, 88.0, 88.0},
    {100.0, 100.0, 100.0, 100.0}
  };

  @Test
  void activationsAreThoseOfFortyDigitsWithinAFewUnitsInTheLastPlace() {
    try (Device device = device(1);
        Device.Scope scope = device.scope()) {
      float[] x = new float[ACTIVATIONS.length];
      for (int i = 0; i < x.length; i++) {
        x[i] = (float) ACTIVATIONS[i][0];
      }
      Activation[] kinds = {Activation.SILU, Activation.GELU, Activation.GELU_TANH};
      for (int kind = 0; kind < kinds.length; kind++) {
        Buffer y = scope.upload(x, x.length);
        device.activate(kinds[kind], y);
        float[] got = values(device, y);
        for (int i = 0; i < x.length; i++) {
          double expected = ACTIVATIONS[i][kind + 1];
          // Relative to the result, but for tails that are small beside x: there what a float32 sum
          // of x would feel.
          double tolerance = Math.max(4e-7 * Math.abs(expected), 1e-8 * Math.abs(x[i]));
          assertThat((double) got[i])
              .as("%s(%s)", kinds[kind], x[i])
              .isCloseTo(expected, within(tolerance));
        }
      }
    }
  }

  @Test
  void activationsAndGatesAgreeOnEveryLengthAndAtTheEnds() {
    Random random = new Random(15);
    try (Device device = device(2);
        Device.Scope scope = device.scope()) {
      for (Activation activation : Activation.values()) {
        for (int cols : new int[] {1, 3, 16, 17, 33, 100, 20_000}) {
          float[] x = gaussian(random, 2 * cols);
          float[] up = gaussian(random, 2 * cols);
          for (int i = 0; i < x.length; i++) {
            x[i] *= 4;
          }
          Buffer activated = scope.upload(x, cols);
          device.activate(activation, activated);
          Buffer gated = scope.upload(x, cols);
          device.gate(activation, gated, scope.upload(up, cols));
          float[] a = values(device, activated);
          float[] g = values(device, gated);
          for (int i = 0; i < x.length; i++) {
            double expected = activation(activation, x[i]);
            assertThat((double) a[i])
                .isCloseTo(expected, within(4e-7 * Math.abs(expected) + 1e-8 * Math.abs(x[i])));
            assertThat((double) g[i])
                .as("gate by %s(%s)", activation, x[i])
                .isCloseTo(
                    expected * up[i],
                    within((6e-7 * Math.abs(expected) + 2e-8 * Math.abs(x[i])) * Math.abs(up[i])));
          }
        }
        Buffer ends =
            scope.upload(
                new float[] {200, -200, 3e38f, -3e38f, 0, Float.POSITIVE_INFINITY, Float.NaN}, 7);
        device.activate(activation, ends);
        float[] got = values(device, ends);
        boolean squared = activation == Activation.RELU_SQUARED;
        assertThat(got[0]).isEqualTo(squared ? 40_000f : 200f);
        assertThat(Math.abs(got[1])).isLessThan(1e-30f);
        assertThat(got[2]).isEqualTo(squared ? Float.POSITIVE_INFINITY : 3e38f);
        assertThat(Math.abs(got[3])).isLessThan(1e-30f);
        assertThat(got[4]).isEqualTo(0);
        assertThat(got[5]).isEqualTo(Float.POSITIVE_INFINITY);
        assertThat(got[6]).isNaN();
      }
    }
  }

  private static double activation(Activation activation, double x) {
    return switch (activation) {
      case SILU -> x / (1 + Math.exp(-x));
      case GELU -> x * gaussianIntegral(x);
      case GELU_TANH ->
          0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
      case RELU -> Math.max(x, 0);
      case RELU_SQUARED -> Math.max(x, 0) * Math.max(x, 0);
    };
  }

  /**
   * Φ by its power series, all of whose terms have one sign; below −6 by what it is to absolute
   * 1e-9.
   */
  private static double gaussianIntegral(double x) {
    if (Math.abs(x) > 7) {
      return x > 0 ? 1 : 0;
    }
    double term = x;
    double sum = x;
    for (int n = 1; n < 400; n++) {
      term *= x * x / (2 * n + 1);
      sum += term;
    }
    return 0.5 + sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  }

  @Test
  void logProbabilitiesAndDivergencesAreThoseOfFloat64() {
    Random random = new Random(16);
    try (Device device = device(2);
        Device.Scope scope = device.scope()) {
      for (int cols : new int[] {1, 2, 3, 17, 100, 1023, 50_257}) {
        int rows = 5;
        float[] p = gaussian(random, rows * cols);
        float[] q = gaussian(random, rows * cols);
        for (int i = 0; i < p.length; i++) {
          p[i] = p[i] * 10 - 1000;
          q[i] = i / cols == 2 ? p[i] : q[i] * 3 + 70;
        }
        int[] targets = new int[rows];
        Arrays.setAll(targets, m -> random.nextInt(cols));
        double[] got = device.logProbabilities(scope.upload(p, cols), targets);
        double[] divergence = device.divergence(scope.upload(p, cols), scope.upload(q, cols));
        for (int m = 0; m < rows; m++) {
          double[] logP = logSoftmax(p, m * cols, cols);
          double[] logQ = logSoftmax(q, m * cols, cols);
          double sum = 0;
          for (int i = 0; i < cols; i++) {
            sum += Math.exp(logP[i]) * (logP[i] - logQ[i]);
          }
          assertThat(got[m]).isCloseTo(logP[targets[m]], within(2e-6));
          assertThat(divergence[m]).isCloseTo(sum, within(1e-5 * (1 + Math.abs(sum))));
        }
        assertThat(divergence[2]).isCloseTo(0, within(1e-9));
      }
    }
  }

  @Test
  void logProbabilitiesHaveTheSameBitsWhateverTheThreadsAndTheRowsBeside() {
    Random random = new Random(17);
    int cols = 3001;
    float[] logits = gaussian(random, 40 * cols);
    int[] targets = new int[40];
    double[] first = null;
    for (int threads : new int[] {1, 2, 4}) {
      try (Device device = device(threads);
          Device.Scope scope = device.scope()) {
        Buffer x = scope.upload(logits, cols);
        double[] got = device.logProbabilities(x, targets);
        first = first == null ? got : first;
        assertThat(got).isEqualTo(first);
        assertThat(device.logProbabilities(x.rows(7, 1), new int[1])[0]).isEqualTo(first[7]);
      }
    }
  }

  @Test
  void blocksOfLogitsGiveWhatWholeRowsGive() {
    Random random = new Random(18);
    int rows = 6;
    int cols = 2500;
    float[] x = gaussian(random, rows * cols);
    for (int i = 0; i < x.length; i++) {
      x[i] *= 5;
    }
    int[] targets = new int[rows];
    Arrays.setAll(targets, m -> random.nextInt(cols));
    try (Device device = device(2);
        Device.Scope scope = device.scope()) {
      Buffer whole = scope.upload(x, cols);
      double[] expected = device.logProbabilities(whole, targets);
      int[] largest = device.argMax(whole);
      for (int width : new int[] {1, 7, 512, 1200, cols}) {
        double[] sums = new double[rows];
        double[] target = new double[rows];
        float[] best = new float[rows];
        int[] at = new int[rows];
        Arrays.fill(best, Float.NEGATIVE_INFINITY);
        for (int from = 0; from < cols; from += width) {
          int column = from;
          int count = Math.min(width, cols - from);
          Buffer block = scope.allocate(rows, count);
          device.copyColumns(whole, from, block, 0, count);
          LogitBlock of =
              device.logitBlock(
                  block,
                  Arrays.stream(targets)
                      .map(t -> t >= column && t < column + count ? t - column : -1)
                      .toArray());
          for (int m = 0; m < rows; m++) {
            sums[m] += Math.exp(of.logSumExp()[m]);
            boolean here = targets[m] >= from && targets[m] < from + count;
            assertThat(Float.isNaN(of.target()[m])).isEqualTo(!here);
            target[m] = here ? of.target()[m] : target[m];
            if (of.largest()[m] > best[m]) {
              best[m] = of.largest()[m];
              at[m] = from + of.argMax()[m];
            }
          }
        }
        assertThat(at).isEqualTo(largest);
        for (int m = 0; m < rows; m++) {
          assertThat(target[m] - Math.log(sums[m])).isCloseTo(expected[m], within(2e-6));
        }
      }
    }
  }

  @Test
  void aNumberThatIsNoneIsNeverTheLargest_butWhereItStandsFirst() {
    try (Device device = device(1);
        Device.Scope scope = device.scope()) {
      float[] x = new float[2 * 1300];
      x[700] = Float.NaN;
      x[1200] = 3;
      x[1300] = Float.NaN;
      x[1300 + 900] = 5;
      assertThat(device.argMax(scope.upload(x, 1300))).containsExactly(1200, 0);
    }
  }

  private static double[] logSoftmax(float[] x, int from, int count) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < count; i++) {
      max = Math.max(max, x[from + i]);
    }
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += Math.exp(x[from + i] - max);
    }
    double[] result = new double[count];
    for (int i = 0; i < count; i++) {
      result[i] = x[from + i] - max - Math.log(sum);
    }
    return result;
  }

  @Test
  void theFirstOfEqualMaximaWins() {
    try (Device device = device(2);
        Device.Scope scope = device.scope()) {
      for (int cols : new int[] {1, 2, 17, 100, 5000}) {
        float[] x = new float[3 * cols];
        Arrays.fill(x, -5);
        x[cols / 2] = -4;
        x[cols - 1] = -4;
        x[2 * cols + cols - 1] = Float.POSITIVE_INFINITY;
        assertThat(device.argMax(scope.upload(x, cols))).containsExactly(cols / 2, 0, cols - 1);
      }
    }
  }

  @Test
  void shapesThatDoNotFitAreRefusedWithBothNamed() {
    try (Device device = device(1);
        Device.Scope scope = device.scope()) {
      Buffer a = scope.allocate(2, 3);
      Buffer b = scope.allocate(3, 2);
      Matrix w = new Matrix(DType.F32, scope.allocate(4, 5).data(), 4, 5, false);
      List<Consumer<Device>> wrong =
          List.of(
              d -> d.matmul(a, w, b),
              d -> d.add(a, b, 1),
              d -> d.copy(a, b),
              d -> d.gate(Activation.SILU, a, b),
              d -> d.addBias(a, b),
              d -> d.rmsNorm(a, b, 0, 0, a),
              d -> d.gatherRows(a, new int[] {0}, b),
              d -> d.matmulColumn(a, w, new float[w.cols()], a, a.cols()),
              d -> d.logProbabilities(a, new int[] {0, 3}),
              d -> d.embed(w, new int[] {4}, scope.allocate(1, 5)));
      for (Consumer<Device> call : wrong) {
        assertThatThrownBy(() -> call.accept(device)).isInstanceOf(IllegalArgumentException.class);
      }
    }
  }

  /** A matrix and what its elements are. */
  private record Weights(Matrix matrix, float[][] values) {}

  private static int cols(Random random, DType dtype) {
    int cols = COLS[random.nextInt(COLS.length)];
    int block = dtype.blockElements();
    return dtype.quantized() ? Math.max(1, Math.min(5, cols / block)) * block : cols;
  }

  private static Weights weights(
      Random random, Arena arena, DType dtype, int rows, int cols, boolean transposed) {
    MemorySegment data = arena.allocate(dtype.bytes((long) rows * cols) + 1).asSlice(1);
    if (dtype.quantized()) {
      fillBlocks(random, data, dtype);
    } else {
      float[] values = gaussian(random, rows * cols);
      for (int i = 0; i < values.length; i++) {
        store(data, dtype, i, values[i]);
      }
    }
    float[] all = new float[rows * cols];
    Dequantizer.decode(dtype, data, 0, all.length, all, 0);
    float[][] values = new float[rows][cols];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < cols; c++) {
        values[r][c] = all[transposed ? c * rows + r : r * cols + c];
      }
    }
    return new Weights(new Matrix(dtype, data, rows, cols, transposed), values);
  }

  /** Random bytes, with scales that are sane numbers. */
  private static void fillBlocks(Random random, MemorySegment data, DType dtype) {
    byte[] bytes = new byte[(int) data.byteSize()];
    random.nextBytes(bytes);
    data.copyFrom(MemorySegment.ofArray(bytes));
    int[] halves =
        switch (dtype) {
          case Q4_0, Q5_0, Q8_0, IQ4_NL -> new int[] {0};
          case Q4_1, Q5_1, Q4_K, Q5_K -> new int[] {0, 2};
          case Q2_K -> new int[] {80, 82};
          case Q3_K -> new int[] {108};
          case Q6_K -> new int[] {208};
          default -> new int[] {};
        };
    for (long block = 0; block < data.byteSize(); block += dtype.blockBytes()) {
      for (int at : halves) {
        store(data.asSlice(block + at, 2), DType.F16, 0, (float) random.nextGaussian() * 0.01f);
      }
      if (dtype == DType.Q8_K) {
        store(data.asSlice(block, 4), DType.F32, 0, (float) random.nextGaussian() * 0.01f);
      }
    }
  }

  private static void assertProduct(float[] x, Weights w, float[] y, int tokens) {
    int rows = w.values.length;
    int cols = w.values[0].length;
    for (int m = 0; m < tokens; m++) {
      for (int n = 0; n < rows; n++) {
        double exact = 0;
        double size = 0;
        for (int k = 0; k < cols; k++) {
          double product = (double) x[m * cols + k] * w.values[n][k];
          exact += product;
          size += Math.abs(product);
        }
        if (!(Math.abs(y[m * rows + n] - exact) <= 1e-6 * size + 1e-30)) {
          assertThat((double) y[m * rows + n])
              .as("y[%d, %d] of %d x %d x %d", m, n, tokens, rows, cols)
              .isCloseTo(exact, within(1e-6 * size));
        }
      }
    }
  }

  /**
   * Within {@code tolerance} of the size of what was added up: of the result, and of {@code size}.
   */
  private static void assertClose(
      Device device, Buffer got, float[] expected, double tolerance, double size) {
    float[] values = values(device, got);
    for (int i = 0; i < expected.length; i++) {
      double bound = tolerance * (Math.abs(expected[i]) + size);
      if (!(Math.abs(values[i] - expected[i]) <= bound)) {
        assertThat((double) values[i]).as("element %d", i).isCloseTo(expected[i], within(bound));
      }
    }
  }

  /** The values of a buffer. */
  protected static float[] values(Device device, Buffer buffer) {
    return device.host(buffer).toArray(ValueLayout.JAVA_FLOAT);
  }

  /** Normally distributed numbers. */
  protected static float[] gaussian(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /** Stores a value as an element of a plain type. */
  protected static void store(MemorySegment data, DType dtype, long index, float value) {
    ByteOrder little = ByteOrder.LITTLE_ENDIAN;
    switch (dtype) {
      case F32 -> data.set(ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(little), 4 * index, value);
      case F16 ->
          data.set(
              ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(little),
              2 * index,
              Float.floatToFloat16(value));
      case BF16 ->
          data.set(
              ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(little),
              2 * index,
              (short) (Float.floatToRawIntBits(value) >>> 16));
      default -> throw new IllegalArgumentException(dtype.toString());
    }
  }
}
