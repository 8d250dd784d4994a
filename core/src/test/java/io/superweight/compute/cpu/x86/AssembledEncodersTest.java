package io.superweight.compute.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.superweight.Fixtures;
import io.superweight.tensor.BlockEncoder;
import io.superweight.tensor.DType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class AssembledEncodersTest {
  private static AssembledEncoders encoders() {
    Optional<AssembledEncoders> encoders = AssembledEncoders.ofThisMachine();
    assumeTrue(encoders.isPresent(), "skipped: this processor has no AVX-512");
    return encoders.get();
  }

  private static void assertBytesOfTheBlockEncoder(
      AssembledEncoders encoders, DType dtype, float[] values) {
    int count = values.length / dtype.blockElements() * dtype.blockElements();
    byte[] expected = new byte[(int) dtype.bytes(count)];
    new BlockEncoder(dtype).encode(values, 0, count, MemorySegment.ofArray(expected), 0);

    byte[] out = new byte[expected.length + 5];
    encoders.encoder(dtype).encode(values, 0, count, MemorySegment.ofArray(out), 3);

    int size = dtype.blockBytes();
    for (int block = 0; block < expected.length / size; block++) {
      int at = block * size;
      assertThat(Arrays.copyOfRange(out, 3 + at, 3 + at + size))
          .as("block %s", block)
          .isEqualTo(Arrays.copyOfRange(expected, at, at + size));
    }
    assertThat(new byte[] {out[0], out[1], out[2], out[out.length - 2], out[out.length - 1]})
        .as("around")
        .containsOnly(0);
  }

  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_0", "Q6_K"})
  void awkwardValuesGiveTheBytesOfTheBlockEncoder(DType dtype) throws IOException {
    float[] values =
        MemorySegment.ofArray(Files.readAllBytes(Fixtures.path("encode").resolve("values.f32")))
            .toArray(ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN));
    try (AssembledEncoders encoders = encoders()) {
      assertBytesOfTheBlockEncoder(encoders, dtype, values);
    }
  }

  /**
   * Sizes from denormal to near overflow, outliers, ties, zeros of both signs, whole zero parts.
   */
  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_0", "Q6_K"})
  void valuesOfAllSizesGiveTheBytesOfTheBlockEncoder(DType dtype) {
    Random random = new Random(17);
    try (AssembledEncoders encoders = encoders()) {
      for (int round = 0; round < 400; round++) {
        float[] values = new float[256 * (1 + random.nextInt(4))];
        double size = Math.pow(10, random.nextInt(80) - 42);
        boolean coarse = random.nextBoolean();
        double zeros = random.nextInt(4) == 0 ? random.nextDouble() : 0;
        for (int i = 0; i < values.length; i++) {
          double value = random.nextGaussian() * size;
          if (random.nextInt(50) == 0) {
            value *= 100;
          }
          float single = (float) Math.clamp(value, -1e38, 1e38);
          values[i] =
              random.nextDouble() < zeros
                  ? (random.nextBoolean() ? 0f : -0f)
                  : coarse
                      ? Float.intBitsToFloat(BlockEncoder.bfloat16(single) << 16 & 0xffe0_0000)
                      : single;
        }
        for (int part = 0; part < values.length; part += 16) {
          if (random.nextInt(20) == 0) {
            Arrays.fill(values, part, part + 16, random.nextBoolean() ? 0f : values[0]);
          }
        }
        assertBytesOfTheBlockEncoder(encoders, dtype, values);
      }
    }
  }
}
