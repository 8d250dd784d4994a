package io.superweight.compute.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.compute.Matrix;
import io.superweight.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.util.Random;
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
