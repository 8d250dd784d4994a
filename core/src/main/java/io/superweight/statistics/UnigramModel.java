package io.superweight.statistics;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The simplest language model, as a bar that any other has to clear: tokens by their frequencies.
 * Each document is predicted from the frequencies in all others; what they have not seen shares the
 * Good–Turing mass of the unseen (tokens seen once, over all), evenly over the vocabulary.
 */
public final class UnigramModel {
  private UnigramModel() {}

  /**
   * The perplexity of the documents, each predicted from the others.
   *
   * @param documents {@code [document][token]} ids that are predicted
   * @param vocabulary size of the vocabulary
   */
  public static double perplexity(List<int[]> documents, int vocabulary) {
    Map<Integer, Integer> all = new HashMap<>();
    long total = 0;
    for (int[] document : documents) {
      for (int id : document) {
        all.merge(id, 1, Integer::sum);
      }
      total += document.length;
    }
    long once = all.values().stream().filter(count -> count == 1).count();
    double nats = 0;
    for (int[] document : documents) {
      Map<Integer, Integer> own = new HashMap<>();
      for (int id : document) {
        own.merge(id, 1, Integer::sum);
      }
      long others = total - document.length;
      // Tokens seen once in the other documents, from the counts of all less those of this one.
      long onceInOthers = once;
      Set<Integer> ids = new HashSet<>(own.keySet());
      for (int id : ids) {
        int count = all.get(id);
        onceInOthers += (count - own.get(id) == 1 ? 1 : 0) - (count == 1 ? 1 : 0);
      }
      double unseen = others == 0 ? 1 : Math.max(1, onceInOthers) / (others + 1.0);
      for (int id : document) {
        double seen = others == 0 ? 0 : (double) (all.get(id) - own.get(id)) / others;
        nats -= Math.log((1 - unseen) * seen + unseen / vocabulary);
      }
    }
    return Math.exp(nats / total);
  }
}
