package io.superweight.convert;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.convert.GgufContent.Element;
import io.superweight.tensor.BlockEncoder;
import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class HeldWeightsTest {
  private static float bfloat16(float value) {
    return Float.intBitsToFloat(BlockEncoder.bfloat16(value) << 16);
  }

  /** Noise with a large weight at [0, 41], all bfloat16 values. */
  private static OutputTensor noise(long seed, float large) {
    Random random = new Random(seed);
    float[] values = new float[96];
    for (int i = 0; i < values.length; i++) {
      values[i] = bfloat16((float) (0.02 * random.nextGaussian()));
    }
    values[41] = bfloat16(large);
    return OutputTensor.of(
        "w",
        DType.BF16,
        Shape.of(1, 96),
        (row, out, at) -> System.arraycopy(values, 0, out, at, 96));
  }

  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_0", "Q5_0", "Q4_1", "Q5_1"})
  void aHeldWeightComesBackExactlyAndTheRestOfItsBlockHardlySuffers(DType dtype) {
    Random random = new Random(7);
    for (int round = 0; round < 60; round++) {
      float large = (float) (random.nextGaussian() * (round % 3 == 0 ? 3 : 0.05));
      OutputTensor tensor = noise(round, large);
      Element element = new Element("w", 0, 41);

      HeldWeights.Outcome outcome =
          HeldWeights.outcome(tensor, dtype, element, new HeldWeights(List.of(element)));

      assertThat(outcome.stored()).as("round %s", round).isEqualTo(bfloat16(large));
      assertThat(outcome.others())
          .as("round %s", round)
          .isLessThanOrEqualTo(3 * outcome.othersUsually() + 1e-9);
    }
  }

  @Test
  void twoWeightsOfABlockAreBothHeldAsWellAsOneScaleCan() {
    OutputTensor tensor = noise(3, 1.5f);
    Element first = new Element("w", 0, 41);
    Element second = new Element("w", 0, 44);
    HeldWeights both = new HeldWeights(List.of(first, second));

    double held =
        Math.abs(error(HeldWeights.outcome(tensor, DType.Q8_0, first, both)))
            + Math.abs(error(HeldWeights.outcome(tensor, DType.Q8_0, second, both)));
    double unheld =
        Math.abs(error(HeldWeights.outcome(tensor, DType.Q8_0, first, HeldWeights.NONE)))
            + Math.abs(error(HeldWeights.outcome(tensor, DType.Q8_0, second, HeldWeights.NONE)));

    assertThat(held).isLessThan(unheld);
  }

  private static double error(HeldWeights.Outcome outcome) {
    return outcome.stored() - outcome.value();
  }

  @Test
  void otherBlocksOfTheRowAreStoredAsUsual() {
    OutputTensor tensor = noise(5, -2.75f);
    HeldWeights held = new HeldWeights(List.of(new Element("w", 0, 41)));
    for (int col : new int[] {0, 31, 64, 95}) {
      HeldWeights.Outcome outcome =
          HeldWeights.outcome(tensor, DType.Q4_0, new Element("w", 0, col), held);
      assertThat(outcome.stored()).isEqualTo(outcome.storedUsually());
      assertThat(outcome.others()).isEqualTo(outcome.othersUsually());
    }
  }
}
