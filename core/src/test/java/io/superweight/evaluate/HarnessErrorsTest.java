package io.superweight.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Expected values: the harness's formulas in CPython, with the sums of Python 3.12. */
class HarnessErrorsTest {
  private static final double[] LOG_LIKELIHOODS =
      IntStream.range(0, 23).mapToDouble(i -> -0.25 * (i * 37 % 29) - 0.125 * i).toArray();

  @Test
  void perplexitysErrorIsThatOfTheHarnesssHundredThousandResamples() {
    // exp is not the same to the last digit in Java and in C.
    assertThat(HarnessErrors.ofPerplexity(LOG_LIKELIHOODS).orElseThrow())
        .isEqualTo(72.08767982715551, within(1e-12));
  }

  @Test
  void meansErrorIsTheSamplesDeviationOverTheRootOfItsSize() {
    assertThat(HarnessErrors.ofMean(LOG_LIKELIHOODS)).hasValue(0.5155054147312986);
    assertThat(HarnessErrors.ofMean(new double[] {1, 0, 0, 1, 1, 0, 1}))
        .hasValue(0.20203050891044214);
  }

  @Test
  void oneDocumentHasNoError() {
    assertThat(HarnessErrors.ofMean(new double[] {1})).isEmpty();
    assertThat(HarnessErrors.ofPerplexity(new double[] {-1})).isEmpty();
  }
}
