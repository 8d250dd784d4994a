package io.superweight.report;

import io.superweight.experiment.Exhibit.Cell;
import io.superweight.experiment.Exhibit.Number;
import io.superweight.experiment.Exhibit.Row;
import io.superweight.experiment.Exhibit.Table;
import io.superweight.experiment.Exhibit.Words;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A table as CSV (RFC 4180, UTF-8, "\n"): a first column says where a row is from; a number with an
 * interval has two more columns, {@code _low} and {@code _high}.
 */
public final class ReproductionCsv {
  private ReproductionCsv() {}

  /** Writes the table; the stream is flushed and left open. */
  public static void write(Table table, OutputStream out) {
    List<Boolean> intervals = new ArrayList<>();
    List<String> head = new ArrayList<>(List.of("source"));
    for (int c = 0; c < table.columns().size(); c++) {
      int column = c;
      boolean interval =
          table.rows().stream()
              .anyMatch(row -> row.cells().get(column) instanceof Number n && n.hasInterval());
      intervals.add(interval);
      String id = table.columns().get(c).id();
      head.add(id);
      if (interval) {
        head.addAll(List.of(id + "_low", id + "_high"));
      }
    }
    StringBuilder csv = new StringBuilder();
    line(csv, head);
    for (Row row : table.rows()) {
      List<String> fields = new ArrayList<>();
      fields.add(row.source().isEmpty() ? "measured" : row.source());
      for (int c = 0; c < row.cells().size(); c++) {
        Cell cell = row.cells().get(c);
        fields.add(
            switch (cell) {
              case Words words -> words.text();
              case Number number -> number(number.value());
            });
        if (intervals.get(c)) {
          fields.add(cell instanceof Number n ? number(n.low()) : "");
          fields.add(cell instanceof Number n ? number(n.high()) : "");
        }
      }
      line(csv, fields);
    }
    try {
      out.write(csv.toString().getBytes(StandardCharsets.UTF_8));
      out.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String number(double v) {
    if (Double.isNaN(v)) {
      return "";
    }
    return v == Math.rint(v) && Math.abs(v) < 1e15
        ? String.format(Locale.ROOT, "%.0f", v)
        : String.valueOf(v);
  }

  private static void line(StringBuilder csv, List<String> fields) {
    for (int i = 0; i < fields.size(); i++) {
      String field = fields.get(i);
      csv.append(i == 0 ? "" : ",");
      boolean quoted = field.chars().anyMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r');
      csv.append(quoted ? '"' + field.replace("\"", "\"\"") + '"' : field);
    }
    csv.append('\n');
  }
}
