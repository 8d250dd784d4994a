package io.superweight.find;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.superweight.compute.Matrix;
import io.superweight.tensor.DType;
import io.superweight.tensor.Dequantizer;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class WeightScanTest {

  @Test
  void rankCountsTheLargerMagnitudes_andEqualOnesShareIt() {
    Matrix matrix = matrix(2, 3, 1, -5, 3, -3, 0, 2);
    WeightScan.Standing[] of = standings(matrix, -5, 3, -3, 2, 0);
    assertThat(of).extracting(WeightScan.Standing::rank).containsExactly(1L, 2L, 2L, 4L, 6L);
    assertThat(of[0].size()).isEqualTo(6);
    assertThat(of[0].deviation()).isCloseTo(Math.sqrt(48 / 6.0), within(1e-6));
  }

  @Test
  void aTransposedMatrixGivesTheSame() {
    float[] stored = {1, -3, -5, 0, 3, 2};
    Matrix transposed = new Matrix(DType.F32, MemorySegment.ofArray(stored), 2, 3, true);
    assertThat(standings(transposed, 3))
        .containsExactly(standings(matrix(2, 3, 1, -5, 3, -3, 0, 2), 3));
  }

  @Test
  void valuesThatAreNotFiniteAreCountedAndLeftOut() {
    Matrix matrix = matrix(2, 2, 3, Float.NaN, Float.NEGATIVE_INFINITY, 4);
    WeightScan.Standing standing = standings(matrix, 4)[0];
    assertThat(standing.notFinite()).isEqualTo(2);
    assertThat(standing.rank()).isEqualTo(1);
    assertThat(standing.deviation()).isCloseTo(Math.sqrt(12.5), within(1e-6));
  }

  @Test
  void anOrdinaryWeightIsOneThatChanceWouldPutThere() {
    WeightScan.Standing standing = new WeightScan.Standing(1, 45_088_768, 0.02, 0);
    // √(2 ln 45 million) = 5.94 deviations; Llama-7B's super weight has 96.
    assertThat(standing.ordinary()).isCloseTo(0.1187, within(1e-3));
  }

  @ParameterizedTest
  @EnumSource(names = {"BF16", "F16", "F32", "Q8_0"})
  void manyPiecesGiveWhatOneLoopOverAllGives(DType dtype) {
    int rows = 257;
    int cols = 8192;
    Random random = new Random(7);
    byte[] bytes = new byte[Math.toIntExact(dtype.bytes((long) rows * cols))];
    random.nextBytes(bytes);
    Matrix matrix = new Matrix(dtype, MemorySegment.ofArray(bytes), rows, cols, false);
    float[] values = new float[rows * cols];
    Dequantizer.decode(dtype, matrix.data(), 0, values.length, values, 0);
    float asked = values[4711];
    long larger = 0;
    long notFinite = 0;
    double squares = 0;
    for (float value : values) {
      if (Float.isFinite(value)) {
        larger += Math.abs(value) > Math.abs(asked) ? 1 : 0;
        squares += (double) value * value;
      } else {
        notFinite++;
      }
    }
    WeightScan scan = new WeightScan(matrix);
    for (int time = 0; time < 2; time++) {
      WeightScan.Standing standing = scan.standings(asked, 0f)[0];
      assertThat(standing.rank()).isEqualTo(larger + 1);
      assertThat(standing.notFinite()).isEqualTo(notFinite);
      assertThat(standing.deviation())
          .isCloseTo(Math.sqrt(squares / (values.length - notFinite)), withinPercentage(1e-6));
    }
  }

  private static WeightScan.Standing[] standings(Matrix matrix, float... values) {
    return new WeightScan(matrix).standings(values);
  }

  private static Matrix matrix(int rows, int cols, float... values) {
    return new Matrix(DType.F32, MemorySegment.ofArray(values), rows, cols, false);
  }
}
