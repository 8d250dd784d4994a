package io.superweight.experiment;

import io.superweight.evaluate.Metric;
import io.superweight.statistics.Interval;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * The mean of several tasks' accuracies, each task counting the same, in hundredths. The interval
 * is ± 1.96 standard errors of independent documents.
 */
final class Averages {
  private static final double NORMAL_95 = 1.959964;

  private Averages() {}

  /** The average over the chosen documents of each task. */
  static Interval of(List<Metric> tasks, IntPredicate documents) {
    return combined(tasks.stream().map(m -> chosen(m.sums(), null, documents)).toList());
  }

  /** How much more the one has than the other, document by document. */
  static Interval difference(List<Metric> these, List<Metric> those, IntPredicate documents) {
    return combined(
        IntStream.range(0, these.size())
            .mapToObj(t -> chosen(these.get(t).sums(), those.get(t).sums(), documents))
            .toList());
  }

  private static double[] chosen(double[] values, double[] minus, IntPredicate documents) {
    return IntStream.range(0, values.length)
        .filter(documents)
        .mapToDouble(d -> values[d] - (minus == null ? 0 : minus[d]))
        .toArray();
  }

  private static Interval combined(List<double[]> tasks) {
    double sum = 0;
    double variance = 0;
    for (double[] values : tasks) {
      double mean =
          IntStream.range(0, values.length).mapToDouble(i -> values[i]).average().orElse(0);
      double squares = 0;
      for (double v : values) {
        squares += (v - mean) * (v - mean);
      }
      sum += mean;
      variance += values.length < 2 ? 0 : squares / (values.length - 1) / values.length;
    }
    double mean = 100 * sum / tasks.size();
    double half = 100 * NORMAL_95 * Math.sqrt(variance) / tasks.size();
    return new Interval(mean, mean - half, mean + half);
  }
}
