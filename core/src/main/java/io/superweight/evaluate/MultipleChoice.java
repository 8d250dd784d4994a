package io.superweight.evaluate;

import io.superweight.python.PythonText;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;

/** Counts the questions of which the right choice is the likeliest. */
final class MultipleChoice {
  private MultipleChoice() {}

  /**
   * @param normalized whether {@code acc_norm} is given, too
   */
  static List<Metric> metrics(List<Question> questions, List<Score> scores, boolean normalized) {
    double[] plain = new double[questions.size()];
    double[] byLength = new double[questions.size()];
    double chance = 0;
    int at = 0;
    for (int d = 0; d < plain.length; d++) {
      Question question = questions.get(d);
      int choices = question.continuations().size();
      double[] nats = new double[choices];
      double[] perCharacter = new double[choices];
      for (int c = 0; c < choices; c++) {
        nats[c] = scores.get(at++).logProbability();
        perCharacter[c] = nats[c] / PythonText.length(question.choices().get(c));
      }
      plain[d] = first(nats) == question.gold() ? 1 : 0;
      byLength[d] = first(perCharacter) == question.gold() ? 1 : 0;
      chance += 1.0 / choices;
    }
    chance /= plain.length;
    List<Metric> metrics = new ArrayList<>(List.of(mean("acc", plain, OptionalDouble.of(chance))));
    if (normalized) {
      metrics.add(mean("acc_norm", byLength, OptionalDouble.of(chance)));
    }
    return metrics;
  }

  /** The first of the largest, as {@code numpy.argmax} has it: not a number is larger than all. */
  static int first(double[] values) {
    int best = 0;
    for (int i = 0; i < values.length; i++) {
      if (Double.isNaN(values[i])) {
        return i;
      }
      if (values[i] > values[best]) {
        best = i;
      }
    }
    return best;
  }

  /** A mean over documents with the harness's standard error: sample deviation / √n. */
  static Metric mean(String name, double[] values, OptionalDouble chance) {
    double[] weights = new double[values.length];
    Arrays.fill(weights, 1);
    return new Metric(
        name, Metric.Link.IDENTITY, values, weights, HarnessErrors.ofMean(values), chance, true);
  }
}
