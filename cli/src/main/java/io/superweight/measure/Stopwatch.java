package io.superweight.measure;

import java.util.Arrays;

/** Calls until the JVM has compiled what is called, then times several rounds. */
final class Stopwatch {
  /** A call that is not this much faster than the best before counts as compiled. */
  private static final double STILL_GETTING_FASTER = 0.9;

  private static final int MOST_ROUNDS = 15;
  private static final int FEWEST_ROUNDS = 3;

  /** Rounds shorter than this are several calls: the clock and the scheduler are coarser. */
  private static final double ROUND_SECONDS = 0.002;

  private final double calmSeconds;
  private final double warmUpSeconds;
  private final double roundsSeconds;

  /**
   * @param calmSeconds the warm-up ends when no call was faster for so long: a call that the JVM
   *     still interprets takes as long each time, until the compiler is through
   * @param warmUpSeconds it ends after so long in any case
   * @param roundsSeconds after which no further round begins
   */
  Stopwatch(double calmSeconds, double warmUpSeconds, double roundsSeconds) {
    this.calmSeconds = calmSeconds;
    this.warmUpSeconds = warmUpSeconds;
    this.roundsSeconds = roundsSeconds;
  }

  /** Seconds of one call. */
  Spread seconds(Runnable call) {
    return Spread.of(rounds(call));
  }

  /** Seconds of one call in each round. */
  double[] rounds(Runnable call) {
    long start = System.nanoTime();
    long faster = start;
    double best = Double.POSITIVE_INFINITY;
    do {
      double taken = time(call, 1);
      if (taken < STILL_GETTING_FASTER * best) {
        faster = System.nanoTime();
      }
      best = Math.min(best, taken);
    } while (since(faster) < calmSeconds && since(start) < warmUpSeconds);
    int calls = (int) Math.clamp(Math.ceil(ROUND_SECONDS / Math.max(best, 1e-7)), 1, 10_000);
    double[] rounds = new double[MOST_ROUNDS];
    int n = 0;
    start = System.nanoTime();
    while (n < FEWEST_ROUNDS || n < MOST_ROUNDS && since(start) < roundsSeconds) {
      rounds[n++] = time(call, calls);
    }
    return Arrays.copyOf(rounds, n);
  }

  private static double time(Runnable call, int calls) {
    long start = System.nanoTime();
    for (int i = 0; i < calls; i++) {
      call.run();
    }
    return since(start) / calls;
  }

  static double since(long nanos) {
    return Math.max(1, System.nanoTime() - nanos) / 1e9;
  }
}
