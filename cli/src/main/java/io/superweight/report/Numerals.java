package io.superweight.report;

import io.superweight.model.Coordinate;
import io.superweight.statistics.Interval;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Numbers and coordinates as people read them: true minus signs, thousands, no false precision. */
public final class Numerals {
  private Numerals() {}

  /** An activation or another number of any size: {@code −14,217}, {@code 3.52}, {@code 0.0047}. */
  public static String value(double v) {
    if (Double.isNaN(v)) {
      return "not a number";
    }
    if (Double.isInfinite(v)) {
      return v > 0 ? "∞" : "−∞";
    }
    double size = Math.abs(v);
    String digits;
    if (size == 0) {
      digits = "0";
    } else if (size >= 1e7) {
      digits = scientific(size);
    } else if (size >= 1000) {
      digits = String.format(Locale.ROOT, "%,.0f", size);
    } else if (size >= 100) {
      digits = String.format(Locale.ROOT, "%.0f", size);
    } else if (size >= 10) {
      digits = String.format(Locale.ROOT, "%.1f", size);
    } else if (size >= 1) {
      digits = String.format(Locale.ROOT, "%.2f", size);
    } else if (size >= 1e-4) {
      digits = String.format(Locale.ROOT, "%.3g", size);
    } else {
      digits = scientific(size);
    }
    return v < 0 ? "−" + digits : digits;
  }

  /** A weight's value, four significant digits. */
  public static String weight(double v) {
    if (!Double.isFinite(v) || v == 0) {
      return value(v);
    }
    double size = Math.abs(v);
    String digits =
        size >= 1e-4 && size < 1e5 ? String.format(Locale.ROOT, "%.4g", size) : scientific(size);
    return v < 0 ? "−" + digits : digits;
  }

  /** A perplexity ratio: {@code × 31,137}, {@code × 6.66}, {@code × 1.002}. */
  public static String ratio(double r) {
    if (!Double.isFinite(r)) {
      return "× ∞";
    }
    if (r >= 1e7) {
      return "× " + scientific(r);
    }
    if (r >= 1000) {
      return String.format(Locale.ROOT, "× %,.0f", r);
    }
    if (r >= 100) {
      return String.format(Locale.ROOT, "× %.0f", r);
    }
    if (r >= 10) {
      return String.format(Locale.ROOT, "× %.1f", r);
    }
    return String.format(Locale.ROOT, Math.abs(r - 1) < 0.1 ? "× %.3f" : "× %.2f", r);
  }

  /** An interval of ratios without its estimate: {@code 2.12 to 3.02}. */
  public static String range(Interval interval) {
    return ratio(interval.low()).substring(2) + " to " + ratio(interval.high()).substring(2);
  }

  /** A setting as it was given: {@code 2}, {@code 1.5}. */
  public static String trimmed(double setting) {
    return setting == Math.rint(setting) && Math.abs(setting) < 1e9
        ? count((long) setting)
        : String.valueOf(setting);
  }

  /** A fraction as a percentage: {@code 81.4 %}. */
  public static String percent(double fraction) {
    double p = 100 * fraction;
    if (p > 0 && p < 0.1) {
      return "< 0.1 %";
    }
    return String.format(Locale.ROOT, p >= 99.95 ? "%.0f %%" : "%.1f %%", p);
  }

  /** A share of an output: {@code 0.73}. */
  public static String share(double share) {
    return String.format(Locale.ROOT, "%.2f", share).replace('-', '−');
  }

  /** A whole number with thousands: {@code 1,234,567}. */
  public static String count(long n) {
    return String.format(Locale.ROOT, "%,d", n);
  }

  /** A large count in words of size: {@code 12.5 M}, {@code 6.74 B}. */
  public static String magnitude(long n) {
    if (n >= 1_000_000_000L) {
      return threeDigits(n / 1e9) + " B";
    }
    if (n >= 1_000_000L) {
      return threeDigits(n / 1e6) + " M";
    }
    return n >= 1000 ? threeDigits(n / 1e3) + " k" : String.valueOf(n);
  }

  /** Bytes in powers of ten, as storage is sold: {@code 25.1 MB}. */
  public static String bytes(long n) {
    return magnitude(n).replace(" B", " GB").replace(" M", " MB").replace(" k", " kB")
        + (n < 1000 ? " bytes" : "");
  }

  public static String seconds(double s) {
    if (s >= 90) {
      return String.format(Locale.ROOT, "%d min %02d s", (int) (s / 60), (int) (s % 60));
    }
    return String.format(Locale.ROOT, s >= 10 ? "%.0f s" : "%.1f s", s);
  }

  /** "1 weight", "3 weights". */
  public static String counted(long n, String noun) {
    return count(n) + " " + noun + (n == 1 ? "" : "s");
  }

  /**
   * Coordinates in a sentence; a part that repeats is named once: {@code
   * layers.1.mlp.down[161,288], [161,495] and [161,613]}.
   */
  public static String listed(List<Coordinate> coordinates) {
    List<String> texts = new ArrayList<>();
    String part = "";
    for (Coordinate c : coordinates) {
      texts.add(c.part().equals(part) ? "[" + c.row() + "," + c.col() + "]" : c.toString());
      part = c.part();
    }
    return joined(texts);
  }

  /** "a", "a and b", "a, b and c". */
  public static String joined(List<String> texts) {
    return texts.size() < 2
        ? String.join("", texts)
        : String.join(", ", texts.subList(0, texts.size() - 1)) + " and " + texts.getLast();
  }

  private static String threeDigits(double v) {
    return String.format(Locale.ROOT, v >= 100 ? "%.0f" : v >= 10 ? "%.1f" : "%.2f", v);
  }

  private static String scientific(double size) {
    int exponent = (int) Math.floor(Math.log10(size));
    String mantissa = String.format(Locale.ROOT, "%.1f", size / Math.pow(10, exponent));
    if (mantissa.equals("10.0")) {
      mantissa = "1.0";
      exponent++;
    }
    StringBuilder power = new StringBuilder();
    for (char c : String.valueOf(exponent).toCharArray()) {
      power.append(c == '-' ? '⁻' : "⁰¹²³⁴⁵⁶⁷⁸⁹".charAt(c - '0'));
    }
    return mantissa + " · 10" + power;
  }
}
