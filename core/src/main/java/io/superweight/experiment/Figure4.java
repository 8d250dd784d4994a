package io.superweight.experiment;

import io.superweight.edit.EditedModel;
import io.superweight.edit.Edits;
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
import io.superweight.find.Prompt;
import io.superweight.model.Head;
import io.superweight.model.Probe;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Figure 4: the largest activation of the residual stream through the layers, as the model is,
 * without its super weights, without the largest other weights, and without both.
 *
 * @param prompt what the model was run on
 * @param control of the largest other weights
 * @param curves one for each edited model that was measured, the original first
 */
public record Figure4(Subject subject, Prompt prompt, Control control, List<Trail> curves) {
  /** Of the released code: {@code analyze.py}, {@code plot_max_activation_ablation}. */
  private static final double FRACTION = 5e-7;

  /** The model of the paper's figure. */
  private static final String DRAWN = "Llama-7B";

  public Figure4 {
    curves = List.copyOf(curves);
  }

  /**
   * An edited model's largest activations.
   *
   * @param paperName the series of the paper that it is the same as
   * @param values {@code [layers + 1]}: index i is the largest value of the input of layer i, the
   *     last that of the last layer's output, before the final norm
   */
  public record Trail(EditedModel model, String paperName, List<Largest> values) {
    public Trail {
      values = List.copyOf(values);
    }
  }

  /** The value of the largest magnitude over all tokens and channels, and where it is. */
  public record Largest(float value, int token, int channel) {}

  /** Runs the edited models, all in one pass. */
  public static Figure4 measure(Subject subject) {
    Prompt prompt = Prompt.of(Prompt.REFERENCE, subject.tokenizer(), subject.bos());
    Edits edits = new Edits(subject.model());
    Control control = Control.of(subject, FRACTION);
    List<EditedModel> models = new ArrayList<>(List.of(EditedModel.ORIGINAL));
    List<String> names = new ArrayList<>(List.of("original"));
    boolean known = !subject.weights().isEmpty();
    boolean others = !control.model().variant().edits().isEmpty();
    if (known) {
      models.add(edits.zero("Super weights removed", subject.weights()));
      names.add("pruneSw");
    }
    if (others) {
      models.add(control.model().labelled("Largest others removed"));
      names.add("pruneNonSw");
    }
    if (known && others) {
      models.add(control.withSuperWeights("Both removed"));
      names.add("pruneBoth");
    }
    int layers = subject.model().layers();
    Largest[][] largest = new Largest[models.size()][layers + 1];
    Probe probe =
        new Probe() {
          @Override
          public boolean wants(Site site) {
            return site.kind() == Site.Kind.RESID_PRE
                || (site.kind() == Site.Kind.RESID_POST && site.layer() == layers - 1);
          }

          @Override
          public void observe(Site site, SiteValues values) {
            int index = site.layer() + (site.kind() == Site.Kind.RESID_POST ? 1 : 0);
            largest[values.variant()][index] = largest(values);
          }
        };
    subject
        .model()
        .forward(
            List.of(prompt.idArray()),
            models.stream().map(EditedModel::variant).toList(),
            List.of(probe),
            Head.SKIP);
    List<Trail> curves = new ArrayList<>();
    for (int m = 0; m < models.size(); m++) {
      for (int i = 0; i <= layers; i++) {
        if (largest[m][i] == null) {
          largest[m][i] = largest[0][i]; // before its first edit, a variant is the original
        }
      }
      curves.add(new Trail(models.get(m), names.get(m), List.of(largest[m])));
    }
    return new Figure4(subject, prompt, control, curves);
  }

  private static Largest largest(SiteValues values) {
    float[] all = values.toArray();
    int best = 0;
    for (int i = 1; i < all.length; i++) {
      if (Math.abs(all[i]) > Math.abs(all[best])) {
        best = i;
      }
    }
    return new Largest(all[best], values.tokens()[best / values.cols()], best % values.cols());
  }

  /** Where the original's activation is largest. */
  public int peak() {
    List<Largest> original = curves.getFirst().values();
    int peak = 0;
    // As in the paper, of the layers' inputs; what leaves the last layer is not among them.
    for (int i = 0; i < original.size() - 1; i++) {
      if (Math.abs(original.get(i).value()) > Math.abs(original.get(peak).value())) {
        peak = i;
      }
    }
    return peak;
  }

  /** What is left of the largest activation at the peak, as a part of the original. */
  public Optional<Double> left(String paperName) {
    return curves.stream()
        .filter(curve -> curve.paperName().equals(paperName))
        .findFirst()
        .map(curve ->
            Math.abs(
                (double) curve.values().get(peak()).value()
                    / curves.getFirst().values().get(peak()).value()));
  }

  /** The figure beside the paper's. */
  public Exhibit exhibit(Paper paper) {
    Optional<PaperModel> same = paper.named(subject.name()).filter(model -> model.has("figure4"));
    PaperModel drawn = same.orElseGet(() -> paper.require(DRAWN));
    List<Chart> charts = new ArrayList<>();
    charts.add(
        chart(
            "model",
            "Largest activation that enters each layer",
            curves.stream()
                .map(curve ->
                    new Curve(
                        curve.model().label(),
                        points(
                            curve.values().stream()
                                .map(v -> (double) Math.abs(v.value()))
                                .toList())))
                .toList()));
    charts.add(
        chart(
            "paper",
            "The paper’s " + drawn.name(),
            List.of(
                new Curve("Original", points(drawn.numbers("figure4", "original"))),
                new Curve("Super weight removed", points(drawn.numbers("figure4", "pruneSw"))),
                new Curve("Largest others removed", points(drawn.numbers("figure4", "pruneNonSw"))),
                new Curve(
                    "Both removed (in the data, not in the figure)",
                    points(drawn.numbers("figure4", "pruneBoth"))))));
    return new Exhibit(
        Item.FIGURE4,
        answer(),
        findings(),
        charts,
        List.of(table(), published(drawn)),
        differences(same.isPresent()),
        subject.weights().isEmpty()
            ? List.of(
                new Gap(
                    "The lines without super weights, as none is known in this model",
                    "name some with --weights"))
            : List.of(),
        protocol());
  }

