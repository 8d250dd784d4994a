package io.superweight.report;

import io.superweight.experiment.Exhibit;
import io.superweight.experiment.Exhibit.Cell;
import io.superweight.experiment.Exhibit.Chart;
import io.superweight.experiment.Exhibit.Column;
import io.superweight.experiment.Exhibit.Fact;
import io.superweight.experiment.Exhibit.Form;
import io.superweight.experiment.Exhibit.Gap;
import io.superweight.experiment.Exhibit.Row;
import io.superweight.experiment.Exhibit.Table;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** An experiment as one page that holds all it needs, and the page that leads to all of them. */
public final class ReproductionPage {
  /** Rows of a table that stays open beside a chart; a longer one is folded. */
  private static final int OPEN_ROWS = 14;

  /** Columns of words from which on rows are written as sentences below each other. */
  private static final int SENTENCES = 4;

  private final StringBuilder html = new StringBuilder(1 << 16);

  private ReproductionPage() {}

  /**
   * Writes the page of one experiment, UTF-8; the stream is flushed and left open.
   *
   * @param linked whether pages of other experiments and files lie beside it
   */
  public static void write(ReproductionReport report, boolean linked, OutputStream out) {
    ReproductionPage page = new ReproductionPage();
    page.exhibit(report, linked);
    page.flush(out);
  }

  /** Writes the page that leads to all of them. */
  public static void writeIndex(List<ReproductionReport> reports, OutputStream out) {
    ReproductionPage page = new ReproductionPage();
    page.index(reports);
    page.flush(out);
  }

