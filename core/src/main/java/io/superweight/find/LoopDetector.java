package io.superweight.find;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Whether greedy text runs in circles: more than half of the 4-grams in its second half occurred
 * before in the text. A text that returns to a phrase now and then stays far below; one that
 * repeats a sentence, a word or a single token is above from its second round on.
 */
public final class LoopDetector {
  private static final int GRAM = 4;
  private static final double BAR = 0.5;

  /** The rule in words, for reports. */
  public static final String RULE =
      "a text loops when more than half of the 4-grams of its second half occurred before in it";

  private LoopDetector() {}

  /** The part of the 4-grams that start in the second half and occurred before, 0 to 1. */
  public static double repeated(int[] ids) {
    int grams = ids.length - GRAM + 1;
    if (grams < 2) {
      return 0;
    }
    Set<List<Integer>> seen = new HashSet<>();
    int half = grams / 2;
    int repeats = 0;
    for (int i = 0; i < grams; i++) {
      List<Integer> gram = List.of(ids[i], ids[i + 1], ids[i + 2], ids[i + 3]);
      if (!seen.add(gram) && i >= half) {
        repeats++;
      }
    }
    return (double) repeats / (grams - half);
  }

  /** Whether the text loops. */
  public static boolean loops(int[] ids) {
    return repeated(ids) > BAR;
  }
}
