package io.superweight.find;

import io.superweight.model.Coordinate;
import java.util.List;

/**
 * Weights whose effect is asked about: a set that acts together, or one weight.
 *
 * @param name for the report: {@code "super activation at channel 507"}
 * @param members distinct weights, at least one
 * @param source whether it is held to make a super activation; text before and after is written for
 *     these, and constants are put in their place
 */
public record VerifyTarget(String name, List<Coordinate> members, boolean source) {
  public VerifyTarget {
    members = List.copyOf(members);
    if (members.isEmpty() || members.stream().distinct().count() != members.size()) {
      throw new IllegalArgumentException(name + ": " + members + " are no distinct weights");
    }
  }
}
