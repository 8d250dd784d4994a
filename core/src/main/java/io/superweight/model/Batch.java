package io.superweight.model;

import java.util.List;

/**
 * Sequences that go through some versions of the model. A pass takes several batches along and
 * reads each weight once for all of them.
 *
 * @param sequences token ids, at least one each
 * @param variants the versions of the model; results are indexed in this order
 * @param probes observers of this batch's sites; they see indices into its own lists
 * @param head what to do after the last layer
 * @param layers how many layers it goes through, from the first on; all of them where something
 *     comes after the last layer
 */
public record Batch(
    List<int[]> sequences,
    List<Variant> variants,
    List<? extends Probe> probes,
    Head head,
    int layers) {

  public Batch {
    sequences = List.copyOf(sequences);
    variants = List.copyOf(variants);
    probes = List.copyOf(probes);
    if (sequences.isEmpty() || variants.isEmpty()) {
      throw new IllegalArgumentException("a pass needs sequences and variants");
    }
    if (layers < 0 || (head != Head.SKIP && layers != Integer.MAX_VALUE)) {
      throw new IllegalArgumentException("what follows the last layer needs all layers");
    }
  }

  /** Through all layers. */
  public Batch(
      List<int[]> sequences, List<Variant> variants, List<? extends Probe> probes, Head head) {
    this(sequences, variants, probes, head, Integer.MAX_VALUE);
  }

  /** Rows of the residual stream: one for each token of each variant. */
  public long tokens() {
    return variants.size() * sequences.stream().mapToLong(ids -> ids.length).sum();
  }
}
