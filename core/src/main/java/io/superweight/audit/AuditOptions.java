package io.superweight.audit;

import io.superweight.find.Prompt;
import io.superweight.find.VerificationText;
import io.superweight.tokenizer.BosPolicy;

/**
 * How a quantized model is judged.
 *
 * @param prompt the text on which super activations are read
 * @param text what perplexity and divergence are measured on
 * @param bos before the prompt and each window
 * @param windows at most so many windows of the text
 * @param windowTokens tokens of a window, BOS included
 * @param mostDivergence nats a token: mean KL(base ‖ quantized) beyond which predictions are
 *     destroyed
 * @param mostRatio perplexity of the quantized model by that of its base, likewise
 * @param resamples of the paired bootstrap
 * @param confidence of its intervals
 * @param seed of its draws
 */
public record AuditOptions(
    String prompt,
    VerificationText text,
    BosPolicy bos,
    int windows,
    int windowTokens,
    double mostDivergence,
    double mostRatio,
    int resamples,
    double confidence,
    long seed) {

  public AuditOptions {
    if (windows < 1 || windowTokens < 2) {
      throw new IllegalArgumentException("at least one window of two tokens");
    }
    if (!(mostDivergence > 0) || !(mostRatio > 1)) {
      throw new IllegalArgumentException("limits must be above 0 nats and × 1");
    }
  }

  /** On the built-in prose. */
  public static AuditOptions defaults() {
    return new AuditOptions(
        Prompt.REFERENCE, VerificationText.builtIn(), BosPolicy.AUTO, 16, 128, 1, 2, 2000, 0.95, 1);
  }

  public AuditOptions withBos(BosPolicy policy) {
    return new AuditOptions(
        prompt,
        text,
        policy,
        windows,
        windowTokens,
        mostDivergence,
        mostRatio,
        resamples,
        confidence,
        seed);
  }

  public AuditOptions withText(VerificationText other) {
    return new AuditOptions(
        prompt,
        other,
        bos,
        windows,
        windowTokens,
        mostDivergence,
        mostRatio,
        resamples,
        confidence,
        seed);
  }

  public AuditOptions withWindows(int most) {
    return new AuditOptions(
        prompt,
        text,
        bos,
        most,
        windowTokens,
        mostDivergence,
        mostRatio,
        resamples,
        confidence,
        seed);
  }

  public AuditOptions withLimits(double divergence, double ratio) {
    return new AuditOptions(
        prompt, text, bos, windows, windowTokens, divergence, ratio, resamples, confidence, seed);
  }
}
