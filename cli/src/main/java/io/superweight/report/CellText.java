package io.superweight.report;

import io.superweight.experiment.Exhibit.Cell;
import io.superweight.experiment.Exhibit.Form;
import io.superweight.experiment.Exhibit.Number;
import io.superweight.experiment.Exhibit.Words;
import java.util.Locale;

/** What stands in a table's cell, for people. */
public final class CellText {
  private CellText() {}

  /** The words, or the number in the form of its column, without its interval. */
  public static String of(Cell cell, Form form) {
    return switch (cell) {
      case Words words -> words.text();
      case Number number -> number(number.value(), form);
    };
  }

  /** The interval, {@code 31.2–38.0}; empty for none. */
  public static String interval(Cell cell, Form form) {
    if (!(cell instanceof Number number) || !number.hasInterval()) {
      return "";
    }
    String low = number(number.low(), form).replace("× ", "");
    String high = number(number.high(), form).replace("× ", "");
    // A dash would be taken for the sign of what follows it.
    return low + (high.startsWith("−") ? " to " : "–") + high;
  }

  static String number(double v, Form form) {
    if (Double.isNaN(v)) {
      return "";
    }
    return switch (form) {
      case WORDS, VALUE -> Numerals.value(v);
      case WEIGHT -> Numerals.weight(v);
      case SETTING -> Numerals.trimmed(v);
      case COUNT -> String.format(Locale.ROOT, Math.abs(v) < 10_000 ? "%.0f" : "%,.0f", v);
      case PERCENT -> String.format(Locale.ROOT, "%.1f", v).replace('-', '−');
      case PERPLEXITY -> v < 100 ? String.format(Locale.ROOT, "%.2f", v) : Numerals.value(v);
      case RATIO ->
          Math.abs(v - 1) < 0.01 ? String.format(Locale.ROOT, "× %.4f", v) : Numerals.ratio(v);
      case PROBABILITY ->
          v >= 0.1 ? String.format(Locale.ROOT, "%.2f", v) : String.format(Locale.ROOT, "%.2g", v);
    };
  }
}
