package io.superweight.evaluate;

import io.superweight.model.ActivationMemory;
import io.superweight.model.Batch;
import io.superweight.model.PassResult;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Gets scores from a model.
 *
 * <p>Requests are scored in batches. Which requests make a batch depends on the requests and on the
 * model's shape alone, and the bits of a score on its batch, its variant and the device alone:
 * neither on the variants that are scored beside it, nor on threads, nor on whether a run was
 * interrupted before. A batch is made of consecutive requests, so more documents behind them change
 * none but the last.
 *
 * <p>Requests of a document that begin with the same tokens, as the choices of a question do, have
 * them computed once. Rows stand one below the other without padding, so nothing is gained by
 * sorting them by length.
 */
public final class Scorer {
  /** Tokens of a batch: enough that products are fast, few enough that little is ever repeated. */
  private static final int FEWEST_ROWS = 4096;

  /** Tokens of a batch of a large model, whose weights are read from disk once a batch. */
  private static final int MOST_ROWS = 16_384;

  /** Weights for each token of a batch. */
  private static final long WEIGHTS_OF_ROW = 1 << 19;

  /** Tokens that share a beginning: what goes through a layer together in any case. */
  private static final int FAMILY_ROWS = 1024;

  /** A beginning is shared where that saves more than this part of all tokens. */
  private static final int SAVED_PART = 10;

  /** What grows with text and variants takes so much memory at most. */
  private static final long STREAM_BYTES = ActivationMemory.DEFAULT_BYTES / 2;

  /**
   * Receives the scores of a batch as soon as they are there.
   *
   * @see #score
   */
  public interface Sink {
    /**
     * @param requests indices into the requests
     * @param scores {@code [variant][index into requests]}
     */
    void accept(int[] requests, Score[][] scores);
  }

  private final Transformer model;
  private final int rowsOfBatch;

  public Scorer(Transformer model) {
    this.model = model;
    long weights =
        model.matrices().values().stream()
            .mapToLong(matrix -> (long) matrix.rows() * matrix.cols())
            .sum();
    this.rowsOfBatch = Math.clamp(weights / WEIGHTS_OF_ROW, FEWEST_ROWS, MOST_ROWS);
  }

  /**
   * Requests that are computed together.
   *
   * @param shared how many first tokens they have in common and are computed once; 0 for a request
   *     on its own
   */
  private record Family(List<Integer> requests, int shared) {}

  /** The batches, as indices into the requests, in order; each request is in one. */
  public List<int[]> batches(List<Request> requests) {
    int[] all = new int[requests.size()];
    Arrays.setAll(all, r -> r);
    List<int[]> batches = new ArrayList<>();
    List<Integer> open = new ArrayList<>();
    int rows = 0;
    for (Family family : families(requests, all)) {
      int more = rows(requests, family);
      if (!open.isEmpty() && rows + more > rowsOfBatch) {
        batches.add(open.stream().mapToInt(r -> r).toArray());
        open.clear();
        rows = 0;
      }
      open.addAll(family.requests);
      rows += more;
    }
    if (!open.isEmpty()) {
      batches.add(open.stream().mapToInt(r -> r).toArray());
    }
    return batches;
  }

  /**
   * Scores some batches under all variants.
   *
   * @param batches of {@link #batches}, those that are still wanted
   * @param sink called on this thread, batch by batch
   * @throws java.util.concurrent.CancellationException within a batch, where the thread has been
   *     interrupted
   */
  public void score(
      List<Request> requests, List<int[]> batches, List<Variant> variants, Sink sink) {
    for (int[] batch : batches) {
      sink.accept(batch, score(requests, batch, variants));
    }
  }

  /**
   * Scores all requests under all variants, in their batches.
   *
   * @return {@code [variant][request]}
   * @throws java.util.concurrent.CancellationException where the thread has been interrupted
   */
  public Score[][] score(List<Request> requests, List<Variant> variants) {
    Score[][] all = new Score[variants.size()][requests.size()];
    score(
        requests,
        batches(requests),
        variants,
        (batch, scores) -> {
          for (int v = 0; v < all.length; v++) {
            for (int i = 0; i < batch.length; i++) {
              all[v][batch[i]] = scores[v][i];
            }
          }
        });
    return all;
  }

