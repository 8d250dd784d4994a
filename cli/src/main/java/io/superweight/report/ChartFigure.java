package io.superweight.report;

import static io.superweight.report.ExtremesFigure.line;
import static io.superweight.report.ExtremesFigure.n;
import static io.superweight.report.ExtremesFigure.svgText;

import io.superweight.experiment.Exhibit.Chart;
import io.superweight.experiment.Exhibit.Curve;
import io.superweight.experiment.Exhibit.Point;
import io.superweight.experiment.Exhibit.Rule;
import io.superweight.experiment.Exhibit.Scaling;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * A chart of an experiment, as inline SVG: stems, lines or rows of dots. Curve differ by colour and
 * by the shape of their marks.
 */
final class ChartFigure {

  private final Chart chart;
  private final boolean narrow;
  private final int width;
  private final int left;
  private final int right;
  private final int top;
  private final int rowHeight;
  private final int plot;
  private final Scale across;
  private final Scale up;
  private final double first;
  private final double last;

  /** The paper's own numbers are drawn in another colour than what was measured. */
  private final int tone;

  private ChartFigure(Chart chart, boolean narrow) {
    this.chart = chart;
    this.narrow = narrow;
    tone = chart.curves().getFirst().name().startsWith("paper") ? 1 : 0;
    boolean dots = chart.kind() == Chart.Kind.DOTS;
    width = narrow ? 360 : 880;
    int longest = chart.rows().stream().mapToInt(String::length).max().orElse(0);
    left = dots ? Math.clamp(16 + longest * 7L, 70, narrow ? 150 : 190) : 72;
    right = narrow ? 12 : 18;
    top = dots ? 14 : 30;
    boolean apart =
        chart.curves().stream().flatMap(c -> c.points().stream()).anyMatch(p -> p.low() < p.high());
    rowHeight = apart ? Math.max(26, 12 + 8 * chart.curves().size()) : 26;
    plot = dots ? rowHeight * chart.rows().size() : narrow ? 190 : 250;
    List<Point> all = chart.curves().stream().flatMap(s -> s.points().stream()).toList();
    if (dots) {
      up = null;
      across = scale(chart.x().scaling(), all.stream().flatMap(p -> of(p, true)).toList(), 0.09);
      first = 0;
      last = 0;
    } else {
      across = null;
      up =
          scale(chart.y().scaling(), all.stream().flatMap(p -> of(p, false)).toList(), 18.0 / plot);
      first = all.stream().mapToDouble(Point::x).min().orElse(0);
      last = Math.max(first + 1e-9, all.stream().mapToDouble(Point::x).max().orElse(1));
    }
  }

  private Stream<Double> of(Point p, boolean horizontal) {
    return Stream.of(horizontal ? p.x() : p.y(), p.low(), p.high()).filter(Double::isFinite);
  }

  /**
   * The drawing.
   *
   * @param narrow for a page of some 390 pixels
   */
  static String svg(Chart chart, boolean narrow) {
    return new ChartFigure(chart, narrow).drawing();
  }

  /** The mark of a series by itself, for legends. */
  static String sample(int series) {
    return "<svg class=\"sample s"
        + series % 5
        + "\" viewBox=\"0 0 12 12\" aria-hidden=\"true\">"
        + mark(series, 6, 6, 4)
        + "</svg>";
  }

  private Scale scale(Scaling scaling, List<Double> values, double apart) {
    List<Double> ruled =
        Stream.concat(values.stream(), chart.rules().stream().map(Rule::at)).toList();
    return switch (scaling) {
      case SYMLOG -> Scale.Symlog.of(ruled.stream().map(Double::floatValue).toList(), apart);
      case LOGARITHMIC -> logarithmic(ruled);
      case LINEAR -> linear(ruled);
    };
  }

