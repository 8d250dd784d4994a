package io.superweight.model;

import java.util.Collections;
import java.util.List;

/**
 * Sequences that go through some versions of the model. A pass takes several batches along and
 * reads each weight once for all of them.
 *
 * @param sequences token ids, at least one each
 * @param places where each sequence stands; others than {@link Place#ALONE} are for {@link
 *     Head#SCORE_WANTED}
 * @param variants the versions of the model; results are indexed in this order
 * @param probes observers of this batch's sites; they see indices into its own lists
 * @param head what to do after the last layer
 * @param layers how many layers it goes through, from the first on; all of them where something
 *     comes after the last layer
 */
public record Batch(
    List<int[]> sequences,
    List<Place> places,
    List<Variant> variants,
    List<? extends Probe> probes,
    Head head,
    int layers) {

  /**
   * Where a sequence stands, and what is scored.
   *
   * @param after the index of the sequence that it continues, as the choices of a question continue
   *     the question: all of its tokens come before. −1 where nothing does. What a sequence
   *     continues continues none, and those that continue it stand directly behind it.
   * @param from the first of its own tokens that is scored; 0 only where it continues another one
   */
  public record Place(int after, int from) {
    /** Continues nothing; all tokens but the first are scored. */
    public static final Place ALONE = new Place(-1, 1);
  }

  public Batch {
    sequences = List.copyOf(sequences);
    places =
        places.isEmpty() ? Collections.nCopies(sequences.size(), Place.ALONE) : List.copyOf(places);
    variants = List.copyOf(variants);
    probes = List.copyOf(probes);
    if (sequences.isEmpty() || variants.isEmpty()) {
      throw new IllegalArgumentException("a pass needs sequences and variants");
    }
    if (layers < 0 || (head != Head.SKIP && layers != Integer.MAX_VALUE)) {
      throw new IllegalArgumentException("what follows the last layer needs all layers");
    }
    if (places.size() != sequences.size()) {
      throw new IllegalArgumentException("a place for each sequence");
    }
    for (int q = 0; q < places.size(); q++) {
      Place place = places.get(q);
      int after = place.after();
      if (head != Head.SCORE_WANTED) {
        if (!place.equals(Place.ALONE)) {
          throw new IllegalArgumentException("places are for " + Head.SCORE_WANTED);
        }
      } else if (after < -1
          || after >= q
          || (after >= 0 && places.get(after).after() >= 0)
          || (after >= 0 && after != q - 1 && places.get(q - 1).after() != after)) {
        throw new IllegalArgumentException("sequence " + q + " cannot continue " + after);
      } else if (place.from() < (after < 0 ? 1 : 0) || place.from() > sequences.get(q).length) {
        throw new IllegalArgumentException("sequence " + q + " is scored from " + place.from());
      }
    }
  }

  /** Sequences that continue none. */
  public Batch(
      List<int[]> sequences,
      List<Variant> variants,
      List<? extends Probe> probes,
      Head head,
      int layers) {
    this(sequences, List.of(), variants, probes, head, layers);
  }

  /** Through all layers. */
  public Batch(
      List<int[]> sequences, List<Variant> variants, List<? extends Probe> probes, Head head) {
    this(sequences, variants, probes, head, Integer.MAX_VALUE);
  }

  /** What the places name is scored. */
  public static Batch scoring(List<int[]> sequences, List<Place> places, List<Variant> variants) {
    return new Batch(sequences, places, variants, List.of(), Head.SCORE_WANTED, Integer.MAX_VALUE);
  }

  /** Rows of the residual stream: one for each token of each variant. */
  public long tokens() {
    long rows = 0;
    for (int q = 0; q < sequences.size(); q++) {
      rows += rows(q);
    }
    return variants.size() * rows;
  }

  /**
   * Rows of a sequence for each variant: its tokens, but for a last one that tells nothing, neither
   * of what follows nor to a transform, which may look at all tokens of a sequence at once.
   */
  int rows(int q) {
    int length = sequences.get(q).length;
    boolean whole = variants.stream().anyMatch(variant -> !variant.transforms().isEmpty());
    return head == Head.SCORE_WANTED && !whole && !continued(q) ? length - 1 : length;
  }

  /** Tokens before those of a sequence. */
  int position(int q) {
    int after = places.get(q).after();
    return after < 0 ? 0 : sequences.get(after).length;
  }

  private boolean continued(int q) {
    return q + 1 < places.size() && places.get(q + 1).after() == q;
  }

  /** How many rows of a sequence, at least one, are its last ones from the first that is wanted. */
  int wantedTail(int q) {
    int rows = rows(q);
    int wanted = rows - Math.max(0, places.get(q).from() - 1);
    return Math.clamp(wanted, 1, Math.max(1, rows)); // the last row tells a branch's first token
  }
}
