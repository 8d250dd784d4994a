package io.superweight.onednn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.InputException;
import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.DeviceContract;
import io.superweight.compute.Devices;
import io.superweight.compute.Matrix;
import io.superweight.compute.Precision;
import io.superweight.nativelib.BundledLibrary.BundledFile;
import io.superweight.tensor.DType;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class OneDnnDeviceTest extends DeviceContract {
  @Override
  protected Device device(int threads, Precision precision) {
    return new OneDnnProvider().open(threads, precision);
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void theBitsDoNotDependOnTheNumberOfThreads(Precision precision) {
    for (DType dtype : new DType[] {DType.F32, DType.BF16, DType.F16}) {
      for (int tokens : new int[] {1, 7, 100, 700}) {
        float[] one = product(dtype, tokens, 1, precision);
        for (int threads : new int[] {2, 4}) {
          assertThat(product(dtype, tokens, threads, precision))
              .as("%s, %d tokens, %d threads", dtype, tokens, threads)
              .isEqualTo(one);
        }
      }
    }
  }

  private static float[] product(DType dtype, int tokens, int threads, Precision precision) {
    Random random = new Random(5);
    int rows = 611;
    int cols = 514;
    try (Device device = new OneDnnProvider().open(threads, precision);
        Device.Scope scope = device.scope();
        Arena arena = Arena.ofShared()) {
      MemorySegment data = arena.allocate(dtype.bytes((long) rows * cols));
      for (long i = 0; i < (long) rows * cols; i++) {
        float value = (float) random.nextGaussian();
        switch (dtype) {
          case F32 -> data.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
          case BF16 ->
              data.setAtIndex(
                  ValueLayout.JAVA_SHORT, i, (short) (Float.floatToIntBits(value) >>> 16));
          default -> data.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(value));
        }
      }
      float[] x = new float[tokens * cols];
      for (int i = 0; i < x.length; i++) {
        x[i] = (float) random.nextGaussian();
      }
      Buffer y = scope.allocate(tokens, rows);
      device.matmul(scope.upload(x, cols), new Matrix(dtype, data, rows, cols, false), y);
      return device.host(y).toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  @Test
  void itIsPreferredToJavaAndCanBeNamed() {
    Devices devices = Devices.onClassPath();
    assertThat(devices.names()).containsExactly("onednn", "java");
    try (Device device = devices.open(Devices.AUTO, 2, Precision.BF16).device()) {
      assertThat(device.description())
          .matches("onednn, \\d+\\.\\d+\\.\\d+(, AVX-512 bf16 machine code)?, bf16, 2 threads");
    }
    try (Device device = devices.open("java", 1, Precision.F32).device()) {
      assertThat(device.description()).startsWith("java, ");
    }
  }

  @Test
  void otherPlatformsAreRefusedInOneLineThatNamesTheWayOut() {
    assertThatThrownBy(() -> OneDnnLibrary.requirePlatform("Mac OS X", "aarch64"))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("Linux on x86-64")
        .hasMessageContaining("--device java");
    OneDnnLibrary.requirePlatform("Linux", "amd64");
  }

  @Test
  void theJarHoldsTheFilesThatTheProgramExpects() throws Exception {
    for (BundledFile file : OneDnnLibrary.bundled().files()) {
      try (InputStream in = getClass().getClassLoader().getResourceAsStream(file.resource())) {
        byte[] bytes = in.readAllBytes();
        assertThat((long) bytes.length).isEqualTo(file.bytes());
        assertThat(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes)))
            .isEqualTo(file.sha256());
      }
    }
  }
}
