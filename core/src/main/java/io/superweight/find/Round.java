package io.superweight.find;

import io.superweight.model.Coordinate;
import java.util.List;

/**
 * One round of zero-and-repeat.
 *
 * @param number 0 is the intact model
 * @param found weights that this round showed; they are zeroed in the next ones
 * @param largest largest residual activation of a super activation that was still there; 0 for none
 * @param superActivations how many super activations were there
 */
public record Round(int number, List<Coordinate> found, float largest, int superActivations) {
  public Round {
    found = List.copyOf(found);
  }
}
