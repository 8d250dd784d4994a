package io.superweight.find;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.superweight.compute.Device;
import io.superweight.compute.Matrix;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.tensor.DType;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

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

  private static WeightScan.Standing[] standings(Matrix matrix, float... values) {
    try (Device device = CpuDevice.create()) {
      return WeightScan.standings(device, matrix, values);
    }
  }

  private static Matrix matrix(int rows, int cols, float... values) {
    return new Matrix(DType.F32, MemorySegment.ofArray(values), rows, cols, false);
  }
}
