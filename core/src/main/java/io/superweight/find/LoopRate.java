package io.superweight.find;

/**
 * How much of greedy text runs in circles, next to the intact model's own.
 *
 * @param prompts texts that were continued
 * @param tokens tokens of each continuation
 * @param loops continuations that loop (see {@link LoopDetector})
 * @param intactLoops continuations of the intact model that loop
 * @param newLoops prompts that loop here and do not with the intact model
 * @param healed prompts that loop with the intact model and do not here
 * @param measurable false where the intact model loops too often by itself for a difference to show
 */
public record LoopRate(
    int prompts,
    int tokens,
    int loops,
    int intactLoops,
    int newLoops,
    int healed,
    boolean measurable) {

  /** The part of the continuations that loop. */
  public double rate() {
    return (double) loops / prompts;
  }

  /** The part of the intact model's continuations that loop. */
  public double intactRate() {
    return (double) intactLoops / prompts;
  }
}
