package io.superweight.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.find.Candidate;
import io.superweight.find.Extreme;
import io.superweight.find.FindOptions;
import io.superweight.find.FindResult;
import io.superweight.find.LayerExtremes;
import io.superweight.find.SetVerdict;
import io.superweight.find.SuperActivation;
import io.superweight.find.Trajectory;
import io.superweight.find.Verification;
import io.superweight.model.Coordinate;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class HtmlReportTest {
  private static final Set<String> VOID = Set.of("meta", "wbr", "br");
  private static final Pattern TAG = Pattern.compile("<(/?)([a-zA-Z0-9]+)([^<>]*?)(/?)>");

  static List<FindReport> reports() {
    return List.of(
        Samples.smol(),
        Samples.unverified(),
        Samples.none(),
        Samples.harmless(),
        Samples.refused(),
        large());
  }

  @ParameterizedTest
  @MethodSource("reports")
  void everyPageIsWellFormedAndLoadsNothing(FindReport report) {
    String page = page(report);
    Deque<String> open = new ArrayDeque<>();
    Matcher tag = TAG.matcher(withoutStyles(page));
    while (tag.find()) {
      String name = tag.group(2);
      if (!tag.group(1).isEmpty()) {
        assertThat(open.pop()).as("closed by </" + name + "> at " + tag.start()).isEqualTo(name);
      } else if (tag.group(4).isEmpty() && !VOID.contains(name)) {
        open.push(name);
      }
    }
    assertThat(open).isEmpty();
    assertThat(page)
        .doesNotContainIgnoringCase("<script")
        .doesNotContainIgnoringCase("<link")
        .doesNotContainIgnoringCase("<img")
        .doesNotContain("http://", "https://", "url(", "@import", "NaN", "Infinity", "null");
  }

  @ParameterizedTest
  @MethodSource("reports")
  void everyDrawingHasATitleAndADescriptionThatItRefersTo(FindReport report) {
    String page = page(report);
    Matcher drawing =
        Pattern.compile("<svg class=\"chart [^>]*aria-labelledby=\"(\\S+) (\\S+)\"").matcher(page);
    int drawings = 0;
    while (drawing.find()) {
      drawings++;
      assertThat(page).containsOnlyOnce("<title id=\"" + drawing.group(1) + "\"");
      assertThat(page).containsOnlyOnce("<desc id=\"" + drawing.group(2) + "\"");
    }
    assertThat(drawings).isPositive();
  }

  @ParameterizedTest
  @MethodSource("reports")
  void noTextOfTheModelBecomesMarkup(FindReport report) {
    String page = page(report);
    assertThat(page).doesNotContain("alert('x')", "<td><script").contains("&lt;");
    assertThat(page.chars().filter(c -> (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F).count())
        .isZero();
  }

  @Test
  void textsOfTokensAreInertWhateverTheyHold() {
    String hostile =
        "</script><img src=x onerror=alert(1)>\"' \u0000\u001B[2J\u007F\u0085\u202Eevil\u2066\u2028\uD800\uFFFE\uD83D\uDE00";
    String safe = Markup.text(hostile);

    assertThat(safe)
        .startsWith("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&quot;&#39; ␀␛[2J␡")
        .endsWith("😀")
        .doesNotContain("\u202E", "\u2066", "\u2028", "\u0085", "<", ">");
    assertThat(safe.chars().filter(c -> c == 0xFFFD).count()).isEqualTo(6);
    assertThat(Markup.token("a\nb\tc\r")).contains(">a⏎b⇥c⏎<");
    assertThat(Markup.quoted("😀😀😀😀😀", 3)).isEqualTo("“😀😀…”");
  }

  @Test
  void thePageSaysWhatWasFoundWhatWasRejectedAndWhatZeroingDoes() {
    String text = text(page(Samples.smol()));

    assertThat(text)
        .contains("2 super weights: layers.11.mlp.down[507,1229] and [507,1487].")
        .contains("× 31,137 27,310 to 35,620")
        .contains("layers.28.mlp.down[507,678] eraser")
        .contains("The stream already carried 24,480 and carries 10,263 afterwards.")
        .contains("at most")
        .contains("Summer is hot. Winter is")
        .contains("81.4 %")
        .contains("the same in 9 of 10")
        .contains("b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53")
        .contains("written by layer 11")
        .contains("39080");
  }

  @Test
  void everyColourOfTextIsReadableOnEveryGroundInLightAndDark() {
    String[] schemes = HtmlReport.styles().split("prefers-color-scheme: dark", 2);
    for (String scheme : schemes) {
      for (String ground : List.of("page", "raised")) {
        for (String colour :
            List.of("text", "quiet", "strong", "middling", "calm", "open", "second")) {
          assertThat(contrast(colour(scheme, colour), colour(scheme, ground)))
              .as(colour + " on " + ground)
              .isGreaterThan(4.5);
        }
        // Lines and marks that carry meaning: WCAG 2.1, 1.4.11.
        assertThat(contrast(colour(scheme, "faint"), colour(scheme, "page"))).isGreaterThan(3);
      }
    }
  }

  private static int colour(String styles, String variable) {
    Matcher value = Pattern.compile("--" + variable + ": #([0-9a-f]{6});").matcher(styles);
    assertThat(value.find()).as("--" + variable).isTrue();
    return Integer.parseInt(value.group(1), 16);
  }

  /** Contrast ratio as WCAG 2.1 defines it. */
  private static double contrast(int a, int b) {
    double x = luminance(a);
    double y = luminance(b);
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
  }

  private static double luminance(int colour) {
    return 0.2126 * linear(colour >> 16) + 0.7152 * linear(colour >> 8) + 0.0722 * linear(colour);
  }

  private static double linear(int channel) {
    double c = (channel & 0xFF) / 255.0;
    return c <= 0.04045 ? c / 12.92 : Math.pow((c + 0.055) / 1.055, 2.4);
  }

  @Test
  void aModelWithoutAnySaysSo() {
    String text = text(page(Samples.none()));
    assertThat(text)
        .contains("No super weight found.")
        .contains("No weight has the signature of a super weight.")
        .contains("There was nothing to zero.")
        .doesNotContain("through the layers");
  }

  @Test
  void withoutZeroingTheWeightsAreCalledCandidates() {
    assertThat(text(page(Samples.unverified())))
        .contains("2 candidates that are sources")
        .contains("a spike is not importance");
  }

  @Test
  void aModelThatCannotBeJudgedSaysWhy() {
    assertThat(text(page(Samples.refused())))
        .contains("The intact model predicts this text no better than token frequencies do");
  }

  @Test
  void theSameReportGivesTheSamePage() {
    assertThat(page(Samples.smol())).isEqualTo(page(Samples.smol()));
  }

  static String page(FindReport report) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    HtmlReport.write(report, out);
    return out.toString(StandardCharsets.UTF_8);
  }

  private static String withoutStyles(String page) {
    return page.replaceAll("(?s)<style>.*?</style>", "").replace("<!DOCTYPE html>", "");
  }

  private static String text(String page) {
    return withoutStyles(page)
        .replace("<wbr>", "")
        .replaceAll("<[^>]*>", " ")
        .replaceAll("\\s+", " ")
        .replace(" .", ".");
  }

  /** 80 layers with experts, large and negative and broken values, many sets. */
  static FindReport large() {
    FindResult f = Samples.found();
    Candidate first = f.candidates().getFirst();
    List<LayerExtremes> extremes = new ArrayList<>();
    List<Float> intact = new ArrayList<>(List.of(0.01f));
    List<Float> removed = new ArrayList<>(List.of(0.01f));
    for (int i = 0; i < 80; i++) {
      float sign = i % 3 == 0 ? -1 : 1;
      float value =
          i == 4 ? -1e6f : i == 40 ? Float.NaN : i == 41 ? Float.POSITIVE_INFINITY : sign * (1 + i);
      Extreme e = new Extreme(value, i == 4 ? 161 : i, i % 2 == 0 ? 12 : 3, 0, i % 5, "Token" + i);
      extremes.add(new LayerExtremes(i, e, e, e, 0.1f, 0.2f, 0.3f));
      intact.add(i < 4 ? 0.5f : i == 50 ? Float.NaN : -987_654f - i);
      removed.add(0.5f + i);
    }
    SuperActivation spike =
        new SuperActivation(
            4,
            161,
            0,
            1,
            7,
            Samples.HOSTILE,
            -987_733f,
            79,
            79,
            76,
            9_000_000L,
            0.8f,
            SuperActivation.Writer.POST_NORM);
    List<Candidate> candidates = new ArrayList<>();
    List<SetVerdict> sets = new ArrayList<>();
    Verification v = Samples.verification();
    SetVerdict pattern = v.sets().getFirst();
    for (int i = 0; i < 20; i++) {
      Coordinate weight = Coordinate.expertDown(4, 12, 161, 10_000 + i);
      candidates.add(
          new Candidate(
              weight,
              -1.5e-5f,
              7,
              14_336L * 4096,
              -0.03,
              -1e6f,
              1e6f,
              0.3f,
              0,
              0,
              0.5,
              0,
              1,
              7,
              Samples.HOSTILE.repeat(8),
              Optional.of(spike),
              first.role(),
              i,
              "It writes " + "a very long reason without end ".repeat(8)));
      sets.add(
          new SetVerdict(
              "set " + i,
              i % 2 == 0 ? List.of(weight) : pattern.members(),
              pattern.verdict(),
              Samples.effect(
                  "joint", Math.pow(10, i - 3), Math.pow(10, i - 4), 1e40, List.of(weight)),
              pattern.memberVerdicts(),
              pattern.needed(),
              List.of(pattern.members()),
              pattern.controls(),
              pattern.meanReplacement(),
              pattern.continuation(),
              pattern.sentence()));
    }
    return new FindReport(
        "1.2.3",
        Samples.smol().model(),
        FindOptions.DEFAULT,
        new FindResult(
            f.rule(),
            f.prompts(),
            List.of(spike),
            candidates,
            f.rejected(),
            f.sets(),
            extremes,
            List.of(
                new Trajectory(spike, intact, removed),
                new Trajectory(spike, intact, List.of()),
                new Trajectory(spike, intact, removed),
                new Trajectory(spike, intact, removed),
                new Trajectory(spike, intact, removed)),
            f.stability(),
            f.rounds(),
            f.notes(),
            new FindResult.NonFinite(9, "layers.40.mlp.down.in", 1, "layers.40.mlp.down"),
            f.cost()),
        Optional.of(
            new Verification(v.protocol(), v.intact(), sets, Optional.empty(), Optional.empty())));
  }
}
