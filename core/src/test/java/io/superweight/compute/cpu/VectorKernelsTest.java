package io.superweight.compute.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.superweight.compute.Matrix;
import io.superweight.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class VectorKernelsTest extends JavaKernelsContract {
  @Override
  Kernels kernels() {
    return new VectorKernels();
  }

  @Override
  Product product(int threads) {
    return new VectorProduct(threads);
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void weightsAreWidenedToTheBitsOfThePlainReader(DType dtype) {
    Random random = new Random(dtype.ordinal());
    int cols = dtype.quantized() ? 1024 : 1021;
    int rows = 6;
    byte[] bytes = new byte[(int) dtype.bytes(rows * cols) + 1];
    int lanes = VectorTiles.LANES;
    float[] scratch = new float[cols + lanes];
    for (int repeat = 0; repeat < 20; repeat++) {
      random.nextBytes(bytes);
      Matrix w = new Matrix(dtype, MemorySegment.ofArray(bytes).asSlice(1), rows, cols, false);
      for (int row = 0; row < rows; row++) {
        float[] expected = new float[cols];
        RowReader.read(w, row, 0, cols, expected, 0);
        float[] got = new float[4 * (cols + lanes)];
        VectorRows.read(w, row, 0, cols, got, 2 * lanes, 4 * lanes, scratch);
        for (int k = 0; k < cols; k++) {
          float value = got[2 * lanes + k / lanes * 4 * lanes + k % lanes];
          if (!Float.isNaN(expected[k]) || !Float.isNaN(value)) {
            assertThat(Float.floatToRawIntBits(value))
                .isEqualTo(Float.floatToRawIntBits(expected[k]));
          }
        }
      }
    }
  }

  @Test
  void exponentialsOfASoftmaxAreWithinTwoUnitsAndEndAtZero() {
    Random random = new Random(5);
    int lanes = VectorTiles.LANES;
    float[] x = new float[lanes];
    for (int repeat = 0; repeat < 4000; repeat++) {
      for (int i = 0; i < lanes; i++) {
        x[i] = -(float) (87 * Math.pow(random.nextDouble(), 1 + repeat % 4));
      }
      float[] e =
          VectorMath.expUpToZero(FloatVector.fromArray(VectorTiles.SPECIES, x, 0)).toArray();
      for (int i = 0; i < lanes; i++) {
        assertThat((double) e[i])
            .as("exp(%s)", x[i])
            .isCloseTo(Math.exp(x[i]), within(2.0 * Math.ulp((float) Math.exp(x[i]))));
      }
    }
    float[] ends = {0, -0f, -87, -87.0001f, -200, Float.NEGATIVE_INFINITY, Float.NaN, -1e-30f};
    for (int i = 0; i < ends.length; i++) {
      x[i % lanes] = ends[i];
      float e =
          VectorMath.expUpToZero(FloatVector.fromArray(VectorTiles.SPECIES, x, 0)).lane(i % lanes);
      switch (i) {
        case 0, 1, 7 -> assertThat(e).isEqualTo(1);
        case 2 -> assertThat(e).isGreaterThan(Float.MIN_NORMAL);
        case 6 -> assertThat(e).isNaN();
        default -> assertThat(e).isZero();
      }
    }
  }

  @Test
  void everyFloat16IsWidenedExactly() {
    short[] all = new short[65_536];
    for (int i = 0; i < all.length; i++) {
      all[i] = (short) i;
    }
    Matrix w = new Matrix(DType.F16, MemorySegment.ofArray(all), 1, all.length, false);
    float[] got = new float[all.length];
    VectorRows.read(w, 0, 0, all.length, got, 0, VectorTiles.LANES, new float[0]);
    for (int i = 0; i < all.length; i++) {
      assertThat(Float.valueOf(got[i])).isEqualTo(Float.valueOf(Float.float16ToFloat(all[i])));
    }
  }
}
