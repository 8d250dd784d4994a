package io.superweight.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Where values lie on an axis, from 0 at its start to 1 at its end, and which of them it names. */
sealed interface Scale {
  /** The place of a value; infinities lie at the ends. */
  double at(double value);

  /** Values to name, in order. */
  List<Double> ticks();

  private static double clamped(double place) {
    return Math.clamp(place, 0, 1);
  }

  /** As they are. */
  record Linear(double low, double high, List<Double> ticks) implements Scale {

    /** An axis that holds zero and all finite values, and ends a little beyond them. */
    static Linear of(List<Float> values) {
      double low = 0;
      double high = 0;
      for (float v : values) {
        if (Float.isFinite(v)) {
          low = Math.min(low, v);
          high = Math.max(high, v);
        }
      }
      if (low == high) {
        high = 1;
      }
      double step = step(high - low, 5);
      // The end is a step where it is near, so that the highest value does not touch the frame.
      List<Double> ticks = new ArrayList<>();
      for (long i = (long) Math.floor(low / step); i <= (long) Math.ceil(high / step); i++) {
        ticks.add(i * step);
      }
      double room = (high - low) * 0.04;
      return new Linear(
          low < 0 ? low - room : 0,
          high > 0 ? high + room : 0,
          ticks.stream()
              .filter(inside(low < 0 ? low - room : 0, high > 0 ? high + room : 0))
              .toList());
    }

    private static java.util.function.Predicate<Double> inside(double low, double high) {
      return v -> v >= low && v <= high;
    }

    @Override
    public double at(double value) {
      return Double.isNaN(value) ? 0 : clamped((value - low) / (high - low));
    }
  }

  /**
   * Logarithmic to both sides of a linear middle: {@code sign(v) · log10(1 + |v| / linear)}. It
   * shows signs, and values of 8 beside values of 24,000.
   */
  record Symlog(double linear, double low, double high, List<Double> ticks) implements Scale {

    /**
     * An axis that holds zero and all finite values, and ends a little beyond them.
     *
     * @param apart how far named values are from each other at least, as a part of the axis
     */
    static Symlog of(List<Float> values, double apart) {
      double low = 0;
      double high = 0;
      List<Double> sizes = new ArrayList<>();
      for (float v : values) {
        if (Float.isFinite(v)) {
          low = Math.min(low, v);
          high = Math.max(high, v);
          sizes.add((double) Math.abs(v));
        }
      }
      sizes.sort(null);
      double typical = sizes.isEmpty() ? 1 : sizes.get(sizes.size() / 2);
      double largest = Math.max(high, -low);
      // The middle ends at the power of ten below the usual value; at most seven decades are shown.
      double linear = Math.pow(10, Math.floor(Math.log10(Math.max(typical, largest * 1e-6))));
      if (!(linear > 0) || !Double.isFinite(linear)) {
        linear = 1;
      }
      if (largest == 0) {
        high = 1;
      }
      double from = forward(low, linear);
      double to = forward(high, linear);
      double room = (to - from) * 0.07;
      from = low < 0 ? from - room : 0;
      to = high > 0 ? to + room : 0;
      List<Double> ticks = new ArrayList<>();
      ticks.add(0.0);
      double gap = apart * (to - from);
      double last = 0;
      for (int k = 0; forward(linear * Math.pow(10, k), linear) <= Math.max(to, -from); k++) {
        double size = linear * Math.pow(10, k);
        double place = forward(size, linear);
        if (place - last < gap) {
          continue;
        }
        last = place;
        if (place <= to) {
          ticks.add(size);
        }
        if (-place >= from) {
          ticks.addFirst(-size);
        }
      }
      return new Symlog(linear, from, to, ticks);
    }

    private static double forward(double value, double linear) {
      return Math.signum(value) * Math.log10(1 + Math.abs(value) / linear);
    }

