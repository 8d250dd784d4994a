package io.superweight.find;

import io.superweight.tokenizer.BosPolicy;

/**
 * How to verify.
 *
 * @param text what is predicted
 * @param bos the BOS policy that verdicts are given under
 * @param otherPolicy whether the other BOS policy is shown as well
 * @param importance the bar of a super weight on the perplexity ratio
 * @param seed of bootstrap and controls
 * @param resamples of the bootstrap
 * @param confidence of the intervals
 * @param effort scales the text, the controls and the time that are spent; 1 by default
 * @param loopPrompts texts that greedy continuations are written for; 0 for none
 */
public record VerifyOptions(
    VerificationText text,
    BosPolicy bos,
    boolean otherPolicy,
    double importance,
    long seed,
    int resamples,
    double confidence,
    double effort,
    int loopPrompts) {

  /** The built-in text, the model's own BOS policy, importance 2. */
  public static VerifyOptions defaults() {
    return new VerifyOptions(
        VerificationText.builtIn(), BosPolicy.AUTO, true, 2, 20_241_111L, 2_000, 0.95, 1, 6);
  }

  public VerifyOptions withText(VerificationText value) {
    return new VerifyOptions(
        value, bos, otherPolicy, importance, seed, resamples, confidence, effort, loopPrompts);
  }

  public VerifyOptions withBos(BosPolicy value) {
    return new VerifyOptions(
        text, value, otherPolicy, importance, seed, resamples, confidence, effort, loopPrompts);
  }

  public VerifyOptions withImportance(double value) {
    return new VerifyOptions(
        text, bos, otherPolicy, value, seed, resamples, confidence, effort, loopPrompts);
  }

  public VerifyOptions withSeed(long value) {
    return new VerifyOptions(
        text, bos, otherPolicy, importance, value, resamples, confidence, effort, loopPrompts);
  }

  public VerifyOptions withEffort(double value) {
    return new VerifyOptions(
        text, bos, otherPolicy, importance, seed, resamples, confidence, value, loopPrompts);
  }

  public VerifyOptions withLoopPrompts(int value) {
    return new VerifyOptions(
        text, bos, otherPolicy, importance, seed, resamples, confidence, effort, value);
  }

  public VerifyOptions withOtherPolicy(boolean value) {
    return new VerifyOptions(
        text, bos, value, importance, seed, resamples, confidence, effort, loopPrompts);
  }
}
