package io.superweight.experiment;

import io.superweight.statistics.Interval;
import java.util.Arrays;
import java.util.List;

/**
 * A table or figure of the paper, made for a model: what was measured beside what the paper gives,
 * as data that every form is written from.
 *
 * @param item which one
 * @param answer what came out, in one or two sentences
 * @param findings what else the numbers say, one sentence each
 * @param charts drawings; all their numbers are in the tables, too
 * @param tables the numbers, the main table first
 * @param differences what differs from the paper's own experiment and why, one sentence each
 * @param gaps what could not be made
 * @param protocol how it was measured
 */
public record Exhibit(
    Item item,
    String answer,
    List<String> findings,
    List<Chart> charts,
    List<Table> tables,
    List<String> differences,
    List<Gap> gaps,
    List<Fact> protocol) {
  public Exhibit {
    findings = List.copyOf(findings);
    charts = List.copyOf(charts);
    tables = List.copyOf(tables);
    differences = List.copyOf(differences);
    gaps = List.copyOf(gaps);
    protocol = List.copyOf(protocol);
  }

  /** What is said where a model has no super weight that could be removed or scaled. */
  public static Exhibit withoutSuperWeights(Item item) {
    return new Exhibit(
        item,
        "No super weight is known in this model, so there is none to remove or to scale.",
        List.of(),
        List.of(),
        List.of(),
        List.of(),
        List.of(
            new Gap(
                item.title() + ", which compares the model with and without super weights",
                "name some with --weights")),
        List.of());
  }

  /**
   * Something that could not be made here.
   *
   * @param what rows or parts that are missing
   * @param remedy how to get them, one line
   */
  public record Gap(String what, String remedy) {}

  /** A line of the protocol. */
  public record Fact(String name, String value) {}

  /**
   * Numbers in rows and columns.
   *
   * @param id short name for files: {@code layers}
   * @param rows each with one cell for each column
   */
  public record Table(String id, String title, List<Column> columns, List<Row> rows) {
    public Table {
      columns = List.copyOf(columns);
      rows = List.copyOf(rows);
      for (Row row : rows) {
        if (row.cells().size() != columns.size()) {
          throw new IllegalArgumentException(
              row.cells().size() + " cells for " + columns.size() + " columns in " + title);
        }
      }
    }
  }

  /**
   * A column.
   *
   * @param id for machines: {@code word_perplexity}
   * @param title for people
   * @param form how its numbers are written; of a column of words {@link Form#WORDS}
   */
  public record Column(String id, String title, Form form) {}

  /** How a number is written for people. */
  public enum Form {
    /** No number. */
    WORDS,
    /** An activation: {@code −14,217}. */
    VALUE,
    /** A weight, with four digits: {@code −0.2734}. */
    WEIGHT,
    /** A count or index. */
    COUNT,
    /** Hundredths: {@code 41.8}. */
    PERCENT,
    /** A perplexity. */
    PERPLEXITY,
    /** How many times as much: {@code × 1.03}. */
    RATIO,
    /** A setting as it was given: {@code 0.5}. */
    SETTING,
    /** A probability, as hundredths with its small digits: {@code 0.48}. */
    PROBABILITY
  }

  /**
   * A line of a table.
   *
   * @param source empty for what was measured here; else where it is from: {@code paper, Llama-7B}
   */
  public record Row(String source, List<Cell> cells) {
    public Row {
      cells = List.copyOf(cells);
    }

    public static Row measured(Cell... cells) {
      return new Row("", Arrays.asList(cells));
    }

    public static Row of(String source, Cell... cells) {
      return new Row(source, Arrays.asList(cells));
    }
  }

  /** What stands in a table. */
  public sealed interface Cell {
    static Cell of(String words) {
      return new Words(words);
    }

    static Cell of(double value) {
      return new Number(value, Double.NaN, Double.NaN);
    }

    static Cell of(Interval interval) {
      return new Number(interval.estimate(), interval.low(), interval.high());
    }

    /** Nothing: it was not measured, or has no meaning here. */
    static Cell none() {
      return new Words("");
    }
  }

  public record Words(String text) implements Cell {}

  /**
   * @param low lower end of its interval; NaN for none
   * @param high upper end of its interval; NaN for none
   */
  public record Number(double value, double low, double high) implements Cell {
    public boolean hasInterval() {
      return !Double.isNaN(low) && !Double.isNaN(high);
    }
  }

  /**
   * A drawing.
   *
   * @param kind how values are drawn
   * @param x the horizontal axis
   * @param y the vertical axis; of {@link Kind#DOTS} the rows
   * @param rows names of the rows of {@link Kind#DOTS}, from top to bottom; empty for others
   * @param curves what is drawn
   * @param rules lines across, at values of the value axis
   */
  public record Chart(
      String id,
      String title,
      Kind kind,
      Axis x,
      Axis y,
      List<String> rows,
      List<Curve> curves,
      List<Rule> rules,
      String caption) {
    public Chart {
      rows = List.copyOf(rows);
      curves = List.copyOf(curves);
      rules = List.copyOf(rules);
    }

    /** How values are drawn. */
    public enum Kind {
      /** A stem from zero for each x. */
      STEMS,
      /** Points joined by lines. */
      LINES,
      /**
       * A row for each name, values along it: {@code x} is the value, {@code y} the row's index.
       */
      DOTS
    }
  }

  /** How an axis is divided. */
  public enum Scaling {
    LINEAR,
    /** Logarithmic on both sides of a linear middle, with zero. */
    SYMLOG,
    LOGARITHMIC
  }

  public record Axis(String label, Scaling scaling) {}

  /** Values that belong together. */
  public record Curve(String name, List<Point> points) {
    public Curve {
      points = List.copyOf(points);
    }
  }

  /**
   * @param low lower end of the value's interval; NaN for none
   * @param high upper end of the value's interval; NaN for none
   * @param label written beside it; empty for none
   */
  public record Point(double x, double y, double low, double high, String label) {
    public static Point of(double x, double y) {
      return new Point(x, y, Double.NaN, Double.NaN, "");
    }

    public Point labelled(String text) {
      return new Point(x, y, low, high, text);
    }
  }

  /** A line across the chart. */
  public record Rule(double at, String label) {}
}
