package io.superweight.report;

import static io.superweight.report.ExtremesFigure.n;

import io.superweight.find.ControlSummary;
import io.superweight.find.Effect;
import io.superweight.find.MemberVerdict;
import io.superweight.find.SetVerdict;
import io.superweight.find.Verification;
import io.superweight.statistics.Interval;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Perplexity ratios with their intervals on one logarithmic axis: for each set what zeroing all of
 * it does, each member alone, and the controls. A table whose middle column is drawn.
 */
final class ForestFigure {
  /** Members of a set that are drawn; the page says how many there are besides. */
  private static final int MEMBERS = 12;

  private final StringBuilder html = new StringBuilder();
  private final Verification proof;
  private final Scale scale;

  private ForestFigure(Verification proof) {
    this.proof = proof;
    List<Double> values = new ArrayList<>();
    for (SetVerdict set : proof.sets()) {
      add(values, set.joint());
      set.memberVerdicts().forEach(member -> add(values, member.alone()));
      set.controls().forEach(controls -> controls.effects().forEach(effect -> add(values, effect)));
      set.meanReplacement().ifPresent(mean -> add(values, mean.effect()));
    }
    proof.otherPolicy().ifPresent(other -> other.joint().forEach(effect -> add(values, effect)));
    scale = Scale.Logarithmic.of(values, proof.protocol().importance());
  }

  private static void add(List<Double> values, Effect effect) {
    values.add(effect.perplexityRatio().low());
    values.add(effect.perplexityRatio().high());
  }

  static String html(Verification proof) {
    return new ForestFigure(proof).table();
  }

  private String table() {
    html.append(
            "<table class=\"forest\"><caption class=\"quiet\">Perplexity over the intact model’s, logarithmic; bars are ")
        .append(Numerals.percent(proof.protocol().confidence()).replace(".0", ""))
        .append(" intervals</caption>");
    html.append("<thead><tr><th scope=\"col\">zeroed</th><th scope=\"col\" class=\"plot axis\">")
        .append(axis())
        .append("</th><th scope=\"col\">perplexity</th></tr></thead>");
    for (int i = 0; i < proof.sets().size(); i++) {
      set(proof.sets().get(i), i);
    }
    html.append("<tfoot aria-hidden=\"true\"><tr><td></td><td class=\"plot axis\">")
        .append(axis())
        .append("</td><td></td></tr></tfoot>");
    return html.append("</table>").toString();
  }

  private void set(SetVerdict set, int index) {
    html.append("<tbody><tr class=\"set\"><th scope=\"rowgroup\">")
        .append(
            set.members().size() == 1
                ? Markup.weight(set.members().getFirst())
                : Markup.breakable(Numerals.listed(set.members().stream().limit(MEMBERS).toList()))
                    + more(set))
        .append("</th><td class=\"plot\">")
        .append(plot(List.of(), List.of(), ""))
        .append("</td><td>")
        .append(HtmlReport.chip(set.verdict()))
        .append("</td></tr>");
    boolean many = set.members().size() > 1;
    row(
        many ? HtmlReport.all(set.members().size()) + " together" : "it alone",
        set.joint(),
        "joint " + HtmlReport.tone(set.verdict()));
    if (many) {
      for (MemberVerdict member : set.memberVerdicts().stream().limit(MEMBERS).toList()) {
        row(
            "only <code>"
                + Markup.breakable("[" + member.weight().row() + "," + member.weight().col() + "]")
                + "</code> of layer "
                + member.weight().layer(),
            member.alone(),
            "alone");
      }
    }
    set.meanReplacement().ifPresent(mean -> row("a constant in its place", mean.effect(), "mean"));
    for (ControlSummary controls : set.controls()) {
      controls(controls);
    }
    proof
        .otherPolicy()
        .filter(other -> index < other.joint().size())
        .ifPresent(other ->
            row(
                (many ? "together, " : "it, ") + (other.bosAdded() ? "with BOS" : "without BOS"),
                other.joint().get(index),
                "other"));
    html.append("</tbody>");
  }

  private static String more(SetVerdict set) {
    int rest = set.members().size() - MEMBERS;
    return rest > 0 ? " and " + rest + " more" : "";
  }

