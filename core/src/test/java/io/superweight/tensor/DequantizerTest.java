package io.superweight.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.Fixtures;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DequantizerTest {
  private static MemorySegment blocks(DType dtype) throws IOException {
    return MemorySegment.ofArray(
        Files.readAllBytes(Fixtures.path("blocks").resolve(dtype + ".blocks")));
  }

  private static float[] golden(DType dtype) throws IOException {
    ByteBuffer bytes =
        ByteBuffer.wrap(Files.readAllBytes(Fixtures.path("blocks").resolve(dtype + ".f32")))
            .order(ByteOrder.LITTLE_ENDIAN);
    float[] values = new float[bytes.remaining() / 4];
    bytes.asFloatBuffer().get(values);
    return values;
  }

  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {"F32", "F16", "BF16"})
  void everyBlockTypeDecodesToTheBitsOfTheReference(DType dtype) throws IOException {
    float[] golden = golden(dtype);
    float[] decoded = new float[golden.length];

    Dequantizer.decode(dtype, blocks(dtype), 0, golden.length, decoded, 0);

    for (int i = 0; i < golden.length; i++) {
      assertThat(Float.floatToRawIntBits(decoded[i]))
          .as("element %s: %s instead of %s", i, decoded[i], golden[i])
          .isEqualTo(Float.floatToRawIntBits(golden[i]));
    }
  }

  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {"F32", "F16", "BF16"})
  void anyRangeDecodesAsThePartOfTheWhole(DType dtype) throws IOException {
    MemorySegment blocks = blocks(dtype);
    float[] whole = golden(dtype);
    Random random = new Random(5);
    for (int round = 0; round < 200; round++) {
      int from = random.nextInt(whole.length);
      int count = random.nextInt(whole.length - from + 1);
      float[] part = new float[count + 3];
      Arrays.fill(part, 7);
      Dequantizer.decode(dtype, blocks, from, count, part, 2);
      assertThat(Arrays.copyOfRange(part, 2, 2 + count))
          .isEqualTo(Arrays.copyOfRange(whole, from, from + count));
      assertThat(part[1]).isEqualTo(7);
      assertThat(part[count + 2]).isEqualTo(7);
    }
  }

  @Test
  void plainTypesAreReadLittleEndianFromAnyAddress() {
    byte[] bytes = {99, 0x00, 0x3c, (byte) 0x80, 0x3f, 0, 0, (byte) 0xc0, 0x40};
    MemorySegment all = MemorySegment.ofArray(bytes);
    float[] out = new float[1];
    Dequantizer.decode(DType.F16, all.asSlice(1, 2), 0, 1, out, 0);
    assertThat(out[0]).isEqualTo(1);
    Dequantizer.decode(DType.BF16, all.asSlice(3, 2), 0, 1, out, 0);
    assertThat(out[0]).isEqualTo(1);
    Dequantizer.decode(DType.F32, all.asSlice(5, 4), 0, 1, out, 0);
    assertThat(out[0]).isEqualTo(6);
  }

  @Test
  void aRangeBeyondTheDataIsRefused() throws IOException {
    MemorySegment blocks = blocks(DType.Q8_0);
    assertThatThrownBy(
            () -> Dequantizer.decode(DType.Q8_0, blocks, 40 * 32 - 1, 2, new float[2], 0))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }
}
