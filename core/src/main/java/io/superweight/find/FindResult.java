package io.superweight.find;

import io.superweight.model.Coordinate;
import java.util.List;
import java.util.Optional;

/**
 * What a search found. An empty list of candidates is a result, too: many models have no super
 * weight.
 *
 * @param rule the rule that chose
 * @param prompts what the model was run on, with the exact ids
 * @param superActivations super activations of the intact model, the largest first
 * @param candidates accepted candidates: main set first, then by layer, the larger share first
 * @param rejected spikes with the signature that are no candidates, the largest first, each with
 *     its reason
 * @param sets accepted candidates grouped by what they do together, the main set first
 * @param extremes largest down-projection input and output of each layer, {@code [layers]}
 * @param trajectories the super activations through the layers, with and without the candidates
 * @param stability the same on other texts; empty where not asked for
 * @param rounds zero-and-repeat, round by round
 * @param notes what else a reader should know, one sentence each: a super activation that attention
 *     writes, a round limit that was reached, values that are not finite
 * @param nonFinite numbers that are not finite
 * @param cost what it took
 */
public record FindResult(
    Rule rule,
    List<Prompt> prompts,
    List<SuperActivation> superActivations,
    List<Candidate> candidates,
    List<Candidate> rejected,
    List<WeightSet> sets,
    List<LayerExtremes> extremes,
    List<Trajectory> trajectories,
    List<Stability> stability,
    List<Round> rounds,
    List<String> notes,
    NonFinite nonFinite,
    Cost cost) {

  public FindResult {
    prompts = List.copyOf(prompts);
    superActivations = List.copyOf(superActivations);
    candidates = List.copyOf(candidates);
    rejected = List.copyOf(rejected);
    sets = List.copyOf(sets);
    extremes = List.copyOf(extremes);
    trajectories = List.copyOf(trajectories);
    stability = List.copyOf(stability);
    rounds = List.copyOf(rounds);
    notes = List.copyOf(notes);
  }

  /** The same with a stability line. */
  FindResult withStability(List<Stability> lines, Cost whole) {
    return new FindResult(
        rule,
        prompts,
        superActivations,
        candidates,
        rejected,
        sets,
        extremes,
        trajectories,
        lines,
        rounds,
        notes,
        nonFinite,
        whole);
  }

  /** The same with the account of another cost. */
  FindResult withCost(Cost whole) {
    return withStability(stability, whole);
  }

  /** The largest super activation. */
  public Optional<SuperActivation> main() {
    return superActivations.stream().findFirst();
  }

  /** The coordinates of the accepted candidates. */
  public List<Coordinate> coordinates() {
    return candidates.stream().map(Candidate::coordinate).toList();
  }

  /** The coordinates of the candidates that are {@link Role#SOURCE sources}. */
  public List<Coordinate> sources() {
    return candidates.stream()
        .filter(candidate -> candidate.role() == Role.SOURCE)
        .map(Candidate::coordinate)
        .toList();
  }

  /**
   * NaN and infinite values that were met.
   *
   * @param activations how many activations of the intact pass
   * @param firstSite the first site that had one, in the order of the pass; empty for none
   * @param weights how many weights of that layer; counted only where activations are not finite
   * @param firstWeight where the first of them is, as the checkpoint's part name; empty for none
   */
  public record NonFinite(long activations, String firstSite, long weights, String firstWeight) {
    public static final NonFinite NONE = new NonFinite(0, "", 0, "");
  }
}
