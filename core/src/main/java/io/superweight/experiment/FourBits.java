package io.superweight.experiment;

import io.superweight.edit.EditedModel;
import io.superweight.edit.Edits;
import io.superweight.evaluate.Evaluation;
import io.superweight.experiment.Exhibit.Axis;
import io.superweight.experiment.Exhibit.Cell;
import io.superweight.experiment.Exhibit.Chart;
import io.superweight.experiment.Exhibit.Column;
import io.superweight.experiment.Exhibit.Curve;
import io.superweight.experiment.Exhibit.Fact;
import io.superweight.experiment.Exhibit.Form;
import io.superweight.experiment.Exhibit.Point;
import io.superweight.experiment.Exhibit.Row;
import io.superweight.experiment.Exhibit.Rule;
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

/**
 * Weights in 4 bits by round-to-nearest: Figure 7, over the size of a block, plain and with super
 * weights held and the rest clipped; Table 6, with the super weights amplified before.
 *
 * @param versions what was measured, the original first
 */
public record FourBits(
    Item item,
    Subject subject,
    Battery battery,
    Paper paper,
    List<Version> versions,
    SweepResult result) {

  /**
   * A row.
   *
   * @param block elements that share a scale; 0 for the original
   * @param ours held and clipped (Figure 7), amplified (Table 6)
   */
  public record Version(long block, boolean ours, EditedModel model) {}

  /** Of Figure 7, and smaller ones that formats in use have. */
  private static final List<Integer> BLOCKS =
      List.of(64, 256, 1024, 4096, 128 * 128, 256 * 256, 512 * 512, 1024 * 1024);

  /** Of Table 6: 8×8 and 64×64. */
  private static final List<Integer> TABLE6_BLOCKS = List.of(64, 4096);

  /** Table 6 amplifies by the factor that was best in Figure 6; there, around this. */
  private static final double AMPLIFIED = 1.5;

  public FourBits {
    versions = List.copyOf(versions);
  }

  /** Figure 7. */
  public static FourBits figure7(
      Subject subject,
      Battery battery,
      Paper paper,
      List<int[]> calibration,
      ScoreStore store,
      SweepListener listener) {
    Quantizer quantizer = new Quantizer(subject.model(), subject.weights(), calibration);
    List<Version> versions = new ArrayList<>();
    versions.add(new Version(0, false, EditedModel.ORIGINAL));
    long largest =
        subject.model().matrices().values().stream()
            .mapToLong(m -> (long) m.rows() * m.cols())
            .max()
            .orElse(0);
    boolean allWhole = false;
    for (int block : BLOCKS) {
      boolean whole =
          subject.model().matrices().values().stream()
              .noneMatch(m -> (long) m.rows() * m.cols() % block == 0);
      if (block > largest || (whole && allWhole)) {
        break; // all matrices would be one block, as they were with the last size
      }
      allWhole = whole;
      versions.add(
          new Version(
              block,
              false,
              version(quantizer, "RTN-4, blocks of " + block, block, "", EditedModel.ORIGINAL)));
      if (!subject.weights().isEmpty()) {
        versions.add(
            new Version(
                block,
                true,
                version(
                    quantizer,
                    "held and clipped, blocks of " + block,
                    block,
                    ",clip=z:auto,hold",
                    EditedModel.ORIGINAL)));
      }
    }
    return measured(Item.FIGURE7, subject, battery, paper, versions, store, listener);
  }

  /** Table 6. */
  public static FourBits table6(
      Subject subject, Battery battery, Paper paper, ScoreStore store, SweepListener listener) {
    Quantizer quantizer = new Quantizer(subject.model(), subject.weights(), List.of());
    EditedModel amplified =
        new Edits(subject.model())
            .scale("super weights × " + AMPLIFIED, subject.weights(), AMPLIFIED);
    List<Version> versions = new ArrayList<>();
    versions.add(new Version(0, false, EditedModel.ORIGINAL));
    for (int block : TABLE6_BLOCKS) {
      String label = "RTN-4, blocks of " + block;
      versions.add(
          new Version(
              block, false, version(quantizer, label, block, ",hold", EditedModel.ORIGINAL)));
      versions.add(
          new Version(
              block,
              true,
              version(quantizer, label, block, ",hold", amplified)
                  .labelled(label + ", super weights × " + AMPLIFIED)));
    }
    return measured(Item.TABLE6, subject, battery, paper, versions, store, listener);
  }

  private static EditedModel version(
      Quantizer quantizer, String label, int block, String more, EditedModel base) {
    return quantizer.apply(
        label, Quantization.parse("rtn4:block=" + block + more, Indivisible.PER_TENSOR), base);
  }

  private static FourBits measured(
      Item item,
      Subject subject,
      Battery battery,
      Paper paper,
      List<Version> versions,
      ScoreStore store,
      SweepListener listener) {
    List<Evaluation> evaluations = new ArrayList<>(battery.tasks());
    evaluations.addAll(battery.perplexities());
    return new FourBits(
        item,
        subject,
        battery,
        paper,
        versions,
        new Sweep(versions.stream().map(Version::model).toList(), evaluations)
            .run(subject.model(), store, listener));
  }

  private boolean accuracy() {
    return !battery.tasks().isEmpty();
  }

  private SweepResult.Row row(Evaluation evaluation, Version version) {
    return result.part(evaluation.name()).orElseThrow().row(version.model).orElseThrow();
  }

  private Interval average(Version version) {
    return Averages.of(
        battery.tasks().stream().map(t -> Battery.accuracy(row(t, version))).toList(), d -> true);
  }

  private double perplexity(int text, Version version) {
    return row(battery.perplexities().get(text), version).metrics().getFirst().value();
  }

  /** The table or figure beside the paper's. */
  public Exhibit exhibit() {
    List<Chart> charts = new ArrayList<>();
    if (item == Item.FIGURE7) {
      if (accuracy()) {
        charts.add(
            chart(
                "accuracy",
                "Average zero-shot accuracy, 4-bit weights",
                "average accuracy, %",
                true));
      }
      charts.add(
          chart("perplexity", "Perplexity, 4-bit weights", "perplexity (logarithmic)", false));
    }
    return new Exhibit(
        item,
        answer(),
        findings(),
        charts,
        List.of(main(), published()),
        differences(),
        Battery.told(battery.gaps()),
        protocol());
  }

  private String answer() {
    List<String> words = new ArrayList<>();
    String metric = "perplexity of " + Table1.title(battery.perplexities().getFirst().name());
    for (Version v : versions) {
      if (!v.ours) {
        continue;
      }
      Version plain = plain(v.block);
      words.add(
          String.format(
              Locale.ROOT,
              "blocks of %,d: %s → %s",
              v.block,
              Phrases.value(perplexity(0, plain)),
              Phrases.value(perplexity(0, v))));
    }
    return (item == Item.FIGURE7
            ? "With super weights held and the rest clipped, the " + metric + " changes so: "
            : "With the super weights amplified before rounding, the " + metric + " changes so: ")
        + String.join("; ", words)
        + "; the model as it is, "
        + Phrases.value(perplexity(0, versions.getFirst()))
        + ".";
  }

  private Version plain(long block) {
    return versions.stream().filter(v -> v.block == block && !v.ours).findFirst().orElseThrow();
  }

  private List<String> findings() {
    List<String> findings = new ArrayList<>();
    if (accuracy()) {
      for (Version v : versions) {
        if (v.ours) {
          Interval gain =
              Averages.difference(
                  battery.tasks().stream().map(t -> Battery.accuracy(row(t, v))).toList(),
                  battery.tasks().stream()
                      .map(t -> Battery.accuracy(row(t, plain(v.block))))
                      .toList(),
                  d -> true);
          findings.add(
              String.format(
                      Locale.ROOT,
                      "Blocks of %,d: accuracy %+.1f points (95 %%: %+.1f to %+.1f)%s.",
                      v.block,
                      gain.estimate(),
                      gain.low(),
                      gain.high(),
                      gain.contains(0) ? ", which may be nothing" : "")
                  .replace('-', '−'));
        }
      }
    }
    if (item == Item.FIGURE7) {
      findings.add(
          "In the paper’s own Llama-7B both are equal to the digit at 128×128 and 256×256, and both lie more than 20 points under the model at 1024×1024.");
    }
    return findings;
  }

  private Chart chart(String id, String title, String axis, boolean accuracy) {
    List<Point> plain = new ArrayList<>();
    List<Point> ours = new ArrayList<>();
    for (Version v : versions) {
      if (v.block == 0) {
        continue;
      }
      Interval average = accuracy ? average(v) : null;
      (v.ours ? ours : plain)
          .add(
              accuracy
                  ? new Point(v.block, average.estimate(), average.low(), average.high(), "")
                  : Point.of(v.block, perplexity(0, v)));
    }
    double original =
        accuracy ? average(versions.getFirst()).estimate() : perplexity(0, versions.getFirst());
    List<Curve> curves = new ArrayList<>();
    curves.add(new Curve("round to nearest", plain));
    if (!ours.isEmpty()) {
      curves.add(new Curve("super weights held, rest clipped", ours));
    }
    return new Chart(
        id,
        title,
        Chart.Kind.LINES,
        new Axis("weights that share a scale (logarithmic)", Scaling.LOGARITHMIC),
        new Axis(axis, accuracy ? Scaling.LINEAR : Scaling.LOGARITHMIC),
        List.of(),
        curves,
        List.of(new Rule(original, "as the model is")),
        accuracy ? "Bars are 95 % intervals over documents." : "");
  }

  private Table main() {
    List<Column> columns = new ArrayList<>();
    columns.add(new Column("version", "version", Form.WORDS));
    if (accuracy()) {
      columns.add(new Column("average", "AVG", Form.PERCENT));
    }
    battery
        .perplexities()
        .forEach(e -> columns.add(new Column(e.name(), Table1.title(e.name()), Form.PERPLEXITY)));
    List<Row> rows = new ArrayList<>();
    for (Version v : versions) {
      List<Cell> cells = new ArrayList<>(List.of(Cell.of(v.model.label())));
      if (accuracy()) {
        cells.add(Cell.of(average(v)));
      }
      for (int t = 0; t < battery.perplexities().size(); t++) {
        cells.add(Cell.of(perplexity(t, v)));
      }
      rows.add(new Row("", cells));
    }
    return new Table("versions", "Weights in 4 bits", columns, rows);
  }

  private Table published() {
    List<Row> rows = new ArrayList<>();
    String key = item == Item.FIGURE7 ? "figure7" : "table6";
    List<String> kinds =
        item == Item.FIGURE7 ? List.of("rtn", "ours") : List.of("original", "amplified");
    for (PaperModel model : paper.models()) {
      for (String kind : kinds) {
        List<Double> values = model.numbers(key, kind);
        for (int b = 0; b < values.size(); b++) {
          rows.add(
              Row.of(
                  "paper",
                  Cell.of(model.name()),
                  Cell.of(kind),
                  Cell.of(model.numbers(key, "blocks").get(b)),
                  Cell.of(values.get(b))));
        }
      }
    }
    return new Table(
        "paper",
        "The paper’s " + item.title() + ", average accuracy, %",
        List.of(
            new Column("model", "model", Form.WORDS),
            new Column("version", "version", Form.WORDS),
            new Column("block", "block", Form.COUNT),
            new Column("average", "AVG", Form.PERCENT)),
        rows);
  }

  private List<String> differences() {
    List<String> differences = new ArrayList<>(battery.differences(subject));
    differences.add(
        "Blocks are consecutive elements across rows, as in the code, also where the paper writes 128×128; a matrix that the size does not divide is one block, as in the code, which does not say so.");
    if (item == Item.FIGURE7) {
      differences.add(
          "z is chosen for each block size by the KL divergence from the model on some of the built-in prose, from 3 to 20 and no clipping; the paper chooses it on wikitext-2 train and gives none of its values.");
    } else {
      differences.add(
          "The super weights are multiplied by "
              + AMPLIFIED
              + " and put back after rounding; the paper does not give its factors.");
    }
    return differences;
  }

  private List<Fact> protocol() {
    List<Fact> facts = new ArrayList<>(Battery.facts(result));
    facts.addAll(Battery.notes("quantization", result));
    return facts;
  }
}
