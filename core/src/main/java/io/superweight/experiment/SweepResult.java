package io.superweight.experiment;

import io.superweight.edit.EditedModel;
import io.superweight.evaluate.Evaluation;
import io.superweight.evaluate.Metric;
import io.superweight.evaluate.Protocol;
import io.superweight.evaluate.Score;
import io.superweight.statistics.PairedBootstrap;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a sweep gave.
 *
 * @param models as they were asked for
 * @param parts one for each evaluation
 */
public record SweepResult(List<EditedModel> models, List<Part> parts) {
  /** Draws of the documents for each interval. */
  public static final int RESAMPLES = 2000;

  /** Confidence of the intervals. */
  public static final double CONFIDENCE = 0.95;

  /** Seed of the draws: the paper's date. */
  public static final long SEED = 20241111;

  public SweepResult {
    models = List.copyOf(models);
    parts = List.copyOf(parts);
  }

  /**
   * An evaluation of all models.
   *
   * @param name of the evaluation
   * @param protocol what belongs to its numbers
   * @param rows one for each model, in order
   */
  public record Part(String name, Protocol protocol, List<Row> rows) {
    public Part {
      rows = List.copyOf(rows);
    }

    /**
     * From scores.
     *
     * @param scores {@code [model][request]}
     */
    static Part of(Evaluation evaluation, List<EditedModel> models, List<List<Score>> scores) {
      List<List<Metric>> metrics = scores.stream().map(evaluation::metrics).toList();
      int original =
          models.stream().map(EditedModel::key).toList().indexOf(EditedModel.ORIGINAL.key());
      List<List<Optional<Comparison>>> comparisons = new ArrayList<>();
      models.forEach(m -> comparisons.add(new ArrayList<>()));
      for (int k = 0; k < metrics.getFirst().size(); k++) {
        int metric = k;
        List<Metric> of = metrics.stream().map(m -> m.get(metric)).toList();
        List<Comparison> compared =
            original < 0
                ? List.of()
                : Comparison.of(of.get(original), of, bootstrap(of.get(original)));
        for (int m = 0; m < models.size(); m++) {
          boolean same = original < 0 || models.get(m).key().isEmpty();
          comparisons.get(m).add(same ? Optional.empty() : Optional.of(compared.get(m)));
        }
      }
      List<Row> rows = new ArrayList<>();
      for (int m = 0; m < models.size(); m++) {
        rows.add(new Row(models.get(m), metrics.get(m), comparisons.get(m), scores.get(m)));
      }
      return new Part(evaluation.name(), evaluation.protocol(), rows);
    }

    private static PairedBootstrap bootstrap(Metric metric) {
      return new PairedBootstrap(metric.sums().length, RESAMPLES, CONFIDENCE, SEED);
    }

    /** The row of a model. */
    public Optional<Row> row(EditedModel model) {
      return rows.stream().filter(r -> r.model.key().equals(model.key())).findFirst();
    }
  }

  /**
   * An evaluation of one model.
   *
   * @param metrics as the evaluation gives them
   * @param comparisons with the original, one for each metric; empty for the original itself, and
   *     where it was not asked for
   * @param scores one for each request
   */
  public record Row(
      EditedModel model,
      List<Metric> metrics,
      List<Optional<Comparison>> comparisons,
      List<Score> scores) {
    public Row {
      metrics = List.copyOf(metrics);
      comparisons = List.copyOf(comparisons);
      scores = List.copyOf(scores);
    }
  }

  /** The part of an evaluation. */
  public Optional<Part> part(String evaluation) {
    return parts.stream().filter(p -> p.name.equals(evaluation)).findFirst();
  }
}
