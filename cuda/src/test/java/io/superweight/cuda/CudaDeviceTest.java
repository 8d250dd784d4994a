package io.superweight.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.superweight.InputException;
import io.superweight.compute.Activation;
import io.superweight.compute.AttentionSpec;
import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.DeviceContract;
import io.superweight.compute.DeviceRequest;
import io.superweight.compute.Matrix;
import io.superweight.compute.Precision;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The contract of every device, and what is the GPU's alone. */
final class CudaDeviceTest extends DeviceContract {
  /** Holds the driver's context, so that the others open quickly. */
  private static Device first;

  @BeforeAll
  static void open() {
    first = Machine.here().hasDriver() ? Gpu.open(Precision.F32) : null;
  }

  @AfterAll
  static void close() {
    if (first != null) {
      first.close();
    }
  }

  @Override
  protected Device device(int threads, Precision precision) {
    return Gpu.open(precision);
  }

  @ParameterizedTest
  @CsvSource({
    // tokens of the sequences, heads, key heads, head dim, softcap, window
    "1, 2, 2, 64, 0, 0",
    "63, 2, 1, 64, 0, 0",
    "64, 2, 2, 128, 0, 0",
    "65, 4, 2, 128, 0, 0",
    "128, 2, 2, 128, 0, 0",
    "200, 2, 1, 128, 30, 0",
    "300, 2, 2, 64, 0, 70",
    "517, 2, 2, 128, 0, 130",
    "1025, 1, 1, 128, 0, 0",
  })
  void attentionOfBfloat16IsThatOfFloat32WithinItsRounding(
      int tokens, int heads, int keyHeads, int d, float softcap, int window) {
    Random random = new Random(tokens);
    AttentionSpec spec =
        new AttentionSpec(heads, keyHeads, d, (float) (1 / Math.sqrt(d)), softcap, window);
    int rows = 2 * tokens + 16;
    float[] q = rounded(gaussian(random, rows * heads * d));
    float[] k = rounded(gaussian(random, rows * keyHeads * d));
    float[] v = rounded(gaussian(random, rows * keyHeads * d));
    List<AttentionSpec.Span> spans =
        List.of(
            new AttentionSpec.Span(0, tokens, 0, tokens),
            new AttentionSpec.Span(tokens, 16, tokens, tokens + 16));
    float[][] results = new float[2][];
    for (int which = 0; which < 2; which++) {
      try (Device device = which == 0 ? CpuDevice.create(2) : Gpu.open(Precision.BF16);
          Device.Scope scope = device.scope()) {
        Buffer out = scope.allocate(tokens + 16, heads * d);
        device.attention(
            scope.upload(java.util.Arrays.copyOf(q, (tokens + 16) * heads * d), heads * d),
            scope.upload(k, keyHeads * d),
            scope.upload(v, keyHeads * d),
            out,
            spans,
            spec);
        results[which] = values(device, out);
      }
    }
    for (int i = 0; i < results[0].length; i++) {
      assertThat((double) results[1][i])
          .as("row %d", i / (heads * d))
          .isCloseTo(results[0][i], within(0.006 * (1 + Math.abs(results[0][i]))));
    }
  }

