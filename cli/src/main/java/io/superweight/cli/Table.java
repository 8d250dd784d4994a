package io.superweight.cli;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * A table of text that fits a width: where it is too wide, the columns that matter least are left
 * out.
 */
final class Table {

  /**
   * @param importance columns of smaller importance go first; {@link #ALWAYS} never goes
   */
  private record Column(String title, boolean right, int importance, int at) {}

  static final int ALWAYS = Integer.MAX_VALUE;

  private final List<Column> columns = new ArrayList<>();
  private final List<Row> rows = new ArrayList<>();

  /**
   * @param paint colours a cell after it was set to its width
   */
  private record Cell(String text, UnaryOperator<String> paint) {}

  /** Cells of one line, and sentences under it. */
  final class Row {
    private final List<Cell> cells = new ArrayList<>();
    private final List<String> sentences = new ArrayList<>();

    Row cell(String text) {
      return cell(text, UnaryOperator.identity());
    }

    Row cell(String text, UnaryOperator<String> paint) {
      cells.add(new Cell(text, paint));
      return this;
    }

    /** A sentence on lines of its own under the row. */
    Row under(String sentence) {
      if (!sentence.isBlank()) {
        sentences.add(sentence);
      }
      return this;
    }
  }

  Table left(String title, int importance) {
    columns.add(new Column(title, false, importance, columns.size()));
    return this;
  }

  Table right(String title, int importance) {
    columns.add(new Column(title, true, importance, columns.size()));
    return this;
  }

  Row row() {
    Row row = new Row();
    rows.add(row);
    return row;
  }

  boolean isEmpty() {
    return rows.isEmpty();
  }

  /** The lines of the table, none of them wider than {@code width} unless the first column is. */
  List<String> render(int width, Look look) {
    int indent = 2;
    List<Column> shown = new ArrayList<>(columns);
    shown.removeIf(c ->
        c.importance() != ALWAYS
            && rows.stream().allMatch(r -> r.cells.get(c.at()).text().isEmpty()));
    while (indent + total(shown) > width) {
      Column least =
          shown.stream()
              .filter(c -> c.importance() != ALWAYS)
              .min(Comparator.comparingInt(Column::importance))
              .orElse(null);
      if (least == null) {
        break;
      }
      shown.remove(least);
    }
    List<String> lines = new ArrayList<>();
    StringBuilder head = new StringBuilder(" ".repeat(indent));
    for (Column c : shown) {
      head.append(set(c.title(), c, look::faint)).append("  ");
    }
    lines.add(head.toString().stripTrailing());
    lines.add(" ".repeat(indent) + look.faint("─".repeat(Math.min(width - indent, total(shown)))));
    for (Row row : rows) {
      StringBuilder line = new StringBuilder(" ".repeat(indent));
      for (Column c : shown) {
        Cell cell = row.cells.get(c.at());
        line.append(set(cell.text(), c, cell.paint())).append("  ");
      }
      lines.add(line.toString().stripTrailing());
      for (String sentence : row.sentences) {
        for (String part :
            Columns.wrap(sentence, Math.max(30, Math.min(width, 100) - indent - 4))) {
          lines.add(" ".repeat(indent + 2) + look.faint(part));
        }
      }
    }
    return lines;
  }

  private String set(String text, Column column, UnaryOperator<String> paint) {
    String space = " ".repeat(Math.max(0, width(column) - Columns.width(text)));
    return column.right() ? space + paint.apply(text) : paint.apply(text) + space;
  }

  private int total(List<Column> shown) {
    return shown.stream().mapToInt(this::width).sum() + 2 * Math.max(0, shown.size() - 1);
  }

  private int width(Column column) {
    return Math.max(
        Columns.width(column.title()),
        rows.stream()
            .mapToInt(r -> Columns.width(r.cells.get(column.at()).text()))
            .max()
            .orElse(0));
  }
}
