package io.superweight.find;

import io.superweight.find.MeanReplacement.Constant;
import io.superweight.find.Scoreboard.Version;
import io.superweight.find.VerdictRule.ControlRange;
import io.superweight.model.Coordinate;
import io.superweight.statistics.Interval;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** From the effects of all versions of a trial to its verdict, member by member. */
final class Judge {
  /** Of a damage (in nats) constants have to leave at most this part to be what matters. */
  private static final double BIAS_PART = 0.1;

  /** What was measured: {@link Scoreboard}, or figures made up by a test. */
  interface Effects {
    /** Effect of a version that was scored; no greedy text. */
    Effect effect(Version version);

    /** Perplexity of one version over that of another, on the same text. */
    Interval change(Version version, Version base);

    /** Scores versions that were not scored yet, on as much text as another. */
    void also(Collection<Version> versions, Version asFarAs);
  }

  private final VerdictRule rule;
  private final Effects effects;

  Judge(VerdictRule rule, Effects effects) {
    this.rule = rule;
    this.effects = effects;
  }

  ControlRange range(Trial one) {
    double low = 1;
    double high = 1;
    for (Version version : one.random) {
      Interval ratio = effects.effect(version).perplexityRatio();
      low = Math.min(low, ratio.low());
      high = Math.max(high, ratio.high());
    }
    return new ControlRange(low, high);
  }

  Verdict decide(Trial one) {
    return rule.decide(effects.effect(one.joint).perplexityRatio(), one.collapses(), range(one));
  }

  /** The largest change that one random weight more makes. */
  private double swapChange(Trial one) {
    return one.swaps.stream().mapToDouble(s -> effects.change(s, one.joint).high()).max().orElse(1);
  }

  /** Whether more text could change what is said of a target. */
  boolean open(Trial one) {
    Verdict verdict = decide(one);
    if (verdict == Verdict.UNDECIDED) {
      return true;
    }
    if (verdict != Verdict.SUPER_WEIGHT && verdict != Verdict.MINOR) {
      return false;
    }
    double swap = swapChange(one);
    return one.leftOut.stream()
        .anyMatch(left -> rule.neededIsOpen(effects.change(one.joint, left), swap));
  }

  SetVerdict verdict(Trial one) {
    List<Coordinate> members = one.target.members();
    Verdict verdict = decide(one);
    ControlRange range = range(one);
    Effect joint = joint(one);
    boolean effective = verdict == Verdict.SUPER_WEIGHT || verdict == Verdict.MINOR;
    double swap = swapChange(one);

    List<Coordinate> needed = new ArrayList<>();
    List<Interval> changes = new ArrayList<>();
    for (int i = 0; i < members.size(); i++) {
      Interval change =
          members.size() == 1
              ? joint.perplexityRatio()
              : effects.change(one.joint, one.leftOut.get(i));
      changes.add(change);
      if (effective && (members.size() == 1 || rule.needed(change, swap))) {
        needed.add(members.get(i));
      }
    }
    SubsetSearch.Result smallest = new SubsetSearch.Result(List.of(), List.of(), true);
    if (effective) {
      boolean byPerplexity =
          rule.decide(joint.perplexityRatio(), false, range) != Verdict.PROMINENT_BUT_HARMLESS;
      smallest =
          needed.size() == members.size() || !byPerplexity
              ? new SubsetSearch.Result(members, List.of(), true)
              : SubsetSearch.smallest(members, needed, subsets -> ask(one, subsets, swap));
    }
    Set<Coordinate> carrying = new HashSet<>(smallest.smallest());
    smallest.equivalents().forEach(carrying::addAll);

    List<MemberVerdict> memberVerdicts = new ArrayList<>();
    for (int i = 0; i < members.size(); i++) {
      Coordinate member = members.get(i);
      Effect alone = members.size() == 1 ? joint : effects.effect(one.alone.get(i));
      Optional<Effect> left =
          members.size() == 1 ? Optional.empty() : Optional.of(effects.effect(one.leftOut.get(i)));
      Verdict byItself =
          members.size() == 1 ? verdict : rule.decide(alone.perplexityRatio(), false, range);
      Verdict own = carrying.contains(member) ? verdict : byItself;
      boolean isNeeded = needed.contains(member);
      memberVerdicts.add(
          new MemberVerdict(
              member,
              own,
              byItself,
              alone,
              left,
              changes.get(i),
              isNeeded,
              Wording.member(
                  byItself, verdict, alone, left, joint, isNeeded, carrying.contains(member))));
    }
    List<ControlSummary> summaries = new ArrayList<>();
    summaries.add(
        new ControlSummary(
            ControlSummary.Kind.RANDOM,
            members.size(),
            one.random.stream().map(effects::effect).toList()));
    one.largest.ifPresent(version ->
        summaries.add(
            new ControlSummary(
                ControlSummary.Kind.LARGEST,
                version.zeroed().size(),
                List.of(effects.effect(version)))));
    Optional<MeanReplacement> mean =
        one.mean.map(version -> mean(effects.effect(version), joint, one.constants, effective));
    return new SetVerdict(
        one.target.name(),
        members,
        verdict,
        joint,
        memberVerdicts,
        smallest.smallest(),
        smallest.equivalents(),
        summaries,
        mean,
        one.continuation,
        Wording.set(
            verdict, joint, memberVerdicts, smallest, summaries.getFirst(), range, mean, rule));
  }

  private Effect joint(Trial one) {
    Effect scored = effects.effect(one.joint);
    return new Effect(
        scored.variant(),
        scored.zeroed(),
        scored.perplexityRatio(),
        scored.divergence(),
        one.loops,
        one.collapses());
  }

  private static MeanReplacement mean(
      Effect effect, Effect joint, List<Constant> constants, boolean effective) {
    double left = Math.abs(Math.log(effect.perplexityRatio().estimate()));
    double damage = Math.log(joint.perplexityRatio().estimate());
    return new MeanReplacement(effect, constants, effective && left <= BIAS_PART * damage);
  }

  private List<SubsetSearch.Answer> ask(
      Trial one, List<List<Coordinate>> subsets, double swapChange) {
    List<Version> versions = subsets.stream().map(Version::zeroing).toList();
    effects.also(versions, one.joint);
    return versions.stream()
        .map(v ->
            new SubsetSearch.Answer(
                !rule.needed(effects.change(one.joint, v), swapChange),
                effects.effect(v).perplexityRatio().estimate()))
        .toList();
  }

  SetVerdict refused(Trial one, String reason) {
    Effect joint = joint(one);
    List<MemberVerdict> members = new ArrayList<>();
    for (int i = 0; i < one.target.members().size(); i++) {
      Effect alone = effects.effect(one.alone.get(i));
      members.add(
          new MemberVerdict(
              one.target.members().get(i),
              Verdict.REFUSED,
              Verdict.REFUSED,
              alone,
              Optional.empty(),
              alone.perplexityRatio(),
              false,
              "not judged"));
    }
    return new SetVerdict(
        one.target.name(),
        one.target.members(),
        Verdict.REFUSED,
        joint,
        members,
        List.of(),
        List.of(),
        List.of(),
        Optional.empty(),
        Optional.empty(),
        "Not judged: " + reason + ".");
  }
}
