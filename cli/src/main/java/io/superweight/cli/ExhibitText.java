package io.superweight.cli;

import io.superweight.experiment.Exhibit;
import io.superweight.experiment.Exhibit.Cell;
import io.superweight.experiment.Exhibit.Column;
import io.superweight.experiment.Exhibit.Fact;
import io.superweight.experiment.Exhibit.Form;
import io.superweight.experiment.Exhibit.Gap;
import io.superweight.experiment.Exhibit.Row;
import io.superweight.report.CellText;
import io.superweight.report.Numerals;
import io.superweight.report.ReproductionReport;
import java.io.PrintStream;
import java.util.List;

/** An experiment of the paper for a person at a terminal: what came out, then the numbers. */
final class ExhibitText {
  private final ReproductionReport report;
  private final PrintStream out;
  private final Look look;
  private final int width;
  private final boolean whole;

  private ExhibitText(ReproductionReport report, Terminal terminal, boolean whole) {
    this.report = report;
    this.out = terminal.out();
    this.look = new Look(terminal.color());
    this.width = Math.clamp(terminal.columns(), 40, 160);
    this.whole = whole;
  }

  /** Everything. */
  static void print(ReproductionReport report, Terminal terminal) {
    new ExhibitText(report, terminal, true).print();
  }

  /** What came out, without the numbers. */
  static void printShort(ReproductionReport report, Terminal terminal) {
    new ExhibitText(report, terminal, false).print();
  }

  private void print() {
    Exhibit exhibit = report.exhibit();
    out.println(
        look.strong(exhibit.item().title() + ". " + exhibit.item().subject())
            + look.faint("  " + Columns.cut(Shown.text(report.model().name()), 50)));
    paragraph(exhibit.answer(), "");
    for (Gap gap : exhibit.gaps()) {
      paragraph("Not made: " + gap.what() + ": " + gap.remedy(), "  ");
    }
    if (!whole) {
      return;
    }
    exhibit.findings().forEach(finding -> paragraph(finding, "  "));
    exhibit.tables().forEach(this::table);
    title("What differs from the paper");
    exhibit.differences().forEach(difference -> paragraph(difference, "  "));
    title("How it was measured");
    fact("command", report.command());
    fact("model", report.model().source() + ", digest " + report.model().shortDigest());
    fact("stored as", report.model().dtype() + ", " + report.model().format());
    fact("device", report.model().device());
    fact(
        "weights",
        report.weights().isEmpty()
            ? "none known"
            : Numerals.listed(report.weights()) + ", from " + report.origin());
    for (Fact fact : exhibit.protocol()) {
      fact(fact.name(), fact.value());
    }
    fact("paper", report.paperSource());
  }

  private void title(String text) {
    out.println();
    out.println(look.accent(text));
  }

  private void paragraph(String text, String indent) {
    Columns.wrap(Shown.prose(text), Math.min(width, 100) - indent.length())
        .forEach(line -> out.println(indent + line));
  }

  private void fact(String name, String value) {
    List<String> lines = Columns.wrap(Shown.prose(value), Math.max(30, Math.min(width, 110) - 30));
    String title = Columns.cut(name, 26);
    for (String line : lines) {
      out.println("  " + look.faint(title + " ".repeat(28 - Columns.width(title))) + line);
      title = "";
    }
  }

  private void table(Exhibit.Table exhibited) {
    title(exhibited.title());
    boolean sources = exhibited.rows().stream().map(Row::source).distinct().count() > 1;
    Table table = new Table();
    if (sources) {
      table.left("source", Table.ALWAYS);
    }
    for (int c = 0; c < exhibited.columns().size(); c++) {
      Column column = exhibited.columns().get(c);
      int importance = c < 3 ? Table.ALWAYS : 100 - c;
      if (column.form() == Form.WORDS) {
        table.left(column.title(), importance);
      } else {
        table.right(column.title(), importance);
      }
    }
    for (Row row : exhibited.rows()) {
      Table.Row line = table.row();
      if (sources) {
        line.cell(row.source().isEmpty() ? "this model" : row.source(), look::faint);
      }
      StringBuilder under = new StringBuilder();
      for (int c = 0; c < row.cells().size(); c++) {
        Column column = exhibited.columns().get(c);
        Cell cell = row.cells().get(c);
        String text = Shown.text(CellText.of(cell, column.form()));
        // A long sentence has lines of its own.
        if (text.length() > 48) {
          under.append(under.isEmpty() ? "" : " ").append(text);
          text = "";
        }
        line.cell(text, row.source().isEmpty() ? t -> t : look::faint);
      }
      line.under(under.toString());
      if (row.cells().stream()
          .anyMatch(cell -> cell instanceof Exhibit.Number n && n.hasInterval())) {
        Table.Row between = table.row();
        if (sources) {
          between.cell("");
        }
        for (int c = 0; c < row.cells().size(); c++) {
          between.cell(
              CellText.interval(row.cells().get(c), exhibited.columns().get(c).form()),
              look::faint);
        }
      }
    }
    table.render(width, look).forEach(out::println);
  }
}
