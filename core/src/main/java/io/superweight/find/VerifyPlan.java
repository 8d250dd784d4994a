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
 */
public record VerifyPlan(
    int windows,
    int maxWindows,
    int windowTokens,
    int controlDraws,
    int loopPrompts,
    int loopTokens,
    double multiplyAdds) {

  /** Multiply-adds that a verification may take at effort 1: some tens of seconds on two cores. */
  private static final double BUDGET = 6e11;

  /** Bytes of residual streams that all variants of a pass may hold. */
  private static final double STREAM_BYTES = 512 << 20;

  /** Text for the reference sentence and the loop rate. */
  static final int CASE_TOKENS = 60;

  /** Text is doubled up to so many times the first. */
  private static final int CAP = 4;

  private static final int[][] LADDER = {
    // windows, tokens, control draws, loop prompts
    {64, 256, 8, 6},
    {48, 192, 8, 6},
    {40, 128, 8, 6},
    {32, 128, 5, 6},
    {24, 128, 4, 6},
    {24, 96, 3, 6},
    {20, 64, 3, 6},
    {16, 48, 3, 6},
    {12, 32, 3, 0},
  };

  /** Plans a verification. */
  public static VerifyPlan of(
      Transformer model, List<VerifyTarget> targets, VerifyOptions options) {
    double headWork = headWork(model);
    double perToken = workPerToken(model);
    VerifyPlan plan = null;
    for (int[] rung : LADDER) {
      int tokens = Math.min(rung[1], model.maxPositions());
      double passes = 1; // intact
      double joints = 0;
      int variants = 1;
      double head = headWork / perToken;
      Set<List<String>> controlled = new HashSet<>();
      for (VerifyTarget target : targets) {
        int first = target.members().stream().mapToInt(Coordinate::layer).min().orElse(0);
        double cost = (1 - head) * (model.layers() - first) / model.layers() + head;
        int own = ownVariants(target.members().size());
        if (target.source()) {
          own += 2;
        }
        if (controlled.add(Controls.parts(target.members()))) {
          own += rung[2];
        }
        variants += own;
        passes += own * cost;
        joints += cost;
      }
      long sources = targets.stream().filter(VerifyTarget::source).count();
      double scored = rung[0] * (double) tokens * passes;
      double other = options.otherPolicy() ? rung[0] / 2.0 * tokens * (1 + joints) : 0;
      int prompts = Math.min(rung[3], options.loopPrompts());
      // The continuations compute one row a variant at a time: about four times as slow.
      double text = 4.0 * CASE_TOKENS * (prompts + 1) * (1 + sources);
      double work = perToken * (scored + other + text);
      plan = new VerifyPlan(rung[0], CAP * rung[0], tokens, rung[2], prompts, CASE_TOKENS, work);
      double bytes = 4.0 * rung[0] * tokens * model.hiddenSize() * variants;
      if (work <= BUDGET * options.effort() && bytes <= STREAM_BYTES) {
        return plan;
      }
    }
    return plan;
  }

  /**
   * Versions of a set that are scored: together, each alone, each left out, and in small sets all.
   */
  static int ownVariants(int members) {
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
