package io.superweight.evaluate;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/**
 * Perplexity per token over windows of equal length, each scored from the same place on. The window
 * is the independent unit.
 */
final class WindowPerplexity implements Evaluation {
  /** What a reference gives as the uncertainty of the number. */
  enum Error {
    /** Nothing. */
    NONE,
    /**
     * {@code perplexity · sqrt((E[x²] − E[x]²) / (N − 1))} over the nats x of N tokens, as
     * llama.cpp's perplexity tool prints behind ±: tokens taken as independent, which they are not.
     */
    OVER_TOKENS
  }

  private final Protocol protocol;
  private final List<Request> requests;
  private final Error error;

  /**
   * @param windows token ids, equally long
   * @param from the first scored token of each window
   */
  WindowPerplexity(Protocol protocol, List<int[]> windows, int from, Error error) {
    this.protocol = protocol;
    this.error = error;
    List<Request> all = new ArrayList<>(windows.size());
    for (int w = 0; w < windows.size(); w++) {
      all.add(new Request(w, 0, windows.get(w), from));
    }
    this.requests = List.copyOf(all);
  }

  @Override
  public String name() {
    return protocol.name();
  }

  @Override
  public Protocol protocol() {
    return protocol;
  }

  @Override
  public List<Request> requests() {
    return requests;
  }

  @Override
  public List<Metric> metrics(List<Score> scores) {
    double[] nats = new double[requests.size()];
    double[] tokens = new double[requests.size()];
    double squares = 0;
    for (int w = 0; w < nats.length; w++) {
      nats[w] = -scores.get(w).logProbability();
      tokens[w] = requests.get(w).scored();
      squares += scores.get(w).squares();
    }
    Metric metric =
        new Metric(
            "perplexity",
            Metric.Link.EXP,
            nats,
            tokens,
            OptionalDouble.empty(),
            OptionalDouble.empty(),
            false);
    return List.of(error == Error.NONE ? metric : withErrorOverTokens(metric, squares));
  }

  private static Metric withErrorOverTokens(Metric metric, double squares) {
    double count = 0;
    for (double tokens : metric.weights()) {
      count += tokens;
    }
    double value = metric.value();
    double mean = Math.log(value);
    double variance = squares / count - mean * mean;
    return new Metric(
        metric.name(),
        metric.link(),
        metric.sums(),
        metric.weights(),
        variance > 0
            ? OptionalDouble.of(Math.sqrt(variance / (count - 1)) * value)
            : OptionalDouble.empty(),
        metric.chance(),
        metric.higherIsBetter());
  }
}
