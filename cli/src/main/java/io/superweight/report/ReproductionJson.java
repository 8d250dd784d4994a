package io.superweight.report;

import io.superweight.experiment.Exhibit;
import io.superweight.experiment.Exhibit.Cell;
import io.superweight.experiment.Exhibit.Column;
import io.superweight.experiment.Exhibit.Number;
import io.superweight.experiment.Exhibit.Row;
import io.superweight.experiment.Exhibit.Table;
import io.superweight.experiment.Exhibit.Words;
import java.io.OutputStream;
import java.util.stream.IntStream;

/** An experiment as a JSON document, schema {@code superweight.reproduce/1}. */
public final class ReproductionJson {
  private ReproductionJson() {}

  /** Writes the document; the stream is flushed and left open. */
  public static void write(ReproductionReport report, OutputStream out) {
    Exhibit exhibit = report.exhibit();
    DocumentWriter.write(
        out,
        "superweight.reproduce/1",
        json -> {
          SharedJson.tool(json, report.version());
          SharedJson.model(json, report.model());
          json.text("item", exhibit.item().text());
          json.text("title", exhibit.item().title());
          json.text("command", report.command());
          json.weights("superWeights", report.weights());
          json.text("superWeightsFrom", report.origin());
          json.text("answer", exhibit.answer());
          json.texts("findings", exhibit.findings());
          json.array("tables", exhibit.tables(), table -> table(json, table));
          json.texts("differences", exhibit.differences());
          json.array(
              "missing",
              exhibit.gaps(),
              gap -> {
                json.text("what", gap.what());
                json.text("remedy", gap.remedy());
              });
          json.array(
              "protocol",
              exhibit.protocol(),
              fact -> {
                json.text("name", fact.name());
                json.text("value", fact.value());
              });
          json.text("paper", report.paperSource());
        });
  }

  private static void table(DocumentWriter json, Table table) {
    json.text("id", table.id());
    json.text("title", table.title());
    json.array(
        "columns",
        table.columns(),
        column -> {
          json.text("id", column.id());
          json.text("title", column.title());
          json.choice("form", column.form());
        });
    json.array("rows", table.rows(), row -> row(json, table, row));
  }

  private static void row(DocumentWriter json, Table table, Row row) {
    json.text("source", row.source().isEmpty() ? "measured" : row.source());
    IntStream.range(0, row.cells().size())
        .forEach(i -> cell(json, table.columns().get(i), row.cells().get(i)));
  }

  private static void cell(DocumentWriter json, Column column, Cell cell) {
    switch (cell) {
      case Words words -> json.textOrNull(column.id(), words.text());
      case Number number when number.hasInterval() ->
          json.object(
              column.id(),
              () -> {
                json.number("estimate", number.value());
                json.number("low", number.low());
                json.number("high", number.high());
              });
      case Number number -> json.number(column.id(), number.value());
    }
  }
}
