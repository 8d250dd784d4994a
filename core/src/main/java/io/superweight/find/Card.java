package io.superweight.find;

import io.superweight.model.Head;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import java.util.List;
import java.util.Optional;

/**
 * How large a model's activations are, layer by layer, and what that means for the number formats
 * they may be kept in: where float16 overflows, and which layers INT8 activations ruin.
 *
 * @param prompts what the model was run on: the figures hold for text like it
 * @param layers one for each layer
 * @param overflowF16 layers with a value beyond float16's largest
 * @param nearF16 layers with a value within a factor of 4 of it: other text may overflow
 * @param keepOutOfW8A8 layers whose down-projection input INT8 cannot hold at one scale for the
 *     tensor: a median value is under half a step, so that most values become zero
 * @param keepOutOfW8A8PerToken layers where that is so even at a scale for each token, for some
 *     token
 * @param sentence the above in words
 */
public record Card(
    List<Prompt> prompts,
    List<LayerCard> layers,
    List<Integer> overflowF16,
    List<Integer> nearF16,
    List<Integer> keepOutOfW8A8,
    List<Integer> keepOutOfW8A8PerToken,
    String sentence) {

  /** Largest finite value of IEEE binary16. */
  public static final double F16_MAX = 65_504;

  /** Largest finite value of bfloat16, {@code (2 − 2⁻⁷) · 2¹²⁷}. */
  public static final double BF16_MAX = 3.3895313892515355e38;

  /** Largest value of the 8-bit float E4M3 (finite variant, as OCP has it). */
  public static final double FP8_E4M3_MAX = 448;

  /** Levels of a symmetric INT8 scale on each side of zero. */
  static final double INT8_LEVELS = 127;

  private static final double NEAR = 4;

  public Card {
    prompts = List.copyOf(prompts);
    layers = List.copyOf(layers);
    overflowF16 = List.copyOf(overflowF16);
    nearF16 = List.copyOf(nearF16);
    keepOutOfW8A8 = List.copyOf(keepOutOfW8A8);
    keepOutOfW8A8PerToken = List.copyOf(keepOutOfW8A8PerToken);
  }

  /**
   * A layer.
   *
   * @param input input of the down projection: of all experts, where the layer has them; empty
   *     where no token came by
   * @param output output of the down projection, before a post-norm
   * @param residual the residual stream that leaves the layer
   */
  public record LayerCard(
      int layer,
      Optional<SiteCard> input,
      Optional<SiteCard> output,
      Optional<SiteCard> residual) {}

  /**
   * A site.
   *
   * @param largest the largest value by magnitude
   * @param median median of |value| over all tokens and channels (to 8 bits, rounded down)
   * @param headroomF16 float16's largest value over the largest here; below 1 it overflows
   * @param headroomBf16 the same of bfloat16
   * @param headroomFp8 the same of fp8 E4M3 without a scale
   * @param int8MedianSteps the median in steps of INT8, at one scale for the tensor (largest /
   *     127): under 0.5, most values become zero
   * @param int8Zeroed the part of all values that become zero at that scale, 0 to 1
   * @param int8WorstTokenMedianSteps the same as {@code int8MedianSteps} with a scale for each
   *     token (and its own median), at the token where it is smallest
   * @param int8WorstToken position of that token
   * @param int8WorstTokenPrompt index of its prompt
   * @param nonFinite values that are infinite or not a number; they are left out of the others
   */
  public record SiteCard(
      Extreme largest,
      double median,
      double headroomF16,
      double headroomBf16,
      double headroomFp8,
      double int8MedianSteps,
      double int8Zeroed,
      double int8WorstTokenMedianSteps,
      int int8WorstToken,
      int int8WorstTokenPrompt,
      long nonFinite) {

    /** Whether float16 cannot hold the largest value. */
    public boolean overflowsF16() {
      return headroomF16 < 1 || nonFinite > 0;
    }

    /** Whether the largest value is within a factor of 4 of float16's largest. */
    public boolean nearF16() {
      return !overflowsF16() && headroomF16 < NEAR;
    }
  }

  /**
   * Runs the model on some prompts and measures.
   *
   * @throws io.superweight.InputException as {@link Transformer#forward}
   */
  public static Card of(Transformer model, List<Prompt> prompts) {
    CardProbe probe = new CardProbe(model.layers(), prompts);
    model.forward(
        prompts.stream().map(Prompt::idArray).toList(),
        List.of(Variant.INTACT),
        List.of(probe),
        Head.SKIP);
    return of(prompts, probe.layers());
  }

  static Card of(List<Prompt> prompts, List<LayerCard> layers) {
    List<Integer> overflow =
        layers.stream()
            .filter(l -> sites(l).anyMatch(SiteCard::overflowsF16))
            .map(LayerCard::layer)
            .toList();
    List<Integer> near =
        layers.stream()
            .filter(l -> !overflow.contains(l.layer()) && sites(l).anyMatch(SiteCard::nearF16))
            .map(LayerCard::layer)
            .toList();
    List<Integer> perTensor =
        layers.stream()
            .filter(l -> l.input().map(s -> s.int8MedianSteps() < 0.5).orElse(false))
            .map(LayerCard::layer)
            .toList();
    List<Integer> perToken =
        layers.stream()
            .filter(l -> l.input().map(s -> s.int8WorstTokenMedianSteps() < 0.5).orElse(false))
            .map(LayerCard::layer)
            .toList();
    return new Card(
        prompts,
        layers,
        overflow,
        near,
        perTensor,
        perToken,
        sentence(overflow, near, perTensor, perToken));
  }

  private static java.util.stream.Stream<SiteCard> sites(LayerCard layer) {
    return java.util.stream.Stream.of(layer.input(), layer.output(), layer.residual())
        .flatMap(Optional::stream);
  }

  private static String sentence(
      List<Integer> overflow, List<Integer> near, List<Integer> perTensor, List<Integer> perToken) {
    StringBuilder words = new StringBuilder();
    words.append(
        !overflow.isEmpty()
            ? "float16 overflows in " + layers(overflow) + ": use bfloat16. "
            : !near.isEmpty()
                ? "float16 holds it on this text, but "
                    + layers(near)
                    + (near.size() == 1 ? " comes" : " come")
                    + " within a factor of 4 of its end. "
                : "float16 holds it with room to spare. ");
    if (perTensor.isEmpty()) {
      words.append("No layer has to be kept out of W8A8.");
    } else {
      words
          .append("Keep the down projection of ")
          .append(layers(perTensor))
          .append(" out of W8A8 with one scale for the tensor");
      words.append(
          perToken.isEmpty()
              ? "; a scale for each token holds them."
              : perToken.equals(perTensor)
                  ? "; a scale for each token does not hold them either."
                  : "; with a scale for each token, " + layers(perToken) + ".");
    }
    return words.toString();
  }

  /** {@code "layer 3"}, {@code "layers 2–5, 30"}. */
  static String layers(List<Integer> numbers) {
    StringBuilder words = new StringBuilder(numbers.size() == 1 ? "layer " : "layers ");
    for (int i = 0; i < numbers.size(); ) {
      int end = i;
      while (end + 1 < numbers.size() && numbers.get(end + 1) == numbers.get(end) + 1) {
        end++;
      }
      words.append(i == 0 ? "" : ", ").append(numbers.get(i));
      if (end > i) {
        words.append(end == i + 1 ? ", " : "–").append(numbers.get(end));
      }
      i = end + 1;
    }
    return words.toString();
  }
}
