package io.superweight.experiment;

import io.superweight.InputException;
import io.superweight.edit.EditedModel;
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
import io.superweight.experiment.Exhibit.Scaling;
import io.superweight.experiment.Exhibit.Table;
import io.superweight.experiment.Paper.PaperModel;
import io.superweight.quantize.Indivisible;
import io.superweight.quantize.Quantization;
import io.superweight.quantize.Quantizer;
import io.superweight.statistics.Interval;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Tables 3, 4 and 7: perplexity with weights and activations in 8 bits, as they come, by
 * SmoothQuant, and with the super activation held. The three tables differ in the models and in
 * what a gain is a share of.
 *
 * @param item which of them
 * @param versions what was measured, the original first
 * @param gaps versions that this model cannot have
 */
public record EightBits(
    Item item,
    Subject subject,
    Battery battery,
    Paper paper,
    List<Version> versions,
    SweepResult result,
    List<Gap> gaps) {

  /** What a row is. */
  public enum Kind {
    ORIGINAL,
    WEIGHTS,
    NAIVE,
    SMOOTHED,
    HELD,
    TENSOR_NAIVE,
    TENSOR_HELD,
    TENSOR_PRECISE,
    TENSOR_SMOOTHED,
    TENSOR_SAVED
  }

  /**
   * A row.
   *
   * @param quantize as {@code --quantize} takes it; empty for the original
   */
  public record Version(Kind kind, String quantize, EditedModel model) {}

  private record Plan(Kind kind, String label, String quantize) {}

  private static final List<Plan> PLANS =
      List.of(
          new Plan(Kind.WEIGHTS, "W8", "int8"),
          new Plan(Kind.NAIVE, "naive W8A8", "int8:act=token"),
          new Plan(Kind.SMOOTHED, "SmoothQuant, α = 0.85", "int8:act=token,smooth=0.85"),
          new Plan(Kind.HELD, "super activation held", "int8:act=token,sa=largest"),
          new Plan(Kind.TENSOR_NAIVE, "a scale a tensor", "int8:act=tensor"),
          new Plan(Kind.TENSOR_SMOOTHED, "… SmoothQuant", "int8:act=tensor,smooth=0.85"),
          new Plan(Kind.TENSOR_HELD, "… super activation held", "int8:act=tensor,sa=largest"),
          new Plan(
              Kind.TENSOR_PRECISE, "… first token not rounded", "int8:act=tensor,sinks=precise"),
          new Plan(
              Kind.TENSOR_SAVED,
              "… outlier tokens not rounded, largest held",
              "int8:act=tensor,sinks=outliers:4,sa=largest"));

  public EightBits {
    versions = List.copyOf(versions);
    gaps = List.copyOf(gaps);
  }

  /** Scores all versions; what the store holds is not computed again. */
  public static EightBits measure(
      Item item,
      Subject subject,
      Battery battery,
      Paper paper,
      List<int[]> calibration,
      ScoreStore store,
      SweepListener listener) {
    Quantizer quantizer = new Quantizer(subject.model(), subject.weights(), calibration);
    List<Version> versions = new ArrayList<>();
    List<Gap> gaps = new ArrayList<>();
    versions.add(new Version(Kind.ORIGINAL, "", EditedModel.ORIGINAL));
    for (Plan plan : PLANS) {
      try {
        versions.add(
            new Version(
                plan.kind,
                plan.quantize,
                quantizer.apply(
                    plan.label,
                    Quantization.parse(plan.quantize, Indivisible.ERROR),
                    EditedModel.ORIGINAL)));
      } catch (InputException cannot) {
        if (cannot.kind() != InputException.Kind.UNSUPPORTED) {
          throw cannot;
        }
        gaps.add(new Gap(plan.label, cannot.getMessage()));
      }
    }
    SweepResult result =
        new Sweep(versions.stream().map(Version::model).toList(), battery.perplexities())
            .run(subject.model(), store, listener);
    return new EightBits(item, subject, battery, paper, versions, result, gaps);
  }

  private Optional<Version> version(Kind kind) {
    return versions.stream().filter(v -> v.kind == kind).findFirst();
  }

  private double value(int text, Kind kind) {
    return version(kind)
        .map(v -> result.parts().get(text).row(v.model).orElseThrow().metrics().getFirst().value())
        .orElse(Double.NaN);
  }

  /** The part of the loss that a version takes back; NaN where there is none to speak of. */
  private double share(int text, Kind better, Kind naive, Kind goal) {
    double lost = value(text, naive) - value(text, goal);
    return lost > 0.001 * value(text, goal)
        ? 100 * (value(text, naive) - value(text, better)) / lost
        : Double.NaN;
  }

  private Kind goal() {
    return item == Item.TABLE3 && version(Kind.SMOOTHED).isPresent()
        ? Kind.SMOOTHED
        : Kind.ORIGINAL;
  }

  /** The table beside the paper's. */
  public Exhibit exhibit() {
    return new Exhibit(
        item,
        answer(),
        findings(),
        List.of(chart()),
        List.of(main(), published()),
        differences(),
        gaps,
        protocol());
  }

  private String answer() {
    double share = share(0, Kind.HELD, Kind.NAIVE, goal());
    return "Naive W8A8 has perplexity "
        + Phrases.value(value(0, Kind.NAIVE))
        + " on "
        + Table1.title(result.parts().getFirst().name())
        + " (the model "
        + Phrases.value(value(0, Kind.ORIGINAL))
        + ", weights alone "
        + Phrases.value(value(0, Kind.WEIGHTS))
        + "); holding the super activation "
        + Phrases.value(value(0, Kind.HELD))
        + (Double.isNaN(share)
            ? goal() == Kind.SMOOTHED
                ? "; SmoothQuant, whose gain the paper counts in, gains nothing here ("
                    + Phrases.value(value(0, Kind.SMOOTHED))
                    + ")."
                : ": there is no loss to take back."
            : String.format(
                    Locale.ROOT,
                    ", %.0f %% of the way to %s.",
                    share,
                    goal() == Kind.SMOOTHED ? "SmoothQuant" : "the model as it is")
                .replace('-', '−'));
  }

  private List<String> findings() {
    List<String> findings = new ArrayList<>();
    findings.add(
        "With one scale for all tokens of a window: "
            + Phrases.value(value(0, Kind.TENSOR_NAIVE))
            + " as they come, "
            + Phrases.value(value(0, Kind.TENSOR_HELD))
            + " with the one largest scalar of each tensor held, "
            + Phrases.value(value(0, Kind.TENSOR_PRECISE))
            + " with the first token left in high precision"
            + (version(Kind.TENSOR_SAVED).isPresent()
                ? ", "
                    + Phrases.value(value(0, Kind.TENSOR_SAVED))
                    + " with each token left so whose largest is beyond four times the median token’s, and the largest scalar held."
                : "."));
    if (version(Kind.SMOOTHED).isPresent()) {
      findings.add(
          "SmoothQuant: "
              + Phrases.value(value(0, Kind.SMOOTHED))
              + " with a scale a token, "
              + Phrases.value(value(0, Kind.TENSOR_SMOOTHED))
              + " with one a window.");
    }
    for (Version v : versions) {
      if (v.kind == Kind.HELD || v.kind == Kind.TENSOR_HELD) {
        Optional<Interval> ratio =
            ratio(0, v, v.kind == Kind.HELD ? Kind.NAIVE : Kind.TENSOR_NAIVE);
        ratio.ifPresent(i ->
            findings.add(
                (v.kind == Kind.HELD ? "A scale a token" : "A scale a window")
                    + String.format(
                        Locale.ROOT,
                        ": held over naive × %.4f (95 %%: %.4f to %.4f)%s.",
                        i.estimate(),
                        i.low(),
                        i.high(),
                        i.contains(1) ? ", which may be nothing" : "")));
      }
    }
    return findings;
  }

  /** A version's perplexity over another one's, on the same windows. */
  private Optional<Interval> ratio(int text, Version of, Kind over) {
    Metric base = metric(text, version(over).orElseThrow());
    return Comparison.of(
            base,
            List.of(metric(text, of)),
            new io.superweight.statistics.PairedBootstrap(
                base.sums().length,
                SweepResult.RESAMPLES,
                SweepResult.CONFIDENCE,
                SweepResult.SEED))
        .getFirst()
        .interval();
  }

  private Metric metric(int text, Version version) {
    return result.parts().get(text).row(version.model).orElseThrow().metrics().getFirst();
  }

  private Table main() {
    List<Column> columns = new ArrayList<>();
    columns.add(new Column("version", "version", Form.WORDS));
    columns.add(new Column("quantize", "--quantize", Form.WORDS));
    for (SweepResult.Part part : result.parts()) {
      columns.add(new Column(part.name(), Table1.title(part.name()), Form.PERPLEXITY));
      columns.add(new Column(part.name() + "_ratio", "to original", Form.RATIO));
    }
    List<Row> rows = new ArrayList<>();
    for (Version v : versions) {
      List<Cell> cells = new ArrayList<>();
      cells.add(Cell.of(v.model.label()));
      cells.add(Cell.of(v.quantize));
      for (int t = 0; t < result.parts().size(); t++) {
        cells.add(Cell.of(metric(t, v).value()));
        cells.add(
            v.kind == Kind.ORIGINAL
                ? Cell.none()
                : ratio(t, v, Kind.ORIGINAL)
                    .map(Cell::of)
                    .orElse(Cell.of(metric(t, v).value() / value(t, Kind.ORIGINAL))));
      }
      rows.add(new Row("", cells));
    }
    return new Table("versions", "Perplexity", columns, rows);
  }

  private Chart chart() {
    List<String> names = versions.stream().map(v -> v.model.label()).toList();
    List<Curve> curves = new ArrayList<>();
    for (int t = 0; t < result.parts().size(); t++) {
      List<Point> points = new ArrayList<>();
      for (int v = 0; v < versions.size(); v++) {
        points.add(Point.of(metric(t, versions.get(v)).value(), v));
      }
      curves.add(new Curve(Table1.title(result.parts().get(t).name()), points));
    }
    return new Chart(
        "perplexity",
        "Perplexity in 8 bits",
        Chart.Kind.DOTS,
        new Axis("perplexity (logarithmic)", Scaling.LOGARITHMIC),
        new Axis("version", Scaling.LINEAR),
        names,
        curves,
        List.of(),
        "");
  }

  private Table published() {
    List<Row> rows = new ArrayList<>();
    for (PaperModel model : paper.models()) {
      if (!model.has(item.text())) {
        continue;
      }
      for (String kind : List.of("fp16", "naive", "smoothquant", "ours")) {
        List<Double> values = model.numbers(item.text(), kind);
        if (!values.isEmpty()) {
          rows.add(
              Row.of(
                  "paper",
                  Cell.of(model.name()),
                  Cell.of(kind),
                  Cell.of(values.get(0)),
                  Cell.of(values.get(1))));
        }
      }
    }
    return new Table(
        "paper",
        "The paper’s " + item.title() + ", perplexity",
        List.of(
            new Column("model", "model", Form.WORDS),
            new Column("version", "version", Form.WORDS),
            new Column("wiki2", "Wiki-2", Form.PERPLEXITY),
            new Column("c4", "C4", Form.PERPLEXITY)),
        rows);
  }

  private List<String> differences() {
    List<String> differences = new ArrayList<>(battery.differences(subject));
    differences.add(
        "The paper’s code has no quantization of activations: what its text leaves open is chosen here. Weights symmetric INT8, one scale a matrix; activations symmetric INT8, the inputs of q, k, v, gate, up and down and both sides of attention’s products (queries, keys, probabilities, values); the input of the output projection stays as it is.");
    differences.add(
        "Held: in each tensor the one scalar that is largest by magnitude is replaced by the median before the scale is taken, and put back after it is decoded.");
    differences.add(
        "SmoothQuant’s factors are measured on the built-in prose, not on the Pile; they divide the inputs of q, k, v and gate, up.");
    if (item != Item.TABLE3) {
      differences.add(
          "The share is of the way from naive to the model as it is, as in the paper’s "
              + item.title()
              + ".");
    }
    return differences;
  }

  private List<Fact> protocol() {
    List<Fact> facts = new ArrayList<>(Battery.facts(result));
    facts.add(Battery.intervals("paired bootstrap over windows", ""));
    return facts;
  }
}
