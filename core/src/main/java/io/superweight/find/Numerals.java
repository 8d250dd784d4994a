package io.superweight.find;

import java.util.Locale;

/** Numbers in the sentences of a search. */
final class Numerals {
  private Numerals() {}

  /** An activation: 24,058, -14,217, 35.2, 0.512. */
  static String value(double value) {
    double a = Math.abs(value);
    return String.format(Locale.ROOT, a >= 100 ? "%,.0f" : a >= 10 ? "%.1f" : "%.3g", value);
  }

  static String count(long value) {
    return String.format(Locale.ROOT, "%,d", value);
  }

  /** A part of a whole: 73 %, 0.6 %. */
  static String percent(double part) {
    double p = 100 * part;
    return String.format(Locale.ROOT, Math.abs(p) < 9.95 && p != 0 ? "%.1f %%" : "%.0f %%", p);
  }
}
