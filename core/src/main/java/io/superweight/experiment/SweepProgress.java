package io.superweight.experiment;

import java.util.OptionalDouble;

/**
 * How far a sweep is.
 *
 * @param evaluation what is scored now
 * @param models labels of the edited models that are scored now
 * @param scores in the store that the sweep needs
 * @param ofScores scores that it needs
 * @param found scores that were in the store at the start
 * @param tokens tokens computed since
 * @param ofTokens tokens that were to be computed at the start, each edited model's counted
 * @param seconds since the start
 */
public record SweepProgress(
    String evaluation,
    String models,
    long scores,
    long ofScores,
    long found,
    long tokens,
    long ofTokens,
    double seconds) {

  /** What is left at the pace so far; empty before the first batch. */
  public OptionalDouble secondsLeft() {
    return tokens == 0
        ? OptionalDouble.empty()
        : OptionalDouble.of(seconds / tokens * (ofTokens - tokens));
  }
}
