package io.superweight.report;

import io.superweight.find.Candidate;
import io.superweight.find.Extreme;
import io.superweight.find.FindResult;
import io.superweight.find.LayerExtremes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The paper's Figure 3: the largest input and output of each layer's down projection, signed, over
 * the layers. Spikes of candidates and of rejected ones have their colour, the largest their name.
 */
final class ExtremesFigure {
  private static final int GLYPH = 8; // width of a letter of a label at most, viewBox units
  private static final double LINE = 14;

  /** One of the two panels. */
  private enum Side {
    INPUT("Input of the down projection", "column"),
    OUTPUT("Output of the down projection", "row");

    private final String title;
    private final String channel;

    Side(String title, String channel) {
      this.title = title;
      this.channel = channel;
    }

    Extreme of(LayerExtremes layer) {
      return this == INPUT ? layer.input() : layer.output();
    }

    float median(LayerExtremes layer) {
      return this == INPUT ? layer.medianInput() : layer.medianOutput();
    }

    int channel(Candidate candidate) {
      return this == INPUT ? candidate.coordinate().col() : candidate.coordinate().row();
    }
  }

  /** A layer's largest value in the panel. */
  private record Spike(
      LayerExtremes layer, Extreme extreme, Optional<Candidate> candidate, double x, double y) {
    String colour() {
      return candidate.map(c -> c.accepted() ? "accepted" : "rejected").orElse("plain");
    }
  }

  private record Box(double left, double top, double right, double bottom) {
    boolean meets(Box other) {
      return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
    }
  }

  private final FindResult found;
  private final boolean narrow;
  private final int width;
  private final int panel;
  private final int left;
  private final int right;
  private final int labels;

  private ExtremesFigure(FindResult found, boolean narrow) {
    this.found = found;
    this.narrow = narrow;
    width = narrow ? 360 : 880;
    panel = narrow ? 190 : 230;
    left = narrow ? 68 : 72;
    right = narrow ? 8 : 14;
    labels = narrow ? 3 : 6;
  }

  /**
   * The drawing, as inline SVG.
   *
   * @param narrow for a page of some 390 pixels
   */
  static String svg(FindResult found, boolean narrow) {
    return new ExtremesFigure(found, narrow).drawing();
  }

  private String drawing() {
    int top = 26;
    int gap = 40;
    int height = top + panel + gap + panel + 42;
    String id = "figure3" + (narrow ? "n" : "w");
    StringBuilder svg = new StringBuilder();
    svg.append(
        "<svg class=\"chart %s\" viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"%s-t %s-d\">"
            .formatted(narrow ? "narrow" : "wide", width, height, id, id));
    svg.append(
        "<title id=\"%s-t\">Largest down-projection input and output of each layer</title>"
            .formatted(id));
    svg.append("<desc id=\"%s-d\">%s</desc>".formatted(id, Markup.text(description())));
    panel(svg, Side.INPUT, top);
    panel(svg, Side.OUTPUT, top + panel + gap);
    axisOfLayers(svg, top + panel + gap + panel);
    return svg.append("</svg>").toString();
  }

  private String description() {
    return Stream.of(Side.values())
        .map(side ->
            found.extremes().stream()
                .max(Comparator.comparingDouble(layer -> Math.abs(side.of(layer).value())))
                .map(layer ->
                    side.title
                        + ": largest is "
                        + Numerals.value(side.of(layer).value())
                        + " in layer "
                        + layer.layer()
                        + ", "
                        + side.channel
                        + " "
                        + side.of(layer).channel()
                        + ".")
                .orElse(""))
        .reduce("", (a, b) -> (a + " " + b).strip());
  }

  private double x(int index) {
    return left + (index + 0.5) * (width - left - right) / found.extremes().size();
  }

  private void panel(StringBuilder svg, Side side, double top) {
    Scale scale =
        Scale.Symlog.of(
            found.extremes().stream().map(layer -> side.of(layer).value()).toList(), 18.0 / panel);
    double bottom = top + panel;
    svg.append(
        svgText(
            left,
            top - 9,
            "start",
            "panel",
            side.title + (narrow ? "" : ", largest by size, with its sign")));
    for (double tick : scale.ticks()) {
      double y = bottom - scale.at(tick) * panel;
      svg.append(line(left, y, width - right, y, tick == 0 ? "zero" : "grid"));
      svg.append(svgText(left - 7, y + 4, "end", "tick", Scale.name(tick)));
    }
    double zero = bottom - scale.at(0) * panel;
    List<Spike> spikes = new ArrayList<>();
    for (int i = 0; i < found.extremes().size(); i++) {
      LayerExtremes layer = found.extremes().get(i);
      Extreme extreme = side.of(layer);
      spikes.add(
          new Spike(
              layer,
              extreme,
              candidate(side, layer),
              x(i),
              bottom - scale.at(extreme.value()) * panel));
      double median = bottom - scale.at(side.median(layer)) * panel;
      svg.append(line(x(i) - 3, median, x(i) + 3, median, "median"));
    }
    for (Spike spike : spikes) {
      svg.append(
          "<g class=\"spike %s\"><title>%s</title>"
              .formatted(spike.colour(), Markup.text(spoken(side, spike))));
      svg.append(line(spike.x, zero, spike.x, spike.y, "stem"));
      svg.append(
          "<circle cx=\"%s\" cy=\"%s\" r=\"%s\"/></g>"
              .formatted(n(spike.x), n(spike.y), spike.candidate.isPresent() ? "5" : "3"));
    }
    label(svg, side, spikes, top);
  }

