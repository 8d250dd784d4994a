package io.superweight.evaluate;

import io.superweight.python.PythonRandom;
import java.util.Arrays;
import java.util.OptionalDouble;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/**
 * The LM Evaluation Harness's standard error of what is no mean ({@code bootstrap_stderr}): the
 * sample deviation over 100,000 resamples of the documents, in 100 chunks, each with a generator of
 * its own that is seeded with the chunk's number.
 */
final class BootstrapError {
  private static final int CHUNKS = 100;
  private static final int DRAWS = 1000;

  private BootstrapError() {}

  /**
   * The standard error of {@code e^(mean nats)}.
   *
   * @param nats of each document
   * @return empty for one document
   */
  static OptionalDouble ofPerplexity(double[] nats) {
    if (nats.length < 2) {
      return OptionalDouble.empty();
    }
    double[] perplexities =
        IntStream.range(0, CHUNKS)
            .parallel()
            .mapToObj(chunk -> chunk(nats, chunk))
            .flatMapToDouble(Arrays::stream)
            .toArray();
    return OptionalDouble.of(deviation(perplexities));
  }

  private static double[] chunk(double[] nats, int seed) {
    PythonRandom random = new PythonRandom(seed);
    return DoubleStream.generate(() -> perplexityOfDraw(nats, random)).limit(DRAWS).toArray();
  }

  private static double perplexityOfDraw(double[] nats, PythonRandom random) {
    int n = nats.length;
    double sum = 0;
    for (int i = 0; i < n; i++) {
      sum += nats[(int) (random.random() * n)]; // random.choices
    }
    return Math.exp(sum / n);
  }

  /** Sample deviation, n − 1. */
  static double deviation(double[] values) {
    double mean = Arrays.stream(values).sum() / values.length;
    double squares = Arrays.stream(values).map(v -> (v - mean) * (v - mean)).sum();
    return Math.sqrt(squares / (values.length - 1));
  }
}