  private void flush(OutputStream out) {
    try {
      out.write(html.toString().getBytes(StandardCharsets.UTF_8));
      out.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void open(String title) {
    html.append("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n")
        .append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .append(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n")
        .append("<meta name=\"color-scheme\" content=\"light dark\">\n<title>")
        .append(Markup.text(title))
        .append("</title>\n<style>\n")
        .append(HtmlReport.styles())
        .append("</style></head>\n<body><main>\n");
  }

  private void exhibit(ReproductionReport report, boolean linked) {
    Exhibit exhibit = report.exhibit();
    open(exhibit.item().title() + " of " + report.model().name());
    html.append("<header><p class=\"kicker\">")
        .append(linked ? "<a href=\"index.html\">Superweight</a>" : "Superweight")
        .append(" · the paper’s ")
        .append(Markup.text(exhibit.item().title()))
        .append("</p><h1>")
        .append(Markup.text(exhibit.item().subject()))
        .append("</h1><p class=\"summary\">")
        .append(prose(report.model().name() + ": " + report.model().summary()))
        .append("</p>\n<div class=\"verdict plainly\"><p class=\"said\">")
        .append(prose(exhibit.answer()))
        .append("</p></div>");
    if (!exhibit.findings().isEmpty()) {
      html.append("<ul class=\"findings\">");
      exhibit.findings().forEach(f -> html.append("<li>").append(prose(f)).append("</li>"));
      html.append("</ul>");
    }
    exhibit.gaps().forEach(this::gap);
    html.append("</header>\n");
    if (!exhibit.charts().isEmpty()) {
      html.append("<section aria-label=\"Charts\">");
      exhibit.charts().forEach(this::chart);
      html.append("</section>\n");
    }
    section("numbers", "The numbers");
    exhibit.tables().forEach(this::table);
    html.append("</section>\n");
    section("differs", "What differs from the paper");
    html.append("<ul class=\"findings\">");
    exhibit.differences().forEach(d -> html.append("<li>").append(prose(d)).append("</li>"));
    html.append("</ul></section>\n");
    measured(report, linked);
    html.append("</main></body></html>\n");
  }

  private void gap(Gap gap) {
    html.append("<p class=\"note\"><b>Not made:</b> ")
        .append(prose(gap.what()))
        .append(": ")
        .append(prose(gap.remedy()))
        .append("</p>");
  }

  private void chart(Chart chart) {
    html.append("<figure class=\"exhibit\"><h3>").append(prose(chart.title())).append("</h3>");
    if (chart.curves().size() > 1) {
      html.append("<ul class=\"marks\">");
      for (int s = 0; s < chart.curves().size(); s++) {
        html.append("<li>")
            .append(ChartFigure.sample(s))
            .append(Markup.text(chart.curves().get(s).name()))
            .append("</li>");
      }
      chart.rules().stream()
          .filter(rule -> chart.kind() == Chart.Kind.DOTS)
          .forEach(rule ->
              html.append("<li class=\"ruled\">")
                  .append(Markup.text(rule.label()))
                  .append("</li>"));
      html.append("</ul>");
    }
    html.append(ChartFigure.svg(chart, false)).append(ChartFigure.svg(chart, true));
    if (!chart.caption().isEmpty()) {
      html.append("<figcaption>").append(prose(chart.caption())).append("</figcaption>");
    }
    html.append("</figure>");
  }

  private void table(Table table) {
    if (table.columns().stream().filter(column -> column.form() == Form.WORDS).count()
        >= SENTENCES) {
      entries(table);
      return;
    }
    boolean folded = table.rows().size() > OPEN_ROWS;
    boolean sources = table.rows().stream().map(Row::source).distinct().count() > 1;
    html.append(
        folded
            ? "<details><summary>" + Markup.text(table.title()) + "</summary>"
            : "<h3>" + Markup.text(table.title()) + "</h3>");
    html.append("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"")
        .append(Markup.text(table.title()))
        .append("\"><table class=\"plain exhibited\"><thead><tr>");
    for (Column column : table.columns()) {
      html.append(
              column.form() == Form.WORDS
                  ? "<th scope=\"col\">"
                  : "<th scope=\"col\" class=\"num\">")
          .append(Markup.text(column.title()))
          .append("</th>");
    }
    html.append("</tr></thead><tbody>");
    for (Row row : table.rows()) {
      html.append(row.source().isEmpty() ? "<tr>" : "<tr class=\"quoted\">");
      for (int c = 0; c < row.cells().size(); c++) {
        cell(
            row.cells().get(c),
            table.columns().get(c).form(),
            c == 0 && sources ? row.source() : "");
      }
      html.append("</tr>");
    }
    html.append("</tbody></table></div>").append(folded ? "</details>" : "");
  }

  /** A table of sentences, one below the other: in columns they would be as narrow as a word. */
  private void entries(Table table) {
    html.append("<h3>").append(Markup.text(table.title())).append("</h3><div class=\"entries\">");
    for (Row row : table.rows()) {
      html.append("<article><h4>").append(prose(words(table, row, 0)));
      html.append(" <span class=\"between-words\">")
          .append(prose(words(table, row, 1)))
          .append("</span></h4><dl>");
      for (int c = 2; c < row.cells().size(); c++) {
        Column column = table.columns().get(c);
        String text = words(table, row, c);
        if (!text.isEmpty() && column.form() == Form.WORDS) {
          fact(column.title(), prose(text));
        }
      }
      html.append("</dl></article>");
    }
    html.append("</div>");
  }

  private static String words(Table table, Row row, int column) {
    return CellText.of(row.cells().get(column), table.columns().get(column).form());
  }

  /**
   * @param source where it is from, said under the first cell of a row
   */
  private void cell(Cell cell, Form form, String source) {
    String text = CellText.of(cell, form);
    String interval = CellText.interval(cell, form);
    html.append(
            form == Form.WORDS
                ? text.length() > 60 ? "<td class=\"prose\">" : "<td>"
                : "<td class=\"num\">")
        .append(prose(text));
    if (!source.isEmpty()) {
      html.append("<span class=\"between\">").append(Markup.text(source)).append("</span>");
    }
    if (!interval.isEmpty()) {
      html.append("<span class=\"between\">").append(Markup.text(interval)).append("</span>");
    }
    html.append("</td>");
  }

  private void measured(ReproductionReport report, boolean linked) {
    section("measured", "How it was measured");
    ModelFacts model = report.model();
    html.append("<dl>");
    fact("command", "<code class=\"long\">" + Markup.text(report.command()) + "</code>");
    fact("model", "<span class=\"long\">" + Markup.text(model.source()) + "</span>");
    fact("digest", "<code class=\"long\">" + Markup.text(model.digest()) + "</code>");
    fact("stored as", Markup.text(model.dtype() + ", " + model.format()));
    fact("computed by", Markup.text(model.device()));
    fact(
        "super weights",
        report.weights().isEmpty()
            ? "none known"
            : prose(Numerals.listed(report.weights()) + ", from " + report.origin()));
    for (Fact fact : report.exhibit().protocol()) {
      fact(fact.name(), prose(fact.value()));
    }
    fact("paper’s numbers", Markup.text(report.paperSource()));
    fact("Superweight", Markup.text(report.version()));
    html.append("</dl>");
    if (linked) {
      String name = report.exhibit().item().text();
      html.append("<p class=\"files\">Files: <a href=\"")
          .append(name)
          .append(".txt\">text</a>, <a href=\"")
          .append(name)
          .append(".json\">JSON</a>");
      for (Table table : report.exhibit().tables()) {
        html.append(", <a href=\"")
            .append(csv(report.exhibit(), table))
            .append("\">")
            .append(Markup.text(table.title()))
            .append(" (CSV)</a>");
      }
      html.append("</p>");
    }
    html.append("</section>\n");
  }

  /** The name of a table's CSV file: that of the main table is the experiment's. */
  public static String csv(Exhibit exhibit, Table table) {
    String name = exhibit.item().text();
    return (table == exhibit.tables().getFirst() ? name : name + "-" + table.id()) + ".csv";
  }

  private void index(List<ReproductionReport> reports) {
    ReproductionReport any = reports.getFirst();
    open("The paper’s experiments on " + any.model().name());
    html.append("<header><p class=\"kicker\">Superweight</p><h1>The paper’s experiments on ")
        .append(prose(any.model().name()))
        .append("</h1><p class=\"summary\">")
        .append(Markup.text(any.model().summary()))
        .append("</p><p class=\"summary\">")
        .append(
            any.weights().isEmpty()
                ? "No super weight is known."
                : "Super weights: "
                    + prose(Numerals.listed(any.weights()) + " (from " + any.origin() + ")."))
        .append("</p></header>\n<section aria-label=\"Experiments\"><ul class=\"contents\">");
    for (ReproductionReport report : reports) {
      Exhibit exhibit = report.exhibit();
      String name = exhibit.item().text();
      html.append("<li><h3><a href=\"")
          .append(name)
          .append(".html\">")
          .append(Markup.text(exhibit.item().title() + ". " + exhibit.item().subject()))
          .append("</a></h3><p>")
          .append(prose(exhibit.answer()))
          .append("</p>");
      exhibit.gaps().forEach(this::gap);
      html.append("<p class=\"quiet\"><a href=\"")
          .append(name)
          .append(".txt\">text</a> · <a href=\"")
          .append(name)
          .append(".json\">JSON</a> · <a href=\"")
          .append(name)
          .append(".csv\">CSV</a></p></li>");
    }
    html.append(
        "</ul></section>\n<section aria-labelledby=\"made\"><h2 id=\"made\">How it was made</h2><dl>");
    fact("model", "<span class=\"long\">" + Markup.text(any.model().source()) + "</span>");
    fact("digest", "<code class=\"long\">" + Markup.text(any.model().digest()) + "</code>");
    fact("computed by", Markup.text(any.model().device()));
    fact("paper’s numbers", Markup.text(any.paperSource()));
    fact("Superweight", Markup.text(any.version()));
    html.append("</dl></section>\n</main></body></html>\n");
  }

  /** A sentence in which numbers and their units stay together. */
  private static String prose(String sentence) {
    return Markup.breakable(sentence.replace(" %", "\u00a0%").replace("× ", "×\u00a0"));
  }

  private void fact(String name, String value) {
    html.append("<dt>").append(Markup.text(name)).append("</dt><dd>").append(value).append("</dd>");
  }

  private void section(String id, String title) {
    html.append("<section aria-labelledby=\"%s\"><h2 id=\"%s\">%s</h2>".formatted(id, id, title));
  }
}
