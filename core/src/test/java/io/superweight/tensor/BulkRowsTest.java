package io.superweight.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

final class BulkRowsTest {
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "F16", "BF16", "Q8_0"})
  void valuesAreTheDequantizersToTheBitWhereverTheyBegin(DType dtype) {
    try (Arena arena = Arena.ofConfined()) {
      byte[] bytes = new byte[(int) dtype.bytes(1024)];
      new Random(4).nextBytes(bytes);
      MemorySegment data = arena.allocate(bytes.length).copyFrom(MemorySegment.ofArray(bytes));
      for (int from : new int[] {0, 1, 32, 333}) {
        for (int count : new int[] {0, 1, 15, 16, 17, 64, 500}) {
          float[] wanted = new float[600];
          float[] got = new float[600];
          Dequantizer.decode(dtype, data, from, count, wanted, 7);
          BulkRows.decode(dtype, data, from, count, got, 7);
          for (int i = 0; i < wanted.length; i++) {
            assertThat(Float.floatToRawIntBits(got[i]))
                .isEqualTo(Float.floatToRawIntBits(wanted[i]));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void oneValueThatIsNotFiniteIsFoundWhereverItIs(float odd) {
    for (int count : new int[] {1, 16, 17, 50}) {
      for (int at = 0; at < count; at++) {
        float[] values = new float[count + 1];
        values[at] = odd;
        assertThat(BulkRows.finite(values, count)).isFalse();
        assertThat(BulkRows.finite(values, at)).isTrue();
      }
    }
  }

  @Test
  void theLargestValuesAreFinite() {
    float[] values = {Float.MAX_VALUE, -Float.MAX_VALUE, Float.MIN_VALUE, -0f};
    assertThat(BulkRows.finite(values, 4)).isTrue();
    assertThat(BulkRows.finite(new float[0], 0)).isTrue();
  }
}
