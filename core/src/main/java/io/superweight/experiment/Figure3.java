package io.superweight.experiment;

import io.superweight.experiment.Exhibit.Axis;
import io.superweight.experiment.Exhibit.Cell;
import io.superweight.experiment.Exhibit.Chart;
import io.superweight.experiment.Exhibit.Column;
import io.superweight.experiment.Exhibit.Curve;
import io.superweight.experiment.Exhibit.Fact;
import io.superweight.experiment.Exhibit.Form;
import io.superweight.experiment.Exhibit.Point;
import io.superweight.experiment.Exhibit.Row;
import io.superweight.experiment.Exhibit.Scaling;
import io.superweight.experiment.Exhibit.Table;
import io.superweight.experiment.Paper.PaperModel;
import io.superweight.find.Extreme;
import io.superweight.find.LayerExtremes;
import io.superweight.model.Coordinate;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/**
 * Figure 3: the largest input and output of each layer's down projection, signed, on the paper's
 * prompt.
 *
 * @param subject the model, and the search that saw it
 * @param layers {@code [layers]}
 * @param passing layers in which both exceed the released code's threshold of 50
 */
public record Figure3(Subject subject, List<LayerExtremes> layers, List<Integer> passing) {
  /** Of the released code, {@code analyze.py}: both sides must exceed it. */
  private static final double THRESHOLD = 50;

  /** The model of the paper's figure. */
  private static final String DRAWN = "Llama-7B";

  public Figure3 {
    layers = List.copyOf(layers);
    passing = List.copyOf(passing);
  }

  /** Takes the extremes from the search's intact pass. */
  public static Figure3 of(Subject subject) {
    List<LayerExtremes> layers = subject.found().extremes();
    return new Figure3(
        subject,
        layers,
        layers.stream()
            .filter(layer ->
                Math.abs(layer.input().value()) > THRESHOLD
                    && Math.abs(layer.output().value()) > THRESHOLD)
            .map(LayerExtremes::layer)
            .toList());
  }

  /** The figure beside the paper's. */
  public Exhibit exhibit(Paper paper) {
    Optional<PaperModel> same = paper.named(subject.name()).filter(model -> model.has("figure3"));
    PaperModel drawn = same.orElseGet(() -> paper.require(DRAWN));
    LayerExtremes input = largest(layer -> layer.input().value());
    LayerExtremes output = largest(layer -> layer.output().value());
    List<Chart> charts = new ArrayList<>();
    charts.add(chart("input", "Largest down-projection input", "", measured(true)));
    charts.add(chart("output", "Largest down-projection output", "", measured(false)));
    String whose = "The paper’s " + drawn.name() + ": ";
    charts.add(
        chart("paper-input", whose + "largest input", drawn.name(), published(drawn, "input", 2)));
    charts.add(
        chart(
            "paper-output", whose + "largest output", drawn.name(), published(drawn, "output", 2)));
    return new Exhibit(
        Item.FIGURE3,
        "The largest input is "
            + where(input, input.input(), "column")
            + ", the largest output "
            + where(output, output.output(), "row")
            + ".",
        findings(output),
        charts,
        List.of(table(drawn)),
        differences(same.isPresent()),
        List.of(),
        protocol());
  }

  private LayerExtremes largest(ToDoubleFunction<LayerExtremes> side) {
    return layers.stream()
        .max(Comparator.comparingDouble(layer -> Math.abs(side.applyAsDouble(layer))))
        .orElseThrow();
  }

  private static String where(LayerExtremes layer, Extreme extreme, String name) {
    return Phrases.value(extreme.value())
        + " in layer "
        + layer.layer()
        + ", "
        + name
        + " "
        + extreme.channel()
        + ", at the token "
        + Phrases.token(extreme.token());
  }

  private List<String> findings(LayerExtremes output) {
    List<String> findings = new ArrayList<>();
    findings.add(
        passing.isEmpty()
            ? "In no layer do both exceed 50, the threshold of the released code: by its rule this model has no super weight."
            : "Both exceed 50, the threshold of the released code, in "
                + (passing.size() == 1 ? "layer " : "layers ")
                + Phrases.joined(passing.stream().map(String::valueOf).toList())
                + ".");
    List<Integer> real = subject.weights().stream().map(Coordinate::layer).distinct().toList();
    if (real.isEmpty()) {
      findings.add("No super weight is known in this model: the spikes have other makers.");
      return findings;
    }
    List<Integer> others = passing.stream().filter(layer -> !real.contains(layer)).toList();
    List<Integer> missed = real.stream().filter(layer -> !passing.contains(layer)).toList();
    findings.add(
        "Its super weights lie in "
            + (real.size() == 1 ? "layer " : "layers ")
            + Phrases.joined(real.stream().map(String::valueOf).toList())
            + (others.isEmpty() && missed.isEmpty()
                ? ", just those."
                : (missed.isEmpty()
                        ? ""
                        : "; the threshold misses "
                            + Phrases.joined(missed.stream().map(String::valueOf).toList()))
                    + (others.isEmpty()
                        ? ""
                        : "; in "
                            + Phrases.joined(others.stream().map(String::valueOf).toList())
                            + " spikes are erased, are fed to later ones, or come too late to be read")
                    + "."));
    if (!real.contains(output.layer())) {
      findings.add(
          "The largest output of all is in layer "
              + output.layer()
              + ", not in a super weight’s layer: picking the largest spike would pick the wrong one, as in the paper’s own data, where layer 30’s −1,474 takes away the 1,313 of layer 2.");
    }
    return findings;
  }

