package io.superweight.experiment;

import io.superweight.edit.EditedModel;
import io.superweight.edit.Edits;
import io.superweight.evaluate.Evaluation;
import io.superweight.evaluate.Metric;
import io.superweight.experiment.Exhibit.Axis;
import io.superweight.experiment.Exhibit.Cell;
import io.superweight.experiment.Exhibit.Chart;
import io.superweight.experiment.Exhibit.Column;
import io.superweight.experiment.Exhibit.Curve;
import io.superweight.experiment.Exhibit.Fact;
import io.superweight.experiment.Exhibit.Form;
import io.superweight.experiment.Exhibit.Gap;
import io.superweight.experiment.Exhibit.Point;
import io.superweight.experiment.Exhibit.Row;
import io.superweight.experiment.Exhibit.Rule;
import io.superweight.experiment.Exhibit.Scaling;
import io.superweight.experiment.Exhibit.Table;
import io.superweight.experiment.Paper.PaperModel;
import io.superweight.statistics.Interval;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.IntPredicate;
import java.util.stream.Stream;

/**
 * Figure 6 and Table 5: accuracy with the super weights scaled. The best factor is chosen on one
 * half of each task's documents (the even ones) and scored on the other.
 *
 * @param factors in order, 1 among them
 * @param result one model for each factor
 */
