package io.superweight.statistics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class PairedBootstrapTest {
  @Test
  void aDifferenceThatAllDocumentsShareHasAnIntervalOfNoWidth() {
    double[] base = {10, 200, 35, 7};
    int[] tokens = {5, 80, 20, 3};
    double[] nll = new double[4];
    for (int u = 0; u < 4; u++) {
      nll[u] = base[u] + tokens[u] * Math.log(3);
    }
    Interval ratio = new PairedBootstrap(4, 500, 0.95, 1).perplexityRatio(nll, base, tokens);
    assertThat(ratio.estimate()).isCloseTo(3, within(1e-9));
    assertThat(ratio.low()).isCloseTo(3, within(1e-9));
    assertThat(ratio.high()).isCloseTo(3, within(1e-9));
  }

  @Test
  void theIntervalOfAMeanMatchesItsStandardError() {
    int units = 400;
    double[] sums = new double[units];
    int[] weights = new int[units];
    Arrays.fill(weights, 1);
    for (int u = 0; u < units; u++) {
      sums[u] = u % 2; // mean 0.5, standard error 0.5 / √400 = 0.025
    }
    Interval mean = new PairedBootstrap(units, 4000, 0.95, 2).mean(sums, weights);
    assertThat(mean.estimate()).isEqualTo(0.5);
    assertThat(mean.low()).isCloseTo(0.5 - 1.96 * 0.025, within(0.005));
    assertThat(mean.high()).isCloseTo(0.5 + 1.96 * 0.025, within(0.005));
  }

  @Test
  void documentsWeighByTheirTokens() {
    Interval mean =
        new PairedBootstrap(2, 200, 0.9, 3).mean(new double[] {10, 90}, new int[] {10, 30});
    assertThat(mean.estimate()).isEqualTo(2.5);
    assertThat(mean.low()).isEqualTo(1);
    assertThat(mean.high()).isEqualTo(3);
  }

  @Test
  void intervalsCoverTheTruthAboutAsOftenAsTheySay() {
    SplittableRandom random = new SplittableRandom(4);
    int trials = 400;
    int covered = 0;
    for (int trial = 0; trial < trials; trial++) {
      int units = 30;
      double[] sums = new double[units];
      int[] weights = new int[units];
      for (int u = 0; u < units; u++) {
        weights[u] = 100;
        sums[u] = weights[u] * (0.7 + 0.4 * random.nextGaussian());
      }
      covered +=
          new PairedBootstrap(units, 400, 0.95, trial).mean(sums, weights).contains(0.7) ? 1 : 0;
    }
    // A percentile interval of 30 units covers a little less than its name: about 0.935.
    assertThat((double) covered / trials).isBetween(0.90, 0.975);
  }

  @Test
  void theSameSeedGivesTheSameBitsAndAnotherOneDoesNot() {
    SplittableRandom random = new SplittableRandom(5);
    double[] sums = random.doubles(20).toArray();
    int[] weights = new int[20];
    Arrays.fill(weights, 3);
    Interval once = new PairedBootstrap(20, 300, 0.95, 9).mean(sums, weights);
    assertThat(new PairedBootstrap(20, 300, 0.95, 9).mean(sums, weights)).isEqualTo(once);
    assertThat(new PairedBootstrap(20, 300, 0.95, 10).mean(sums, weights)).isNotEqualTo(once);
  }

  @Test
  void moreUnitsThanAShortCountsAreDrawnAsWell() {
    int units = 40_000;
    double[] sums = new double[units];
    double[] weights = new double[units];
    for (int u = 0; u < units; u++) {
      weights[u] = 0.5;
      sums[u] = u % 4 == 0 ? 0.5 : 0; // mean 0.25, standard error √(0.25 · 0.75 / 40,000)
    }
    Interval mean =
        new PairedBootstrap(units, 200, 0.95, 6)
            .means(java.util.List.of(sums), weights)
            .getFirst()
            .orElseThrow();
    assertThat(mean.estimate()).isCloseTo(0.25, within(1e-12));
    assertThat(mean.high() - mean.low()).isCloseTo(2 * 1.96 * 0.002165, within(0.002));
  }

  @Test
  void anInfiniteUnitMakesTheUpperBoundInfiniteAndNotANumberMakesNone() {
    PairedBootstrap bootstrap = new PairedBootstrap(3, 200, 0.95, 1);
    double[] even = {1, 1, 1};
    var means =
        bootstrap.means(
            java.util.List.of(
                new double[] {1, 2, Double.POSITIVE_INFINITY}, new double[] {1, Double.NaN, 2}),
            even);
    assertThat(means.getFirst().orElseThrow().high()).isInfinite();
    assertThat(means.getFirst().orElseThrow().low()).isFinite();
    assertThat(means.getLast()).isEmpty();
  }

  @Test
  void theTwoSidedSignTestCountsBothTails() {
    assertThat(SignTest.twoSided(5, 0)).isCloseTo(2 / 32.0, within(1e-12));
    assertThat(SignTest.twoSided(0, 5)).isCloseTo(2 / 32.0, within(1e-12));
    assertThat(SignTest.twoSided(4, 4)).isEqualTo(1);
    assertThat(SignTest.twoSided(0, 0)).isEqualTo(1);
    // In whole numbers, Σ C(10000, k) · 2 / 2^10000.
    assertThat(SignTest.twoSided(5100, 4900)).isCloseTo(0.046585527704, within(1e-9));
  }

  @Test
  void valuesOfAnotherNumberOfUnitsAreAnError() {
    PairedBootstrap bootstrap = new PairedBootstrap(3, 10, 0.95, 1);
    assertThatThrownBy(() -> bootstrap.mean(new double[2], new int[2]))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void theSignTestCountsTails() {
    assertThat(SignTest.oneSided(5, 0)).isCloseTo(1 / 32.0, within(1e-12));
    assertThat(SignTest.oneSided(0, 5)).isCloseTo(1, within(1e-12));
    assertThat(SignTest.oneSided(3, 1)).isCloseTo(5 / 16.0, within(1e-12));
    assertThat(SignTest.oneSided(0, 0)).isEqualTo(1);
  }

  @Test
  void unigramPerplexityOfEvenFrequenciesIsTheirNumber() {
    int[] document = new int[400];
    for (int i = 0; i < document.length; i++) {
      document[i] = i % 8;
    }
    double perplexity =
        UnigramModel.perplexity(java.util.List.of(document, document.clone()), 1000);
    assertThat(perplexity).isBetween(8.0, 8.1);
  }

  @Test
  void tokensThatOnlyOneDocumentHasArePricedAsUnseen() {
    double alike =
        UnigramModel.perplexity(java.util.List.of(new int[] {1, 2, 1, 2}, new int[] {1, 2}), 100);
    double apart =
        UnigramModel.perplexity(java.util.List.of(new int[] {1, 2, 1, 2}, new int[] {3, 4}), 100);
    assertThat(apart).isGreaterThan(10 * alike);
  }
}