  private Score[][] score(List<Request> requests, int[] batch, List<Variant> variants) {
    Score[][] scores = new Score[variants.size()][batch.length];
    int[] wanted =
        IntStream.range(0, batch.length).filter(i -> requests.get(batch[i]).scored() > 0).toArray();
    for (Score[] of : scores) {
      Arrays.fill(of, new Score(0, 0, true)); // what nothing is scored of
    }
    if (wanted.length == 0) {
      return scores;
    }
    int[] scored = Arrays.stream(wanted).map(i -> batch[i]).toArray();
    // A transform of activations may look at whole sequences: it sees each request as it is.
    Layout shared = layout(requests, families(requests, scored));
    Layout apart =
        layout(requests, Arrays.stream(scored).mapToObj(r -> new Family(List.of(r), 0)).toList());
    long bytesOfVariant = 4L * model.hiddenSize() * apart.rows;
    int most = Math.clamp(STREAM_BYTES / Math.max(1, bytesOfVariant), 1, 1 << 10);
    for (int first = 0; first < variants.size(); first += most) {
      List<Integer> plain = new ArrayList<>();
      List<Integer> transformed = new ArrayList<>();
      for (int v = first; v < Math.min(variants.size(), first + most); v++) {
        (variants.get(v).transforms().isEmpty() ? plain : transformed).add(v);
      }
      List<Batch> passes = new ArrayList<>();
      if (!plain.isEmpty()) {
        passes.add(shared.batch(plain.stream().map(variants::get).toList()));
      }
      if (!transformed.isEmpty()) {
        passes.add(apart.batch(transformed.stream().map(variants::get).toList()));
      }
      List<PassResult> results = model.forward(passes);
      if (!plain.isEmpty()) {
        fill(requests, batch, wanted, plain, shared, results.getFirst(), scores);
      }
      if (!transformed.isEmpty()) {
        fill(requests, batch, wanted, transformed, apart, results.getLast(), scores);
      }
    }
    return scores;
  }

  /**
   * Requests as the sequences of a pass.
   *
   * @param sequenceOf the sequence that ends with each of the requests
   */
  private record Layout(
      List<int[]> sequences, List<Batch.Place> places, int[] sequenceOf, long rows) {
    Batch batch(List<Variant> variants) {
      return Batch.scoring(sequences, places, variants);
    }
  }

  private static Layout layout(List<Request> requests, List<Family> families) {
    List<int[]> sequences = new ArrayList<>();
    List<Batch.Place> places = new ArrayList<>();
    List<Integer> sequenceOf = new ArrayList<>();
    long rows = 0;
    for (Family family : families) {
      rows += rows(requests, family);
      int stem = -1;
      if (family.shared > 0) {
        stem = sequences.size();
        int[] tokens = requests.get(family.requests.getFirst()).tokens();
        sequences.add(Arrays.copyOf(tokens, family.shared));
        places.add(new Batch.Place(-1, family.shared));
      }
      for (int r : family.requests) {
        Request request = requests.get(r);
        sequenceOf.add(sequences.size());
        sequences.add(Arrays.copyOfRange(request.tokens(), family.shared, request.tokens().length));
        places.add(new Batch.Place(stem, request.from() - family.shared));
      }
    }
    return new Layout(sequences, places, sequenceOf.stream().mapToInt(q -> q).toArray(), rows);
  }

  private static void fill(
      List<Request> requests,
      int[] batch,
      int[] wanted,
      List<Integer> variants,
      Layout layout,
      PassResult result,
      Score[][] scores) {
    for (int v = 0; v < variants.size(); v++) {
      for (int i = 0; i < wanted.length; i++) {
        int q = layout.sequenceOf[i];
        scores[variants.get(v)][wanted[i]] =
            score(
                requests.get(batch[wanted[i]]),
                result.logProbabilities()[v][q],
                result.greedy()[v][q]);
      }
    }
  }

  /** Sums over the scored tokens. */
  private static Score score(Request request, double[] logProbabilities, int[] greedy) {
    double sum = 0;
    double squares = 0;
    boolean allGreedy = true;
    for (int t = 0; t < request.scored(); t++) {
      double nats = logProbabilities[t];
      sum += nats;
      squares += nats * nats;
      allGreedy &= greedy[t] == request.tokens()[request.from() + t];
    }
    return new Score(sum, squares, allGreedy);
  }

  /** Neighbouring requests of a document whose beginning is worth sharing, and all others alone. */
  private List<Family> families(List<Request> requests, int[] some) {
    List<Family> families = new ArrayList<>();
    for (int from = 0, to; from < some.length; from = to) {
      to = from + 1;
      int shared = sharable(requests.get(some[from]), Integer.MAX_VALUE);
      int rows = requests.get(some[from]).tokens().length;
      while (to < some.length
          && requests.get(some[to]).document() == requests.get(some[from]).document()) {
        Request first = requests.get(some[from]);
        Request next = requests.get(some[to]);
        int common = Arrays.mismatch(first.tokens(), next.tokens());
        common = common < 0 ? next.tokens().length : common;
        int withNext = Math.min(shared, sharable(next, common));
        int together = to - from + 1;
        int all = rows + next.tokens().length;
        int left = all - (together - 1) * withNext;
        if (withNext * (together - 1) <= all / SAVED_PART
            || left > FAMILY_ROWS
            || !model.sharesPrefix(withNext, first.tokens().length - 1)
            || !model.sharesPrefix(withNext, next.tokens().length - 1)) {
          break;
        }
        shared = withNext;
        rows = all;
        to++;
      }
      families.add(
          new Family(Arrays.stream(some, from, to).boxed().toList(), to - from == 1 ? 0 : shared));
    }
    return families;
  }

  /** Of the first {@code common} tokens those before which nothing is scored, and never all. */
  private static int sharable(Request request, int common) {
    return Math.min(common, Math.min(request.from(), request.tokens().length - 1));
  }

  private static int rows(List<Request> requests, Family family) {
    int rows = family.shared;
    for (int r : family.requests) {
      rows += requests.get(r).tokens().length - family.shared - 1;
    }
    return rows;
  }
}