  private String answer() {
    Largest at = curves.getFirst().values().get(peak());
    String original =
        "The largest activation is "
            + Phrases.value(at.value())
            + ", at channel "
            + at.channel()
            + " of the token "
            + Phrases.token(prompt.tokens().get(at.token()));
    return left("pruneSw")
        .map(left ->
            original
                + (left < 1
                    ? ". Without the super weights "
                        + Phrases.percent(1 - left)
                        + " of it is gone; the paper says 75 %."
                    : ". Without the super weights it is not smaller ("
                        + Phrases.ratio(left)
                        + "); the paper says that 75 % goes."))
        .orElse(original + ".");
  }

  private List<String> findings() {
    List<String> findings = new ArrayList<>();
    findings.add(control.sentence());
    left("pruneNonSw")
        .ifPresent(left ->
            findings.add(
                "Without these, "
                    + Phrases.percent(left)
                    + " of the largest activation is left; in the paper’s data of Llama-7B, 72 %."));
    left("pruneBoth")
        .ifPresent(left ->
            findings.add(
                "Without both, "
                    + Phrases.percent(left)
                    + " is left; in the paper’s data, 9.0 %."));
    curves.stream()
        .filter(curve -> curve.paperName().equals("pruneSw"))
        .findFirst()
        .ifPresent(curve -> {
          Largest before = curves.getFirst().values().get(peak());
          Largest after = curve.values().get(peak());
          if (before.channel() != after.channel() || before.token() != after.token()) {
            findings.add(
                "What is largest then is another activation, at channel "
                    + after.channel()
                    + " of the token "
                    + Phrases.token(prompt.tokens().get(after.token()))
                    + ": the super activation itself is smaller still.");
          }
        });
    return findings;
  }

  private static List<Point> points(List<Double> values) {
    List<Point> points = new ArrayList<>();
    for (int i = 0; i < values.size(); i++) {
      points.add(Point.of(i, values.get(i)));
    }
    return points;
  }

  private static Chart chart(String id, String title, List<Curve> curves) {
    return new Chart(
        id,
        title,
        Chart.Kind.LINES,
        new Axis("index of the hidden state: input of layer", Scaling.LINEAR),
        new Axis("largest |activation|", Scaling.LINEAR),
        List.of(),
        curves,
        List.of(),
        "");
  }

  private static String heading(String name) {
    return switch (name) {
      case "pruneSw" -> "without SW";
      case "pruneNonSw" -> "without others";
      case "pruneBoth" -> "without both";
      default -> "original";
    };
  }

  private Table table() {
    List<Column> columns = new ArrayList<>(List.of(new Column("index", "index", Form.COUNT)));
    for (Trail curve : curves) {
      String id = curve.paperName();
      columns.add(new Column(id, heading(id), Form.VALUE));
      columns.add(new Column(id + "_channel", "channel", Form.COUNT));
    }
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < curves.getFirst().values().size(); i++) {
      List<Cell> cells = new ArrayList<>(List.of(Cell.of(i)));
      for (Trail curve : curves) {
        cells.add(Cell.of(curve.values().get(i).value()));
        cells.add(Cell.of(curve.values().get(i).channel()));
      }
      rows.add(new Row("", cells));
    }
    return new Table("layers", "Largest activation by layer, with its sign", columns, rows);
  }

  private static Table published(PaperModel drawn) {
    List<String> names = List.of("original", "pruneSw", "pruneNonSw", "pruneBoth");
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < drawn.numbers("figure4", "original").size(); i++) {
      List<Cell> cells = new ArrayList<>(List.of(Cell.of(i)));
      for (String name : names) {
        cells.add(Cell.of(drawn.numbers("figure4", name).get(i)));
      }
      rows.add(new Row("paper, " + drawn.name(), cells));
    }
    return new Table(
        "paper",
        "The paper’s " + drawn.name(),
        List.of(
            new Column("index", "index", Form.COUNT),
            new Column("original", "Original", Form.VALUE),
            new Column("pruneSw", "Super weight removed", Form.VALUE),
            new Column("pruneNonSw", "Largest others removed", Form.VALUE),
            new Column("pruneBoth", "Both removed", Form.VALUE)),
        rows);
  }

  private List<String> differences(boolean same) {
    List<String> differences = new ArrayList<>();
    if (!same) {
      differences.add("The paper draws Llama-7B; compare the shapes, not the values.");
    }
    differences.add(
        "Index i is the input of layer i, as in the paper’s data (0 is the embedding); its released code hooks the layers’ outputs, which is one later. The last index here is the last layer’s output, before the final norm, which the paper leaves out.");
    differences.add(
        "The largest others are those of the layers’ matrices. The released code of this figure takes the embedding and the output head along, here they are left alone; the head cannot change these values.");
    differences.add(
        "The code zeroes the super weights before it looks for the largest others, so in their matrices it takes one more each.");
    return differences;
  }

  private List<Fact> protocol() {
    List<Fact> facts = new ArrayList<>();
    facts.add(new Fact("statistic", "value at the argmax of |x| over all tokens and channels"));
    facts.add(new Fact("75 % claim", "at index " + peak() + ", where the original is largest"));
    facts.add(new Fact("largest others", control.model().label()));
    facts.addAll(Phrases.prompt(prompt));
    return facts;
  }
}
