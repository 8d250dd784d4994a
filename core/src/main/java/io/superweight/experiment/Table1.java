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
import io.superweight.statistics.PairedBootstrap;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Table 1: accuracy and perplexity as the model is, without the super weights, without the largest
 * others, and without the super weights but with their activation.
 *
 * @param control the largest others
 * @param result the original first
 */
public record Table1(
    Subject subject, Battery battery, Paper paper, Kinds kinds, SweepResult result) {
  /** Of the released code: {@code search_percentage_1e-6_0-32_all}. */
  private static final double FRACTION = 1e-6;

  /**
   * The edited models of the rows.
   *
   * @param pruned without super weights; absent where none is known
   * @param controls without the largest others, the paper's fraction first
   * @param restored with the super activation; absent where none is known
   * @param sentence what the controls are
   */
  public record Kinds(
      Optional<EditedModel> pruned,
      List<EditedModel> controls,
      Optional<EditedModel> restored,
      String sentence) {}

  /** Scores all rows on all evaluations; what the store holds is not computed again. */
  public static Table1 measure(
      Subject subject, Battery battery, Paper paper, ScoreStore store, SweepListener listener) {
    Kinds kinds = kinds(subject);
    List<EditedModel> models = new ArrayList<>(List.of(EditedModel.ORIGINAL));
    kinds.pruned().ifPresent(models::add);
    models.addAll(kinds.controls());
    kinds.restored().ifPresent(models::add);
    List<Evaluation> evaluations = new ArrayList<>(battery.tasks());
    evaluations.addAll(battery.perplexities());
    SweepResult result = new Sweep(models, evaluations).run(subject.model(), store, listener);
    return new Table1(subject, battery, paper, kinds, result);
  }

  private static Kinds kinds(Subject subject) {
    Edits edits = new Edits(subject.model());
    Control control = Control.of(subject, FRACTION);
    List<EditedModel> controls = new ArrayList<>();
    if (control.taken() != FRACTION) {
      // The paper's own row, though it changes nothing here.
      controls.add(edits.pruneTop("Prune non-SW, 1e-6", FRACTION, subject.weights()));
      controls.add(control.model());
      controls.add(
          edits.pruneTop(
              "Prune non-SW, " + Control.text(control.taken() * 10),
              control.taken() * 10,
              subject.weights()));
    } else {
      controls.add(control.model());
    }
    Optional<EditedModel> pruned =
        subject.weights().isEmpty()
            ? Optional.empty()
            : Optional.of(edits.zero("Prune SW", subject.weights()));
    boolean down = subject.weights().stream().allMatch(weight -> weight.part().endsWith(".down"));
    return new Kinds(
        pruned,
        controls,
        pruned.filter(p -> down).map(p -> edits.restored("Prune SW, +SA", p)),
        control.sentence());
  }

  /** The table beside the paper's. */
  public Exhibit exhibit() {
    Optional<PaperModel> same = paper.named(subject.name()).filter(model -> model.has("table1"));
    PaperModel drawn = same.orElseGet(() -> paper.require("Llama-7B"));
    List<Gap> gaps = new ArrayList<>(Battery.told(battery.gaps()));
    if (kinds.pruned().isEmpty()) {
      gaps.add(
          new Gap(
              "The rows without super weights, as none is known in this model",
              "name some with --weights"));
    }
    return new Exhibit(
        Item.TABLE1,
        answer(),
        findings(),
        charts(drawn),
        List.of(main(drawn), changes()),
        differences(same.isPresent()),
        gaps,
        protocol());
  }

  private List<SweepResult.Part> tasks() {
    return battery.tasks().stream().map(t -> result.part(t.name()).orElseThrow()).toList();
  }

  private List<SweepResult.Part> perplexities() {
    return battery.perplexities().stream().map(t -> result.part(t.name()).orElseThrow()).toList();
  }

  private static SweepResult.Row row(SweepResult.Part part, EditedModel model) {
    return part.row(model).orElseThrow();
  }

  /** Perplexity of a model over that of the original, on a text. */
  public double ratio(EditedModel model, String evaluation) {
    SweepResult.Part part = result.part(evaluation).orElseThrow();
    return row(part, model).metrics().getFirst().value()
        / row(part, EditedModel.ORIGINAL).metrics().getFirst().value();
  }

  private Interval average(EditedModel model) {
    return Averages.of(
        tasks().stream().map(part -> Battery.accuracy(row(part, model))).toList(), d -> true);
  }

  private static Interval interval(Metric metric) {
    return new PairedBootstrap(
            metric.sums().length, SweepResult.RESAMPLES, SweepResult.CONFIDENCE, SweepResult.SEED)
        .means(List.of(metric.sums()), metric.weights())
        .getFirst()
        .orElse(Interval.exactly(metric.value()));
  }

  private String answer() {
    if (kinds.pruned().isEmpty()) {
      return "No super weight is known in this model, so that only the original and the largest others are measured.";
    }
    SweepResult.Part text = perplexities().getFirst();
    String words =
        "Without "
            + (subject.weights().size() == 1
                ? "its super weight"
                : "its " + subject.weights().size() + " super weights")
            + " the perplexity of "
            + title(text.name())
            + " is "
            + Phrases.ratio(ratio(kinds.pruned().get(), text.name()))
            + (kinds.restored().isPresent()
                ? ", with their activation put back "
                    + Phrases.ratio(ratio(kinds.restored().get(), text.name()))
                : "");
    if (!tasks().isEmpty()) {
      words +=
          "; the average accuracy goes from "
              + one(average(EditedModel.ORIGINAL))
              + " to "
              + one(average(kinds.pruned().get()));
    }
    return words + ".";
  }

  private static String one(Interval interval) {
    return String.format(java.util.Locale.ROOT, "%.1f %%", interval.estimate());
  }

  private List<String> findings() {
    List<String> findings = new ArrayList<>();
    findings.add(kinds.sentence());
    String text = perplexities().getFirst().name();
    for (EditedModel control : kinds.controls()) {
      if (!control.variant().edits().isEmpty()) {
        findings.add(
            control.label()
                + ", "
                + Phrases.counted(control.variant().edits().size(), "weight")
                + ": perplexity "
                + Phrases.ratio(ratio(control, text))
                + " on "
                + title(text)
                + ".");
      }
    }
    kinds.pruned().ifPresent(pruned -> guessing(pruned, findings));
    kinds
        .restored()
        .ifPresent(restored -> {
          double lost = Math.log(ratio(kinds.pruned().orElseThrow(), text));
          double back = lost - Math.log(ratio(restored, text));
          findings.add(
              lost > 0.01
                  ? "Putting the super activation back at its one token brings "
                      + Phrases.percent(back / lost)
                      + " of the lost nats a token back; by the paper’s text about 42 % of Llama-7B’s accuracy comes back."
                  : "Pruning the super weights costs nothing here that could come back.");
        });
    return findings;
  }

  /** "Accuracy to guessing" as a claim to test. */
  private void guessing(EditedModel pruned, List<String> findings) {
    List<String> at = new ArrayList<>();
    List<String> above = new ArrayList<>();
    List<String> below = new ArrayList<>();
    for (SweepResult.Part part : tasks()) {
      Metric metric = Battery.accuracy(row(part, pruned));
      if (metric.chance().isEmpty()) {
        continue;
      }
      Interval interval = interval(metric);
      double chance = metric.chance().getAsDouble();
      (interval.contains(chance) ? at : interval.low() > chance ? above : below)
          .add(title(part.name()));
    }
    if (at.size() + above.size() + below.size() > 0) {
      findings.add(
          "“Accuracy to guessing”: without the super weights the 95 % interval contains chance in "
              + (at.isEmpty() ? "no task" : Phrases.joined(at))
              + (above.isEmpty() ? "" : "; it lies above chance in " + Phrases.joined(above))
              + (below.isEmpty() ? "" : "; below chance in " + Phrases.joined(below))
              + (battery.whole() ? "." : ". With so few documents an interval is wide."));
    }
  }

  static String title(String evaluation) {
    return switch (evaluation) {
      case "arc_challenge" -> "ARC‑c";
      case "arc_easy" -> "ARC‑e";
      case "hellaswag" -> "HellaSwag";
      case "lambada_openai" -> "LAMBADA";
      case "piqa" -> "PIQA";
      case "sciq" -> "SciQ";
      case "winogrande" -> "Winogrande";
      case "gptq-wikitext2" -> "wikitext-2";
      case "gptq-c4" -> "C4";
      case "prose" -> "built-in prose";
      case "text" -> "the text";
      default -> evaluation;
    };
  }

  private Table main(PaperModel drawn) {
    List<Column> columns = new ArrayList<>(List.of(new Column("model", "model", Form.WORDS)));
    tasks().forEach(part -> columns.add(new Column(part.name(), title(part.name()), Form.PERCENT)));
    if (!tasks().isEmpty()) {
      columns.add(new Column("average", "AVG", Form.PERCENT));
    }
    perplexities()
        .forEach(part ->
            columns.add(
                new Column(part.name(), title(part.name()) + " perplexity", Form.PERPLEXITY)));
    List<Row> rows = new ArrayList<>();
    for (EditedModel model : result.models()) {
      List<Cell> cells = new ArrayList<>(List.of(Cell.of(model.label())));
      for (SweepResult.Part part : tasks()) {
        Interval i = interval(Battery.accuracy(row(part, model)));
        cells.add(Cell.of(new Interval(100 * i.estimate(), 100 * i.low(), 100 * i.high())));
      }
      if (!tasks().isEmpty()) {
        cells.add(Cell.of(average(model)));
      }
      for (SweepResult.Part part : perplexities()) {
        cells.add(Cell.of(row(part, model).metrics().getFirst().value()));
      }
      rows.add(new Row("", cells));
    }
    if (!tasks().isEmpty()) {
      List<Cell> chance = new ArrayList<>(List.of(Cell.of("Guessing")));
      for (SweepResult.Part part : tasks()) {
        Metric metric = Battery.accuracy(row(part, EditedModel.ORIGINAL));
        chance.add(
            metric.chance().isPresent()
                ? Cell.of(100 * metric.chance().getAsDouble())
                : Cell.none());
      }
      chance.add(Cell.none());
      perplexities().forEach(part -> chance.add(Cell.none()));
      rows.add(new Row("chance", chance));
    }
    List<String> names = List.of("original", "pruneSw", "pruneNonSw", "pruneSwRestored");
    List<String> labels = List.of("Original", "Prune SW", "Prune non-SW (7,000)", "Prune SW, +SA");
    boolean comparable =
        !tasks().isEmpty() || perplexities().stream().anyMatch(p -> p.name().startsWith("gptq-"));
    for (int r = 0; comparable && r < names.size(); r++) {
      List<Cell> cells = new ArrayList<>(List.of(Cell.of(labels.get(r))));
      List<Double> accuracies = drawn.numbers("table1", names.get(r));
      for (SweepResult.Part part : tasks()) {
        cells.add(Cell.of(accuracies.get(paper.tasks().indexOf(part.name()))));
      }
      if (!tasks().isEmpty()) {
        cells.add(Cell.of(drawn.numbers("table1", "average").get(r)));
      }
      for (SweepResult.Part part : perplexities()) {
        List<Double> of =
            drawn.numbers("table1", part.name().equals("gptq-c4") ? "c4" : "wikitext2");
        cells.add(part.name().startsWith("gptq-") ? Cell.of(of.get(r)) : Cell.none());
      }
      rows.add(new Row("paper, " + drawn.name(), cells));
    }
    return new Table("rows", "Accuracy, %, and perplexity", columns, rows);
  }

  /** Everything beside the original on the same documents. */
  private Table changes() {
    List<Row> rows = new ArrayList<>();
    for (EditedModel model : result.models()) {
      if (model.key().isEmpty()) {
        continue;
      }
      for (SweepResult.Part part : tasks()) {
        SweepResult.Row row = row(part, model);
        int at = row.metrics().indexOf(Battery.accuracy(row));
        rows.add(change(model, part, row.comparisons().get(at), 100, true));
      }
      if (!tasks().isEmpty()) {
        Interval difference =
            Averages.difference(
                tasks().stream().map(p -> Battery.accuracy(row(p, model))).toList(),
                tasks().stream().map(p -> Battery.accuracy(row(p, EditedModel.ORIGINAL))).toList(),
                d -> true);
        rows.add(
            Row.measured(
                Cell.of(model.label()),
                Cell.of("AVG"),
                Cell.of(difference),
                Cell.none(),
                Cell.none()));
      }
      for (SweepResult.Part part : perplexities()) {
        rows.add(change(model, part, row(part, model).comparisons().getFirst(), 1, false));
      }
    }
    return new Table(
        "changes",
        "Beside the original, on the same documents",
        List.of(
            new Column("model", "model", Form.WORDS),
            new Column("evaluation", "on", Form.WORDS),
            new Column("points", "accuracy, points", Form.PERCENT),
            new Column("ratio", "perplexity", Form.RATIO),
            new Column("p", "sign test, p", Form.VALUE)),
        rows);
  }

  private static Row change(
      EditedModel model,
      SweepResult.Part part,
      Optional<Comparison> compared,
      double factor,
      boolean accuracy) {
    Cell number =
        compared
            .map(c ->
                c.interval()
                    .map(i ->
                        Cell.of(
                            new Interval(
                                factor * i.estimate(), factor * i.low(), factor * i.high())))
                    .orElse(Cell.of(factor * c.estimate())))
            .orElse(Cell.none());
    return Row.measured(
        Cell.of(model.label()),
        Cell.of(title(part.name())),
        accuracy ? number : Cell.none(),
        accuracy ? Cell.none() : number,
        compared.map(c -> Cell.of(c.p())).orElse(Cell.none()));
  }

  private List<Chart> charts(PaperModel drawn) {
    List<Chart> charts = new ArrayList<>();
    List<EditedModel> shown =
        result.models().stream()
            .filter(m -> m == EditedModel.ORIGINAL || !m.key().isEmpty())
            .toList();
    if (!tasks().isEmpty()) {
      List<Curve> curves = new ArrayList<>();
      for (EditedModel model : shown) {
        List<Point> points = new ArrayList<>();
        for (int t = 0; t < tasks().size(); t++) {
          Interval i = interval(Battery.accuracy(row(tasks().get(t), model)));
          points.add(new Point(100 * i.estimate(), t, 100 * i.low(), 100 * i.high(), ""));
        }
        Interval avg = average(model);
        points.add(new Point(avg.estimate(), tasks().size(), avg.low(), avg.high(), ""));
        curves.add(new Curve(model.label(), points));
      }
      List<Point> chance = new ArrayList<>();
      for (int t = 0; t < tasks().size(); t++) {
        int row = t;
        Battery.accuracy(row(tasks().get(t), EditedModel.ORIGINAL))
            .chance()
            .ifPresent(c -> chance.add(Point.of(100 * c, row)));
      }
      List<String> rows = new ArrayList<>(tasks().stream().map(p -> title(p.name())).toList());
      rows.add("AVG");
      if (curves.size() < 5) {
        curves.add(new Curve("Guessing", chance));
      }
      charts.add(
          new Chart(
              "accuracy",
              "Zero-shot accuracy with 95 % intervals",
              Chart.Kind.DOTS,
              new Axis("accuracy, %", Scaling.LINEAR),
              new Axis("task", Scaling.LINEAR),
              rows,
              curves,
              List.<Rule>of(),
              curves.size() > 5 ? "" : chanceWords()));
    }
    List<String> names = shown.stream().map(EditedModel::label).toList();
    List<Curve> texts = new ArrayList<>();
    for (SweepResult.Part part : perplexities()) {
      List<Point> points = new ArrayList<>();
      for (int m = 0; m < shown.size(); m++) {
        points.add(Point.of(row(part, shown.get(m)).metrics().getFirst().value(), m));
      }
      texts.add(new Curve(title(part.name()), points));
    }
    charts.add(
        new Chart(
            "perplexity",
            "Perplexity",
            Chart.Kind.DOTS,
            new Axis("perplexity (logarithmic)", Scaling.LOGARITHMIC),
            new Axis("model", Scaling.LINEAR),
            names,
            texts,
            List.of(),
            ""));
    List<Curve> paperCurves = new ArrayList<>();
    List<String> keys = List.of("original", "pruneSw", "pruneNonSw", "pruneSwRestored");
    List<String> labels = List.of("Original", "Prune SW", "Prune non-SW", "Prune SW, +SA");
    for (int k = 0; k < keys.size(); k++) {
      List<Point> points = new ArrayList<>();
      List<Double> numbers = drawn.numbers("table1", keys.get(k));
      for (int t = 0; t < numbers.size(); t++) {
        points.add(Point.of(numbers.get(t), t));
      }
      points.add(Point.of(drawn.numbers("table1", "average").get(k), numbers.size()));
      paperCurves.add(new Curve(labels.get(k), points));
    }
    List<String> rows = new ArrayList<>(paper.tasks().stream().map(Table1::title).toList());
    rows.add("AVG");
    charts.add(
        new Chart(
            "paper",
            "The paper’s " + drawn.name() + ": accuracy",
            Chart.Kind.DOTS,
            new Axis("accuracy, %", Scaling.LINEAR),
            new Axis("task", Scaling.LINEAR),
            rows,
            paperCurves,
            List.of(),
            "HellaSwag and Winogrande of “+SA” equal the original to the digit: most likely pasted."));
    return charts;
  }

  private String chanceWords() {
    return "Guessing: "
        + String.join(
            ", ",
            tasks().stream()
                .flatMap(part -> {
                  Metric metric = Battery.accuracy(row(part, EditedModel.ORIGINAL));
                  return metric.chance().isPresent()
                      ? java.util.stream.Stream.of(
                          title(part.name()) + " " + Phrases.percent(metric.chance().getAsDouble()))
                      : java.util.stream.Stream.empty();
                })
                .toList())
        + ".";
  }

  private List<String> differences(boolean same) {
    List<String> differences = new ArrayList<>();
    if (!same) {
      differences.add("The paper measures Llama-7B; its rows are there to compare the pattern.");
    }
    differences.addAll(battery.differences(subject));
    differences.add(
        "AVG is the mean of the tasks’ acc (not acc_norm): the paper does not say which, its level of HellaSwag is acc."
            + (tasks().size() < paper.tasks().size()
                ? " Here it is over the "
                    + Phrases.counted(tasks().size(), "task")
                    + " that there is data for, so not to be set beside the paper’s."
                : ""));
    differences.add(
        "The paper’s “+SA” row is no target: HellaSwag and Winogrande equal the original to the digit, and its text says 49.94 where its table says 50.09.");
    differences.add(
        "The control is as in the code, ⌊elements · 10⁻⁶⌋ of each matrix and all that tie with the last one; the paper’s 7,000 is more than its own formula gives for Llama-7B (6,368), and ties of float16 may be why.");
    differences.add(
        "Scores are of float32; the paper’s harness took log-softmax in float16, which ties often.");
    return differences;
  }

  private List<Fact> protocol() {
    List<Fact> facts = new ArrayList<>(Battery.facts(result));
    facts.addAll(Battery.notes("edit", result));
    facts.add(Battery.intervals("bootstrap over documents", "; of AVG ± 1.96 standard errors"));
    return facts;
  }
}