  private Optional<Candidate> candidate(Side side, LayerExtremes layer) {
    Extreme extreme = side.of(layer);
    return Stream.concat(found.candidates().stream(), found.rejected().stream())
        .filter(c ->
            c.coordinate().layer() == layer.layer()
                && c.coordinate().expert().orElse(-1) == extreme.expert()
                && side.channel(c) == extreme.channel())
        .findFirst();
  }

  /** Names the largest spikes, and those that have a weight, where there is room for it. */
  private void label(StringBuilder svg, Side side, List<Spike> spikes, double top) {
    Spike largest =
        spikes.stream()
            .filter(spike -> Float.isFinite(spike.extreme.value()))
            .max(Comparator.comparingDouble(spike -> Math.abs(spike.extreme.value())))
            .orElse(null);
    List<Spike> named =
        spikes.stream()
            .filter(spike -> spike == largest || spike.candidate.isPresent())
            .filter(spike -> spike.extreme.value() != 0)
            .sorted(
                Comparator.comparing((Spike spike) -> spike != largest)
                    .thenComparing(spike -> -Math.abs(spike.extreme.value())))
            .limit(labels)
            .toList();
    List<Box> taken = new ArrayList<>();
    for (Spike spike : spikes) {
      taken.add(new Box(spike.x - 5, spike.y - 5, spike.x + 5, spike.y + 5));
    }
    Box frame = new Box(left + 2, top - 2, width - right + 6, top + panel + 2);
    for (Spike spike : named) {
      String text = label(side, spike);
      double wide = text.codePointCount(0, text.length()) * GLYPH * 0.93;
      Box best = null;
      long fewest = Long.MAX_VALUE;
      for (double shift : new double[] {0, -LINE, LINE, -2 * LINE, 2 * LINE, -3 * LINE, 3 * LINE}) {
        for (double from : new double[] {spike.x + 9, spike.x - 9 - wide, spike.x - wide / 2}) {
          if (from == spike.x - wide / 2 && shift == 0) {
            continue; // it would cover the spike itself
          }
          double middle = spike.y + shift;
          Box box = new Box(from, middle - LINE / 2, from + wide, middle + LINE / 2);
          long cost =
              taken.stream().filter(box::meets).count() * 4
                  + (box.left < frame.left || box.right > frame.right ? 100 : 0)
                  + (box.top < frame.top || box.bottom > frame.bottom ? 60 : 0)
                  + Math.round(Math.abs(shift) / LINE);
          if (cost < fewest) {
            fewest = cost;
            best = box;
          }
        }
      }
      taken.add(best);
      svg.append(svgText(best.left, best.bottom - 3, "start", "name " + spike.colour(), text));
    }
  }

  private String label(Side side, Spike spike) {
    Extreme e = spike.extreme;
    if (narrow) {
      return "layer " + spike.layer.layer() + ", " + e.channel();
    }
    return "layer "
        + spike.layer.layer()
        + (e.expert() < 0 ? "" : ", expert " + e.expert())
        + ", "
        + side.channel
        + " "
        + e.channel()
        + ", "
        + Markup.quoted(e.token(), 12);
  }

  private String spoken(Side side, Spike spike) {
    Extreme e = spike.extreme;
    return "layer "
        + spike.layer.layer()
        + (e.expert() < 0 ? "" : ", expert " + e.expert())
        + ": "
        + Numerals.value(e.value())
        + " at "
        + side.channel
        + " "
        + e.channel()
        + ", token "
        + Markup.quoted(e.token(), 40)
        + " (position "
        + e.position()
        + "); median "
        + Numerals.value(side.median(spike.layer))
        + spike.candidate.map(c -> "; " + c.role().text() + " " + c.coordinate()).orElse("");
  }

  private void axisOfLayers(StringBuilder svg, double bottom) {
    int layers = found.extremes().size();
    int step = Math.max(1, (int) Scale.step(layers, narrow ? 6 : 14));
    for (int i = 0; i < layers; i += step) {
      svg.append(line(x(i), bottom, x(i), bottom + 4, "mark"));
      svg.append(
          svgText(
              x(i),
              bottom + 17,
              "middle",
              "tick",
              String.valueOf(found.extremes().get(i).layer())));
    }
    svg.append(svgText((left + width - right) / 2.0, bottom + 36, "middle", "axis", "layer"));
  }

  static String line(double x1, double y1, double x2, double y2, String style) {
    return "<line class=\"%s\" x1=\"%s\" y1=\"%s\" x2=\"%s\" y2=\"%s\"/>"
        .formatted(style, n(x1), n(y1), n(x2), n(y2));
  }

  static String svgText(double x, double y, String anchor, String style, String text) {
    return "<text class=\"%s\" x=\"%s\" y=\"%s\" text-anchor=\"%s\">%s</text>"
        .formatted(style, n(x), n(y), anchor, Markup.text(text));
  }

  /** A length, to a tenth. */
  static String n(double v) {
    return String.format(Locale.ROOT, "%.1f", v);
  }
}