  /** From a tick below all values to one above. */
  private Scale linear(List<Double> values) {
    double low = values.stream().mapToDouble(v -> v).min().orElse(0);
    double high = values.stream().mapToDouble(v -> v).max().orElse(1);
    if (low > 0 && low < 0.4 * high) {
      low = 0;
    }
    if (high == low) {
      high = low + 1;
    }
    double step = Scale.step(high - low, narrow ? 4 : 5);
    double from = Math.floor(low / step + 1e-9) * step;
    double to = Math.ceil(high / step - 1e-9) * step;
    List<Double> ticks = new ArrayList<>();
    for (long i = Math.round(from / step); i <= Math.round(to / step); i++) {
      ticks.add(i * step);
    }
    return new Scale.Linear(from, to, ticks);
  }

  private Scale logarithmic(List<Double> values) {
    double low = values.stream().mapToDouble(v -> v).filter(v -> v > 0).min().orElse(1);
    double high = values.stream().mapToDouble(v -> v).max().orElse(10);
    low /= Math.pow(high / low, 0.04) * 1.02;
    high *= Math.pow(high / low, 0.04) * 1.02;
    List<Double> ticks = new ArrayList<>();
    double decades = Math.log10(high / low);
    if (decades < 1) {
      double step = Scale.step(high - low, narrow ? 3 : 6);
      for (long i = (long) Math.ceil(low / step); i * step <= high; i++) {
        ticks.add(i * step);
      }
      return new Scale.Logarithmic(low, high, ticks);
    }
    int every = Math.max(1, (int) Math.ceil(decades / (narrow ? 4 : 7)));
    for (int k = (int) Math.floor(Math.log10(low)); k <= Math.ceil(Math.log10(high)); k++) {
      double[] digits = decades < 1.5 ? new double[] {1, 2, 5} : new double[] {1};
      for (double d : digits) {
        double v = d * Math.pow(10, k);
        if (v >= low && v <= high && Math.floorMod(k, every) == 0) {
          ticks.add(v);
        }
      }
    }
    return new Scale.Logarithmic(low, high, ticks);
  }

  private String drawing() {
    int height = top + plot + 44;
    String id = "chart-" + chart.id() + (narrow ? "-n" : "-w");
    StringBuilder svg = new StringBuilder();
    svg.append(
        "<svg class=\"chart %s\" viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"%s\">"
            .formatted(narrow ? "narrow" : "wide", width, height, id));
    svg.append("<title id=\"%s\">%s</title>".formatted(id, Markup.text(chart.title())));
    if (chart.kind() == Chart.Kind.DOTS) {
      dots(svg);
    } else {
      curves(svg);
    }
    return svg.append("</svg>").toString();
  }

  // ---- lines and stems

  private double x(double value) {
    double room = chart.kind() == Chart.Kind.STEMS ? 10 : 6;
    double share =
        chart.x().scaling() == Scaling.LOGARITHMIC
            ? Math.log(value / first) / Math.log(last / first)
            : (value - first) / (last - first);
    return left + room + share * (width - left - right - 2 * room);
  }

  private double y(double value) {
    return top + plot - up.at(value) * plot;
  }

