package io.superweight.find;

import io.superweight.model.Probe;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What one pass of one version of the model showed at some tokens: the residual stream and the
 * MLPs' inputs and outputs, {@code tokens × widths} per layer.
 *
 * <p>A pass announces an edited version only from the first layer on that differs, so a snapshot of
 * one stands on the intact one and holds what is its own.
 */
final class Snapshot implements Probe {
  /** Values {@code [tokens, width]} of one site and sequence; absent tokens are null rows. */
  private record Rows(float[][] of) {}

  /** The down projection of a layer or expert at one token. */
  record Product(int expert, float[] input, float[] output) {}

  private final int layers;
  private final List<int[]> sequences;
  private final int[][] tokens;
  private final Snapshot intact;
  private final int variant;
  private final boolean streamOnly;
  private final Map<Site, Rows[]> held = new LinkedHashMap<>();
  private final int[] experts;
  private final Survey survey;

  /**
   * @param tokens positions to keep of each sequence, ascending
   * @param intact what it stands on; null for the intact model
   * @param variant index of the version in its pass
   * @param streamOnly keep the residual stream only
   * @param experts experts of each layer, 0 for dense ones
   */
  Snapshot(
      List<int[]> sequences,
      int[][] tokens,
      Snapshot intact,
      int variant,
      boolean streamOnly,
      int[] experts) {
    this.layers = experts.length;
    this.sequences = sequences;
    this.tokens = tokens;
    this.intact = intact;
    this.variant = variant;
    this.streamOnly = streamOnly;
    this.experts = experts;
    this.survey = intact == null && !streamOnly ? new Survey(layers) : null;
  }

  int layers() {
    return layers;
  }

  int sequences() {
    return sequences.size();
  }

  /** Positions that are held of a sequence. */
  int[] tokens(int sequence) {
    return tokens[sequence];
  }

  /** Largest values and medians of all tokens; null of an edited version. */
  Survey survey() {
    return survey;
  }

  @Override
  public boolean wants(Site site) {
    return switch (site.kind()) {
      case EMBED, RESID_POST -> true;
      case MLP_OUT, DOWN_IN, DOWN_OUT, EXPERT_DOWN_IN, EXPERT_DOWN_OUT -> !streamOnly;
      default -> false;
    };
  }

  @Override
  public void observe(Site site, SiteValues values) {
    if (values.variant() != variant) {
      return;
    }
    if (survey != null) {
      survey.observe(site, values);
    }
    int sequence = values.sequence();
    Rows[] all = held.computeIfAbsent(site, s -> new Rows[sequences.size()]);
    float[][] rows = new float[tokens[sequence].length][];
    int width = values.cols();
    for (int r = 0; r < values.rows(); r++) {
      int at = Arrays.binarySearch(tokens[sequence], values.tokens()[r]);
      if (at >= 0) {
        float[] row = new float[width];
        values.row(r, row);
        rows[at] = row;
      }
    }
    all[sequence] = new Rows(rows);
  }

  /** Row of a site at the n-th held token; null where the site did not see it. */
  private float[] row(Site site, int sequence, int n) {
    Rows[] all = held.get(site);
    if (all != null && all[sequence] != null) {
      return all[sequence].of()[n];
    }
    return intact == null || ownFrom(site) ? null : intact.row(site, sequence, n);
  }

  /** Whether this version has differed before that site, so that the intact values do not hold. */
  private boolean ownFrom(Site site) {
    return held.containsKey(Site.of(Site.Kind.RESID_POST, Math.max(site.layer(), 0)));
  }

  /** The stream after a layer, {@code [hidden]}; the embedding for layer −1. */
  float[] stream(int layer, int sequence, int n) {
    return row(
        layer < 0 ? Site.of(Site.Kind.EMBED) : Site.of(Site.Kind.RESID_POST, layer), sequence, n);
  }

  /** What the MLP adds to the stream, {@code [hidden]}. */
  float[] written(int layer, int sequence, int n) {
    return row(Site.of(Site.Kind.MLP_OUT, layer), sequence, n);
  }

  /** The down projections that saw a token: one, or one for each of its experts. */
  List<Product> products(int layer, int sequence, int n) {
    List<Product> products = new java.util.ArrayList<>();
    float[] input = row(Site.of(Site.Kind.DOWN_IN, layer), sequence, n);
    if (input != null) {
      products.add(new Product(-1, input, row(Site.of(Site.Kind.DOWN_OUT, layer), sequence, n)));
    }
    for (int e = 0; e < experts[layer]; e++) {
      float[] routed = row(new Site(Site.Kind.EXPERT_DOWN_IN, layer, e), sequence, n);
      if (routed != null) {
        products.add(
            new Product(
                e, routed, row(new Site(Site.Kind.EXPERT_DOWN_OUT, layer, e), sequence, n)));
      }
    }
    return products;
  }

  /** Position of the n-th held token. */
  int position(int sequence, int n) {
    return tokens[sequence][n];
  }

  /** The index among the held tokens of a position; negative where it is not held. */
  int index(int sequence, int position) {
    return Arrays.binarySearch(tokens[sequence], position);
  }
}
