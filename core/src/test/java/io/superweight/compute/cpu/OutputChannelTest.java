package io.superweight.compute.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OutputChannelTest {
  @ParameterizedTest
  @CsvSource({"1, false", "15, true", "16, false", "1000, true", "1003, false", "2816, true"})
  void oneTokenAtATimeWithoutVectorsGivesTheBitsOfManyWithThem(int cols, boolean rounded) {
    int tokens = VectorProduct.FEW_PRODUCTS / cols + 2;
    Random random = new Random(cols);
    float[] weights = new float[cols];
    for (int k = 0; k < cols; k++) {
      weights[k] = random.nextFloat() - 0.5f;
    }
    try (Arena arena = Arena.ofConfined();
        VectorProduct product = new VectorProduct(1)) {
      MemorySegment x = arena.allocate(4L * tokens * cols, 64);
      for (long i = 0; i < (long) tokens * cols; i++) {
        x.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
      }
      MemorySegment together = arena.allocate(4L * tokens, 64);
      MemorySegment apart = arena.allocate(4L * tokens, 64);
      product.column(x, 0, tokens, weights, rounded, together, 1, 0);
      for (int token = 0; token < tokens; token++) {
        product.column(x, token, token + 1, weights, rounded, apart, 1, 0);
      }
      assertThat(apart.mismatch(together)).as("first byte that differs").isEqualTo(-1);
    }
  }
}