  private List<Point> measured(boolean inputs) {
    List<Point> points = new ArrayList<>();
    for (LayerExtremes layer : layers) {
      Extreme e = inputs ? layer.input() : layer.output();
      boolean named =
          subject.weights().stream()
              .anyMatch(
                  w -> w.layer() == layer.layer() && (inputs ? w.col() : w.row()) == e.channel());
      points.add(
          new Point(
              layer.layer(),
              e.value(),
              Double.NaN,
              Double.NaN,
              named
                  ? "layer " + layer.layer() + (inputs ? ", column " : ", row ") + e.channel()
                  : ""));
    }
    return points;
  }

  private static List<Point> published(PaperModel model, String side, int weightLayer) {
    List<Double> values = model.numbers("figure3", side);
    List<Point> points = new ArrayList<>();
    for (int i = 0; i < values.size(); i++) {
      Coordinate weight = model.superWeights().getFirst();
      points.add(
          Point.of(i, values.get(i))
              .labelled(
                  i == weightLayer
                      ? "layer "
                          + i
                          + (side.equals("input")
                              ? ", column " + weight.col()
                              : ", row " + weight.row())
                      : ""));
    }
    return points;
  }

  private Chart chart(String id, String title, String model, List<Point> points) {
    return new Chart(
        id,
        title,
        Chart.Kind.STEMS,
        new Axis("layer", Scaling.LINEAR),
        new Axis("activation", Scaling.SYMLOG),
        List.of(),
        List.of(new Curve(model.isEmpty() ? "this model" : "paper, " + model, points)),
        List.of(),
        "");
  }

  private Table table(PaperModel drawn) {
    List<Row> rows = new ArrayList<>();
    for (LayerExtremes layer : layers) {
      rows.add(
          Row.measured(
              Cell.of(layer.layer()),
              Cell.of(layer.input().value()),
              Cell.of(layer.input().channel()),
              Cell.of(Phrases.token(layer.input().token())),
              Cell.of(layer.output().value()),
              Cell.of(layer.output().channel()),
              Cell.of(Phrases.token(layer.output().token()))));
    }
    List<Double> inputs = drawn.numbers("figure3", "input");
    List<Double> outputs = drawn.numbers("figure3", "output");
    for (int i = 0; i < inputs.size(); i++) {
      rows.add(
          Row.of(
              "paper, " + drawn.name(),
              Cell.of(i),
              Cell.of(inputs.get(i)),
              Cell.none(),
              Cell.none(),
              Cell.of(outputs.get(i)),
              Cell.none(),
              Cell.none()));
    }
    return new Table(
        "layers",
        "Largest values by layer",
        List.of(
            new Column("layer", "layer", Form.COUNT),
            new Column("input", "input", Form.VALUE),
            new Column("column", "column", Form.COUNT),
            new Column("input_token", "at", Form.WORDS),
            new Column("output", "output", Form.VALUE),
            new Column("row", "row", Form.COUNT),
            new Column("output_token", "at", Form.WORDS)),
        rows);
  }

  private static List<String> differences(boolean same) {
    List<String> differences = new ArrayList<>();
    if (!same) {
      differences.add(
          "The paper draws Llama-7B (and, in its code, OLMo-7B): its numbers are shown to compare the pattern, not the values.");
    }
    differences.add(
        "The vertical axis is logarithmic on both sides of zero; the paper’s is linear, where only the largest spike is to be seen.");
    differences.add(
        "The figure’s caption swaps row and column; here, as in its formulas and code, a row is an output channel and a column an input channel.");
    differences.add(
        "The paper’s numbers are of float16 weights and activations; how these were computed is said below.");
    return differences;
  }

  private List<Fact> protocol() {
    List<Fact> facts = new ArrayList<>();
    facts.add(
        new Fact("statistic", "signed value at the argmax of |x| over all tokens and channels"));
    subject.found().prompts().forEach(prompt -> facts.addAll(Phrases.prompt(prompt)));
    return facts;
  }
}
