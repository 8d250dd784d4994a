package io.superweight.find;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.find.Scoreboard.Version;
import io.superweight.model.Coordinate;
import io.superweight.statistics.Interval;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;

/** The rules for sets, on effects that are made up: no model. */
class JudgeTest {
  private static final Coordinate A = Coordinate.down(11, 507, 1229);
  private static final Coordinate B = Coordinate.down(11, 507, 1487);
  private static final Coordinate C = Coordinate.down(11, 507, 3);
  private static final Coordinate D = Coordinate.down(11, 507, 4);
  private static final Coordinate RANDOM = Coordinate.down(11, 1, 1);

  /** Ratios by what is zeroed, with an interval of five percent on each side. */
  private static final class MadeUp implements Judge.Effects {
    private final ToDoubleFunction<Collection<Coordinate>> ratio;
    private final double width;
    final List<Version> asked = new ArrayList<>();

    MadeUp(double width, ToDoubleFunction<Collection<Coordinate>> ratio) {
      this.width = width;
      this.ratio = ratio;
    }

    private Interval around(double value) {
      double spread = value == 1 ? 1 : width;
      return new Interval(value, value / spread, value * spread);
    }

    @Override
    public Effect effect(Version version) {
      return new Effect(
          version.name(),
          version.zeroed(),
          around(version.constants().isPresent() ? 1 : ratio.applyAsDouble(version.zeroed())),
          Interval.exactly(0),
          Optional.empty(),
          false);
    }

    @Override
    public Interval change(Version version, Version base) {
      return around(ratio.applyAsDouble(version.zeroed()) / ratio.applyAsDouble(base.zeroed()));
    }

    @Override
    public void also(Collection<Version> versions, Version asFarAs) {
      asked.addAll(versions);
    }
  }

  private static Trial trial(Coordinate... members) {
    Trial trial = new Trial(new VerifyTarget("set", List.of(members), true));
    trial.random.add(Version.zeroing("random", List.of(RANDOM)));
    if (members.length > 1) {
      List<Coordinate> more = new ArrayList<>(List.of(members));
      more.add(RANDOM);
      trial.swaps.add(Version.zeroing("one more", more));
    }
    return trial;
  }

  private static SetVerdict judge(MadeUp effects, Trial trial) {
    return new Judge(new VerdictRule(2), effects).verdict(trial);
  }

  @Test
  void membershipOutranksWhatAMemberDoesAlone() {
    // SmolLM2-135M: × 6.66 and × 1.12 alone, × 31,137 together.
    MadeUp effects =
        new MadeUp(
            1.05,
            z ->
                z.contains(A) && z.contains(B)
                    ? 31_137
                    : z.contains(A) ? 6.66 : z.contains(B) ? 1.12 : 1);
    SetVerdict set = judge(effects, trial(A, B));
    assertThat(set.verdict()).isEqualTo(Verdict.SUPER_WEIGHT);
    assertThat(set.needed()).containsExactly(A, B);
    assertThat(set.equivalents()).isEmpty();
    MemberVerdict second = set.memberVerdicts().getLast();
    assertThat(second.verdict()).isEqualTo(Verdict.SUPER_WEIGHT);
    assertThat(second.sentence())
        .isEqualTo(
            "alone ×1.120 (undecided), but the set does ×6.66 without it, ×31,137 with it: it is"
                + " part of the super weight");
    assertThat(second.aloneVerdict()).isEqualTo(Verdict.UNDECIDED);
    assertThat(set.sentence())
        .contains("multiplies perplexity by 31,137")
        .contains("×6.66, ×1.120");
    assertThat(effects.asked).isEmpty();
  }

  @Test
  void aMemberThatChangesNothingIsLeftOutAndJudgedByItself() {
    MadeUp effects =
        new MadeUp(1.005, z -> z.contains(A) && z.contains(B) ? 50 : z.contains(A) ? 1.5 : 1);
    SetVerdict set = judge(effects, trial(A, B, C));
    assertThat(set.needed()).containsExactly(A, B);
    assertThat(set.memberVerdicts().getLast().verdict()).isEqualTo(Verdict.PROMINENT_BUT_HARMLESS);
    assertThat(set.memberVerdicts().getLast().needed()).isFalse();
    assertThat(set.memberVerdicts().getLast().sentence())
        .contains("leaving it out changes nothing beyond controls");
    assertThat(set.sentence()).contains("These do it all: " + A + " with " + B);
  }

