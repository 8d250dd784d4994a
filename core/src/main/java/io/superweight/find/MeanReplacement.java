package io.superweight.find;

import io.superweight.model.Coordinate;
import java.util.List;

/**
 * What is left of the damage when the zeroed weights' contributions are put back as constants: one
 * mean at attention-sink positions and one elsewhere, estimated on text that is not scored. An
 * annotation: it says <em>how</em> a weight matters, and never changes the verdict (paper.md 2.2).
 *
 * @param effect the variant with zeroed weights and constant contributions
 * @param constants the contributions that were put back
 * @param constantBias whether the constants alone keep the model as good as intact: what matters is
 *     that the contribution is there, not what it depends on
 */
public record MeanReplacement(Effect effect, List<Constant> constants, boolean constantBias) {
  public MeanReplacement {
    constants = List.copyOf(constants);
  }

  /**
   * The mean of X[t, col] · W[row, col] over tokens.
   *
   * @param weight the weight
   * @param atSinks mean at sink positions
   * @param elsewhere mean at all other positions
   * @param sinks sink positions that the mean was taken over
   */
  public record Constant(Coordinate weight, double atSinks, double elsewhere, int sinks) {}
}
