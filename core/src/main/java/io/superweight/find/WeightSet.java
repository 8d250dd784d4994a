package io.superweight.find;

import io.superweight.model.Coordinate;
import java.util.List;
import java.util.Optional;

/**
 * Weights that act together: all that feed one super activation, or that share the neuron (column)
 * which feeds several. It is the natural unit of importance: most published super weights are inert
 * alone (reference: joint ablations of Phi-3, Llama-2, Llama-3).
 *
 * @param shape how the members lie
 * @param members accepted candidates' coordinates, sources first, the larger share first
 * @param superActivation the largest super activation that they make
 * @param share the part of the super activation's writing that the members in its layer and row
 *     explain together
 * @param remaining what is left of it when all members are zeroed, as a fraction of the intact
 *     peak; NaN where it was not measured
 * @param words who does what, for people
 */
public record WeightSet(
    Shape shape,
    List<Coordinate> members,
    Optional<SuperActivation> superActivation,
    double share,
    double remaining,
    String words) {

  public WeightSet {
    members = List.copyOf(members);
  }

  /** How the members of a set lie in the model. */
  public enum Shape {
    /** One weight. */
    SINGLE,
    /** Several columns of one matrix that write the same output channel. */
    ROW,
    /** One input channel (a neuron) of one matrix that writes several output channels. */
    COLUMN,
    /** Several layers: precursors and the sources that consume what they write. */
    CHAIN,
    /** Several rows and columns of one layer. */
    BLOCK;

    /** How some weights lie. */
    static Shape of(List<Coordinate> members) {
      if (members.size() == 1) {
        return SINGLE;
      }
      if (members.stream().map(Coordinate::part).distinct().count() > 1) {
        return CHAIN;
      }
      if (members.stream().map(Coordinate::row).distinct().count() == 1) {
        return ROW;
      }
      return members.stream().map(Coordinate::col).distinct().count() == 1 ? COLUMN : BLOCK;
    }
  }
}
