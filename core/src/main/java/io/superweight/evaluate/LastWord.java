package io.superweight.evaluate;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;

/** LAMBADA: whether the last word of a passage is what the model would write, and how likely. */
final class LastWord {
  private LastWord() {}

  static List<Metric> metrics(List<Score> scores) {
    double[] right = scores.stream().mapToDouble(score -> score.greedy() ? 1 : 0).toArray();
    double[] nats = scores.stream().mapToDouble(score -> -score.logProbability()).toArray();
    double[] weights = new double[nats.length];
    Arrays.fill(weights, 1);
    Metric perplexity =
        new Metric(
            "perplexity",
            Metric.Link.EXP,
            nats,
            weights,
            HarnessErrors.ofPerplexity(
                scores.stream().mapToDouble(Score::logProbability).toArray()),
            OptionalDouble.empty(),
            false);
    return List.of(MultipleChoice.mean("acc", right, OptionalDouble.empty()), perplexity);
  }
}
