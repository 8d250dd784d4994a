package io.superweight.experiment;

import io.superweight.model.Architecture;
import io.superweight.model.Probe;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import io.superweight.model.Transformer;
import java.util.ArrayDeque;
import java.util.Queue;

/**
 * How much attention the first token of each sequence gets, from the queries and keys of the pass:
 * the softmax of their products is computed again here, as no pass holds it whole.
 *
 * <p>A query takes part from the fourth token on: the first few have little else to look at. Layers
 * with a sliding window that the sequence outgrows are left out, as they cannot see the first
 * token.
 */
final class AttentionSinks implements Probe {
  /** The first query that counts. */
  static final int FROM = 3;

  private final Architecture.Attention attention;
  private final boolean[] counts;

  /** Σ of the first token's part over layers, heads and queries, {@code [variant][sequence]}. */
  final double[][] mass;

  /** Over how many, and what an even look would give, likewise. */
  final double[][] number;

  final double[][] even;

  private final Queue<float[]> queries = new ArrayDeque<>();

  /**
   * @param firstLayer the first layer that counts: behind the one that makes the super activation
   * @param longest tokens of the longest sequence
   */
  AttentionSinks(Transformer model, int firstLayer, int longest, int variants, int sequences) {
    this.attention = model.architecture().attention();
    this.counts = new boolean[model.layers()];
    for (int i = firstLayer; i < counts.length; i++) {
      int window = model.architecture().layerSpecs().get(i).window();
      counts[i] = window == 0 || window >= longest;
    }
    this.mass = new double[variants][sequences];
    this.number = new double[variants][sequences];
    this.even = new double[variants][sequences];
  }

  @Override
  public boolean wants(Site site) {
    return (site.kind() == Site.Kind.ATTN_QUERY || site.kind() == Site.Kind.ATTN_KEY)
        && counts[site.layer()];
  }

  @Override
  public void observe(Site site, SiteValues values) {
    if (site.kind() == Site.Kind.ATTN_QUERY) {
      queries.add(values.toArray()); // all sequences of a chunk, then their keys in the same order
      return;
    }
    add(queries.remove(), values.toArray(), values.rows(), values.variant(), values.sequence());
  }

  private void add(float[] q, float[] k, int tokens, int variant, int sequence) {
    int d = attention.headDim();
    int group = attention.heads() / attention.keyValueHeads();
    double[] scores = new double[tokens];
    for (int h = 0; h < attention.heads(); h++) {
      for (int t = FROM; t < tokens; t++) {
        double largest = Double.NEGATIVE_INFINITY;
        for (int s = 0; s <= t; s++) {
          int queryAt = (t * attention.heads() + h) * d;
          int keyAt = (s * attention.keyValueHeads() + h / group) * d;
          double dot = 0;
          for (int i = 0; i < d; i++) {
            dot += (double) q[queryAt + i] * k[keyAt + i];
          }
          double score = dot * attention.scale();
          if (attention.softcap() > 0) {
            score = attention.softcap() * Math.tanh(score / attention.softcap());
          }
          scores[s] = score;
          largest = Math.max(largest, score);
        }
        double sum = 0;
        for (int s = 0; s <= t; s++) {
          sum += Math.exp(scores[s] - largest);
        }
        mass[variant][sequence] += Math.exp(scores[0] - largest) / sum;
        number[variant][sequence]++;
        even[variant][sequence] += 1.0 / (t + 1);
      }
    }
  }
}
