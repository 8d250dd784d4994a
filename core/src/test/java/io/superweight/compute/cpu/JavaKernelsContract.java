package io.superweight.compute.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.DeviceContract;
import io.superweight.compute.Matrix;
import io.superweight.compute.Precision;
import io.superweight.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What {@link CpuDevice} promises beyond {@link Device}, whichever kernels it runs. */
abstract class JavaKernelsContract extends DeviceContract {
  abstract Kernels kernels();

  abstract Product product(int threads);

  @Override
  protected final Device device(int threads, Precision precision) {
    return new CpuDevice("java", kernels(), kernels(), product(threads), precision, threads);
  }

  @Test
  void anElementOfAProductHasTheSameBitsWhateverTokensAndRowsAreBesideIt() {
    Random random = new Random(21);
    try (Device device = device(2);
        Arena arena = Arena.ofShared();
        Device.Scope scope = device.scope()) {
      for (DType dtype : new DType[] {DType.F32, DType.F16, DType.BF16}) {
        for (int cols : new int[] {5, 64, 1030, 2048}) {
          int rows = 39;
          int most = 230;
          MemorySegment data = arena.allocate(dtype.bytes((long) rows * cols));
          float[] weights = gaussian(random, rows * cols);
          for (int i = 0; i < weights.length; i++) {
            store(data, dtype, i, weights[i]);
          }
          Matrix w = new Matrix(dtype, data, rows, cols, false);
          Buffer x = scope.upload(gaussian(random, most * cols), cols);
          Buffer all = scope.allocate(most, rows);
          device.matmul(x, w, all);
          for (int tokens :
              new int[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 48, 49, 99, 101}) {
            Buffer some = scope.allocate(tokens, rows);
            device.matmul(x.rows(most - tokens, tokens), w, some);
            assertThat(values(device, some))
                .as("%s, %d columns, %d tokens", dtype, cols, tokens)
                .isEqualTo(values(device, all.rows(most - tokens, tokens)));
          }
          Buffer few = scope.allocate(3, 7);
          device.matmul(x.rows(0, 3), w.rows(30, 7), few);
          for (int m = 0; m < 3; m++) {
            for (int n = 0; n < 7; n++) {
              assertThat(values(device, few)[m * 7 + n])
                  .isEqualTo(values(device, all)[m * rows + 30 + n]);
            }
          }
          Buffer column = scope.allocate(most, rows);
          for (int n = 0; n < rows; n++) {
            device.matmulColumn(x, w, device.row(w, n), column, n);
          }
          assertThat(values(device, column)).isEqualTo(values(device, all));
        }
      }
    }
  }

  @Test
  void anElementOfAProductOfQuantizedRowsHasTheSameBitsWhateverTokensAndRowsAreBesideIt() {
    Random random = new Random(22);
    try (Device one = device(1);
        Device device = device(2);
        Arena arena = Arena.ofShared();
        Device.Scope scope = device.scope()) {
      for (DType dtype : DType.values()) {
        if (!dtype.quantized()) {
          continue;
        }
        int cols = 5 * 256;
        for (int rows : new int[] {1, 3, 39, 131, 700}) {
          Matrix w =
              new Matrix(dtype, blocks(random, arena, dtype, rows * cols), rows, cols, false);
          Buffer x = scope.upload(gaussian(random, 17 * cols), cols);
          Buffer all = scope.allocate(17, rows);
          device.matmul(x, w, all);
          for (int tokens : new int[] {1, 2, 3, 4, 5, 9, 16}) {
            Buffer some = scope.allocate(tokens, rows);
            for (Device d : new Device[] {one, device}) {
              d.matmul(x.rows(17 - tokens, tokens), w, some);
              assertThat(values(device, some))
                  .as("%s, %d rows, %d tokens", dtype, rows, tokens)
                  .isEqualTo(values(device, all.rows(17 - tokens, tokens)));
            }
          }
          Buffer column = scope.allocate(17, rows);
          for (int n = 0; n < rows; n++) {
            device.matmulColumn(x, w, device.row(w, n), column, n);
          }
          assertThat(values(device, column)).isEqualTo(values(device, all));
        }
      }
    }
  }

  /** Blocks of harmless numbers: scales of any type that are neither huge nor infinite. */
  private static MemorySegment blocks(Random random, Arena arena, DType dtype, int elements) {
    MemorySegment data = arena.allocate(dtype.bytes(elements), 64);
    for (long i = 0; i < data.byteSize(); i++) {
      data.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
    }
    for (long block = 0; block < data.byteSize(); block += dtype.blockBytes()) {
      for (int at : scales(dtype)) {
        data.set(ValueLayout.JAVA_BYTE, block + at, (byte) (0x10 + random.nextInt(0x18)));
      }
    }
    return data;
  }

  /** Offsets of the high bytes of a block's floating-point numbers. */
  private static int[] scales(DType dtype) {
    return switch (dtype) {
      case Q4_0, Q5_0, Q8_0, IQ4_NL -> new int[] {1};
      case Q4_1, Q5_1, Q4_K, Q5_K -> new int[] {1, 3};
      case Q2_K -> new int[] {81, 83};
      case Q3_K -> new int[] {109};
      case Q6_K -> new int[] {209};
      case Q8_K -> new int[] {3};
      default -> new int[0];
    };
  }
}
