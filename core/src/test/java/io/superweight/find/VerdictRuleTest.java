package io.superweight.find;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.find.VerdictRule.ControlRange;
import io.superweight.statistics.Interval;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VerdictRuleTest {
  private static final ControlRange QUIET = new ControlRange(0.999, 1.001);
  private final VerdictRule rule = new VerdictRule(2);

  @ParameterizedTest(name = "×{0} [{1}, {2}] is {3}")
  @CsvSource({
    "31137, 20000, 45000, SUPER_WEIGHT",
    "2.94, 2.3, 3.4, SUPER_WEIGHT",
    "2.0, 2.0, 2.1, SUPER_WEIGHT",
    "2.1, 1.9, 2.4, UNDECIDED",
    "1.48, 1.40, 1.57, MINOR",
    "1.26, 1.11, 1.40, MINOR",
    "1.10, 1.07, 1.13, UNDECIDED",
    "1.02, 1.01, 1.03, PROMINENT_BUT_HARMLESS",
    "1.08, 1.06, 1.099, PROMINENT_BUT_HARMLESS",
    "0.999, 0.9985, 0.9995, PROMINENT_BUT_HARMLESS",
    "1.000, 0.9, 1.05, PROMINENT_BUT_HARMLESS",
    "0.93, 0.90, 0.96, REMOVAL_HELPS",
    "0.97, 0.90, 1.04, PROMINENT_BUT_HARMLESS",
    "1.5, 0.9, 2.5, UNDECIDED"
  })
  void theIntervalDecides(double estimate, double low, double high, Verdict verdict) {
    assertThat(rule.decide(new Interval(estimate, low, high), false, QUIET)).isEqualTo(verdict);
  }

  @Test
  void textThatCollapsesMakesASuperWeightWhateverThePerplexity() {
    assertThat(rule.decide(new Interval(1.39, 1.3, 1.5), true, QUIET))
        .isEqualTo(Verdict.SUPER_WEIGHT);
  }

  @Test
  void whatRandomWeightsDoAsWellIsHarmless() {
    ControlRange loud = new ControlRange(0.8, 1.6);
    assertThat(rule.decide(new Interval(1.4, 1.3, 1.5), false, loud))
        .isEqualTo(Verdict.PROMINENT_BUT_HARMLESS);
    assertThat(rule.decide(new Interval(0.85, 0.82, 0.9), false, loud))
        .isEqualTo(Verdict.PROMINENT_BUT_HARMLESS);
    assertThat(rule.decide(new Interval(2.6, 2.5, 2.8), false, new ControlRange(1, 3)))
        .isNotEqualTo(Verdict.SUPER_WEIGHT);
  }

  @Test
  void theImportanceBarMoves() {
    Interval ratio = new Interval(2.94, 2.5, 3.4);
    assertThat(new VerdictRule(5).decide(ratio, false, QUIET)).isEqualTo(Verdict.MINOR);
    assertThat(new VerdictRule(1.05).decide(new Interval(1.07, 1.06, 1.08), false, QUIET))
        .isEqualTo(Verdict.SUPER_WEIGHT);
    assertThatThrownBy(() -> new VerdictRule(1)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aMemberIsNeededIfLeavingItOutChangesMoreThanARandomWeightDoes() {
    assertThat(rule.needed(new Interval(1.5, 1.3, 1.7), 1.002)).isTrue();
    assertThat(rule.needed(new Interval(1.5, 1.3, 1.7), 1.4)).isFalse();
    assertThat(rule.needed(new Interval(1.005, 1.004, 1.006), 1.001)).isFalse();
    assertThat(rule.needed(new Interval(0.5, 0.4, 0.6), 1.001)).isFalse();
    assertThat(rule.neededIsOpen(new Interval(1.2, 0.98, 1.4), 1.001)).isTrue();
    assertThat(rule.neededIsOpen(new Interval(1.2, 1.1, 1.4), 1.001)).isFalse();
  }

  @Test
  void fiveNewLoopsOfSixAreACollapse() {
    boolean[] intact = new boolean[6];
    boolean[] edited = {true, true, true, true, true, false};
    LoopRate loops = VerdictRule.loopRate(intact, edited, 60);
    assertThat(loops.measurable()).isTrue();
    assertThat(loops.newLoops()).isEqualTo(5);
    assertThat(VerdictRule.collapses(loops)).isTrue();
  }

  @Test
  void threeNewLoopsOfSixMayBeChance() {
    boolean[] edited = {true, true, true, false, false, false};
    assertThat(VerdictRule.collapses(VerdictRule.loopRate(new boolean[6], edited, 60))).isFalse();
  }

  @Test
  void aModelThatLoopsByItselfIsNotMeasurable() {
    boolean[] intact = {true, true, true, false, false, false};
    boolean[] edited = {true, true, true, true, true, true};
    LoopRate loops = VerdictRule.loopRate(intact, edited, 60);
    assertThat(loops.measurable()).isFalse();
    assertThat(VerdictRule.collapses(loops)).isFalse();
  }

  @Test
  void loopsThatHealAreCountedAgainstACollapse() {
    boolean[] intact = {true, false, false, false, false, false, false, false};
    boolean[] edited = {false, true, true, true, true, true, false, false};
    LoopRate loops = VerdictRule.loopRate(intact, edited, 60);
    assertThat(loops.healed()).isEqualTo(1);
    assertThat(VerdictRule.collapses(loops)).isFalse(); // 5 against 1: p = 7/64
  }
}
