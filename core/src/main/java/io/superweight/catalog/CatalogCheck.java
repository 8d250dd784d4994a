package io.superweight.catalog;

import io.superweight.catalog.Catalog.Match;
import io.superweight.catalog.CatalogEntry.KnownWeight;
import io.superweight.compute.Matrix;
import io.superweight.find.WeightScan;
import io.superweight.model.Transformer;
import io.superweight.tensor.DType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What a model holds at the coordinates that are published of it.
 *
 * @param match the entry and why it is taken to speak of this model
 * @param weights one for each published weight
 * @param verdict what it comes to
 */
public record CatalogCheck(Match match, List<Found> weights, Verdict verdict) {

  /**
   * A weight is prominent where it is among so many largest of its matrix: published ones have
   * ranks of 1 to 6 (paper.md 2.2), and the types of few bits round many weights to one value.
   */
  public static final long PROMINENT = 16;

  public CatalogCheck {
    weights = List.copyOf(weights);
  }

  /** The entry. */
  public CatalogEntry entry() {
    return match.entry();
  }

  /** What a file holds in the place of published weights. The order is that of agreement. */
  public enum Verdict {
    /** All of them, with the published values; a value that is not published is prominent. */
    SAME("carries the published weights"),
    /** No value is published, but all of them are prominent. */
    PROMINENT("has prominent weights at the published places"),
    /** All of them are prominent, and some have other values. */
    OTHER_VALUES("has prominent weights at the published places, with other values"),
    /** Some are prominent, others are not. */
    PARTLY("has some of the published weights"),
    /** None of them is prominent. */
    ABSENT("does not have the published weights"),
    /** The entry names no weight. */
    NOTHING_TO_CHECK("has no published weight to look for");

    private final String text;

    Verdict(String text) {
      this.text = text;
    }

    /** For people, behind the model's name. */
    public String text() {
      return text;
    }
  }

  /** What became of one published weight. */
  public enum State {
    /** The published value, within what the file's type can hold. */
    SAME("same value"),
    /** No value is published; it is among the largest of its matrix. */
    PROMINENT("prominent"),
    /** Among the largest of its matrix, with another value. */
    OTHER_VALUE("other value"),
    /** Zero. */
    ZERO("zero"),
    /** An ordinary weight. */
    ORDINARY("ordinary"),
    /** The model has no such coordinate. */
    NO_SUCH_PLACE("no such place");

    private final String text;

    State(String text) {
      this.text = text;
    }

    /** For people. */
    public String text() {
      return text;
    }
  }

  /**
   * A published weight and what the file holds there.
   *
   * @param value its value in the file; NaN where there is no such place
   * @param rank by magnitude in its matrix
   * @param size elements of the matrix
   * @param type how the matrix is stored; null where there is no such place
   */
  public record Found(
      KnownWeight known, float value, long rank, long size, DType type, State state) {}

  /** Compares a model with an entry that the caller chose. */
  public static CatalogCheck of(CatalogEntry entry, Transformer model) {
    return of(new Match(entry, Catalog.Likeness.NAME), model);
  }

  /** Looks into a model; the matrices of the weights are read. */
  static CatalogCheck of(Match match, Transformer model) {
    Map<String, WeightScan> scans = new HashMap<>();
    List<Found> found = new ArrayList<>();
    for (KnownWeight known : match.entry().weights()) {
      Matrix matrix = model.matrices().get(known.weight().part());
      if (matrix == null
          || known.weight().row() >= matrix.rows()
          || known.weight().col() >= matrix.cols()) {
        found.add(new Found(known, Float.NaN, 0, 0, null, State.NO_SUCH_PLACE));
        continue;
      }
      float value = model.weight(known.weight());
      WeightScan.Standing standing =
          scans.computeIfAbsent(known.weight().part(), part -> new WeightScan(matrix))
              .standings(value)[0];
      found.add(
          new Found(
              known,
              value,
              standing.rank(),
              standing.size(),
              matrix.dtype(),
              state(known, value, standing.rank(), matrix.dtype())));
    }
    return new CatalogCheck(match, found, verdict(found));
  }

  private static State state(KnownWeight known, float value, long rank, DType type) {
    if (value == 0) {
      return State.ZERO;
    }
    if (known.value().isPresent() && agrees(known.value().getAsDouble(), value, type)) {
      return State.SAME;
    }
    if (rank > PROMINENT || Float.isNaN(value)) {
      return State.ORDINARY;
    }
    return known.value().isPresent() ? State.OTHER_VALUE : State.PROMINENT;
  }

  /**
   * Whether a file of some type may hold a value for the published one. Published values have four
   * digits; a type rounds in proportion to the largest value of its block, which a super weight is.
   */
  static boolean agrees(double published, double value, DType type) {
    double printed = 6e-4 * Math.max(1, Math.abs(published));
    return Math.abs(published - value) <= printed + tolerance(type) * Math.abs(published);
  }

  /** The relative error that a type may make of the largest value of a block. */
  static double tolerance(DType type) {
    return switch (type) {
      case F32, F16 -> 1e-3;
      case BF16 -> 4e-3;
      case Q8_0, Q8_K -> 8e-3;
      case Q6_K, Q5_0, Q5_1, Q5_K -> 0.05;
      case Q4_0, Q4_1, Q4_K, IQ4_NL -> 0.12;
      case Q3_K, Q2_K -> 0.35;
    };
  }

  private static Verdict verdict(List<Found> found) {
    if (found.isEmpty()) {
      return Verdict.NOTHING_TO_CHECK;
    }
    long same = count(found, State.SAME);
    long prominent = count(found, State.PROMINENT);
    long other = count(found, State.OTHER_VALUE);
    if (same + prominent == found.size()) {
      return same > 0 ? Verdict.SAME : Verdict.PROMINENT;
    }
    if (same + prominent + other == found.size()) {
      return Verdict.OTHER_VALUES;
    }
    return same + prominent + other > 0 ? Verdict.PARTLY : Verdict.ABSENT;
  }

  private static long count(List<Found> found, State state) {
    return found.stream().filter(f -> f.state() == state).count();
  }

  /** What it means, in one or two sentences. */
  public String sentence() {
    String name = entry().name();
    return switch (verdict) {
      case SAME -> "It carries the published weights of " + name + ".";
      case PROMINENT ->
          "At the published places of "
              + name
              + " it has some of the largest weights of their matrices; no value is published to compare.";
      case OTHER_VALUES ->
          "Same coordinates as "
              + name
              + ", other values: a fine-tune of it, or a relative that was trained on from the same weights?";
      case PARTLY ->
          "It has some of the published weights of "
              + name
              + ", not all: another model of the same sizes, or a file that lost some?";
      case ABSENT ->
          weights.stream().allMatch(w -> w.state() == State.ZERO)
              ? "The published weights of " + name + " are zero here: they were removed."
              : "It does not have the published weights of "
                  + name
                  + (match.likeness() == Catalog.Likeness.SHAPE
                      ? ": another model of the same sizes."
                      : ": was it retrained, or damaged in a conversion?");
      case NOTHING_TO_CHECK ->
          "Of " + name + " no weight is published: " + entry().finding().text() + ".";
    };
  }
}
