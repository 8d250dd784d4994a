package io.superweight.find;

import io.superweight.model.Coordinate;
import io.superweight.tokenizer.BosPolicy;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * The causal proof of a model's candidates: what was zeroed, what came of it, how it was measured.
 *
 * @param protocol how it was measured
 * @param intact how well the intact model predicts the text
 * @param sets one verdict for each set asked about, in the order of the request
 * @param otherPolicy the joint effects under the other BOS policy, for comparison; empty where the
 *     tokenizer has no BOS token or it was not asked for
 * @param refusal why the model cannot be judged on this text; the verdicts are then REFUSED
 */
public record Verification(
    Protocol protocol,
    Baseline intact,
    List<SetVerdict> sets,
    Optional<OtherPolicy> otherPolicy,
    Optional<String> refusal) {
  public Verification {
    sets = List.copyOf(sets);
  }

  /**
   * The verdict of a weight: its set's where it is needed there, its own otherwise; of several sets
   * that have it, one in which it is a super weight.
   */
  public Optional<MemberVerdict> of(Coordinate weight) {
    return sets.stream()
        .flatMap(set -> set.memberVerdicts().stream())
        .filter(member -> member.weight().equals(weight))
        .min(Comparator.comparing(member -> member.verdict() != Verdict.SUPER_WEIGHT));
  }

  /** The super weights, sorted: members that their sets need. */
  public List<Coordinate> superWeights() {
    return sets.stream()
        .flatMap(set -> set.memberVerdicts().stream())
        .filter(member -> member.verdict() == Verdict.SUPER_WEIGHT)
        .map(MemberVerdict::weight)
        .distinct()
        .sorted()
        .toList();
  }

  /**
   * How the verdicts were reached.
   *
   * @param text name of the text: {@code "built-in public-domain prose"}
   * @param documents documents scored; the unit of the bootstrap
   * @param windows token windows scored, each its own context
   * @param windowTokens tokens of a window at most, BOS included
   * @param scoredTokens tokens predicted in all windows
   * @param doublings how often the text was doubled because a verdict was open
   * @param bos the BOS policy asked for
   * @param bosAdded whether BOS was put before each window
   * @param importance the bar of a super weight on the perplexity ratio
   * @param confidence of the intervals, 0.95
   * @param resamples of the bootstrap
   * @param seed of bootstrap and controls
   * @param controlDraws draws of random controls for each matrix and set size
   * @param passes passes over all weights that scored variants
   * @param variants variants scored in the first of them
   * @param device what computed it
   * @param dtype how the down projections are stored
   * @param loopRule the rule of {@link LoopDetector} in words
   * @param seconds wall-clock time of everything
   */
  public record Protocol(
      String text,
      int documents,
      int windows,
      int windowTokens,
      int scoredTokens,
      int doublings,
      BosPolicy bos,
      boolean bosAdded,
      double importance,
      double confidence,
      int resamples,
      long seed,
      int controlDraws,
      int passes,
      int variants,
      String device,
      String dtype,
      String loopRule,
      double seconds) {}

  /**
   * The intact model on the text.
   *
   * @param perplexity exp of the mean NLL
   * @param unigramPerplexity of the text's own token frequencies, each document predicted from the
   *     others: a model that is no better knows nothing of this text
   */
  public record Baseline(double perplexity, double unigramPerplexity) {}

  /**
   * The same sets under the other BOS policy.
   *
   * @param bosAdded whether BOS was put before each window there
   * @param intact the intact model under it
   * @param joint the joint effect of each set that is held to be a source (of all that were asked
   *     about, where none is), in the order of the verdicts
   */
  public record OtherPolicy(boolean bosAdded, Baseline intact, List<Effect> joint) {
    public OtherPolicy {
      joint = List.copyOf(joint);
    }
  }
}
