package io.superweight.find;

import io.superweight.find.VerdictRule.ControlRange;
import io.superweight.model.Coordinate;
import io.superweight.statistics.Interval;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** Verdicts in words. */
final class Wording {
  private Wording() {}

  /** A number with as many digits as a reader wants: 31,137, 181, 6.66, 1.120, 0.999. */
  static String number(double value) {
    if (value >= 1e7) {
      return String.format(Locale.ROOT, "%.1e", value);
    }
    if (value >= 100) {
      return String.format(Locale.ROOT, "%,.0f", value);
    }
    if (value >= 10) {
      return String.format(Locale.ROOT, "%.1f", value);
    }
    if (value >= 2) {
      return String.format(Locale.ROOT, "%.2f", value);
    }
    return String.format(Locale.ROOT, "%.3f", value);
  }

  private static String times(Interval ratio) {
    return "×" + number(ratio.estimate());
  }

  private static String interval(Interval ratio) {
    return "[" + number(ratio.low()) + ", " + number(ratio.high()) + "]";
  }

  static String set(
      Verdict verdict,
      Effect joint,
      List<MemberVerdict> members,
      SubsetSearch.Result smallest,
      ControlSummary controls,
      ControlRange range,
      Optional<MeanReplacement> mean,
      VerdictRule rule) {
    Interval ratio = joint.perplexityRatio();
    StringBuilder words = new StringBuilder();
    words
        .append(members.size() == 1 ? "Zeroing it" : "Zeroing all " + members.size() + " together")
        .append(" multiplies perplexity by ")
        .append(number(ratio.estimate()))
        .append(" ")
        .append(interval(ratio));
    if (members.size() > 1) {
      words
          .append("; one by one they do ")
          .append(
              members.stream()
                  .map(m -> times(m.alone().perplexityRatio()))
                  .collect(Collectors.joining(", ")));
    }
    words.append(". ");
    switch (verdict) {
      case SUPER_WEIGHT -> {
        if (joint.textCollapses()) {
          words.append("Greedy text collapses into loops. ");
        }
      }
      case MINOR ->
          words
              .append("A real effect, below the bar of ")
              .append(number(rule.bar(range)))
              .append(". ");
      case PROMINENT_BUT_HARMLESS ->
          words.append(
              ratio.high() < Math.min(VerdictRule.SLIGHT, rule.importance())
                  ? "It looks the part, but that is less than ten percent. "
                  : "It looks the part, but that is not told from its controls. ");
      case REMOVAL_HELPS -> words.append("The model predicts better without it. ");
      case UNDECIDED -> {
        boolean upper = ratio.high() >= rule.bar(range);
        words
            .append("The interval crosses the ")
            .append(upper ? "bar of " : "line of ")
            .append(number(upper ? rule.bar(range) : rule.floor(range)))
            .append(": this text is not enough to tell, --text FILE with more of it may. ");
      }
      case CANDIDATE, REFUSED -> {}
    }
    if (members.size() > 1 && !smallest.smallest().isEmpty()) {
      if (smallest.smallest().size() < members.size()) {
        words
            .append(smallest.smallest().size() == 1 ? "One does it all: " : "These do it all: ")
            .append(names(smallest.smallest()))
            .append(". ");
      }
      if (!smallest.equivalents().isEmpty()) {
        words
            .append("The same is done by ")
            .append(
                smallest.equivalents().stream()
                    .map(Wording::names)
                    .collect(Collectors.joining("; or by ")))
            .append(". ");
      }
      if (!smallest.complete()) {
        words.append("There are too many subsets to search for a smaller one. ");
      }
    }
    if (!controls.effects().isEmpty()) {
      words
          .append(controls.effects().size())
          .append(
              controls.zeroedAtOnce() == 1 ? " random weights" : " draws of as many random weights")
          .append(" of the same matrix: ×")
          .append(number(controls.lowestRatio()))
          .append(" to ×")
          .append(number(controls.highestRatio()))
          .append(". ");
    }
    mean.filter(MeanReplacement::constantBias)
        .ifPresent(m ->
            words
                .append("With its mean contribution in its place ")
                .append(times(m.effect().perplexityRatio()))
                .append(" is left: it acts as a constant bias. "));
    return words.toString().strip();
  }

  static String member(
      Verdict byItself,
      Verdict set,
      Effect alone,
      Optional<Effect> leftOut,
      Effect joint,
      boolean needed,
      boolean carrying) {
    String does = "alone " + times(alone.perplexityRatio());
    if (leftOut.isEmpty()) {
      return does;
    }
    does += " (" + byItself.words() + ")";
    String rest =
        times(leftOut.get().perplexityRatio())
            + " without it, "
            + times(joint.perplexityRatio())
            + " with it";
    if (needed) {
      return does + ", but the set does " + rest + ": it is part of the " + set.words();
    }
    if (carrying) {
      return does + "; the set does " + rest + ": others can stand in for it";
    }
    return does
        + "; the set does "
        + rest
        + ": leaving it out changes nothing beyond controls, so it stands alone as "
        + byItself.words();
  }

  private static String names(List<Coordinate> weights) {
    return weights.stream().map(Coordinate::toString).collect(Collectors.joining(" with "));
  }
}
