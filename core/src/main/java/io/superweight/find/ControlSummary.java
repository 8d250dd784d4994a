package io.superweight.find;

import java.util.List;

/**
 * What zeroing other weights of the same matrices does: as many at once as the set has, none of
 * them a candidate.
 *
 * @param kind how they were chosen
 * @param zeroedAtOnce weights zeroed in each draw
 * @param effects one for each draw
 */
public record ControlSummary(Kind kind, int zeroedAtOnce, List<Effect> effects) {
  public ControlSummary {
    effects = List.copyOf(effects);
  }

  /** How control weights are chosen. */
  public enum Kind {
    /** Uniformly at random from the matrix. */
    RANDOM("random weights of the same matrix"),
    /** The largest magnitudes of the matrix that are no candidates. */
    LARGEST("largest weights of the same matrix");

    private final String words;

    Kind(String words) {
      this.words = words;
    }

    /** For people. */
    public String words() {
      return words;
    }
  }

  /** The smallest perplexity ratio of the draws. */
  public double lowestRatio() {
    return effects.stream().mapToDouble(e -> e.perplexityRatio().estimate()).min().orElse(1);
  }

  /** The largest perplexity ratio of the draws. */
  public double highestRatio() {
    return effects.stream().mapToDouble(e -> e.perplexityRatio().estimate()).max().orElse(1);
  }

  /** The largest divergence of the draws, nats per token. */
  public double highestDivergence() {
    return effects.stream().mapToDouble(e -> e.divergence().estimate()).max().orElse(0);
  }
}