  private void curves(StringBuilder svg) {
    for (double tick : up.ticks()) {
      svg.append(line(left, y(tick), width - right, y(tick), tick == 0 ? "zero" : "grid"));
      svg.append(svgText(left - 7, y(tick) + 4, "end", "tick", Scale.name(tick)));
    }
    for (Rule rule : chart.rules()) {
      svg.append(line(left, y(rule.at()), width - right, y(rule.at()), "rule"));
      svg.append(svgText(width - right - 2, y(rule.at()) - 5, "end", "rule", rule.label()));
    }
    for (int s = chart.curves().size() - 1; s >= 0; s--) {
      Curve series = chart.curves().get(s);
      svg.append("<g class=\"s%d\">".formatted((s + tone) % 5));
      if (chart.kind() == Chart.Kind.LINES) {
        StringBuilder path = new StringBuilder();
        boolean pen = false;
        for (Point p : series.points()) {
          if (!Double.isFinite(p.y())) {
            pen = false;
            continue;
          }
          path.append(pen ? " L" : " M").append(n(x(p.x()))).append(',').append(n(y(p.y())));
          pen = true;
        }
        svg.append("<path class=\"way\" d=\"%s\"/>".formatted(path.toString().strip()));
      }
      boolean some = series.points().stream().anyMatch(p -> !p.label().isEmpty());
      for (Point p : series.points()) {
        if (!Double.isFinite(p.y())) {
          continue;
        }
        svg.append(
            "<g%s><title>%s</title>"
                .formatted(
                    some && p.label().isEmpty() && chart.kind() == Chart.Kind.STEMS
                        ? " class=\"other\""
                        : "",
                    Markup.text(
                        series.name()
                            + ", "
                            + chart.x().label()
                            + " "
                            + Numerals.trimmed(p.x())
                            + ": "
                            + Numerals.value(p.y()))));
        if (chart.kind() == Chart.Kind.STEMS) {
          svg.append(line(x(p.x()), y(0), x(p.x()), y(p.y()), "stem"));
        }
        if (Double.isFinite(p.low()) && Double.isFinite(p.high())) {
          svg.append(line(x(p.x()), y(p.low()), x(p.x()), y(p.high()), "whisker"));
        }
        boolean named = !p.label().isEmpty();
        double size = named ? 5 : chart.curves().getFirst().points().size() > 40 ? 2.2 : 3;
        svg.append(mark(s, x(p.x()), y(p.y()), narrow ? size * 0.85 : size)).append("</g>");
      }
      svg.append("</g>");
    }
    for (Curve series : chart.curves()) {
      names(svg, series);
    }
    ticksBelow(svg);
    svg.append(
        svgText(
            (left + width - right) / 2.0, top + plot + 38, "middle", "axis", chart.x().label()));
    svg.append(svgText(narrow ? 2 : 4, top - 14, "start", "axis", chart.y().label()));
  }

  /** Labels stand to the side of their point that has more room, stacked where they would touch. */
  private void names(StringBuilder svg, Curve series) {
    double lastRight = -1e9;
    double lastY = 0;
    for (Point p : series.points()) {
      if (p.label().isEmpty() || !Double.isFinite(p.y())) {
        continue;
      }
      boolean before = x(p.x()) > (left + width - right) / 2.0;
      double at = Math.clamp(y(p.y()) + 4, top + 8.0, top + plot - 4.0);
      double wide = p.label().length() * 7.2;
      double start = before ? x(p.x()) - 10 - wide : x(p.x()) + 10;
      if (start < lastRight && Math.abs(at - lastY) < 14) {
        at = lastY + (at >= lastY ? 15 : -15);
      }
      lastRight = start + wide;
      lastY = at;
      svg.append(
          svgText(
              before ? x(p.x()) - 10 : x(p.x()) + 10,
              at,
              before ? "end" : "start",
              "name",
              p.label()));
    }
  }

  private void ticksBelow(StringBuilder svg) {
    List<Double> values =
        chart.curves().getFirst().points().stream().map(Point::x).sorted().distinct().toList();
    boolean whole = values.stream().allMatch(v -> v == Math.rint(v));
    double bottom = top + plot;
    if (whole && chart.x().scaling() == Scaling.LINEAR) {
      int step = Math.max(1, (int) Scale.step(last - first + 1, narrow ? 6 : 14));
      for (double v = first; v <= last; v += step) {
        below(svg, v, bottom);
      }
      return;
    }
    double taken = -1e9;
    for (double v : values) {
      if (x(v) - taken > Math.max(narrow ? 30 : 34, 8 * trimmed(v).length())) {
        below(svg, v, bottom);
        taken = x(v);
      }
    }
  }

  private void below(StringBuilder svg, double value, double bottom) {
    svg.append(line(x(value), bottom, x(value), bottom + 4, "mark"));
    svg.append(svgText(x(value), bottom + 18, "middle", "tick", trimmed(value)));
  }

  private static String trimmed(double v) {
    return v == Math.rint(v)
        ? String.format(Locale.ROOT, "%.0f", v)
        : String.format(Locale.ROOT, "%.3f", v).replaceAll("0+$", "");
  }

