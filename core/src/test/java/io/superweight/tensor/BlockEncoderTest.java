package io.superweight.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.Fixtures;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class BlockEncoderTest {
  private static byte[] golden(String name) throws IOException {
    return Files.readAllBytes(Fixtures.path("encode").resolve(name));
  }

  private static float[] values() throws IOException {
    return MemorySegment.ofArray(golden("values.f32"))
        .toArray(ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN));
  }

  private static byte[] encode(DType dtype, float[] values) {
    byte[] out = new byte[(int) dtype.bytes(values.length)];
    new BlockEncoder(dtype).encode(values, 0, values.length, MemorySegment.ofArray(out), 0);
    return out;
  }

  private static float[] decode(DType dtype, byte[] bytes) {
    float[] out = new float[bytes.length / dtype.blockBytes() * dtype.blockElements()];
    Dequantizer.decode(dtype, MemorySegment.ofArray(bytes), 0, out.length, out, 0);
    return out;
  }

  private static double squares(float[] a, float[] b, int from, int to) {
    double sum = 0;
    for (int i = from; i < to; i++) {
      sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
    }
    return sum;
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"})
  void awkwardValuesGiveTheBytesOfTheReference(DType dtype) throws IOException {
    byte[] golden = golden(dtype + ".blocks");

    byte[] encoded = encode(dtype, values());

    for (int block = 0; block < golden.length / dtype.blockBytes(); block++) {
      int at = block * dtype.blockBytes();
      assertThat(java.util.Arrays.copyOfRange(encoded, at, at + dtype.blockBytes()))
          .as("block %s", block)
          .isEqualTo(java.util.Arrays.copyOfRange(golden, at, at + dtype.blockBytes()));
    }
  }

  /** Expected: what the package gguf 0.19.0 makes of them, which follows ggml to the bit. */
  @Test
  void blocksAreThoseOfTheReferenceQuantizer() {
    float[] values = new float[32];
    float[] negated = new float[32];
    for (int i = 0; i < 32; i++) {
      values[i] = (i * 37 % 64 - 31) / 16f;
      negated[i] = -values[i];
    }
    assertThat(HexFormat.of().formatHex(encode(DType.Q8_0, values)))
        .isEqualTo("08248518ad40d467fc9124b94be073089d30c457ec7f14a93cd063f88d20b547dc6f");
    assertThat(HexFormat.of().formatHex(encode(DType.Q8_0, negated)))
        .isEqualTo("08247be853c02c99046fdc47b5208df863d03ca91481ec57c4309d0873e04bb92491");
    assertThat(HexFormat.of().formatHex(encode(DType.Q4_0, values)))
        .isEqualTo("00b4cf379d047be248bf269df36ad148ae15");
    assertThat(HexFormat.of().formatHex(encode(DType.Q4_0, negated)))
        .isEqualTo("0034cf379d047be248bf269df36ad148ae15");
    assertThat(HexFormat.of().formatHex(encode(DType.Q8_0, new float[32])))
        .isEqualTo("00".repeat(34));
    assertThat(HexFormat.of().formatHex(encode(DType.Q4_0, new float[32])))
        .isEqualTo("0080" + "88".repeat(16));
  }

  @Test
  void aValueComesBackWithinHalfAStepOfItsBlock() {
    Random random = new Random(3);
    int count = 32 * 50;
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] =
          Float.intBitsToFloat(
              BlockEncoder.bfloat16((float) (random.nextGaussian() * Math.pow(2, i / 32 % 9 - 6)))
                  << 16);
    }
    for (DType dtype : List.of(DType.Q8_0, DType.Q4_0)) {
      float[] decoded = decode(dtype, encode(dtype, values));
      for (int block = 0; block < count; block += 32) {
        float most = 0;
        for (int i = block; i < block + 32; i++) {
          most = Math.max(most, Math.abs(values[i]));
        }
        // Q4_0 reaches 8 steps on one side and 7 on the other, where it may be off by a whole one.
        double step = dtype == DType.Q8_0 ? most / 127 * 0.5 : most / 8;
        for (int i = block; i < block + 32; i++) {
          // The scale is rounded to float16: a part in 2,048.
          assertThat((double) Math.abs(decoded[i] - values[i]))
              .isLessThanOrEqualTo(step + most / 2000);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"Q4_K", "Q5_K", "Q6_K"})
  void kTypesErrNoMoreThanTheReference(DType dtype) throws IOException {
    float[] values = values();
    float[] golden = decode(dtype, golden(dtype + ".blocks"));
    float[] ours = decode(dtype, encode(dtype, values));

    double logarithms = 0;
    int rows = values.length / 256;
    for (int row = 0; row < rows; row++) {
      double theirError = squares(values, golden, 256 * row, 256 * row + 256);
      double ourError = squares(values, ours, 256 * row, 256 * row + 256);
      // The reference minimises an error weighted by magnitude: single blocks may fall otherwise.
      assertThat(ourError).as("row %s", row).isLessThanOrEqualTo(1.03 * theirError);
      logarithms += theirError == 0 ? 0 : Math.log(ourError / theirError);
    }
    assertThat(Math.exp(logarithms / rows)).isLessThan(0.97);
  }

  @ParameterizedTest
  @EnumSource(names = {"Q4_K", "Q5_K", "Q6_K"})
  void vectorsGiveTheBitsOfPlainLoops(DType dtype) throws IOException {
    float[] values = values();
    byte[] out = new byte[dtype.blockBytes()];
    for (int at = 0; at < values.length; at += 256) {
      KBlocks.plain(dtype).encode(values, at, out, 0);
      float[] block = java.util.Arrays.copyOfRange(values, at, at + 256);
      assertThat(encode(dtype, block)).as("row %s", at / 256).isEqualTo(out);
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void oneValueThatIsNotFiniteIsFoundWhereverItIs(float odd) {
    for (int count : new int[] {1, 16, 17, 50}) {
      for (int at = 0; at < count; at++) {
        float[] values = new float[count + 1];
        values[at] = odd;
        assertThat(BlockEncoder.finite(values, count)).isFalse();
        assertThat(BlockEncoder.finite(values, at)).isTrue();
      }
    }
  }

  @Test
  void theLargestValuesAreFinite() {
    float[] values = {Float.MAX_VALUE, -Float.MAX_VALUE, Float.MIN_VALUE, -0f};
    assertThat(BlockEncoder.finite(values, 4)).isTrue();
    assertThat(BlockEncoder.finite(new float[0], 0)).isTrue();
  }
}
