package io.superweight.report;

import io.superweight.experiment.Exhibit;
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
import io.superweight.experiment.Item;
import io.superweight.model.Coordinate;
import io.superweight.statistics.Interval;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Made-up experiments with all kinds of charts, long names and many numbers. */
final class ReproductionSamples {
  private ReproductionSamples() {}

  static ReproductionReport report() {
    return new ReproductionReport(
        "1.2.3",
        Samples.facts(),
        List.of(Coordinate.down(11, 507, 1229), Coordinate.down(11, 507, 1487)),
        "a search on the paper’s prompt",
        "superweight reproduce table1 models/SmolLM2-135M-Instruct.Q4_1.gguf --limit 25",
        "Yu et al. 2024, arXiv 2411.07191 v1",
        exhibit());
  }

  static String page() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ReproductionPage.write(report(), true, out);
    return out.toString(StandardCharsets.UTF_8);
  }

  static String index() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ReproductionPage.writeIndex(List.of(report(), report()), out);
    return out.toString(StandardCharsets.UTF_8);
  }

  private static Exhibit exhibit() {
    return new Exhibit(
        Item.TABLE1,
        "Without its 2 super weights the perplexity of wikitext-2 is × 31,137, with their activation put back × 0.9999.",
        List.of("A finding that names layers.11.mlp.down[507,1229] and a <tag> & “quotes”."),
        List.of(stems(), lines(), dots(), ratios()),
        List.of(wide(), words()),
        List.of("One difference.", "Another one, at 95 % and × 3.39."),
        List.of(new Gap("gptq-c4", "allenai/c4, en, validation is not here: give --data FOLDER")),
        List.of(new Fact("token ids", "39080 5829 30 314 253 4969 10722 2727 30, no BOS")));
  }

  private static Chart stems() {
    List<Point> points =
        IntStream.range(0, 80)
            .mapToObj(i -> Point.of(i, (i % 2 == 0 ? 1 : -1) * Math.pow(1.15, i)))
            .map(p ->
                p.x() == 40 || p.x() == 41 || p.x() == 79
                    ? p.labelled("layer " + (int) p.x() + ", column 14386")
                    : p)
            .toList();
    return chart(
        "stems",
        Chart.Kind.STEMS,
        Scaling.SYMLOG,
        List.of(),
        List.of(new Curve("this model", points)));
  }

  private static Chart lines() {
    List<Curve> curves = new ArrayList<>();
    for (int c = 0; c < 4; c++) {
      int of = c;
      curves.add(
          new Curve(
              "Super weights removed, version " + c,
              List.of(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0).stream()
                  .map(x -> new Point(x, 30 + 10 * of + x, 28 + 10 * of, 33 + 10 * of, ""))
                  .toList()));
    }
    return new Chart(
        "lines",
        "Average accuracy",
        Chart.Kind.LINES,
        new Axis("scale factor of the super weights", Scaling.LINEAR),
        new Axis("average accuracy, %", Scaling.LINEAR),
        List.of(),
        curves,
        List.of(new Rule(55, "as the model is")),
        "Bars are 95 % intervals.");
  }

  private static Chart dots() {
    List<String> rows = List.of("ARC‑c", "Winogrande", "“ Massachusetts” •", "Prune non-SW, 1e-5");
    List<Curve> curves = new ArrayList<>();
    for (int c = 0; c < 5; c++) {
      int of = c;
      curves.add(
          new Curve(
              "Prune non-SW, 1e-" + c,
              IntStream.range(0, rows.size())
                  .mapToObj(r -> new Point(20 + 9 * of, r, 10, 20 + 15 * of + r, ""))
                  .toList()));
    }
    return chart("dots", Chart.Kind.DOTS, Scaling.LINEAR, rows, curves);
  }

  private static Chart ratios() {
    List<String> rows = List.of("Original", "Prune SW");
    return chart(
        "ratios",
        Chart.Kind.DOTS,
        Scaling.LOGARITHMIC,
        rows,
        List.of(new Curve("wikitext-2", List.of(Point.of(20.1, 0), Point.of(623_456, 1)))));
  }

  private static Chart chart(
      String id, Chart.Kind kind, Scaling scaling, List<String> rows, List<Curve> curves) {
    boolean across = kind == Chart.Kind.DOTS;
    return new Chart(
        id,
        "A chart of " + id,
        kind,
        new Axis("value", across ? scaling : Scaling.LINEAR),
        new Axis("activation", across ? Scaling.LINEAR : scaling),
        rows,
        curves,
        List.of(),
        "");
  }

  private static Table wide() {
    List<Column> columns = new ArrayList<>(List.of(new Column("model", "model", Form.WORDS)));
    List<Cell> cells = new ArrayList<>(List.of(Cell.of("Prune non-SW, 1e-5")));
    List<Cell> theirs = new ArrayList<>(List.of(Cell.of("Original")));
    for (int c = 0; c < 10; c++) {
      columns.add(new Column("task" + c, "Winogrande " + c, Form.PERCENT));
      cells.add(Cell.of(new Interval(44, 32.1, 56.7)));
      theirs.add(c == 3 ? Cell.none() : Cell.of(70.01));
    }
    return new Table(
        "rows",
        "Accuracy, %",
        columns,
        List.of(new Row("", cells), new Row("paper, Llama-7B", theirs)));
  }

  private static Table words() {
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      rows.add(
          Row.of(
              "paper",
              Cell.of("layers.10.mlp.down[5633,14386], a note that is longer than a phone is wide"),
              Cell.of(-0.2734)));
    }
    return new Table(
        "paper",
        "The paper’s Table 2",
        List.of(
            new Column("weight", "weight", Form.WORDS), new Column("value", "value", Form.WEIGHT)),
        rows);
  }
}