  // ---- rows of dots

  private double along(double value) {
    return left + 6 + across.at(value) * (width - left - right - 12);
  }

  private double row(double index) {
    return top + (index + 0.5) * rowHeight;
  }

  private void dots(StringBuilder svg) {
    double bottom = top + plot;
    for (double tick : across.ticks()) {
      svg.append(line(along(tick), top, along(tick), bottom, tick == 0 ? "zero" : "grid"));
      svg.append(svgText(along(tick), bottom + 16, "middle", "tick", Scale.name(tick)));
    }
    for (int r = 0; r < chart.rows().size(); r++) {
      String name = chart.rows().get(r);
      int most = (left - 14) / 7;
      svg.append(
          svgText(
              left - 8,
              row(r) + 4,
              "end",
              "row",
              name.codePointCount(0, name.length()) <= most
                  ? name
                  : name.substring(0, name.offsetByCodePoints(0, most - 1)) + "…"));
      svg.append(line(left, row(r), width - right, row(r), "grid faint"));
    }
    for (Rule rule : chart.rules()) {
      svg.append(line(along(rule.at()), top, along(rule.at()), bottom, "rule"));
    }
    int count = chart.curves().size();
    for (int s = count - 1; s >= 0; s--) {
      Curve series = chart.curves().get(s);
      // Curve of one row lie beside each other where they have intervals, else on one line.
      boolean apart = series.points().stream().anyMatch(p -> Double.isFinite(p.low()));
      double shift = apart ? (s - (count - 1) / 2.0) * 8 : 0;
      svg.append("<g class=\"s%d\">".formatted((s + tone) % 5));
      for (Point p : series.points()) {
        if (!Double.isFinite(p.x())) {
          continue;
        }
        double at = row(p.y()) + shift;
        svg.append(
            "<g><title>%s</title>"
                .formatted(
                    Markup.text(
                        series.name()
                            + ", "
                            + chart.rows().get((int) p.y())
                            + ": "
                            + Numerals.value(p.x())
                            + (Double.isFinite(p.low())
                                ? " ("
                                    + Numerals.value(p.low())
                                    + " to "
                                    + Numerals.value(p.high())
                                    + ")"
                                : ""))));
        if (Double.isFinite(p.low()) && Double.isFinite(p.high())) {
          svg.append(line(along(p.low()), at, along(p.high()), at, "whisker"));
        }
        svg.append(mark(s, along(p.x()), at, narrow ? 3.4 : 4)).append("</g>");
      }
      svg.append("</g>");
    }
    svg.append(
        svgText((left + width - right) / 2.0, bottom + 36, "middle", "axis", chart.x().label()));
  }

  /** Filled circle, hollow circle, filled square, hollow diamond, cross. */
  private static String mark(int series, double x, double y, double r) {
    return switch (series % 5) {
      case 0 -> "<circle class=\"full\" cx=\"%s\" cy=\"%s\" r=\"%s\"/>".formatted(n(x), n(y), n(r));
      case 1 ->
          "<circle class=\"hollow\" cx=\"%s\" cy=\"%s\" r=\"%s\"/>".formatted(n(x), n(y), n(r));
      case 2 ->
          "<rect class=\"full\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\"/>"
              .formatted(n(x - r * 0.9), n(y - r * 0.9), n(r * 1.8), n(r * 1.8));
      case 3 ->
          "<path class=\"hollow\" d=\"M%s,%s L%s,%s L%s,%s L%s,%s Z\"/>"
              .formatted(
                  n(x),
                  n(y - r * 1.3),
                  n(x + r * 1.3),
                  n(y),
                  n(x),
                  n(y + r * 1.3),
                  n(x - r * 1.3),
                  n(y));
      default ->
          "<path class=\"cross\" d=\"M%s,%s L%s,%s M%s,%s L%s,%s\"/>"
              .formatted(
                  n(x - r), n(y - r), n(x + r), n(y + r), n(x - r), n(y + r), n(x + r), n(y - r));
    };
  }
}
