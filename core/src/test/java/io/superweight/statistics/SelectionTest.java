package io.superweight.statistics;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SelectionTest {
  @Test
  void itGivesWhatSortingGives_withEqualValuesInfinitiesAndNaN() {
    Random random = new Random(4);
    for (int repeat = 0; repeat < 3000; repeat++) {
      float[] values = new float[1 + random.nextInt(60)];
      for (int i = 0; i < values.length; i++) {
        values[i] =
            switch (random.nextInt(10)) {
              case 0 -> Float.NaN;
              case 1 -> Float.POSITIVE_INFINITY;
              case 2, 3 -> random.nextInt(4) - 1;
              case 4 -> -0f;
              case 5 -> Float.intBitsToFloat(random.nextInt());
              case 6 -> Float.intBitsToFloat(0x3f800000 + random.nextInt(5));
              default -> Math.abs((float) random.nextGaussian());
            };
      }
      float[] sorted = values.clone();
      Arrays.sort(sorted);
      int rank = random.nextInt(values.length);
      assertThat(Float.valueOf(Selection.smallest(values, rank)))
          .isEqualTo(Float.valueOf(sorted[rank]));
    }
  }
}