  /** The upper halves: numbers of bfloat16. */
  private static float[] rounded(float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] = Float.intBitsToFloat(Float.floatToRawIntBits(values[i]) & 0xffff0000);
    }
    return values;
  }

  /** Everything that a layer defers or holds rounded, read back and compared with a CPU device. */
  @Test
  void whatIsHeldRoundedOrPutOffIsThereWhenSomebodyReadsIt() {
    Random random = new Random(3);
    int tokens = 33;
    int width = 128;
    try (Arena arena = Arena.ofShared()) {
      Matrix w = bfloat(random, arena, width, width);
      Matrix up = bfloat(random, arena, width, width);
      float[] x = gaussian(random, tokens * width);
      float[] ones = gaussian(random, width);
      List<float[]> results = new ArrayList<>();
      for (int which = 0; which < 2; which++) {
        try (Device device =
                which == 0 ? CpuDevice.create(2, Precision.BF16) : Gpu.open(Precision.BF16);
            Device.Scope scope = device.scope()) {
          Buffer stream = scope.upload(x, width);
          Buffer weight = scope.upload(ones, width);
          Buffer normed = scope.room(tokens, width);
          Buffer a = scope.room(tokens, width);
          Buffer b = scope.room(tokens, width);
          Buffer out = scope.room(tokens, width);
          device.rmsNorm(stream, weight, 0, 1e-5f, normed);
          device.matmulInner(normed, w, a);
          device.matmulInner(normed, up, b);
          results.add(values(device, normed));
          device.gate(Activation.SILU, a, b);
          results.add(values(device, a.rows(3, 9)));
          device.matmul(a, w, out);
          device.add(stream, out, 1);
          device.rmsNorm(stream, weight, 0, 1e-5f, normed);
          results.add(values(device, stream));
          results.add(values(device, out));
          device.matmul(normed, w, out);
          results.add(values(device, out.rows(5, 2)));
          device.add(stream, out, 1);
          device.scale(a, 0.5f);
          device.copy(b, normed);
          results.add(values(device, out));
          results.add(values(device, a));
          device.add(stream, out, 2);
          results.add(values(device, stream));
          device.matmulInner(stream, up, b);
          device.matmulColumn(stream, w, new float[width], b.rows(0, tokens), 7);
          results.add(values(device, b));
        }
      }
      int half = results.size() / 2;
      for (int r = 0; r < half; r++) {
        float[] expected = results.get(r);
        float[] got = results.get(half + r);
        double size = 0;
        for (float value : expected) {
          size = Math.max(size, Math.abs(value));
        }
        for (int i = 0; i < expected.length; i++) {
          assertThat((double) got[i])
              .as("result %d", r)
              .isCloseTo(expected[i], within(0.02 * size));
        }
      }
    }
  }

  /** A layer's way to attention: products, rotation of what is held rounded, two lists of spans. */
  @ParameterizedTest
  @CsvSource({"64, false", "128, false", "128, true"})
  void rotationAndAttentionOfWhatIsHeldRoundedAreThoseOfTheCpu(int d, boolean readBefore) {
    Random random = new Random(d);
    int tokens = 150;
    int width = 2 * d;
    int pairs = d / 2;
    float[] x = gaussian(random, tokens * width);
    float[] cos = new float[tokens * pairs];
    float[] sin = new float[tokens * pairs];
    for (int i = 0; i < cos.length; i++) {
      double angle = random.nextDouble() * 6;
      cos[i] = (float) Math.cos(angle);
      sin[i] = (float) Math.sin(angle);
    }
    int[] positions = random.ints(tokens, 0, tokens).toArray();
    AttentionSpec spec = new AttentionSpec(2, 2, d, (float) (1 / Math.sqrt(d)), 0, 0);
    List<AttentionSpec.Span> first = List.of(new AttentionSpec.Span(0, 20, 0, 20));
    List<AttentionSpec.Span> second = List.of(new AttentionSpec.Span(20, 130, 20, 130));
    List<float[]> results = new ArrayList<>();
    try (Arena arena = Arena.ofShared()) {
      Matrix w = bfloat(random, arena, width, width);
      Matrix up = bfloat(random, arena, width, width);
      for (int which = 0; which < 2; which++) {
        try (Device device =
                which == 0 ? CpuDevice.create(2, Precision.BF16) : Gpu.open(Precision.BF16);
            Device.Scope scope = device.scope()) {
          Buffer in = scope.upload(x, width);
          Buffer q = scope.room(tokens, width);
          Buffer k = scope.room(tokens, width);
          Buffer v = scope.room(tokens, width);
          Buffer out = scope.room(tokens, width);
          for (int turn = 0; turn < 2; turn++) {
            device.matmulInner(in, turn == 0 ? w : up, q);
            device.matmulInner(in, up, k);
            device.matmulInner(in, w, v);
            try (Device.Scope tables = device.scope()) {
              Buffer c = tables.upload(cos, pairs);
              Buffer s = tables.upload(sin, pairs);
              device.rope(q, d, c, s, positions, false);
              device.rope(k, d, c, s, positions, false);
              if (readBefore) {
                results.add(values(device, q.rows(7, 3)));
              }
              device.attention(q, k, v, out, first, spec);
              device.attention(q, k, v, out, second, spec);
              results.add(values(device, out));
            }
            results.add(values(device, k));
            results.add(values(device, q));
          }
        }
      }
    }
    int half = results.size() / 2;
    for (int r = 0; r < half; r++) {
      for (int i = 0; i < results.get(r).length; i++) {
        double expected = results.get(r)[i];
        assertThat((double) results.get(half + r)[i])
            .as("result %d", r)
            .isCloseTo(expected, within(0.03 * (1 + Math.abs(expected))));
      }
    }
  }

  private static Matrix bfloat(Random random, Arena arena, int rows, int cols) {
    MemorySegment data = arena.allocate(2L * rows * cols, 64);
    for (int i = 0; i < rows * cols; i++) {
      store(data, DType.BF16, i, (float) (random.nextGaussian() / Math.sqrt(cols)));
    }
    return new Matrix(DType.BF16, data, rows, cols, false);
  }

  @Test
  void keptWeightsGiveWhatTheirMatricesGive_alsoWhereTheyTakeTurns() {
    Random random = new Random(4);
    int width = 1024;
    int layers = 24; // 48 MB: more than is copied without threads
    try (Arena arena = Arena.ofShared()) {
      List<Matrix> matrices = new ArrayList<>();
      List<List<Matrix>> groups = new ArrayList<>();
      Matrix random1 = bfloat(random, arena, width, width);
      for (int i = 0; i < layers; i++) {
        MemorySegment data = arena.allocate(2L * width * width, 64);
        data.copyFrom(random1.data());
        store(data, DType.BF16, i, 3 + i);
        matrices.add(new Matrix(DType.BF16, data, width, width, false));
        groups.add(List.of(matrices.getLast()));
      }
      float[] x = gaussian(random, 20 * width);
      float[][] expected = new float[layers][];
      for (long budget : new long[] {1L << 30, 10L << 20}) {
        try (CudaDevice device = Gpu.open(Precision.BF16, budget);
            Device.Scope scope = device.scope()) {
          Buffer in = scope.upload(x, width);
          Buffer y = scope.room(20, width);
          if (expected[0] == null) {
            for (int i = 0; i < layers; i++) {
              device.matmul(in, matrices.get(i), y);
              expected[i] = values(device, y);
            }
          }
          try (Device.Kept kept = device.keep(groups)) {
            assertThat(kept).isNotNull();
            for (int pass = 0; pass < 3; pass++) {
              for (int i = 0; i < layers; i++) {
                device.matmul(in, matrices.get(i), y);
                device.matmul(in, matrices.get(i).rows(0, width), y);
                assertThat(values(device, y)).as("layer %d", i).isEqualTo(expected[i]);
              }
            }
            // Out of order: a pass that ended early, and one that begins again.
            for (int i : new int[] {0, 1, 5, 23, 0, 7, 8}) {
              device.matmul(in, matrices.get(i), y);
              assertThat(values(device, y)).as("layer %d", i).isEqualTo(expected[i]);
            }
          }
        }
      }
    }
  }

  @Test
  void manyElementsArePutAtOnce_andOneThatComesTwiceHasItsLastValue() {
    try (Device device = Gpu.open(Precision.F32);
        Device.Scope scope = device.scope()) {
      Buffer x = scope.allocate(2, 3);
      device.put(x, new int[] {0, 0, 1}, new int[] {0, 2, 1}, new float[] {1, 2, 3});
      assertThat(values(device, x)).containsExactly(1, 0, 2, 0, 3, 0);
      device.put(x, new int[] {1, 0, 1}, new int[] {1, 0, 1}, new float[] {5, 6, 7});
      assertThat(values(device, x)).containsExactly(6, 0, 2, 0, 7, 0);
      assertThatThrownBy(() -> device.put(x, new int[] {2}, new int[] {0}, new float[] {1}))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  /** Behind the hundredth, algorithms are measured. */
  @Test
  void aLargeProductKeepsItsBitsHoweverOftenItIsMade() {
    Random random = new Random(7);
    try (Arena arena = Arena.ofShared();
        Device device = Gpu.open(Precision.BF16);
        Device.Scope scope = device.scope()) {
      Matrix w = bfloat(random, arena, 4096, 2560);
      Buffer x = scope.upload(gaussian(random, 1024 * 2560), 2560);
      Buffer y = scope.room(1024, 4096);
      try (Device.Kept kept = device.keep(List.of(List.of(w)))) {
        assertThat(kept).isNotNull();
        float[] expected = null;
        for (int i = 0; i < 110; i++) {
          device.matmulInner(x, w, y);
          expected = i == 0 ? values(device, y) : expected;
        }
        assertThat(values(device, y)).isEqualTo(expected);
        Buffer sum = scope.allocate(1024, 4096);
        for (int i = 0; i < 110; i++) {
          device.matmul(x, w, y);
          expected = i == 0 ? values(device, y) : expected;
        }
        assertThat(values(device, y)).isEqualTo(expected);
        device.matmul(x, w, y);
        device.add(sum, y, 1);
        assertThat(values(device, sum)).isEqualTo(expected);
      }
    }
  }

  @Test
  void weightsThatCannotEvenTakeTurnsAreRefusedInOneLine() {
    try (Arena arena = Arena.ofShared();
        CudaDevice device = Gpu.open(Precision.BF16, 1 << 20)) {
      Matrix w = bfloat(new Random(1), arena, 1024, 1024);
      Matrix v = bfloat(new Random(1), arena, 1024, 1024);
      assertThatThrownBy(() -> device.keep(List.of(List.of(w), List.of(v))))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("--device-memory");
    }
  }

  @Test
  void twoHundredOpensLeaveTheMemoryOfTheCardAsItWas() {
    Gpu.assumePresent();
    Random random = new Random(2);
    try (Arena arena = Arena.ofShared()) {
      Matrix w = bfloat(random, arena, 512, 512);
      long[] free = new long[201];
      for (int i = 0; i < free.length; i++) {
        try (CudaDevice device = (CudaDevice) Gpu.open(Precision.BF16);
            Device.Kept kept = device.keep(List.of(List.of(w)));
            Device.Scope scope = device.scope()) {
          assertThat(kept).isNotNull();
          free[i] = device.driver().freeMemory();
          Buffer y = scope.allocate(64, 512);
          device.matmul(scope.upload(gaussian(random, 64 * 512), 512), w, y);
          values(device, y);
        }
      }
      assertThat(free[200]).isGreaterThanOrEqualTo(free[1]);
    }
  }

  @Test
  void memoryThatIsNotThereIsOneLineThatSaysWhatToDo() {
    try (Device device = Gpu.open(Precision.F32)) {
      assertThatThrownBy(
              () -> {
                try (Device.Scope scope = device.scope()) {
                  for (int i = 0; i < 1000; i++) {
                    scope.room(1 << 20, 1 << 10); // 4 GiB
                  }
                }
              })
          .isInstanceOfSatisfying(
              InputException.class, e -> assertThat(e.kind()).isEqualTo(InputException.Kind.DEVICE))
          .hasMessageContaining("memory ran out")
          .hasMessageContaining("--device-memory");
      try (Device.Scope scope = device.scope()) {
        Buffer x = scope.upload(new float[] {1, 2}, 2);
        device.scale(x, 2);
        assertThat(values(device, x)).containsExactly(2, 4); // it goes on
      }
    }
  }

  @Test
  void aCardThatIsNotThereIsRefusedWithThoseThatAre() {
    Gpu.assumePresent();
    assertThatThrownBy(
            () -> CudaDevice.open(Machine.here(), DeviceRequest.of(1, Precision.F32), 99))
        .isInstanceOfSatisfying(
            InputException.class, e -> assertThat(e.kind()).isEqualTo(InputException.Kind.USAGE))
        .hasMessageContaining("cuda:0");
  }
}