public record Figure6(
    Subject subject, Battery battery, Paper paper, List<Double> factors, SweepResult result) {
  /** All factors of the paper's figure. */
  public static final List<Double> FACTORS =
      List.of(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0);

  private static final IntPredicate CHOOSING = d -> d % 2 == 0;
  private static final IntPredicate SCORING = d -> d % 2 == 1;
  private static final IntPredicate ALL = d -> true;

  public Figure6 {
    factors = List.copyOf(factors);
  }

  /** Scores the model under each factor; what the store holds is not computed again. */
  public static Figure6 measure(
      Subject subject, Battery battery, Paper paper, ScoreStore store, SweepListener listener) {
    Edits edits = new Edits(subject.model());
    List<EditedModel> models =
        FACTORS.stream()
            .map(factor ->
                factor == 1
                    ? EditedModel.ORIGINAL
                    : edits.scale("× " + trimmed(factor), subject.weights(), factor))
            .toList();
    // Without tasks, perplexity stands in for accuracy.
    List<Evaluation> evaluations =
        battery.tasks().isEmpty() ? battery.perplexities() : battery.tasks();
    return new Figure6(
        subject,
        battery,
        paper,
        FACTORS,
        new Sweep(models, evaluations).run(subject.model(), store, listener));
  }

  private static String trimmed(double factor) {
    return factor == Math.rint(factor)
        ? String.format(Locale.ROOT, "%.0f", factor)
        : String.format(Locale.ROOT, "%.1f", factor);
  }

  private boolean accuracy() {
    return !battery.tasks().isEmpty();
  }

  private Metric metric(SweepResult.Part part, int factor) {
    SweepResult.Row row = part.rows().get(factor);
    return accuracy() ? Battery.accuracy(row) : row.metrics().getFirst();
  }

  private List<Metric> metrics(int factor) {
    return result.parts().stream().map(part -> metric(part, factor)).toList();
  }

  /** Average accuracy in hundredths, or the perplexity of the first text. */
  private Interval average(int factor, IntPredicate documents) {
    if (accuracy()) {
      return Averages.of(metrics(factor), documents);
    }
    return Interval.exactly(metrics(factor).getFirst().value());
  }

  /** The factor that is best on the choosing half; of amplifying ones only where asked. */
  private int best(boolean amplifying) {
    return Stream.iterate(0, f -> f < factors.size(), f -> f + 1)
        .filter(f -> !amplifying || factors.get(f) > 1)
        .max(
            Comparator.comparingDouble((Integer f) -> average(f, CHOOSING).estimate())
                // Of equals, the one that changes least.
                .thenComparingDouble(f -> -Math.abs(factors.get(f) - 1)))
        .orElseThrow();
  }

  private int original() {
    return factors.indexOf(1.0);
  }

  /** Figure 6. */
  public Exhibit figure() {
    List<PaperModel> drawn = paper.models().stream().filter(m -> m.has("figure6")).toList();
    List<Curve> ours = new ArrayList<>();
    List<Point> points = new ArrayList<>();
    for (int f = 0; f < factors.size(); f++) {
      Interval i = average(f, ALL);
      points.add(
          accuracy()
              ? new Point(factors.get(f), i.estimate(), i.low(), i.high(), "")
              : Point.of(factors.get(f), i.estimate()));
    }
    ours.add(new Curve("this model", points));
    List<Curve> theirs = new ArrayList<>();
    for (PaperModel model : drawn) {
      List<Point> of = new ArrayList<>();
      List<Double> x = model.numbers("figure6", "factors");
      List<Double> y = model.numbers("figure6", "averages");
      for (int i = 0; i < x.size(); i++) {
        of.add(Point.of(x.get(i), y.get(i)));
      }
      theirs.add(new Curve(model.name(), of));
    }
    String what = accuracy() ? "average accuracy, %" : "perplexity (logarithmic)";
    double unscaled = average(original(), ALL).estimate();
    List<Chart> charts =
        List.of(
            new Chart(
                "model",
                accuracy()
                    ? "Average zero-shot accuracy over the scale of the super weights"
                    : "Perplexity over the scale of the super weights",
                Chart.Kind.LINES,
                new Axis("scale factor of the super weights", Scaling.LINEAR),
                new Axis(what, accuracy() ? Scaling.LINEAR : Scaling.LOGARITHMIC),
                List.of(),
                ours,
                List.of(new Rule(unscaled, "as the model is")),
                accuracy() ? "Bars are 95 % intervals over documents." : ""),
            new Chart(
                "paper",
                "The paper’s models: average accuracy, no intervals given",
                Chart.Kind.LINES,
                new Axis("scale factor of the super weights", Scaling.LINEAR),
                new Axis("average accuracy, %", Scaling.LINEAR),
                List.of(),
                theirs,
                List.of(),
                ""));
    return new Exhibit(
        Item.FIGURE6,
        answer(),
        findings(),
        charts,
        List.of(factorTable(), paperTable(drawn)),
        differences(),
        gaps(),
        protocol());
  }

  private String answer() {
    if (!accuracy()) {
      int best = 0;
      for (int f = 0; f < factors.size(); f++) {
        best = average(f, ALL).estimate() < average(best, ALL).estimate() ? f : best;
      }
      return "Without task data: the perplexity of "
          + Table1.title(result.parts().getFirst().name())
          + " is lowest at × "
          + trimmed(factors.get(best))
          + " ("
          + Phrases.value(average(best, ALL).estimate())
          + "); as the model is, "
          + Phrases.value(average(original(), ALL).estimate())
          + "; at × 0, "
          + Phrases.value(average(0, ALL).estimate())
          + ".";
    }
    int best = best(false);
    Interval gain = gain(best);
    return "Chosen on one half of the documents, the best factor is × "
        + trimmed(factors.get(best))
        + (best == original()
            ? ": the model as it is."
            : "; on the other half it changes the average accuracy by "
                + points(gain)
                + " points"
                + (gain.contains(0) ? ", which may be nothing." : "."));
  }

  private Interval gain(int factor) {
    return Averages.difference(metrics(factor), metrics(original()), SCORING);
  }

  private static String points(Interval i) {
    return String.format(
            Locale.ROOT, "%+.1f (95 %%: %+.1f to %+.1f)", i.estimate(), i.low(), i.high())
        .replace('-', '−');
  }

  private List<String> findings() {
    List<String> findings = new ArrayList<>();
    if (accuracy()) {
      Interval zero = Averages.difference(metrics(0), metrics(original()), ALL);
      findings.add("At × 0, all documents: " + points(zero) + " points beside the model as it is.");
      int best = best(true);
      findings.add(
          "Of the factors above 1 the choosing half takes × "
              + trimmed(factors.get(best))
              + "; the other half gives "
              + points(gain(best))
              + " points.");
    }
    findings.add(
        "The paper’s gains are 0.06 to 0.43 points, with the factor chosen on the documents that it is scored on and without intervals: a flat top.");
    return findings;
  }

  private Table factorTable() {
    List<Column> columns = new ArrayList<>(List.of(new Column("factor", "factor", Form.SETTING)));
    if (accuracy()) {
      columns.add(new Column("average", "AVG", Form.PERCENT));
      columns.add(new Column("choosing", "AVG, choosing half", Form.PERCENT));
      columns.add(new Column("scoring", "AVG, scoring half", Form.PERCENT));
      result
          .parts()
          .forEach(part ->
              columns.add(new Column(part.name(), Table1.title(part.name()), Form.PERCENT)));
    } else {
      result
          .parts()
          .forEach(part ->
              columns.add(new Column(part.name(), Table1.title(part.name()), Form.PERPLEXITY)));
    }
    List<Row> rows = new ArrayList<>();
    for (int f = 0; f < factors.size(); f++) {
      List<Cell> cells = new ArrayList<>(List.of(Cell.of(factors.get(f))));
      if (accuracy()) {
        cells.add(Cell.of(average(f, ALL)));
        cells.add(Cell.of(average(f, CHOOSING).estimate()));
        cells.add(Cell.of(average(f, SCORING).estimate()));
      }
      for (Metric metric : metrics(f)) {
        cells.add(Cell.of(accuracy() ? 100 * metric.value() : metric.value()));
      }
      rows.add(new Row("", cells));
    }
    return new Table(
        "factors", accuracy() ? "Accuracy by factor, %" : "Perplexity by factor", columns, rows);
  }

  private static Table paperTable(List<PaperModel> drawn) {
    List<Row> rows = new ArrayList<>();
    for (PaperModel model : drawn) {
      List<Double> x = model.numbers("figure6", "factors");
      for (int i = 0; i < x.size(); i++) {
        rows.add(
            Row.of(
                "paper",
                Cell.of(model.name()),
                Cell.of(x.get(i)),
                Cell.of(model.numbers("figure6", "averages").get(i))));
      }
    }
    return new Table(
        "paper",
        "The paper’s Figure 6, accuracy, %",
        List.of(
            new Column("model", "model", Form.WORDS),
            new Column("factor", "factor", Form.SETTING),
            new Column("average", "AVG", Form.PERCENT)),
        rows);
  }

  /** Table 5, of the same scores. */
  public Exhibit table5() {
    Optional<PaperModel> same = paper.named(subject.name()).filter(m -> m.has("table5"));
    if (!accuracy()) {
      return new Exhibit(
          Item.TABLE5,
          "There is no data for any of the tasks, so that nothing of this table can be made.",
          List.of(),
          List.of(),
          List.of(published(same)),
          differences(),
          gaps(),
          protocol());
    }
    int best = best(true);
    List<Column> columns = new ArrayList<>(List.of(new Column("model", "model", Form.WORDS)));
    List<Cell> plain = new ArrayList<>(List.of(Cell.of("Original")));
    List<Cell> scaled =
        new ArrayList<>(List.of(Cell.of("Amplified, × " + trimmed(factors.get(best)))));
    List<Cell> change = new ArrayList<>(List.of(Cell.of("Difference, points")));
    List<Point> points = new ArrayList<>();
    List<String> names = new ArrayList<>();
    for (SweepResult.Part part : result.parts()) {
      List<Metric> before = List.of(metric(part, original()));
      List<Metric> after = List.of(metric(part, best));
      columns.add(new Column(part.name(), Table1.title(part.name()), Form.PERCENT));
      plain.add(Cell.of(Averages.of(before, SCORING).estimate()));
      scaled.add(Cell.of(Averages.of(after, SCORING).estimate()));
      Interval difference = Averages.difference(after, before, SCORING);
      change.add(Cell.of(difference));
      points.add(
          new Point(difference.estimate(), names.size(), difference.low(), difference.high(), ""));
      names.add(Table1.title(part.name()));
    }
    columns.add(new Column("average", "AVG", Form.PERCENT));
    plain.add(Cell.of(average(original(), SCORING).estimate()));
    scaled.add(Cell.of(average(best, SCORING).estimate()));
    Interval gain = gain(best);
    change.add(Cell.of(gain));
    points.add(new Point(gain.estimate(), names.size(), gain.low(), gain.high(), ""));
    names.add("AVG");
    List<Row> rows = List.of(new Row("", plain), new Row("", scaled), new Row("", change));
    List<Curve> curves = new ArrayList<>();
    curves.add(new Curve("this model, × " + trimmed(factors.get(best)), points));
    PaperModel drawn = same.orElseGet(() -> paper.require("Llama-7B"));
    List<Point> theirs = new ArrayList<>();
    for (int t = 0; t < result.parts().size(); t++) {
      int at = paper.tasks().indexOf(result.parts().get(t).name());
      theirs.add(
          Point.of(
              drawn.numbers("table5", "amplified").get(at)
                  - drawn.numbers("table5", "original").get(at),
              t));
    }
    theirs.add(
        Point.of(
            drawn.numbers("table5", "average").get(1) - drawn.numbers("table5", "average").get(0),
            result.parts().size()));
    curves.add(new Curve("the paper’s " + drawn.name(), theirs));
    Chart chart =
        new Chart(
            "gain",
            "Gain by amplifying, on documents that the factor was not chosen on",
            Chart.Kind.DOTS,
            new Axis("accuracy, points", Scaling.LINEAR),
            new Axis("task", Scaling.LINEAR),
            names,
            curves,
            List.of(new Rule(0, "no change")),
            "Bars are 95 % intervals; the paper gives none.");
    return new Exhibit(
        Item.TABLE5,
        "The best factor above 1, × "
            + trimmed(factors.get(best))
            + ", changes the average accuracy by "
            + points(gain)
            + " points on documents that it was not chosen on"
            + (gain.contains(0) ? ": no gain can be told." : "."),
        List.of(
            "In the paper the average of Llama-7B rises by 0.39 points, of Llama-13B by 0.10, of Llama-30B by 0.06, of Mistral-7B by 0.04."),
        List.of(chart),
        List.of(
            new Table("tasks", "Task by task, scoring half, accuracy, %", columns, rows),
            published(same)),
        differences(),
        gaps(),
        protocol());
  }

  private Table published(Optional<PaperModel> same) {
    List<Column> columns = new ArrayList<>(List.of(new Column("model", "model", Form.WORDS)));
    columns.add(new Column("kind", "super weights", Form.WORDS));
    paper.tasks().forEach(task -> columns.add(new Column(task, Table1.title(task), Form.PERCENT)));
    columns.add(new Column("average", "AVG", Form.PERCENT));
    List<Row> rows = new ArrayList<>();
    for (PaperModel model : paper.models()) {
      if (!model.has("table5")) {
        continue;
      }
      for (int k = 0; k < 2; k++) {
        List<Cell> cells =
            new ArrayList<>(
                List.of(Cell.of(model.name()), Cell.of(k == 0 ? "original" : "amplified")));
        model
            .numbers("table5", k == 0 ? "original" : "amplified")
            .forEach(v -> cells.add(Cell.of(v)));
        cells.add(Cell.of(model.numbers("table5", "average").get(k)));
        rows.add(
            new Row(
                same.isPresent() && same.get() == model ? "paper, this model" : "paper", cells));
      }
    }
    return new Table("paper", "The paper’s Table 5, FP16, accuracy, %", columns, rows);
  }

  private List<Gap> gaps() {
    return battery.gaps().stream().filter(gap -> paper.tasks().contains(gap.what())).toList();
  }

  private List<String> differences() {
    List<String> differences = new ArrayList<>(battery.differences(subject));
    differences.add(
        "The paper chooses the best factor on the documents that it scores; here it is chosen on the even documents of each task and scored on the odd ones.");
    differences.add(
        "All super weights of a model are scaled together, as in the code; the factors are all that its four models were drawn at.");
    differences.add("AVG is the mean of the tasks’ acc, each task counting the same.");
    return differences;
  }

  private List<Fact> protocol() {
    List<Fact> facts = new ArrayList<>(Battery.facts(result));
    facts.add(
        new Fact(
            "intervals", "95 %, ± 1.96 standard errors over documents, paired for differences"));
    return facts;
  }
}
