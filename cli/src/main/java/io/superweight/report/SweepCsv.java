package io.superweight.report;

import io.superweight.evaluate.Metric;
import io.superweight.evaluate.Protocol;
import io.superweight.experiment.Comparison;
import io.superweight.experiment.SweepResult;
import io.superweight.statistics.Interval;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * A sweep as a table of comma-separated values (RFC 4180, but lines end with "\n"): a line for each
 * version of the model, evaluation and metric, complete in itself. What there is none of is empty.
 */
public final class SweepCsv {
  private static final List<String> COLUMNS =
      List.of(
          "model",
          "digest",
          "dtype",
          "device",
          "version",
          "key",
          "evaluation",
          "protocol",
          "preset",
          "dataset",
          "bos",
          "window_tokens",
          "documents",
          "documents_of_all",
          "metric",
          "value",
          "standard_error",
          "chance",
          "comparison",
          "estimate",
          "low",
          "high",
          "better",
          "worse",
          "p");

  private SweepCsv() {}

  /** Writes the table, UTF-8; the stream is flushed and left open. */
  public static void write(SweepReport report, OutputStream out) {
    PrintStream lines = new PrintStream(out, false, StandardCharsets.UTF_8);
    line(lines, COLUMNS);
    for (SweepResult.Part part : report.result().parts()) {
      for (SweepResult.Row row : part.rows()) {
        for (int m = 0; m < row.metrics().size(); m++) {
          List<String> cells = new ArrayList<>();
          about(cells, report.model(), row, part.name(), part.protocol());
          measured(cells, row.metrics().get(m), row.comparisons().get(m));
          line(lines, cells);
        }
      }
    }
    lines.flush();
  }

  private static void about(
      List<String> cells,
      ModelFacts model,
      SweepResult.Row row,
      String evaluation,
      Protocol protocol) {
    cells.add(model.name());
    cells.add(model.digest());
    cells.add(model.dtype());
    cells.add(model.device());
    cells.add(row.model().label());
    cells.add(row.model().key());
    cells.add(evaluation);
    cells.add(protocol.name());
    cells.add(protocol.preset());
    cells.add(protocol.dataset());
    cells.add(protocol.bos());
    cells.add(String.valueOf(protocol.windowTokens()));
    cells.add(String.valueOf(protocol.documents()));
    cells.add(String.valueOf(protocol.documentsOfAll()));
  }

  private static void measured(List<String> cells, Metric metric, Optional<Comparison> comparison) {
    cells.add(metric.name());
    cells.add(String.valueOf(metric.value()));
    cells.add(number(metric.standardError()));
    cells.add(number(metric.chance()));
    Optional<Interval> interval = comparison.flatMap(Comparison::interval);
    cells.add(comparison.map(c -> c.kind().name().toLowerCase(java.util.Locale.ROOT)).orElse(""));
    cells.add(comparison.map(c -> String.valueOf(c.estimate())).orElse(""));
    cells.add(interval.map(i -> String.valueOf(i.low())).orElse(""));
    cells.add(interval.map(i -> String.valueOf(i.high())).orElse(""));
    cells.add(comparison.map(c -> String.valueOf(c.better())).orElse(""));
    cells.add(comparison.map(c -> String.valueOf(c.worse())).orElse(""));
    cells.add(comparison.map(c -> String.valueOf(c.p())).orElse(""));
  }

  private static String number(OptionalDouble value) {
    return value.isPresent() ? String.valueOf(value.getAsDouble()) : "";
  }

  private static void line(PrintStream lines, List<String> cells) {
    lines.print(String.join(",", cells.stream().map(SweepCsv::quoted).toList()) + "\n");
  }

  private static String quoted(String cell) {
    return cell.chars().anyMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r')
        ? "\"" + cell.replace("\"", "\"\"") + "\""
        : cell;
  }
}
