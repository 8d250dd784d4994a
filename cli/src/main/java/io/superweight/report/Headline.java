package io.superweight.report;

import io.superweight.find.Candidate;
import io.superweight.find.ControlSummary;
import io.superweight.find.Effect;
import io.superweight.find.Role;
import io.superweight.find.SetVerdict;
import io.superweight.find.Verdict;
import io.superweight.find.Verification;
import io.superweight.model.Coordinate;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The result in two sentences.
 *
 * @param kind which of the possible ends it is
 * @param verdict what was found
 * @param grounds why, or what to do next; may be empty
 * @param coordinates the weights that the verdict speaks of
 */
public record Headline(Kind kind, String verdict, String grounds, List<Coordinate> coordinates) {

  /** How a search can end. */
  public enum Kind {
    /** Proven by zeroing. */
    SUPER_WEIGHTS,
    /** Nothing found, or nothing that matters. */
    NONE,
    /** Found, but nothing was zeroed. */
    CANDIDATES,
    /** The interval crosses a boundary of the rule. */
    UNDECIDED,
    /** The model cannot be judged. */
    REFUSED;

    /** As the JSON says it. */
    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  public static Headline of(FindReport report) {
    List<Candidate> candidates = report.found().candidates();
    if (report.verification().isEmpty()) {
      return unverified(report, candidates);
    }
    Verification verification = report.verification().get();
    if (verification.refusal().isPresent()) {
      return new Headline(
          Kind.REFUSED,
          "Not judged: " + uncapitalized(verification.refusal().get()),
          candidates.isEmpty()
              ? ""
              : "What looks like it: " + Numerals.listed(report.found().coordinates()) + ".",
          report.found().coordinates());
    }
    List<Coordinate> weights = verification.superWeights();
    if (!weights.isEmpty()) {
      return new Headline(
          Kind.SUPER_WEIGHTS,
          Numerals.counted(weights.size(), "super weight") + ": " + Numerals.listed(weights) + ".",
          grounds(verification),
          weights);
    }
    List<SetVerdict> open = with(verification, Verdict.UNDECIDED);
    if (!open.isEmpty()) {
      List<Coordinate> undecided = open.stream().flatMap(s -> s.members().stream()).toList();
      return new Headline(
          Kind.UNDECIDED,
          "Undecided: " + Numerals.listed(undecided) + ".",
          "The interval of the perplexity ratio ("
              + Numerals.range(open.getFirst().joint().perplexityRatio())
              + ") still crosses a boundary of the rule: give more text with --text.",
          undecided);
    }
    return none(report, verification);
  }

  private static Headline unverified(FindReport report, List<Candidate> candidates) {
    if (candidates.isEmpty()) {
      return new Headline(Kind.NONE, "No super weight found.", nothing(report), List.of());
    }
    List<Coordinate> sources = report.found().sources();
    List<Coordinate> shown = sources.isEmpty() ? report.found().coordinates() : sources;
    return new Headline(
        Kind.CANDIDATES,
        Numerals.counted(shown.size(), "candidate")
            + (sources.isEmpty()
                ? ""
                : shown.size() == 1 ? " that is a source" : " that are sources")
            + ": "
            + Numerals.listed(shown)
            + ".",
        "Nothing was zeroed, so nothing is proven: --verify gives the verdict.",
        shown);
  }

  private static Headline none(FindReport report, Verification verification) {
    List<Candidate> candidates = report.found().candidates();
    if (candidates.isEmpty()) {
      return new Headline(Kind.NONE, "No super weight found.", nothing(report), List.of());
    }
    List<Coordinate> shown = report.found().coordinates();
    SetVerdict first =
        verification.sets().stream()
            .filter(set -> set.members().stream().anyMatch(shown::contains))
            .findFirst()
            .orElse(verification.sets().getFirst());
    String what =
        switch (first.verdict()) {
          case MINOR ->
              "a real effect, below the bar of "
                  + Numerals.ratio(verification.protocol().importance());
          case REMOVAL_HELPS -> "the model predicts better without";
          default -> first.verdict().words();
        };
    return new Headline(
        Kind.NONE,
        "No super weight.",
        Numerals.listed(first.members())
            + (first.members().size() == 1 ? " looks like one" : " look like it")
            + "; zeroed, perplexity "
            + interval(first.joint())
            + ": "
            + what
            + ".",
        List.of());
  }

  private static String nothing(FindReport report) {
    if (report.found().main().isEmpty()) {
      return "No activation stands far above the rest and stays there; many models have none.";
    }
    boolean erasersOnly =
        report.found().rejected().stream().noneMatch(c -> c.role() == Role.DIFFUSE);
    return "There is a large activation ("
        + Numerals.value(report.found().main().get().value())
        + " at channel "
        + report.found().main().get().channel()
        + "), but no few weights of a down projection make it"
        + (erasersOnly ? "." : ": it is spread over many.");
  }

  private static String grounds(Verification verification) {
    List<String> sentences = new ArrayList<>();
    for (SetVerdict set : with(verification, Verdict.SUPER_WEIGHT)) {
      Effect joint = set.joint();
      boolean alone = set.members().size() == 1;
      StringBuilder s = new StringBuilder();
      s.append(alone ? "Zeroed, perplexity " : "Zeroed together, perplexity ")
          .append(interval(joint));
      if (joint.textCollapses()) {
        s.append(", and greedy text collapses");
      }
      double controls =
          set.controls().stream()
              .mapToDouble(ControlSummary::highestRatio)
              .max()
              .orElse(Double.NaN);
      if (!Double.isNaN(controls)) {
        s.append("; as many other weights of the same matrices at most ")
            .append(Numerals.ratio(controls));
      }
      sentences.add(s.append('.').toString());
    }
    return String.join(" ", sentences);
  }

  private static String interval(Effect effect) {
    return Numerals.ratio(effect.perplexityRatio().estimate())
        + " (95 %: "
        + Numerals.range(effect.perplexityRatio())
        + ")";
  }

  private static List<SetVerdict> with(Verification verification, Verdict verdict) {
    return verification.sets().stream().filter(set -> set.verdict() == verdict).toList();
  }

  private static String uncapitalized(String s) {
    return s.isEmpty() ? s : s.substring(0, 1).toLowerCase(Locale.ROOT) + s.substring(1);
  }
}
