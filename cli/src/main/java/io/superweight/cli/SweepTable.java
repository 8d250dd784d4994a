package io.superweight.cli;

import io.superweight.evaluate.Metric;
import io.superweight.evaluate.Protocol;
import io.superweight.experiment.Comparison;
import io.superweight.experiment.SweepResult;
import io.superweight.report.ModelFacts;
import io.superweight.report.Numerals;
import io.superweight.report.SweepReport;
import io.superweight.statistics.Interval;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Stream;

/** What {@code sweep} prints: a table for each evaluation, rows for each version of the model. */
final class SweepTable {
  private SweepTable() {}

  static void print(SweepReport report, Terminal terminal) {
    PrintStream out = terminal.out();
    Look look = new Look(terminal.color());
    int width = Math.clamp(terminal.columns(), 40, 132);
    ModelFacts facts = report.model();
    Lines.title(facts, look, width, out);
    for (SweepResult.Part part : report.result().parts()) {
      out.println();
      out.println(look.strong(Columns.cut(Shown.text(part.name()), width)));
      table(part).render(width, look).forEach(out::println);
      Lines.paragraph(look.faint(protocol(part.protocol())), width, out);
    }
    out.println();
    Stream.concat(
            report.result().models().stream().flatMap(m -> m.notes().stream()),
            report.result().parts().stream().flatMap(p -> p.protocol().notes().stream()))
        .distinct()
        .forEach(note -> Lines.paragraph(Shown.text(note), width, out));
    Lines.paragraph(
        look.faint(
            (errors(report)
                    ? "± standard error, as the reference computes it; brackets: "
                    : "Brackets: ")
                + Numerals.trimmed(100 * SweepResult.CONFIDENCE)
                + " % of "
                + Numerals.count(SweepResult.RESAMPLES)
                + " draws of the documents, the same for both models, seed "
                + SweepResult.SEED
                + "; documents better / worse than the original, p of the sign test; weights "
                + facts.dtype()
                + "; digest "
                + facts.shortDigest()
                + "; "
                + facts.device()),
        width,
        out);
  }

  private static boolean errors(SweepReport report) {
    return report.result().parts().stream()
        .flatMap(part -> part.rows().stream())
        .flatMap(row -> row.metrics().stream())
        .anyMatch(metric -> metric.standardError().isPresent());
  }

  private static Table table(SweepResult.Part part) {
    Table table =
        new Table()
            .left("model", Table.ALWAYS)
            .left("metric", Table.ALWAYS)
            .right("value", Table.ALWAYS)
            .left("±", 2)
            .right("change", Table.ALWAYS)
            .left("95 %", 4)
            .left("better / worse", 3)
            .right("p", 1);
    for (SweepResult.Row row : part.rows()) {
      for (int m = 0; m < row.metrics().size(); m++) {
        Optional<Comparison> comparison = row.comparisons().get(m);
        table
            .row()
            .cell(m == 0 ? Shown.text(row.model().label()) : "")
            .cell(row.metrics().get(m).name())
            .cell(value(row.metrics().get(m)))
            .cell(error(row.metrics().get(m)))
            .cell(comparison.map(SweepTable::change).orElse(""))
            .cell(comparison.map(SweepTable::interval).orElse(""))
            .cell(comparison.map(c -> c.better() + " / " + c.worse()).orElse(""))
            .cell(comparison.map(c -> probability(c.p())).orElse(""));
      }
    }
    return table;
  }

  /** A perplexity in five digits, an accuracy in four decimals: as the references print them. */
  static String value(Metric metric) {
    double value = metric.value();
    if (metric.link() == Metric.Link.IDENTITY && Math.abs(value) < 100) {
      return String.format(Locale.ROOT, "%.4f", value).replace('-', '−');
    }
    return value >= 1 && value < 1000
        ? String.format(Locale.ROOT, "%.4f", value)
        : Numerals.value(value);
  }

  private static String error(Metric metric) {
    OptionalDouble error = metric.standardError();
    if (error.isEmpty()) {
      return "";
    }
    double size = error.getAsDouble();
    return "± " + (size < 1000 ? String.format(Locale.ROOT, "%.4f", size) : Numerals.value(size));
  }

  private static String change(Comparison comparison) {
    return comparison.kind() == Comparison.Kind.RATIO
        ? Numerals.ratio(comparison.estimate())
        : signed(comparison.estimate());
  }

  private static String interval(Comparison comparison) {
    return comparison
        .interval()
        .map(i ->
            comparison.kind() == Comparison.Kind.RATIO
                ? "[" + Numerals.range(i) + "]"
                : differences(i))
        .orElse("");
  }

  private static String differences(Interval interval) {
    return "[" + signed(interval.low()) + " to " + signed(interval.high()) + "]";
  }

  private static String signed(double value) {
    String digits = String.format(Locale.ROOT, "%+.4f", value).replace('-', '−');
    return digits.substring(1).equals("0.0000") ? "0" : digits;
  }

  private static String probability(double p) {
    return p < 0.001 ? "< 0.001" : String.format(Locale.ROOT, "%.3f", p);
  }

  private static String protocol(Protocol protocol) {
    List<String> words = new ArrayList<>();
    words.add(
        protocol.name() + (protocol.preset().isEmpty() ? "" : " (" + protocol.preset() + ")"));
    words.add(Shown.text(protocol.dataset()));
    words.add(
        protocol.documents() == protocol.documentsOfAll()
            ? Numerals.counted(protocol.documents(), "document")
            : Numerals.count(protocol.documents())
                + " of "
                + Numerals.counted(protocol.documentsOfAll(), "document"));
    words.add("at most " + Numerals.count(protocol.windowTokens()) + " tokens");
    words.add("BOS: " + protocol.bos());
    protocol.sources().stream()
        .limit(3)
        .forEach(s ->
            words.add(
                Shown.text(s.name())
                    + " sha256 "
                    + s.sha256().substring(0, Math.min(16, s.sha256().length()))));
    return String.join("; ", words);
  }
}
