package io.superweight.audit;

import io.superweight.model.Coordinate;
import io.superweight.statistics.Interval;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What quantization did to a model.
 *
 * @param origin where the list of its super weights comes from
 * @param originName the entry of the catalog; empty otherwise
 * @param weights its super weights, each before and after
 * @param predictions what the models predict
 * @param protocol how that was measured
 * @param verdict what it comes to
 */
public record Audit(
    Origin origin,
    String originName,
    List<AuditedWeight> weights,
    Predictions predictions,
    Protocol protocol,
    Verdict verdict) {

  public Audit {
    weights = List.copyOf(weights);
  }

  /** Who named the super weights. */
  public enum Origin {
    /** The caller. */
    GIVEN,
    /** The catalog of published ones. */
    CATALOG,
    /** A search on the base. */
    FOUND,
    /** Nobody knows any, or there are none. */
    NONE
  }

  /** What it comes to; the exit codes are part of the command's contract. */
  public enum Verdict {
    /** Super weights and predictions are kept. */
    FINE(0, "fine"),
    /** A super weight is lost. */
    SUPER_WEIGHT_LOST(10, "super weight lost"),
    /** All super weights are kept, and the predictions are destroyed all the same. */
    REST_DESTROYED(11, "kept, the rest destroyed"),
    /** No super weight is known, and without a base nothing else can be compared. */
    NOTHING_TO_CHECK(12, "nothing to check"),
    /** A super weight is lost, and putting it back does not mend the predictions. */
    SUPER_WEIGHT_LOST_AND_REST_DESTROYED(13, "super weight lost, and the rest destroyed");

    private final int exitCode;
    private final String text;

    Verdict(int exitCode, String text) {
      this.exitCode = exitCode;
      this.text = text;
    }

    public int exitCode() {
      return exitCode;
    }

    /** For people. */
    public String text() {
      return text;
    }
  }

  /**
   * What the models predict of a text.
   *
   * @param basePerplexity NaN without a base
   * @param perplexity of the quantized model
   * @param unigramPerplexity of plain token frequencies: a model that is no better knows nothing
   * @param ratio perplexity by that of the base, with its interval; empty without a base
   * @param divergence KL(base ‖ quantized), nats a token; empty without a base
   * @param restoredPerplexity of the quantized model with the base's values of the super weights
   *     put back; NaN where none changed
   * @param restoredDivergence KL(base ‖ that); empty where none changed
   */
  public record Predictions(
      double basePerplexity,
      double perplexity,
      double unigramPerplexity,
      Optional<Interval> ratio,
      Optional<Interval> divergence,
      double restoredPerplexity,
      Optional<Interval> restoredDivergence) {}

  /**
   * How it was measured.
   *
   * @param text name of the text
   * @param windows contexts of their own
   * @param tokens predicted tokens
   * @param bosAdded whether each window starts with BOS
   * @param prompt on which super activations were read
   */
  public record Protocol(
      String text,
      int windows,
      int tokens,
      boolean bosAdded,
      String prompt,
      double mostDivergence,
      double mostRatio,
      double confidence,
      int resamples,
      long seed) {}

  /** The weights that are no longer there. */
  public List<Coordinate> lost() {
    return weights.stream()
        .filter(w ->
            w.state() == AuditedWeight.State.LOST || w.state() == AuditedWeight.State.NO_SUCH_PLACE)
        .map(AuditedWeight::weight)
        .toList();
  }

  /** What it means, in one or two sentences. */
  public String sentence() {
    return switch (verdict) {
      case FINE ->
          (weights.isEmpty()
                  ? "No super weight is known of it to be lost"
                  : weights.size() == 1
                      ? "Its super weight is kept"
                      : "Its " + weights.size() + " super weights are kept")
              + (predictions.divergence().isPresent()
                  ? ", and it predicts much as its base does: " + effect() + "."
                  : ", and it predicts the text (perplexity "
                      + number(predictions.perplexity())
                      + ", plain token frequencies "
                      + number(predictions.unigramPerplexity())
                      + ").");
      case SUPER_WEIGHT_LOST -> lostWords() + ". " + restoredWords();
      case SUPER_WEIGHT_LOST_AND_REST_DESTROYED ->
          lostWords()
              + ". "
              + (predictions.restoredDivergence().isPresent()
                  ? "That is not all: with the base's values put back it stays destroyed ("
                      + nats(predictions.restoredDivergence().get().estimate())
                      + " of "
                      + nats(predictions.divergence().orElseThrow().estimate())
                      + ")."
                  : "It predicts the text no better than plain token frequencies do.");
      case REST_DESTROYED ->
          (weights.isEmpty()
                  ? "No super weight is known of it, but its predictions are destroyed: "
                  : "The super weights are kept, but the rest is destroyed: ")
              + (predictions.divergence().isPresent()
                  ? effect() + "."
                  : "perplexity "
                      + number(predictions.perplexity())
                      + ", no better than plain token frequencies ("
                      + number(predictions.unigramPerplexity())
                      + ").");
      case NOTHING_TO_CHECK ->
          "The catalog knows no super weight of it; give --base MODEL, the model it was made of, or"
              + " --weights. It predicts the text better than plain token frequencies do (perplexity "
              + number(predictions.perplexity())
              + " against "
              + number(predictions.unigramPerplexity())
              + ").";
    };
  }

  private String lostWords() {
    List<AuditedWeight> gone =
        weights.stream().filter(w -> lost().contains(w.weight())).limit(2).toList();
    if (gone.isEmpty()) {
      AuditedWeight worst =
          weights.stream()
              .max(java.util.Comparator.comparingDouble(AuditedWeight::relativeError))
              .orElseThrow();
      return "The super weights have moved too far, up to " + words(worst);
    }
    return (lost().size() == 1
            ? "The super weight "
            : lost().size() + " of " + weights.size() + " super weights are lost, the first ")
        + (lost().size() == 1 ? words(gone.getFirst()) + " is lost" : words(gone.getFirst()));
  }

  private static String words(AuditedWeight w) {
    return w.weight()
        + (Double.isNaN(w.after())
            ? ""
            : " (" + number(w.before()) + " → " + number(w.after()) + ")");
  }

  private String restoredWords() {
    if (predictions.divergence().isEmpty()) {
      return "Perplexity "
          + number(predictions.perplexity())
          + ", of plain token frequencies "
          + number(predictions.unigramPerplexity())
          + ".";
    }
    return predictions
        .restoredDivergence()
        .map(restored ->
            "Put back, KL falls from "
                + nats(predictions.divergence().orElseThrow().estimate())
                + " to "
                + nats(restored.estimate())
                + " and perplexity from "
                + number(predictions.perplexity())
                + " to "
                + number(predictions.restoredPerplexity())
                + " (base "
                + number(predictions.basePerplexity())
                + ").")
        .orElse("Its predictions: " + effect() + ".");
  }

  private String effect() {
    return "perplexity "
        + number(predictions.basePerplexity())
        + " → "
        + number(predictions.perplexity())
        + ", KL "
        + nats(predictions.divergence().orElseThrow().estimate());
  }

  private static String nats(double value) {
    return number(value) + " nats";
  }

  private static String number(double value) {
    double size = Math.abs(value);
    if (!Double.isFinite(value)) {
      return Double.isNaN(value) ? "not a number" : value > 0 ? "∞" : "−∞";
    }
    String text =
        value == 0
            ? "0"
            : size >= 1e6
                ? String.format(Locale.ROOT, "%.1e", value)
                : size >= 100
                    ? String.format(Locale.ROOT, "%,.0f", value)
                    : size >= 1
                        ? String.format(Locale.ROOT, "%.2f", value)
                        : String.format(Locale.ROOT, "%.3g", value);
    return text.replace('-', '−');
  }
}
