package io.superweight.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.Fixtures;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

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
}