  private void row(String what, Effect effect, String style) {
    Interval ratio = effect.perplexityRatio();
    html.append("<tr><th scope=\"row\">")
        .append(what)
        .append("</th><td class=\"plot\">")
        .append(plot(List.of(ratio), List.of(ratio.estimate()), style))
        .append("</td><td><b>")
        .append(Numerals.ratio(ratio.estimate()))
        .append("</b> <span class=\"range\">")
        .append(Numerals.range(ratio))
        .append("</span>")
        .append(effect.textCollapses() ? " <span class=\"collapses\">text collapses</span>" : "")
        .append("</td></tr>");
  }

  private void controls(ControlSummary controls) {
    if (controls.effects().isEmpty()) {
      return;
    }
    html.append("<tr class=\"control\"><th scope=\"row\">")
        .append("control: ")
        .append(controls.zeroedAtOnce() == 1 ? "" : controls.zeroedAtOnce() + " ")
        .append(
            controls.zeroedAtOnce() == 1
                ? switch (controls.kind()) {
                  case RANDOM -> "a random weight";
                  case LARGEST -> "the largest other weight";
                }
                : switch (controls.kind()) {
                  case RANDOM -> "random weights";
                  case LARGEST -> "largest other weights";
                })
        .append(controls.effects().size() == 1 ? "" : " (" + controls.effects().size() + " draws)")
        .append("</th><td class=\"plot\">")
        .append(
            plot(
                List.of(),
                controls.effects().stream().map(e -> e.perplexityRatio().estimate()).toList(),
                "controls"))
        .append("</td><td><b>")
        .append(Numerals.ratio(controls.highestRatio()))
        .append("</b> <span class=\"range\">at most</span></td></tr>");
  }

  private String at(double value) {
    return String.format(Locale.ROOT, "%.2f%%", 100 * scale.at(value));
  }

  private String plot(List<Interval> intervals, List<Double> points, String style) {
    StringBuilder svg =
        new StringBuilder("<svg aria-hidden=\"true\" class=\"%s\">".formatted(style));
    vertical(svg, 1, "one");
    vertical(svg, proof.protocol().importance(), "bar");
    for (Interval interval : intervals) {
      svg.append(
          "<line class=\"interval\" x1=\"%s\" x2=\"%s\" y1=\"50%%\" y2=\"50%%\"/>"
              .formatted(at(interval.low()), at(interval.high())));
    }
    for (double point : points) {
      svg.append(
          "<circle cx=\"%s\" cy=\"50%%\" r=\"%s\"/>"
              .formatted(at(point), n(style.startsWith("joint") ? 5.5 : 4)));
    }
    return svg.append("</svg>").toString();
  }

  private void vertical(StringBuilder svg, double value, String style) {
    svg.append(
        "<line class=\"%s\" x1=\"%s\" x2=\"%s\" y1=\"0\" y2=\"100%%\"/>"
            .formatted(style, at(value), at(value)));
  }

  private String axis() {
    StringBuilder svg = new StringBuilder("<svg role=\"img\" aria-label=\"axis of ratios\">");
    double bar = proof.protocol().importance();
    boolean close = Math.abs(scale.at(bar) - scale.at(1)) < 0.12; // their names would touch
    for (double tick : scale.ticks()) {
      double place = scale.at(tick);
      String style = tick == 1 ? "one" : tick == proof.protocol().importance() ? "bar" : "tick";
      svg.append(
          "<line class=\"%s\" x1=\"%s\" x2=\"%s\" y1=\"20\" y2=\"100%%\"/>"
              .formatted(style, at(tick), at(tick)));
      svg.append(
          "<text x=\"%s\" y=\"14\" text-anchor=\"%s\">× %s</text>"
              .formatted(
                  at(tick),
                  close && tick == Math.min(1, bar)
                      ? "end"
                      : close && tick == Math.max(1, bar)
                          ? "start"
                          : place < 0.03 ? "start" : place > 0.94 ? "end" : "middle",
                  Scale.name(tick)));
    }
    return svg.append("</svg>").toString();
  }
}
