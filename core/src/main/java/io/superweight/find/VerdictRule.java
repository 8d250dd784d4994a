package io.superweight.find;

import io.superweight.statistics.Interval;
import io.superweight.statistics.SignTest;

/**
 * From an effect and its controls to a verdict. Pure: no model, no text.
 *
 * <p>On the axis of perplexity ratios, with {@code controls} the largest ratio that zeroing matched
 * random weights reached (upper bounds included):
 *
 * <ul>
 *   <li><em>super weight</em>: the greedy text collapses, or the whole interval is at or above the
 *       importance bar and the controls;
 *   <li><em>removal helps</em>: the whole interval is under 1, and the estimate is under 0.99 and
 *       under all controls;
 *   <li><em>prominent but harmless</em>: the whole interval is under 1.10 or under the controls;
 *   <li><em>minor</em>: the whole interval is between the last two;
 *   <li><em>undecided</em>: it crosses one of these boundaries.
 * </ul>
 *
 * <p>The margin of one percent stands for what a bootstrap over documents does not know: other
 * texts.
 *
 * @param importance the bar of a super weight on the perplexity ratio, 2 by default
 */
public record VerdictRule(double importance) {
  /** Effects under ten percent are slight, whatever their intervals say. */
  public static final double SLIGHT = 1.10;

  /** Ratios nearer to 1 than this are not told from nothing. */
  public static final double MARGIN = 1.01;

  /** Intact loops beyond this part of the prompts leave no room to see a collapse. */
  static final double LOOP_CEILING = 0.5;

  /** A collapse turns at least this part of the prompts into loops. */
  static final double LOOP_RISE = 0.5;

  private static final double SIGNIFICANCE = 0.05;

  public VerdictRule {
    if (!(importance > 1)) {
      throw new IllegalArgumentException("importance " + importance + " is not above 1");
    }
  }

  /** The range of perplexity ratios that matched random controls span; 1 to 1 without any. */
  public record ControlRange(double low, double high) {
    /** Nothing was controlled for. */
    public static final ControlRange NONE = new ControlRange(1, 1);
  }

  /** The verdict on an effect. */
  public Verdict decide(Interval ratio, boolean textCollapses, ControlRange controls) {
    if (textCollapses || ratio.low() >= bar(controls)) {
      return Verdict.SUPER_WEIGHT;
    }
    if (ratio.high() < 1 && ratio.estimate() < Math.min(1 / MARGIN, controls.low())) {
      return Verdict.REMOVAL_HELPS;
    }
    if (ratio.high() < floor(controls)) {
      return Verdict.PROMINENT_BUT_HARMLESS;
    }
    if (ratio.low() >= floor(controls) && ratio.high() < bar(controls)) {
      return Verdict.MINOR;
    }
    return Verdict.UNDECIDED;
  }

  /** Under it an effect is harmless. */
  double floor(ControlRange controls) {
    return Math.max(Math.min(SLIGHT, importance), controls.high());
  }

  /** At or above it an effect makes a super weight. */
  double bar(ControlRange controls) {
    return Math.max(importance, controls.high());
  }

  /**
   * Whether leaving a member out changes the joint effect beyond controls.
   *
   * @param change perplexity with the whole set zeroed over perplexity with the rest zeroed
   * @param controlChange the largest such change that a random weight in the member's place made
   */
  public boolean needed(Interval change, double controlChange) {
    return change.low() > Math.max(MARGIN, controlChange);
  }

  /** Whether more text could still change the answer of {@link #needed}. */
  public boolean neededIsOpen(Interval change, double controlChange) {
    double bar = Math.max(MARGIN, controlChange);
    return change.low() <= bar && change.estimate() > bar;
  }

  /**
   * Whether greedy text collapses: it loops on half of the prompts more than the intact model's,
   * and chance alone would do that with a probability of less than 5 % (exact sign test).
   */
  public static boolean collapses(LoopRate loops) {
    return loops.measurable()
        && loops.rate() - loops.intactRate() >= LOOP_RISE
        && SignTest.oneSided(loops.newLoops(), loops.healed()) < SIGNIFICANCE;
  }

  /** Loop rates from which continuations loop with the intact model and with the edited one. */
  public static LoopRate loopRate(boolean[] intact, boolean[] edited, int tokens) {
    int loops = 0;
    int intactLoops = 0;
    int fresh = 0;
    int healed = 0;
    for (int i = 0; i < intact.length; i++) {
      loops += edited[i] ? 1 : 0;
      intactLoops += intact[i] ? 1 : 0;
      fresh += edited[i] && !intact[i] ? 1 : 0;
      healed += intact[i] && !edited[i] ? 1 : 0;
    }
    boolean measurable = intact.length > 0 && intactLoops < LOOP_CEILING * intact.length;
    return new LoopRate(intact.length, tokens, loops, intactLoops, fresh, healed, measurable);
  }
}
