package io.superweight.onednn;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.IntegerProducts;
import io.superweight.compute.Precision;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.quantize.ExecutedProductsContract;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class OneDnnExecutedProductsTest extends ExecutedProductsContract {
  @Override
  protected Device device(int threads, Precision precision) {
    return new OneDnnProvider().open(threads, precision);
  }

  @Test
  void bothDevicesOfTheProcessorGiveTheSameBitsWhateverIsMultipliedTogether() {
    Random random = new Random(11);
    int rows = 300;
    int cols = 1100;
    int tokens = 530;
    byte[] codes = new byte[rows * cols];
    random.nextBytes(codes);
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) Math.max(-127, codes[i]);
    }
    float[] x = new float[tokens * cols];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) random.nextGaussian();
    }
    float[] xScales = new float[tokens];
    Arrays.fill(xScales, 0.03f);
    float[] wScales = new float[rows];
    for (int i = 0; i < rows; i++) {
      wScales[i] = random.nextFloat();
    }
    List<float[]> results = new ArrayList<>();
    for (Device device : List.of(device(2, Precision.F32), CpuDevice.create(2))) {
      try (device;
          Arena arena = Arena.ofShared();
          Device.Scope scope = device.scope()) {
        IntegerProducts integers = device.integerProducts().orElseThrow();
        MemorySegment bytes = arena.allocate(codes.length);
        MemorySegment.copy(codes, 0, bytes, ValueLayout.JAVA_BYTE, 0, codes.length);
        IntegerProducts.Packed packed = integers.pack(bytes, rows, cols);
        Buffer in = scope.upload(x, cols);
        Buffer y = scope.allocate(tokens, rows);
        integers.multiply(in, xScales, 127, packed, wScales, y);
        float[] whole = device.host(y).toArray(ValueLayout.JAVA_FLOAT);
        results.add(whole);
        for (int count : new int[] {1, 3, 40}) {
          Buffer some = scope.allocate(count, rows);
          integers.multiply(
              in.rows(7, count), Arrays.copyOf(xScales, count), 127, packed, wScales, some);
          assertThat(device.host(some).toArray(ValueLayout.JAVA_FLOAT))
              .isEqualTo(Arrays.copyOfRange(whole, 7 * rows, (7 + count) * rows));
        }
      }
    }
    assertThat(results.get(1)).isEqualTo(results.get(0));
  }
}