  @Test
  void membersThatStandInForEachOtherAreSearchedAndListed() {
    MadeUp effects =
        new MadeUp(1.005, z -> z.contains(C) && (z.contains(A) || z.contains(B)) ? 50 : 1);
    SetVerdict set = judge(effects, trial(A, B, C, D));
    assertThat(set.verdict()).isEqualTo(Verdict.SUPER_WEIGHT);
    assertThat(set.needed()).containsExactly(A, C);
    assertThat(set.equivalents()).containsExactly(List.of(B, C));
    assertThat(set.memberVerdicts().stream().map(MemberVerdict::needed))
        .containsExactly(false, false, true, false);
    assertThat(set.memberVerdicts().stream().map(MemberVerdict::verdict))
        .containsExactly(
            Verdict.SUPER_WEIGHT,
            Verdict.SUPER_WEIGHT,
            Verdict.SUPER_WEIGHT,
            Verdict.PROMINENT_BUT_HARMLESS);
    assertThat(set.memberVerdicts().getFirst().sentence()).contains("others can stand in for it");
    assertThat(set.sentence()).contains("The same is done by " + B + " with " + C);
  }

  @Test
  void noiseOfACollapsedModelMakesNobodyNeeded() {
    // One random weight more changes the collapsed perplexity by a fifth; so does C.
    MadeUp effects =
        new MadeUp(
            1.005,
            z ->
                (z.contains(A) && z.contains(B) ? 1000 : 1)
                    * (z.contains(A) && z.contains(B) && (z.contains(C) || z.contains(RANDOM))
                        ? 1.2
                        : 1));
    Trial trial = trial(A, B, C);
    trial.swaps.clear();
    trial.swaps.add(Version.zeroing("one more", List.of(A, B, C, RANDOM)));
    // The control adds nothing here: C is needed by a fifth.
    assertThat(judge(effects, trial).needed()).containsExactly(A, B, C);
    MadeUp noisy =
        new MadeUp(
            1.005,
            z ->
                z.contains(A) && z.contains(B)
                    ? 1000 * (z.contains(C) ? 1.2 : 1) * (z.contains(RANDOM) ? 1.3 : 1)
                    : 1);
    SetVerdict set = judge(noisy, trial);
    assertThat(set.needed()).containsExactly(A, B);
  }

  @Test
  void ofAHarmlessSetEachMemberIsJudgedByItself() {
    SetVerdict set = judge(new MadeUp(1.005, z -> z.contains(A) ? 1.03 : 1), trial(A, B));
    assertThat(set.verdict()).isEqualTo(Verdict.PROMINENT_BUT_HARMLESS);
    assertThat(set.needed()).isEmpty();
    assertThat(set.memberVerdicts())
        .allSatisfy(m -> assertThat(m.verdict()).isEqualTo(Verdict.PROMINENT_BUT_HARMLESS));
    assertThat(set.sentence()).contains("less than ten percent");
  }

  @Test
  void theTextThatCollapsesIsSaidAndKeepsTheWholeSet() {
    Trial trial = trial(A, B);
    trial.loops =
        Optional.of(
            VerdictRule.loopRate(
                new boolean[6], new boolean[] {true, true, true, true, true, true}, 60));
    SetVerdict set = judge(new MadeUp(1.005, z -> 1 + 0.01 * z.size()), trial);
    assertThat(set.verdict()).isEqualTo(Verdict.SUPER_WEIGHT);
    assertThat(set.joint().textCollapses()).isTrue();
    assertThat(set.needed()).containsExactly(A, B);
    assertThat(set.sentence()).contains("Greedy text collapses into loops");
  }

  @Test
  void constantsInItsPlaceAnnotateAndNeverChangeTheVerdict() {
    Trial trial = trial(A);
    trial.mean =
        Optional.of(
            new Version(
                "mean",
                List.of(A),
                Optional.of(new ConstantReplacement(List.of(), w -> Optional.empty()))));
    SetVerdict set = judge(new MadeUp(1.05, z -> z.contains(A) ? 180 : 1), trial);
    assertThat(set.verdict()).isEqualTo(Verdict.SUPER_WEIGHT);
    assertThat(set.meanReplacement().orElseThrow().constantBias()).isTrue();
    assertThat(set.sentence()).contains("constant bias");
    SetVerdict harmless = judge(new MadeUp(1.005, z -> z.contains(A) ? 1.02 : 1), trial);
    assertThat(harmless.meanReplacement().orElseThrow().constantBias()).isFalse();
  }

  @Test
  void anOpenVerdictAsksForMoreText() {
    Judge wide = new Judge(new VerdictRule(2), new MadeUp(1.3, z -> z.contains(A) ? 2.2 : 1));
    Judge narrow = new Judge(new VerdictRule(2), new MadeUp(1.05, z -> z.contains(A) ? 2.2 : 1));
    assertThat(wide.open(trial(A))).isTrue();
    assertThat(wide.verdict(trial(A)).sentence()).contains("crosses the bar of 2.00");
    assertThat(narrow.open(trial(A))).isFalse();
    // Decided together, but whether B belongs is open.
    Judge member =
        new Judge(
            new VerdictRule(2),
            new MadeUp(1.3, z -> z.contains(A) ? z.contains(B) ? 240 : 200 : 1));
    assertThat(member.open(trial(A, B))).isTrue();
  }
}
