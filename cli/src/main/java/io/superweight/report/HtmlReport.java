package io.superweight.report;

import io.superweight.find.Candidate;
import io.superweight.find.ContinuationCase;
import io.superweight.find.FindResult;
import io.superweight.find.LayerExtremes;
import io.superweight.find.LoopRate;
import io.superweight.find.MemberVerdict;
import io.superweight.find.Prompt;
import io.superweight.find.Round;
import io.superweight.find.SetVerdict;
import io.superweight.find.Stability;
import io.superweight.find.SuperActivation;
import io.superweight.find.Trajectory;
import io.superweight.find.Verdict;
import io.superweight.find.Verification;
import io.superweight.find.WeightSet;
import io.superweight.model.Coordinate;
import io.superweight.tokenizer.BosPolicy;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What was found as one page that holds all it needs: drawings and styles are inline, there is no
 * script, and it loads nothing.
 */
public final class HtmlReport {
  /** Super activations that are drawn; more would be more of the same. */
  private static final int TRAJECTORIES = 4;

  /** Texts before and after that are open; those of other sets are folded. */
  private static final int OPEN_TEXTS = 2;

  private final FindReport report;
  private final FindResult found;
  private final StringBuilder html = new StringBuilder(1 << 16);

  private HtmlReport(FindReport report) {
    this.report = report;
    found = report.found();
  }

