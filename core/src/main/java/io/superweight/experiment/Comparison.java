package io.superweight.experiment;

import io.superweight.evaluate.Metric;
import io.superweight.statistics.Interval;
import io.superweight.statistics.PairedBootstrap;
import io.superweight.statistics.SignTest;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A metric of an edited model beside that of the original on the same documents.
 *
 * @param kind what the estimate is
 * @param estimate {@code edited − original}, or {@code edited / original} of a perplexity
 * @param interval of the estimate, from drawing documents again; empty where a document has no
 *     finite difference
 * @param better documents on which the edited model does better
 * @param worse documents on which it does worse
 * @param p two-sided, of the exact sign test over these (McNemar's test, where a document is right
 *     or wrong): how likely such an unequal count is if either direction were
 */
public record Comparison(
    Kind kind, double estimate, Optional<Interval> interval, int better, int worse, double p) {

  /** What is compared. */
  public enum Kind {
    DIFFERENCE,
    RATIO
  }

  /**
   * Compares several edited models with the original, all on the same draws.
   *
   * @param original its metric
   * @param edited the same metric of others, on the same documents
   * @param bootstrap of as many units as there are documents
   * @return one for each
   */
  public static List<Comparison> of(
      Metric original, List<Metric> edited, PairedBootstrap bootstrap) {
    boolean ratio = original.link() == Metric.Link.EXP;
    List<double[]> differences = new ArrayList<>();
    for (Metric metric : edited) {
      if (!java.util.Arrays.equals(metric.weights(), original.weights())) {
        throw new IllegalArgumentException(metric.name() + " weighs documents otherwise");
      }
      double[] difference = new double[metric.sums().length];
      for (int d = 0; d < difference.length; d++) {
        difference[d] = metric.sums()[d] - original.sums()[d];
      }
      differences.add(difference);
    }
    List<Optional<Interval>> intervals = bootstrap.means(differences, original.weights());
    List<Comparison> comparisons = new ArrayList<>();
    for (int i = 0; i < edited.size(); i++) {
      Metric metric = edited.get(i);
      int better = 0;
      int worse = 0;
      for (double difference : differences.get(i)) {
        boolean up = difference > 0;
        boolean down = difference < 0;
        // The mean of a perplexity is in nats, of which less is better.
        better += (metric.higherIsBetter() ? up : down) ? 1 : 0;
        worse += (metric.higherIsBetter() ? down : up) ? 1 : 0;
      }
      comparisons.add(
          new Comparison(
              ratio ? Kind.RATIO : Kind.DIFFERENCE,
              ratio ? metric.value() / original.value() : metric.value() - original.value(),
              intervals
                  .get(i)
                  .map(mean ->
                      ratio
                          ? new Interval(
                              Math.exp(mean.estimate()),
                              Math.exp(mean.low()),
                              Math.exp(mean.high()))
                          : mean),
              better,
              worse,
              SignTest.twoSided(better, worse)));
    }
    return comparisons;
  }
}
