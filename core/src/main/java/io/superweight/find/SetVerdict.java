package io.superweight.find;

import io.superweight.model.Coordinate;
import java.util.List;
import java.util.Optional;

/**
 * What a set of weights that act together does; a set of one for a weight that stands alone.
 *
 * @param name what it was called in the request: {@code "super activation at channel 507"}
 * @param members all weights of the set as it was found, in the order of the request
 * @param verdict what it is
 * @param joint zeroing all of them at once
 * @param memberVerdicts one for each member
 * @param needed the smallest subset found that does what the whole set does
 * @param equivalents other subsets of that size that do the same: members that stand in for each
 *     other; empty where there are none
 * @param controls what other weights of the same matrices do
 * @param meanReplacement what is left of the damage with constants in their place; empty where it
 *     was not measured
 * @param continuation the reference sentence with and without; empty where it was not written
 * @param sentence the verdict and its grounds in words
 */
public record SetVerdict(
    String name,
    List<Coordinate> members,
    Verdict verdict,
    Effect joint,
    List<MemberVerdict> memberVerdicts,
    List<Coordinate> needed,
    List<List<Coordinate>> equivalents,
    List<ControlSummary> controls,
    Optional<MeanReplacement> meanReplacement,
    Optional<ContinuationCase> continuation,
    String sentence) {
  public SetVerdict {
    members = List.copyOf(members);
    memberVerdicts = List.copyOf(memberVerdicts);
    needed = List.copyOf(needed);
    equivalents = equivalents.stream().map(List::copyOf).toList();
    controls = List.copyOf(controls);
  }
}
