package io.superweight.report;

import static io.superweight.report.ExtremesFigure.line;
import static io.superweight.report.ExtremesFigure.n;
import static io.superweight.report.ExtremesFigure.svgText;

import io.superweight.find.SuperActivation;
import io.superweight.find.Trajectory;
import java.util.ArrayList;
import java.util.List;

/**
 * The paper's Figure 4: one super activation's channel at its token through the layers, as the
 * model is and with the candidates zeroed.
 */
final class TrajectoryFigure {
  private final Trajectory trajectory;
  private final boolean narrow;
  private final int width;
  private final int plot;
  private final int left;
  private final int right;
  private final int top = 44;

  private TrajectoryFigure(Trajectory trajectory, boolean narrow) {
    this.trajectory = trajectory;
    this.narrow = narrow;
    width = narrow ? 360 : 880;
    plot = narrow ? 200 : 260;
    left = narrow ? 68 : 72;
    right = narrow ? 10 : 16;
  }

  /**
   * The drawing, as inline SVG.
   *
   * @param number of the drawing on the page
   * @param narrow for a page of some 390 pixels
   */
  static String svg(Trajectory trajectory, int number, boolean narrow) {
    return new TrajectoryFigure(trajectory, narrow).drawing(number);
  }

  private String drawing(int number) {
    SuperActivation spike = trajectory.superActivation();
    List<Float> all = new ArrayList<>(trajectory.intact());
    all.addAll(trajectory.removed());
    Scale scale = Scale.Linear.of(all);
    int height = top + plot + 44;
    double bottom = top + plot;
    String id = "figure4-" + number + (narrow ? "n" : "w");
    StringBuilder svg = new StringBuilder();
    svg.append(
        "<svg class=\"chart %s\" viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"%s-t %s-d\">"
            .formatted(narrow ? "narrow" : "wide", width, height, id, id));
    svg.append(
        "<title id=\"%s-t\">Channel %d at the token %s through the layers</title>"
            .formatted(id, spike.channel(), Markup.text(Markup.quoted(spike.token(), 20))));
    svg.append(
        "<desc id=\"%s-d\">It peaks at %s after layer %d%s.</desc>"
            .formatted(
                id,
                Numerals.value(spike.value()),
                spike.peakLayer(),
                trajectory.removed().isEmpty()
                    ? ""
                    : "; with the candidates zeroed it is "
                        + Numerals.value(trajectory.removed().get(spike.peakLayer() + 1))
                        + " there"));
    for (double tick : scale.ticks()) {
      double y = bottom - scale.at(tick) * plot;
      svg.append(line(left, y, width - right, y, Math.abs(tick) < 1e-12 ? "zero" : "grid"));
      svg.append(svgText(left - 7, y + 4, "end", "tick", Scale.name(tick)));
    }
    mark(svg, spike.layer() + 1, 14, onset(spike));
    if (spike.lastLayer() != spike.layer()) {
      mark(
          svg,
          spike.lastLayer() + 1,
          31,
          (narrow ? "half left after " : "at least half of it left until ")
              + "layer "
              + spike.lastLayer());
    }
    double zero = bottom - scale.at(0) * plot;
    svg.append("<path class=\"area\" d=\"M%s,%s".formatted(n(x(0)), n(zero)));
    for (int i = 0; i < trajectory.intact().size(); i++) {
      svg.append(
          " L%s,%s".formatted(n(x(i)), n(bottom - scale.at(trajectory.intact().get(i)) * plot)));
    }
    svg.append(" L%s,%s Z\"/>".formatted(n(x(trajectory.intact().size() - 1)), n(zero)));
    curve(svg, trajectory.removed(), scale, bottom, "removed");
    curve(svg, trajectory.intact(), scale, bottom, "intact");
    axisOfLayers(svg, bottom);
    return svg.append("</svg>").toString();
  }

  private static String onset(SuperActivation spike) {
    return spike.layer() < 0 ? "in the embedding" : "written by layer " + spike.layer();
  }

  private double x(int index) {
    return left
        + 8
        + (double) index
            * (width - left - right - 16)
            / Math.max(1, trajectory.intact().size() - 1);
  }

  /** A dotted line with its name above, to the side that has more room. */
  private void mark(StringBuilder svg, int index, double baseline, String name) {
    if (index < 0 || index >= trajectory.intact().size()) {
      return;
    }
    double x = x(index);
    boolean before = x > (left + width - right) / 2.0;
    svg.append(line(x, baseline - 9, x, top + plot, "moment"));
    svg.append(svgText(before ? x - 5 : x + 5, baseline, before ? "end" : "start", "moment", name));
  }

  private void curve(
      StringBuilder svg, List<Float> values, Scale scale, double bottom, String style) {
    if (values.isEmpty()) {
      return;
    }
    StringBuilder path = new StringBuilder();
    StringBuilder dots = new StringBuilder();
    boolean drawing = false;
    for (int i = 0; i < values.size(); i++) {
      float v = values.get(i);
      if (!Float.isFinite(v)) {
        drawing = false;
        continue;
      }
      double y = bottom - scale.at(v) * plot;
      path.append(drawing ? " L" : " M").append(n(x(i))).append(',').append(n(y));
      drawing = true;
      dots.append(
          "<circle cx=\"%s\" cy=\"%s\" r=\"%s\"><title>%s: %s</title></circle>"
              .formatted(
                  n(x(i)),
                  n(y),
                  values.size() > 50 ? "2" : "3",
                  i == 0 ? "embedding" : "after layer " + (i - 1),
                  Numerals.value(v)));
    }
    svg.append("<g class=\"curve %s\"><path d=\"%s\"/>%s</g>".formatted(style, path, dots));
  }

  private void axisOfLayers(StringBuilder svg, double bottom) {
    int layers = trajectory.intact().size() - 1;
    int step = Math.max(1, (int) Scale.step(layers, narrow ? 6 : 14));
    svg.append(line(x(0), bottom, x(0), bottom + 4, "mark"));
    svg.append(svgText(x(0), bottom + 17, "middle", "tick", "emb."));
    double last = x(0) + (narrow ? 22 : 30);
    for (int layer = 0; layer < layers; layer += step) {
      double x = x(layer + 1);
      svg.append(line(x, bottom, x, bottom + 4, "mark"));
      if (x >= last) {
        svg.append(svgText(x, bottom + 17, "middle", "tick", String.valueOf(layer)));
      }
    }
    svg.append(
        svgText(
            (left + width - right) / 2.0,
            bottom + 37,
            "middle",
            "axis",
            narrow ? "stream after layer" : "residual stream after layer"));
  }
}