    @Override
    public double at(double value) {
      return Double.isNaN(value) ? at(0) : clamped((forward(value, linear) - low) / (high - low));
    }
  }

  /** Logarithmic, for ratios. */
  record Logarithmic(double low, double high, List<Double> ticks) implements Scale {

    /**
     * An axis of ratios that holds them all, and always 1 and the bar.
     *
     * @param values finite or not
     */
    static Logarithmic of(List<Double> values, double bar) {
      double low = 0.9;
      double high = bar * 1.2;
      for (double v : values) {
        if (v > 0 && Double.isFinite(v)) {
          low = Math.min(low, v * 0.95);
          high = Math.max(high, v * 1.15);
        }
      }
      low = Math.max(low, 1e-6);
      high = Math.min(high, 1e15);
      List<Double> ticks = new ArrayList<>(List.of(1.0, bar));
      double decades = Math.log10(high / low);
      if (decades < 1.3) {
        for (double v : new double[] {0.1, 0.2, 0.5, 0.8, 1.2, 1.5, 2, 3, 5, 10}) {
          add(ticks, v, low, high);
        }
      } else {
        int every = (int) Math.ceil(decades / 7);
        for (int k = (int) Math.ceil(Math.log10(high)); k >= Math.log10(low); k--) {
          if (k % every == 0) {
            add(ticks, Math.pow(10, k), low, high);
          }
        }
      }
      ticks.sort(null);
      return new Logarithmic(low, high, ticks);
    }

    /** Adds a value to name, where it lies in the axis and its name would not touch another. */
    private static void add(List<Double> ticks, double value, double low, double high) {
      double whole = Math.log(high / low);
      if (value >= low
          && value <= high
          && ticks.stream().allMatch(t -> Math.abs(Math.log(value / t)) / whole > 0.11)) {
        ticks.add(value);
      }
    }

    @Override
    public double at(double value) {
      return !(value > 0) ? 0 : clamped(Math.log(value / low) / Math.log(high / low));
    }
  }

  /** A step of 1, 2 or 5 times a power of ten that makes about so many parts. */
  static double step(double range, int parts) {
    double rough = range / parts;
    double power = Math.pow(10, Math.floor(Math.log10(rough)));
    double digit = rough / power;
    return power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
  }

  /** A name for a tick: {@code 10,000}, {@code −0.5}, {@code 10⁶}. */
  static String name(double tick) {
    double size = Math.abs(tick);
    String sign = tick < 0 ? "−" : "";
    if (size == 0) {
      return "0";
    }
    if (size < 1e6 && size >= 1) {
      return sign
          + (size == Math.rint(size)
              ? String.format(Locale.ROOT, "%,.0f", size)
              : String.format(Locale.ROOT, "%.1f", size));
    }
    double power = Math.log10(size);
    if (size < 1e-2 && Math.abs(power - Math.rint(power)) < 1e-9) {
      return sign + "10" + superscript((int) Math.rint(power));
    }
    if (size < 1 && size >= 1e-3) {
      return sign + String.format(Locale.ROOT, "%.3f", size).replaceAll("0+$", "");
    }
    String scientific = Numerals.value(size);
    if (size >= 1e6) {
      int exponent = (int) Math.floor(Math.log10(size) + 1e-9);
      double mantissa = size / Math.pow(10, exponent);
      return sign
          + (Math.abs(mantissa - 1) < 1e-6
              ? "10" + superscript(exponent)
              : String.format(Locale.ROOT, "%.1f", mantissa).replace(".0", "")
                  + "·10"
                  + superscript(exponent));
    }
    return sign + scientific;
  }

  private static String superscript(int exponent) {
    StringBuilder power = new StringBuilder();
    for (char c : String.valueOf(exponent).toCharArray()) {
      power.append(c == '-' ? '⁻' : "⁰¹²³⁴⁵⁶⁷⁸⁹".charAt(c - '0'));
    }
    return power.toString();
  }
}
