package io.superweight.quantize;

import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.PassResult;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * The z of {@link Clip.ZScore} by reconstruction error, as the paper chooses it: on calibration
 * text, the z whose rounded model, held weights put back, is nearest to the model. What is
 * reconstructed are the predictions: the error is the mean KL divergence in nats a token. (The
 * paper does not say. The squared error of each down projection's output, the other reading,
 * prefers no clipping where perplexity prefers a lot of it: docs/quantize.md.)
 */
final class ClipSearch {
  /** The released script loops over 9, 11, 12 and 20. */
  private static final double[] GRID = {3, 5, 7, 9, 11, 12, 15, 20, Double.POSITIVE_INFINITY};

  /** Windows of the text, and tokens of each, that are looked at. */
  private static final int WINDOWS = 4;

  private static final int TOKENS = 128;

  /**
   * @param best of the grid, or no clipping where that is best
   * @param errors in nats a token by z; of no clipping under infinity
   */
  record Result(Clip best, Map<Double, Double> errors) {
    String sentence() {
      List<String> words = new ArrayList<>();
      errors.forEach(
          (z, error) -> words.add(String.format(Locale.ROOT, "%s %.3g", name(z), error)));
      return "KL from the model on the calibration text in nats a token, by where weights are"
          + " clipped: "
          + String.join(", ", words)
          + "; taken is "
          + name(best instanceof Clip.ZScore(double z) ? z : Double.POSITIVE_INFINITY)
          + ".";
    }

    private static String name(double z) {
      return Double.isInfinite(z) ? "no clipping" : String.format(Locale.ROOT, "z = %.0f", z);
    }
  }

  private ClipSearch() {}

  static Result run(
      Transformer model, WeightQuantizer quantizer, List<Coordinate> held, List<int[]> text) {
    List<int[]> windows =
        text.stream()
            .filter(ids -> ids.length > 1)
            .limit(WINDOWS)
            .map(ids -> Arrays.copyOf(ids, Math.min(TOKENS, ids.length)))
            .toList();
    List<Variant> variants = new ArrayList<>(List.of(Variant.INTACT));
    for (double z : GRID) {
      WeightQuantizer one =
          new WeightQuantizer(
              quantizer.levels(), quantizer.blocks(), clip(z), quantizer.indivisible());
      variants.add(
          new Variant(
              "z = " + z, List.of(), List.of(), List.of(QuantizedWeights.of(model, one, held))));
    }
    PassResult result = model.forward(windows, variants, List.of(), Head.SCORE);
    Map<Double, Double> errors = new TreeMap<>();
    double best = Double.POSITIVE_INFINITY;
    double least = Double.POSITIVE_INFINITY;
    for (int g = 0; g < GRID.length; g++) {
      double error =
          Arrays.stream(result.divergence()[g + 1])
              .flatMapToDouble(Arrays::stream)
              .average()
              .orElseThrow();
      errors.put(GRID[g], error);
      // Of equal ones the one that clips least.
      if (error <= least) {
        least = error;
        best = GRID[g];
      }
    }
    return new Result(clip(best), errors);
  }

  private static Clip clip(double z) {
    return Double.isInfinite(z) ? new Clip.None() : new Clip.ZScore(z);
  }
}
