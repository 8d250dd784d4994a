package io.superweight.compute;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What every {@link Device} promises; each implementation runs these tests. */
public abstract class DeviceContract {
  /** A new device of so many threads; the test closes it. */
  protected abstract Device device(int threads);

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "F16", "BF16"})
  void productsAreWithinFloat32RoundingOfFloat64(DType dtype) {
    Random random = new Random(7);
    int[][] shapes = {{1, 1, 1}, {2, 3, 5}, {5, 7, 33}, {17, 31, 65}, {3, 100, 257}};
    try (Device device = device(2);
        Arena arena = Arena.ofShared();
        Device.Scope scope = device.scope()) {
      for (int[] shape : shapes) {
        int m = shape[0];
        int n = shape[1];
        int k = shape[2];
        for (boolean transposed : new boolean[] {false, true}) {
          float[] xs = gaussian(random, m * k);
          float[][] ws = new float[n][];
          MemorySegment data = arena.allocate(dtype.bytes((long) n * k) + 1).asSlice(1);
          Matrix w = new Matrix(dtype, data, n, k, transposed);
          float[] values = gaussian(random, n * k);
          for (int i = 0; i < n * k; i++) {
            store(data, dtype, i, values[i]);
          }
          for (int r = 0; r < n; r++) {
            ws[r] = device.row(w, r);
          }
          Buffer x = scope.upload(xs, k);
          Buffer y = scope.allocate(m, n);
          device.matmul(x, w, y);
          MemorySegment got = device.host(y);
          for (int i = 0; i < m; i++) {
            for (int r = 0; r < n; r++) {
              double exact = 0;
              double bound = 0;
              for (int c = 0; c < k; c++) {
                double product = (double) xs[i * k + c] * ws[r][c];
                exact += product;
                bound += Math.abs(product);
              }
              float value = got.getAtIndex(ValueLayout.JAVA_FLOAT, (long) i * n + r);
              assertThat(Math.abs(value - exact)).isLessThanOrEqualTo(1e-6 * bound);
            }
          }
        }
      }
    }
  }

  static float[] gaussian(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  static void store(MemorySegment data, DType dtype, long index, float value) {
    switch (dtype) {
      case F32 ->
          data.set(
              ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN),
              4 * index,
              value);
      case F16 ->
          data.set(
              ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN),
              2 * index,
              Float.floatToFloat16(value));
      case BF16 ->
          data.set(
              ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN),
              2 * index,
              (short) (Float.floatToRawIntBits(value) >>> 16));
      default -> throw new IllegalArgumentException(dtype.toString());
    }
  }
}
