package io.superweight.find;

import io.superweight.compute.Matrix;
import io.superweight.model.Architecture;
import io.superweight.model.Coordinate;
import io.superweight.model.Transformer;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * How much text and how many controls a verification takes: the richest of a few settings whose
 * work stays within a bound. It depends on the model's shape and on what is asked, never on how
 * fast the machine is, so that the same question gets the same answer everywhere.
 *
 * @param windows windows scored at first
 * @param maxWindows the cap of doubling
 * @param windowTokens tokens of a window
 * @param controlDraws draws of random controls for each matrix and set size
 * @param loopPrompts texts that greedy continuations are written for
 * @param loopTokens tokens of each continuation
 * @param multiplyAdds what the first pass, the other policy and the greedy text take together
 * @param mostMultiplyAdds text is doubled as long as all passes together take no more than this
 */
public record VerifyPlan(
    int windows,
    int maxWindows,
    int windowTokens,
    int controlDraws,
    int loopPrompts,
    int loopTokens,
    double multiplyAdds,
    double mostMultiplyAdds) {

  /** Multiply-adds that a verification may take at effort 1: less than a minute on two cores. */
  private static final double BUDGET = 1.5e12;

  /** Bytes of residual streams that all versions of a pass may hold. */
  private static final double STREAM_BYTES = 512 << 20;

  /** Text for the reference sentence and the loop rate. */
  static final int CASE_TOKENS = 60;

  /** Text is doubled up to so many times the first, as long as the budget is not spent twice. */
  private static final int CAP = 4;

  /** Windows of fewer tokens would show what the weights do at the start of a text only. */
  private static final int[][] LADDER = {
    // windows, tokens, control draws
    {64, 256, 8},
    {48, 192, 8},
    {40, 128, 8},
    {32, 128, 5},
    {24, 128, 4},
    {24, 96, 3},
    {16, 96, 3},
    {16, 64, 3},
    {12, 64, 3},
    {10, 64, 3},
  };

  /** Plans a verification. */
  public static VerifyPlan of(
      Transformer model, List<VerifyTarget> targets, VerifyOptions options) {
    VerifyPlan plan = null;
    for (int[] rung : LADDER) {
      int tokens = Math.min(rung[1], model.maxPositions());
      double passes = 1; // intact
      int variants = 1;
      Set<List<String>> controlled = new HashSet<>();
      for (VerifyTarget target : targets) {
        double cost = share(model, target.members());
        int own = ownVersions(target.members().size());
        if (target.source()) {
          own += 2; // largest weights, mean contributions
        }
        if (controlled.add(Controls.parts(target.members()))) {
          own += draws(target, rung[2]);
        }
        variants += own;
        passes += own * cost;
      }
      double scored = rung[0] * (double) tokens * passes;
      double joints =
          1
              + Verifier.otherTargets(targets).stream()
                  .mapToDouble(t -> share(model, t.members()))
                  .sum();
      double other = options.otherPolicy() ? otherWindows(rung[0]) * tokens * joints : 0;
      long lanes = 1 + targets.stream().filter(VerifyTarget::source).count();
      double text = (double) CASE_TOKENS * (options.loopPrompts() + 1) * lanes;
      double work = workPerToken(model) * (scored + other + text);
      plan =
          new VerifyPlan(
              rung[0],
              CAP * rung[0],
              tokens,
              rung[2],
              options.loopPrompts(),
              CASE_TOKENS,
              work,
              2 * Math.max(work, budget(options)));
      double bytes = 4.0 * rung[0] * tokens * model.hiddenSize() * variants;
      if (work <= budget(options) && bytes <= STREAM_BYTES) {
        return plan;
      }
    }
    return plan;
  }

  private static double budget(VerifyOptions options) {
    return BUDGET * options.effort();
  }

  /** Windows that are scored under the other BOS policy. */
  static int otherWindows(int windows) {
    return Math.max(Windows.ENOUGH_DOCUMENTS, windows / 2);
  }

  /** Draws of random controls: fewer for what is not held to be a source. */
  static int draws(VerifyTarget target, int draws) {
    return target.source() ? draws : Math.max(1, draws / 3);
  }

  /**
   * The part of a pass that a version with these weights edited takes: all layers from the first
   * on.
   */
  static double share(Transformer model, List<Coordinate> edited) {
    int first = edited.stream().mapToInt(Coordinate::layer).min().orElse(0);
    double head = headWork(model) / workPerToken(model);
    return (1 - head) * (model.layers() - first) / model.layers() + head;
  }

  /**
   * Versions of a set that are scored: together, each alone, each left out, and in small sets all.
   */
  static int ownVersions(int members) {
    return switch (members) {
      case 1 -> 1;
      case 2 -> 3 + Verifier.SWAPS;
      case 3 -> 7 + Verifier.SWAPS;
      case 4 -> 15 + Verifier.SWAPS;
      default -> 1 + 2 * members + Verifier.SWAPS;
    };
  }

  /** Multiply-adds of the weights for each token: all layers (chosen experts) and the head. */
  static double workPerToken(Transformer model) {
    Architecture architecture = model.architecture();
    double active =
        architecture.mlp().experts().map(e -> (double) e.perToken() / e.count()).orElse(1.0);
    double work = headWork(model);
    for (var entry : model.matrices().entrySet()) {
      Matrix matrix = entry.getValue();
      double elements = (double) matrix.rows() * matrix.cols();
      work += entry.getKey().contains(".experts.") ? active * elements : elements;
    }
    return work;
  }

  private static double headWork(Transformer model) {
    return (double) model.vocabularySize() * model.hiddenSize();
  }

  /**
   * Seconds at a speed.
   *
   * @param multiplyAddsPerSecond as {@link Verifier#speed} measures it
   */
  public double seconds(double multiplyAddsPerSecond) {
    return multiplyAdds / multiplyAddsPerSecond;
  }
}
