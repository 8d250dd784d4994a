package io.superweight.evaluate;

import io.superweight.model.Head;
import io.superweight.model.PassResult;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import java.util.ArrayList;
import java.util.List;

/**
 * Gets scores from a model.
 *
 * <p>Requests are scored in batches. Which requests make a batch depends on the requests alone, and
 * the bits of a score on its batch alone: neither on what is scored beside it, nor on threads, nor
 * on whether a run was interrupted before.
 */
public final class Scorer {
  private static final int BATCH = 32;

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

  public Scorer(Transformer model) {
    this.model = model;
  }

  /** The batches, as indices into the requests; each request is in one. */
  public List<int[]> batches(List<Request> requests) {
    List<int[]> batches = new ArrayList<>();
    for (int first = 0; first < requests.size(); first += BATCH) {
      batches.add(
          java.util.stream.IntStream.range(first, Math.min(first + BATCH, requests.size()))
              .toArray());
    }
    return batches;
  }

  /**
   * Scores some batches under all variants.
   *
   * @param batches of {@link #batches}, those that are still wanted
   */
  public void score(
      List<Request> requests, List<int[]> batches, List<Variant> variants, Sink sink) {
    for (int[] batch : batches) {
      List<int[]> sequences = new ArrayList<>();
      for (int r : batch) {
        sequences.add(requests.get(r).tokens());
      }
      PassResult pass = model.forward(sequences, variants, List.of(), Head.SCORE);
      Score[][] scores = new Score[variants.size()][batch.length];
      for (int v = 0; v < variants.size(); v++) {
        for (int i = 0; i < batch.length; i++) {
          scores[v][i] =
              score(requests.get(batch[i]), pass.logProbabilities()[v][i], pass.greedy()[v][i]);
        }
      }
      sink.accept(batch, scores);
    }
  }

  private static Score score(Request request, double[] logProbabilities, int[] greedy) {
    double sum = 0;
    double squares = 0;
    boolean allGreedy = true;
    for (int t = request.from(); t < request.tokens().length; t++) {
      double nats = logProbabilities[t - 1];
      sum += nats;
      squares += nats * nats;
      allGreedy &= greedy[t - 1] == request.tokens()[t];
    }
    return new Score(sum, squares, allGreedy);
  }
}
