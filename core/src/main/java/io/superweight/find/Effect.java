package io.superweight.find;

import io.superweight.model.Coordinate;
import io.superweight.statistics.Interval;
import java.util.List;
import java.util.Optional;

/**
 * What zeroing some weights does to the model.
 *
 * @param variant name of the variant that was scored
 * @param zeroed the weights that were zeroed
 * @param perplexityRatio perplexity over the intact model's on the same tokens; paired bootstrap
 *     over documents
 * @param divergence KL(intact ‖ variant) in nats per token; bootstrap over the same documents
 * @param loops loop rate of greedy text; empty where no text was written for this variant
 * @param textCollapses whether greedy text collapses where the intact model's does not
 */
public record Effect(
    String variant,
    List<Coordinate> zeroed,
    Interval perplexityRatio,
    Interval divergence,
    Optional<LoopRate> loops,
    boolean textCollapses) {
  public Effect {
    zeroed = List.copyOf(zeroed);
  }
}