  /**
   * Writes the page, UTF-8; the stream is flushed and left open.
   *
   * @throws UncheckedIOException where the stream cannot be written
   */
  public static void write(FindReport report, OutputStream out) {
    try {
      out.write(new HtmlReport(report).page().getBytes(StandardCharsets.UTF_8));
      out.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The styles of the page; its colours are the variables at their top. */
  static String styles() {
    try (InputStream in = HtmlReport.class.getResourceAsStream("report.css")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private String page() {
    html.append("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n")
        .append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .append(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n")
        .append("<meta name=\"color-scheme\" content=\"light dark\">\n")
        .append("<title>Super weights of ")
        .append(Markup.text(report.model().name()))
        .append("</title>\n<style>\n")
        .append(styles())
        .append("</style></head>\n<body><main>\n");
    head();
    extremes();
    trajectories();
    evidence();
    rejected();
    verdicts();
    texts();
    stability();
    measured();
    html.append("</main></body></html>\n");
    return html.toString();
  }

  // ---- the verdict

  private void head() {
    Headline headline = Headline.of(report);
    html.append("<header><p class=\"kicker\">Superweight</p><h1>")
        .append(Markup.breakable(report.model().name()))
        .append("</h1><p class=\"summary\">")
        .append(Markup.text(report.model().summary()))
        .append("</p>\n<div class=\"verdict ")
        .append(headline.kind().text())
        .append("\"><p class=\"said\">")
        .append(Markup.breakable(headline.verdict()))
        .append("</p>");
    if (!headline.grounds().isEmpty()) {
      html.append("<p>").append(Markup.breakable(headline.grounds())).append("</p>");
    }
    html.append("</div>");
    figures(headline);
    for (String note : found.notes()) {
      html.append("<p class=\"note\">").append(Markup.breakable(note)).append("</p>");
    }
    FindResult.NonFinite broken = found.nonFinite();
    if (broken.activations() > 0) {
      html.append("<p class=\"note\">")
          .append(Numerals.counted(broken.activations(), "activation"))
          .append(" of the intact model not finite, first at <code>")
          .append(Markup.breakable(broken.firstSite()))
          .append("</code>.</p>");
    }
    html.append("</header>\n");
  }

  private void figures(Headline headline) {
    List<String> tiles = new ArrayList<>();
    report
        .verification()
        .filter(proof -> proof.refusal().isEmpty())
        .flatMap(proof -> proof.sets().stream().findFirst())
        .ifPresent(set ->
            tiles.add(
                tile(
                    Numerals.ratio(set.joint().perplexityRatio().estimate()),
                    "perplexity with " + all(set.members().size()) + " zeroed")));
    found
        .main()
        .ifPresent(spike ->
            tiles.add(
                tile(
                    Numerals.value(spike.value()),
                    "super activation, channel "
                        + spike.channel()
                        + ", "
                        + (spike.layer() < 0 ? "from the embedding" : "from layer " + spike.layer())
                        + " on")));
    if (!headline.coordinates().isEmpty()) {
      tiles.add(
          tile(
              headline.coordinates().size()
                  + " of "
                  + Numerals.magnitude(report.model().parameters()),
              "parameters"));
    }
    if (!found.stability().isEmpty()) {
      // Under the policy that the prompts of this search were run with.
      BosPolicy policy =
          found.prompts().stream().anyMatch(Prompt::startsWithBos)
              ? BosPolicy.ALWAYS
              : BosPolicy.NEVER;
      Stability first =
          found.stability().stream()
              .filter(stability -> stability.policy() == policy)
              .findFirst()
              .orElse(found.stability().getFirst());
      tiles.add(
          tile(
              first.same() + " of " + first.of(),
              "other texts show the same spike, " + bos(first.policy())));
    }
    if (tiles.size() > 1) {
      html.append("<ul class=\"tiles\">");
      tiles.forEach(html::append);
      html.append("</ul>");
    }
  }

  private static String tile(String number, String words) {
    return "<li><b>" + Markup.text(number) + "</b> <span>" + Markup.text(words) + "</span></li>";
  }

  /** So many weights in a sentence. */
  static String all(int weights) {
    return weights == 1 ? "it" : weights == 2 ? "both" : "all " + weights;
  }

  // ---- figures

  private void extremes() {
    if (found.extremes().isEmpty()) {
      return;
    }
    section("extremes", "Where the spikes are");
    html.append(
        "<p>The largest input and output of each layer’s down projection, with their sign: the paper’s Figure 3. A"
            + " super weight turns one large input into one large output.</p><ul class=\"legend\">"
            + "<li class=\"accepted\">has a candidate</li><li class=\"rejected\">has a rejected one</li>"
            + "<li class=\"plain\">neither</li><li class=\"median\">median of the layer</li></ul><figure>");
    html.append(ExtremesFigure.svg(found, false)).append(ExtremesFigure.svg(found, true));
    html.append(
        "<figcaption>Logarithmic above and below a linear middle (symlog).</figcaption></figure>");
    html.append(
        "<details><summary>The numbers</summary><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"The numbers\"><table class=\"plain\"><thead><tr><th scope=\"col\">layer</th>"
            + "<th scope=\"col\">input</th><th scope=\"col\">column</th><th scope=\"col\">median</th>"
            + "<th scope=\"col\">output</th><th scope=\"col\">row</th><th scope=\"col\">median</th>"
            + "<th scope=\"col\">stream</th><th scope=\"col\">channel</th></tr></thead><tbody>");
    for (LayerExtremes layer : found.extremes()) {
      html.append("<tr><th scope=\"row\">").append(layer.layer()).append("</th>");
      cells(
          Numerals.value(layer.input().value()),
          channel(layer.input().channel(), layer.input().expert()),
          Numerals.value(layer.medianInput()),
          Numerals.value(layer.output().value()),
          channel(layer.output().channel(), layer.output().expert()),
          Numerals.value(layer.medianOutput()),
          Numerals.value(layer.residual().value()),
          String.valueOf(layer.residual().channel()));
      html.append("</tr>");
    }
    html.append("</tbody></table></div></details></section>\n");
  }

  private static String channel(int channel, int expert) {
    return expert < 0 ? String.valueOf(channel) : channel + " (expert " + expert + ")";
  }

  private void cells(String... texts) {
    for (String text : texts) {
      html.append("<td>").append(Markup.text(text)).append("</td>");
    }
  }

  private void trajectories() {
    if (found.trajectories().isEmpty()) {
      return;
    }
    section("trajectory", "The super activation through the layers");
    html.append("<p>One channel of the residual stream at one token: the paper’s Figure 4.</p>");
    int number = 0;
    for (Trajectory trajectory : found.trajectories().stream().limit(TRAJECTORIES).toList()) {
      SuperActivation spike = trajectory.superActivation();
      html.append("<h3>Channel ")
          .append(spike.channel())
          .append(" at ")
          .append(Markup.token(spike.token()))
          .append(", position ")
          .append(spike.position())
          .append("</h3><ul class=\"legend lines\"><li class=\"intact\">as the model is</li>");
      if (!trajectory.removed().isEmpty()) {
        html.append("<li class=\"removed\">")
            .append(
                found.candidates().size() == 1
                    ? "with the candidate zeroed"
                    : "with " + all(found.candidates().size()) + " candidates zeroed")
            .append("</li>");
      }
      html.append("</ul><figure>")
          .append(TrajectoryFigure.svg(trajectory, number, false))
          .append(TrajectoryFigure.svg(trajectory, number, true))
          .append("<figcaption>")
          .append(
              spike.layer() < 0
                  ? "Held by the embedding"
                  : "Written by layer " + spike.layer() + " (" + writer(spike) + ")")
          .append(", peak ")
          .append(Numerals.value(spike.value()))
          .append(" after layer ")
          .append(spike.peakLayer())
          .append("; median of the stream there ")
          .append(Numerals.value(spike.typical()))
          .append(". Of ")
          .append(Numerals.count(spike.observed()))
          .append(" activations, ")
          .append(Numerals.count(spike.alike()))
          .append(spike.alike() == 1 ? " is" : " are")
          .append(" within a tenth of it or larger.</figcaption></figure>");
      number++;
    }
    int rest = found.trajectories().size() - TRAJECTORIES;
    if (rest > 0) {
      html.append("<p class=\"quiet\">")
          .append(Numerals.counted(rest, "more super activation"))
          .append(rest == 1 ? " is" : " are")
          .append(" in the JSON document.</p>");
    }
    html.append("</section>\n");
  }

  private static String writer(SuperActivation spike) {
    return switch (spike.writer()) {
      case EMBEDDING -> "the embedding";
      case ATTENTION -> "attention";
      case MLP -> "the MLP";
      case POST_NORM -> "the norm after the MLP";
    };
  }

  // ---- evidence

  private void evidence() {
    section("evidence", "The evidence");
    if (found.candidates().isEmpty()) {
      html.append("<p>No weight has the signature of a super weight.</p></section>\n");
      return;
    }
    html.append(
        "<p>Each candidate’s product of one input and one weight explains its <em>share</em> of one output. The"
            + " <em>rank</em> is by magnitude in its matrix.</p>");
    candidates(found.candidates(), true);
    for (WeightSet set : found.sets()) {
      if (set.members().size() > 1) {
        html.append("<p class=\"quiet\">").append(Markup.breakable(set.words())).append("</p>");
      }
    }
    html.append("</section>\n");
  }

  private void rejected() {
    if (found.rejected().isEmpty()) {
      return;
    }
    section("rejected", "What looks like one and is not");
    candidates(found.rejected(), false);
    html.append("</section>\n");
  }

  private void candidates(List<Candidate> candidates, boolean withVerdict) {
    boolean verified = report.verification().isPresent() && withVerdict;
    html.append(
        "<table class=\"cards\"><thead><tr><th scope=\"col\">weight</th><th scope=\"col\">role</th>");
    if (verified) {
      html.append("<th scope=\"col\">verdict</th>");
    }
    html.append(
        "<th scope=\"col\" class=\"num\">value</th><th scope=\"col\" class=\"num\">rank</th>"
            + "<th scope=\"col\" class=\"num\">input</th><th scope=\"col\" class=\"num\">output</th>"
            + "<th scope=\"col\" class=\"num\">share</th></tr></thead>");
    for (Candidate c : candidates) {
      html.append("<tbody><tr><th scope=\"row\">")
          .append(Markup.weight(c.coordinate()))
          .append("</th><td data-name=\"role\">")
          .append(Markup.text(c.role().text()))
          .append("</td>");
      if (verified) {
        html.append("<td data-name=\"verdict\">")
            .append(verdict(c.coordinate()).map(HtmlReport::chip).orElse("–"))
            .append("</td>");
      }
      number("value", Numerals.weight(c.value()));
      number("rank", Numerals.count(c.rank()) + " of " + Numerals.magnitude(c.matrixSize()));
      number("input", Numerals.value(c.input()));
      number("output", Numerals.value(c.output()));
      number("share", Numerals.share(c.share()));
      html.append("</tr><tr class=\"why\"><td colspan=\"")
          .append(verified ? 8 : 7)
          .append("\">")
          .append(Markup.breakable(c.reason()))
          .append(feeds(c))
          .append(" At the token ")
          .append(Markup.token(c.token()))
          .append(", position ")
          .append(c.position())
          .append(found.prompts().size() > 1 ? " of prompt " + (c.prompt() + 1) + "." : ".")
          .append("</td></tr></tbody>");
    }
    html.append("</table>");
  }

  private Optional<Verdict> verdict(Coordinate weight) {
    return report.verification().flatMap(proof -> proof.of(weight)).map(MemberVerdict::verdict);
  }

  private void number(String name, String value) {
    html.append("<td class=\"num\" data-name=\"")
        .append(name)
        .append("\">")
        .append(Markup.text(value))
        .append("</td>");
  }

  private static String feeds(Candidate c) {
    StringBuilder words = new StringBuilder();
    if (c.written() != c.output()) {
      words.append(" The MLP adds ").append(Numerals.value(c.written())).append(" to the stream.");
    }
    if (!Double.isNaN(c.remaining())) {
      words
          .append(" Zeroed alone, it leaves ")
          .append(Numerals.percent(c.remaining()))
          .append(" of the super activation.");
    }
    if (c.round() > 0) {
      words.append(" Seen in round ").append(c.round()).append(" of zero-and-repeat.");
    }
    return words.toString();
  }

  // ---- verdicts

  /** A verdict as a small label. */
  static String chip(Verdict verdict) {
    return "<span class=\"chip " + tone(verdict) + "\">" + Markup.text(verdict.words()) + "</span>";
  }

  /** The colour of a verdict. */
  static String tone(Verdict verdict) {
    return switch (verdict) {
      case SUPER_WEIGHT -> "strong";
      case MINOR, UNDECIDED -> "middling";
      case PROMINENT_BUT_HARMLESS, REMOVAL_HELPS -> "calm";
      case CANDIDATE, REFUSED -> "open";
    };
  }

  private void verdicts() {
    section("verdicts", "What zeroing does");
    if (report.verification().isEmpty()) {
      html.append("<p>")
          .append(
              found.candidates().isEmpty()
                  ? "There was nothing to zero."
                  : "Nothing was zeroed, so these are candidates: a spike is not importance.")
          .append("</p></section>\n");
      return;
    }
    Verification proof = report.verification().get();
    proof
        .refusal()
        .ifPresent(
            why -> html.append("<p class=\"note\">").append(Markup.text(why)).append("</p>"));
    html.append("<p>The intact model’s perplexity is ")
        .append(perplexity(proof.intact().perplexity()))
        .append(" on ")
        .append(Markup.text(proof.protocol().text()))
        .append("; that of the text’s own token frequencies is ")
        .append(perplexity(proof.intact().unigramPerplexity()))
        .append(". A super weight multiplies it by ")
        .append(Scale.name(proof.protocol().importance()))
        .append(" at least, with the whole interval, or makes the text collapse.</p>");
    if (!proof.sets().isEmpty()) {
      html.append(ForestFigure.html(proof));
      SetVerdict first = proof.sets().getFirst();
      List<SetVerdict> open =
          proof.sets().stream()
              .filter(set -> set == first || set.verdict() == Verdict.SUPER_WEIGHT)
              .toList();
      open.forEach(this::sentences);
      int rest = proof.sets().size() - open.size();
      if (rest > 0) {
        html.append("<details class=\"others\"><summary>")
            .append(rest == 1 ? "The other one" : "The other " + rest)
            .append(" in words</summary>");
        proof.sets().stream().filter(set -> !open.contains(set)).forEach(this::sentences);
        html.append("</details>");
      }
    }
    html.append("</section>\n");
  }

  private static String perplexity(double perplexity) {
    return perplexity < 1000
        ? String.format(Locale.ROOT, "%.2f", perplexity)
        : Numerals.value(perplexity);
  }

  private void sentences(SetVerdict set) {
    html.append("<div class=\"words\"><h3>")
        .append(Markup.breakable(Numerals.listed(set.members())))
        .append(' ')
        .append(chip(set.verdict()))
        .append("</h3><p>")
        .append(Markup.breakable(set.sentence()));
    set.joint().loops().ifPresent(loops -> html.append(' ').append(loops(loops)));
    html.append("</p>");
    if (set.members().size() > 1) {
      html.append("<ul>");
      for (MemberVerdict member : set.memberVerdicts()) {
        html.append("<li>")
            .append(Markup.weight(member.weight()))
            .append(": ")
            .append(Markup.breakable(member.sentence()))
            .append("</li>");
      }
      html.append("</ul>");
    }
    html.append("</div>");
  }

  private static String loops(LoopRate loops) {
    return loops.measurable()
        ? "Greedy text loops in %d of %d continuations, the intact model’s in %d."
            .formatted(loops.loops(), loops.prompts(), loops.intactLoops())
        : "Whether the text collapses cannot be told: the intact model’s own loops in %d of %d continuations."
            .formatted(loops.intactLoops(), loops.prompts());
  }

  // ---- texts

  private void texts() {
    List<SetVerdict> written =
        report.verification().stream()
            .flatMap(proof -> proof.sets().stream())
            .filter(set -> set.continuation().isPresent())
            .toList();
    if (written.isEmpty()) {
      return;
    }
    section("texts", "The text before and after");
    int number = 0;
    for (SetVerdict set : written) {
      boolean folded = number++ >= OPEN_TEXTS;
      String names = Markup.breakable(Numerals.listed(set.members()));
      html.append(
          folded
              ? "<details><summary>" + names + " zeroed</summary>"
              : written.size() > 1 ? "<h3>" + names + "</h3>" : "");
      ContinuationCase text = set.continuation().orElseThrow();
      html.append("<p>“")
          .append(Markup.text(text.prompt()))
          .append("” continued, most probable token first.</p>");
      html.append("<div class=\"sides\">");
      side("The model as it is", text.intactTop(), text.prompt(), text.intactText(), text.tokens());
      side(
          set.members().size() == 1
              ? "With the weight zeroed"
              : "With " + all(set.members().size()) + " zeroed",
          text.zeroedTop(),
          text.prompt(),
          text.zeroedText(),
          text.tokens());
      html.append(folded ? "</div></details>" : "</div>");
    }
    html.append("</section>\n");
  }

  private void side(
      String title, List<ContinuationCase.NextToken> top, String prompt, String text, int tokens) {
    html.append("<div><h4>").append(title).append("</h4><table class=\"next\"><tbody>");
    for (ContinuationCase.NextToken next : top) {
      html.append("<tr><th scope=\"row\">")
          .append(Markup.token(next.text()))
          .append("</th><td class=\"share\"><span style=\"width:")
          .append(String.format(Locale.ROOT, "%.1f", 100 * Math.clamp(next.probability(), 0, 1)))
          .append("%\"></span></td><td class=\"num\">")
          .append(Numerals.percent(next.probability()))
          .append("</td></tr>");
    }
    html.append("</tbody></table><blockquote><span class=\"quiet\">")
        .append(Markup.text(prompt))
        .append("</span><bdi>")
        .append(Markup.text(text))
        .append("</bdi></blockquote><p class=\"quiet\">")
        .append(Numerals.counted(tokens, "token"))
        .append(", greedy</p></div>");
  }

  // ---- stability and protocol

  private void stability() {
    if (found.stability().isEmpty()) {
      return;
    }
    section("stability", "On other texts");
    html.append("<p>Whether the largest spike has the same layer, channel and token position.</p>");
    for (Stability stability : found.stability()) {
      html.append("<details><summary>")
          .append(Markup.text(bos(stability.policy())))
          .append(": the same in ")
          .append(stability.same())
          .append(" of ")
          .append(stability.of())
          .append("</summary>");
      if (stability.cases().isEmpty()) {
        html.append("<p class=\"quiet\">The texts were not kept.</p></details>");
        continue;
      }
      html.append(
          "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Other texts\"><table class=\"plain\"><thead><tr><th scope=\"col\">text</th><th scope=\"col\">same</th>"
              + "<th scope=\"col\">layer</th><th scope=\"col\">channel</th><th scope=\"col\">token</th>"
              + "<th scope=\"col\">peak</th></tr></thead><tbody>");
      for (Stability.Case one : stability.cases()) {
        html.append("<tr><th scope=\"row\" class=\"prose\"><bdi>")
            .append(Markup.text(one.text()))
            .append("</bdi></th><td>")
            .append(one.same() ? "yes" : "no")
            .append("</td>");
        if (one.channel() < 0) {
          html.append("<td colspan=\"4\">no spike</td>");
        } else {
          cells(
              one.layer() < 0 ? "embedding" : String.valueOf(one.layer()),
              String.valueOf(one.channel()));
          html.append("<td>")
              .append(Markup.token(one.token()))
              .append(" at ")
              .append(one.position())
              .append("</td>");
          cells(Numerals.value(one.value()));
        }
        html.append("</tr>");
      }
      html.append("</tbody></table></div></details>");
    }
    html.append("</section>\n");
  }

  private static String bos(BosPolicy policy) {
    return switch (policy) {
      case AUTO -> "BOS as the tokenizer does";
      case ALWAYS -> "with BOS";
      case NEVER -> "without BOS";
    };
  }

  private void measured() {
    ModelFacts model = report.model();
    section("measured", "How it was measured");
    html.append("<dl>");
    fact("model", Markup.breakable(model.source()));
    fact(
        "file",
        Markup.text(
            model.format()
                + ", "
                + model.dtype()
                + ", "
                + Numerals.bytes(model.bytes())
                + ", "
                + Numerals.count(model.parameters())
                + " parameters"));
    fact("digest", "<code class=\"long\">" + Markup.text(model.digest()) + "</code>");
    fact(
        "tokenizer",
        Markup.text(
            model.tokenizer()
                + (model.bosToken() < 0
                    ? ", no BOS token"
                    : ", BOS is "
                        + model.bosToken()
                        + (model.addsBos()
                            ? ", added by the tokenizer"
                            : ", not added by the tokenizer"))));
    fact("computed by", Markup.text(model.device()));
    fact(
        "rule",
        Markup.text(
            found.rule().text()
                + ", BOS "
                + report.options().bos().name().toLowerCase(Locale.ROOT)));
    for (Round round : found.rounds()) {
      fact(
          round.number() == 0 ? "intact model" : "zeroed, round " + round.number(),
          Numerals.counted(round.superActivations(), "super activation")
              + (round.superActivations() == 0
                  ? ""
                  : ", the largest " + Numerals.value(round.largest()))
              + (round.found().isEmpty()
                  ? ""
                  : "; showed " + Markup.breakable(Numerals.listed(round.found()))));
    }
    fact(
        "search",
        Markup.text(
            Numerals.counted(found.cost().passes(), "pass").replace("passs", "passes")
                + ", "
                + Numerals.counted(found.cost().tokens(), "token")
                + ", "
                + Numerals.bytes(found.cost().bytesRead())
                + " of weights read, "
                + Numerals.seconds(found.cost().seconds())));
    report.verification().ifPresent(proof -> protocol(proof.protocol()));
    fact("Superweight", Markup.text(report.version()));
    html.append("</dl>");
    for (Prompt prompt : found.prompts()) {
      html.append("<details><summary>")
          .append(
              prompt.text().isEmpty()
                  ? "ids that were given"
                  : "“" + Markup.text(prompt.text()) + "”")
          .append(", ")
          .append(Numerals.counted(prompt.ids().size(), "token"))
          .append(prompt.startsWithBos() ? ", BOS first" : ", no BOS")
          .append("</summary><ol class=\"ids\" start=\"0\">");
      for (int i = 0; i < prompt.ids().size(); i++) {
        html.append("<li>")
            .append(i < prompt.tokens().size() ? Markup.token(prompt.tokens().get(i)) : "")
            .append(" <span class=\"quiet\">")
            .append(prompt.ids().get(i))
            .append("</span></li>");
      }
      html.append("</ol></details>");
    }
    html.append("</section>\n");
  }

  private void protocol(Verification.Protocol p) {
    fact(
        "verdicts on",
        Markup.text(
            p.text()
                + ": "
                + Numerals.counted(p.documents(), "document")
                + ", "
                + Numerals.counted(p.windows(), "window")
                + " of at most "
                + Numerals.counted(p.windowTokens(), "token")
                + ", "
                + Numerals.counted(p.scoredTokens(), "token")
                + " scored"
                + (p.doublings() == 0 ? "" : ", doubled " + p.doublings() + " times")
                + (p.bosAdded() ? ", BOS before each window" : ", no BOS")));
    fact(
        "intervals",
        Markup.text(
            "paired bootstrap over documents, "
                + Numerals.count(p.resamples())
                + " resamples, "
                + Numerals.percent(p.confidence()).replace(".0", "")
                + ", seed "
                + p.seed()));
    fact(
        "controls",
        Markup.text(Numerals.counted(p.controlDraws(), "draw") + " for each matrix and set size"));
    fact("loops", Markup.text(p.loopRule()));
    fact(
        "proof",
        Markup.text(
            Numerals.counted(p.passes(), "pass").replace("passs", "passes")
                + " over the weights, "
                + p.variants()
                + " edited models in the first, down projections in "
                + p.dtype()
                + ", "
                + p.device()
                + ", "
                + Numerals.seconds(p.seconds())));
  }

  private void fact(String name, String value) {
    html.append("<dt>").append(name).append("</dt><dd>").append(value).append("</dd>");
  }

  private void section(String id, String title) {
    html.append("<section aria-labelledby=\"")
        .append(id)
        .append("\"><h2 id=\"")
        .append(id)
        .append("\">")
        .append(title)
        .append("</h2>");
  }
}
