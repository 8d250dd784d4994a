package io.superweight.bench;

import java.util.List;

/**
 * What was planted in a generated checkpoint: weights of one row of one down projection.
 *
 * @param seed what it was generated from
 * @param layer the layer
 * @param channel the row of the planted weights: the channel of the super activation
 * @param token the id of the only token that makes it, which BOS is
 * @param weights the planted weights, the larger contribution first
 */
record Planted(long seed, int layer, int channel, int token, List<Weight> weights) {
  /**
   * A planted weight {@code layers.{layer}.mlp.down[channel, column]}.
   *
   * @param coordinate as commands take it
   * @param column its column, and the row of gate and up projection that reads the token
   * @param value its value
   * @param reading gate and up projection of the token, before anything else is added: the planted
   *     weight's input is near its square
   */
  record Weight(String coordinate, int column, float value, float reading) {}
}
