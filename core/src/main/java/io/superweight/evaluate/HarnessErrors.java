package io.superweight.evaluate;

import io.superweight.python.PythonRandom;
import io.superweight.python.PythonSum;
import java.util.Arrays;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/**
 * Standard errors as the LM Evaluation Harness computes them ({@code lm_eval.api.metrics}), with
 * the sums of Python 3.12 and its random numbers.
 */
final class HarnessErrors {
  /** The resamples of {@code bootstrap_iters=100000}, in as many chunks of one seed each. */
  private static final int CHUNKS = 100;

  private static final int RESAMPLES_OF_CHUNK = 1000;

  private HarnessErrors() {}

  /**
   * {@code mean_stderr}: the sample's deviation over the root of its size.
   *
   * @return empty for fewer than two values, where the harness says N/A
   */
  static OptionalDouble ofMean(double[] values) {
    return values.length < 2
        ? OptionalDouble.empty()
        : OptionalDouble.of(deviation(values) / Math.sqrt(values.length));
  }

  /**
   * {@code bootstrap_stderr} of {@code perplexity}: the deviation of {@code exp(−mean)} over
   * 100,000 resamples. The harness seeds the i-th thousand with i. A second or two for five
   * thousand documents.
   *
   * @param logLikelihoods of the documents, nats
   * @return empty for fewer than two documents, where the harness says N/A
   */
  static OptionalDouble ofPerplexity(double[] logLikelihoods) {
    if (logLikelihoods.length < 2) {
      return OptionalDouble.empty();
    }
    double[] perplexities =
        IntStream.range(0, CHUNKS)
            .parallel()
            .mapToObj(chunk -> perplexities(logLikelihoods, chunk))
            .flatMapToDouble(Arrays::stream)
            .toArray();
    return OptionalDouble.of(deviation(perplexities));
  }

  private static double[] perplexities(double[] logLikelihoods, int seed) {
    PythonRandom random = new PythonRandom(seed);
    double[] perplexities = new double[RESAMPLES_OF_CHUNK];
    int n = logLikelihoods.length;
    for (int i = 0; i < perplexities.length; i++) {
      PythonSum sum = new PythonSum();
      for (int chosen : random.choices(n, n)) {
        sum.add(logLikelihoods[chosen]);
      }
      perplexities[i] = Math.exp(-(sum.value() / n));
    }
    return perplexities;
  }

  /** {@code sample_stddev}: with n − 1. */
  private static double deviation(double[] values) {
    double mean = PythonSum.of(values) / values.length;
    PythonSum squares = new PythonSum();
    for (double value : values) {
      squares.add((value - mean) * (value - mean));
    }
    return Math.sqrt(squares.value() / (values.length - 1));
  }
}
