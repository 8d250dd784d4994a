package io.superweight.quantize;

import io.superweight.model.Site;
import java.util.Map;
import java.util.Set;

/**
 * How activations are rounded: symmetric, {@code Δ = max |x| / (2ᴺ⁻¹ − 1)}, half to even.
 *
 * @param bits 2 to 8
 * @param scale what shares a Δ
 * @param sites which activations
 * @param superActivation what is done about super activations
 * @param channels by site, the channels that are known to carry one; for {@link
 *     SuperActivation#KNOWN}
 * @param sinks what is done about the first tokens
 * @param sinkTokens how many first tokens of a sequence that is about
 * @param outlierRatio how many times the median token's largest magnitude makes an outlier
 */
public record ActivationQuantizer(
    int bits,
    Scale scale,
    Set<Site.Kind> sites,
    SuperActivation superActivation,
    Map<Site, Set<Integer>> channels,
    Sinks sinks,
    int sinkTokens,
    double outlierRatio) {

  /** What shares a scale. */
  public enum Scale {
    /** One sequence. */
    TENSOR,
    /** One token (of attention's products: of one head). */
    TOKEN
  }

  /** What is done about super activations: {@code RESTORE(Q⁻¹(Q(REPLACE(A))))} of the paper. */
  public enum SuperActivation {
    /** Nothing. */
    PLAIN,
    /**
     * The one scalar of a tensor that is largest by magnitude is replaced by the tensor's median
     * before its scale is taken, and put back after.
     */
    LARGEST,
    /**
     * The same, but of the one scalar that is largest beside the median magnitude of its token: a
     * token whose values are all large has none that stands out.
     */
    OUTLYING,
    /**
     * The same, but of each channel that a super weight reads or writes, and nowhere else: its row
     * where the residual stream is read, its column in its own layer.
     */
    KNOWN
  }

  /**
   * What is done about the first tokens of a sequence, where attention sinks and super activations
   * are.
   */
  public enum Sinks {
    /** Nothing. */
    PLAIN,
    /** They are rounded with the scale of all others: larger values are cut off. */
    OUT_OF_SCALE,
    /** They are not rounded, and have no part in the scale of others. */
    PRECISE,
    /**
     * The same for each token, wherever it stands, whose largest magnitude is more than so many
     * times the median token's: PrefixQuant's way of telling outlier tokens.
     */
    OUTLIERS
  }

  public ActivationQuantizer {
    if (bits < 2 || bits > 8) {
      throw new IllegalArgumentException("2 to 8 bits");
    }
    sites = Set.copyOf(sites);
    channels = Map.copyOf(channels);
  }

  /** Inputs of projections but the output projection's. */
  public static final Set<Site.Kind> INPUTS =
      Set.of(Site.Kind.ATTN_IN, Site.Kind.MLP_IN, Site.Kind.DOWN_IN, Site.Kind.EXPERT_DOWN_IN);

  /** Both sides of both products of attention. */
  public static final Set<Site.Kind> PRODUCTS =
      Set.of(
          Site.Kind.ATTN_QUERY, Site.Kind.ATTN_KEY, Site.Kind.ATTN_WEIGHTS, Site.Kind.ATTN_VALUE);
}
