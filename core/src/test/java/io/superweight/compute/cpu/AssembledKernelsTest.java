package io.superweight.compute.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.Matrix;
import io.superweight.compute.Precision;
import io.superweight.compute.cpu.x86.AssembledProduct;
import io.superweight.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the machine code computes, where the processor has the instructions. */
final class AssembledKernelsTest extends JavaKernelsContract {
  @Override
  Kernels kernels() {
    return new VectorKernels();
  }

  @Override
  Product product(int threads) {
    Product java = new VectorProduct(threads);
    Product product = AssembledProduct.before(java, java.lanes(), threads);
    assumeThat(product).isInstanceOf(AssembledProduct.class);
    return product;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5, 31, 32, 33, 64, 100, 1030, 2048, 4099})
  void anElementOfARoundedProductHasTheSameBitsWhateverTokensRowsAndThreadsAreBesideIt(int cols) {
    for (int rows : cols == 100 || cols == 2048 ? new int[] {39, 64, 323} : new int[] {39}) {
      anElementOfARoundedProductHasTheSameBits(rows, cols);
    }
  }

  private void anElementOfARoundedProductHasTheSameBits(int rows, int cols) {
    Random random = new Random(cols);
    int most = 263;
    try (Device one = device(1, Precision.BF16);
        Device device = device(2, Precision.BF16);
        Arena arena = Arena.ofShared();
        Device.Scope scope = device.scope()) {
      Matrix w = new Matrix(DType.BF16, bfloats(random, arena, rows * cols), rows, cols, false);
      Buffer x = scope.upload(gaussian(random, most * cols), cols);
      Buffer all = scope.allocate(most, rows);
      device.matmul(x, w, all);
      for (int tokens :
          new int[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 31, 119, 120, 121, 241}) {
        Buffer some = scope.allocate(tokens, rows);
        for (Device d : new Device[] {one, device}) {
          d.matmul(x.rows(most - tokens, tokens), w, some);
          assertThat(values(d, some))
              .as("%d tokens", tokens)
              .isEqualTo(values(device, all.rows(most - tokens, tokens)));
        }
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

  @ParameterizedTest
  @ValueSource(ints = {32, 96, 2048, 33})
  void aProductHasTheSameBitsWhereverTheWeightsLie(int cols) {
    Random random = new Random(cols);
    int rows = 21;
    try (Device device = device(2, Precision.BF16);
        Arena arena = Arena.ofShared();
        Device.Scope scope = device.scope()) {
      MemorySegment data = bfloats(random, arena, rows * cols);
      for (int tokens : new int[] {1, 7, 40}) {
        Buffer x = scope.upload(gaussian(random, tokens * cols), cols);
        Buffer y = scope.allocate(tokens, rows);
        float[] expected = null;
        for (int shift = 0; shift < 64; shift++) {
          MemorySegment place = arena.allocate(data.byteSize() + 192, 64);
          place.fill((byte) 0xff); // not a number before and behind
          MemorySegment moved = place.asSlice(64 + shift, data.byteSize()).copyFrom(data);
          device.matmul(x, new Matrix(DType.BF16, moved, rows, cols, false), y);
          expected = expected == null ? values(device, y) : expected;
          assertThat(values(device, y)).as("%d bytes on", shift).isEqualTo(expected);
        }
        assertThat(expected[0]).isFinite();
      }
    }
  }

  @Test
  void aColumnOfWeightsThatBfloat16CannotHoldIsMultipliedWithTheWeightsAsTheyAre() {
    Random random = new Random(3);
    int cols = 512;
    try (Device device = device(2, Precision.BF16);
        Arena arena = Arena.ofShared();
        Device.Scope scope = device.scope()) {
      Matrix w = new Matrix(DType.BF16, bfloats(random, arena, cols), 1, cols, false);
      float[] edited = device.row(w, 0);
      edited[77] = 1.2345678f;
      float[] ones = new float[cols];
      ones[77] = 1;
      Buffer y = scope.allocate(1, 1);
      device.matmulColumn(scope.upload(ones, cols), w, edited, y, 0);
      assertThat(values(device, y)).containsExactly(1.2345678f);
    }
  }

  /** Whoever reads past it crashes the JVM. */
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"BF16", "Q8_0", "Q4_0", "Q4_1"})
  void nothingIsReadBehindTheLastRow(DType dtype) throws Throwable {
    Random random = new Random(4);
    long page = 4096;
    try (Device device = device(2, Precision.BF16);
        Device.Scope scope = device.scope();
        Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(32 * page, page);
      protect(memory.asSlice(31 * page, page), 0);
      try {
        for (int rows : new int[] {1, 3, 4, 5, 15, 16, 17, 31}) {
          for (int cols : new int[] {32, 96, 128, 1024}) {
            int count = dtype.quantized() ? cols : cols - random.nextInt(31);
            long bytes = dtype.bytes((long) rows * count);
            MemorySegment data = memory.asSlice(31 * page - bytes, bytes);
            for (long i = 0; i < bytes; i++) {
              data.set(ValueLayout.JAVA_BYTE, i, (byte) (0x10 | random.nextInt(0x30)));
            }
            Matrix w = new Matrix(dtype, data, rows, count, false);
            for (int tokens : new int[] {1, 5, 7, 12, 130}) {
              Buffer x = scope.upload(gaussian(random, tokens * count), count);
              Buffer y = scope.allocate(tokens, rows);
              device.matmul(x, w, y);
              assertThat(values(device, y)[tokens * rows - 1]).isFinite();
            }
          }
        }
      } finally {
        protect(memory.asSlice(31 * page, page), 3);
      }
    }
  }

  @SuppressWarnings("restricted")
  private static void protect(MemorySegment pages, int how) throws Throwable {
    MethodHandle mprotect =
        Linker.nativeLinker()
            .downcallHandle(
                Linker.nativeLinker().defaultLookup().findOrThrow("mprotect"),
                FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_INT));
    assertThat((int) mprotect.invokeExact(pages, pages.byteSize(), how)).isZero();
  }

  @Test
  void neitherItsCodeNorItsScratchOutlivesADevice() throws Exception {
    Random random = new Random(5);
    long before = 0;
    try (Arena arena = Arena.ofShared()) {
      Matrix w = new Matrix(DType.BF16, bfloats(random, arena, 64 * 64), 64, 64, false);
      for (int i = 0; i < 220; i++) {
        if (i == 20) {
          before = executablePages();
        }
        try (Device device = device(2, Precision.BF16);
            Device.Scope scope = device.scope()) {
          Buffer x = scope.upload(gaussian(random, 64), 64);
          device.matmul(x, w, scope.allocate(1, 64));
        }
      }
    }
    assertThat(executablePages()).isLessThan(before + 20);
  }

  /** Anonymous mappings that can be run and not written, as the JVM itself has none of. */
  private static long executablePages() throws Exception {
    try (var lines = java.nio.file.Files.lines(java.nio.file.Path.of("/proc/self/maps"))) {
      return lines.filter(line -> line.contains(" r-xp 00000000 00:00 0")).count();
    }
  }

  private static MemorySegment bfloats(Random random, Arena arena, int count) {
    MemorySegment data = arena.allocate(2L * count + 2).asSlice(2, 2L * count);
    for (int i = 0; i < count; i++) {
      store(data, DType.BF16, i, (float) random.nextGaussian());
    }
    return data;
  }
}
