package io.superweight.find;

import io.superweight.find.Attribution.Part;
import java.util.List;

/**
 * The few weights that make a spike, if a few do: those that stand apart from the rest.
 *
 * <p>The parts of the spike are sorted, and the cut is where the next part falls most steeply below
 * the last one kept. No share is asked of a single weight: books-12m's three have 0.43, 0.27 and
 * 0.23 and then comes 0.04; Llama-13B's two have 0.59 and 0.41. What is asked:
 *
 * <ul>
 *   <li>at most {@link #MOST} of them (the paper's claim is "at most six");
 *   <li>together they explain at least half: without them, the smaller part is left;
 *   <li>the next one has at most half of the last kept: a step that a smooth tail does not have;
 *   <li>each explains at least a tenth: an order of magnitude below the whole is no maker of it.
 * </ul>
 */
final class Dominance {
  static final int MOST = 6;
  private static final double TOGETHER = 0.5;
  private static final double STEP = 2;
  private static final double EACH = 0.1;

  /** Parts below this are all the same: nothing. */
  private static final double NOTHING = 0.02;

  private Dominance() {}

  /**
   * The members among {@code parts}, the largest first; none where the spike is diffuse.
   *
   * @param parts parts with the sign of the whole, the largest first
   * @param whole the magnitude that they explain
   */
  static List<Part> members(List<Part> parts, double whole) {
    int best = 0;
    double steepest = 0;
    double together = 0;
    for (int m = 1; m <= Math.min(MOST, parts.size()); m++) {
      double last = parts.get(m - 1).magnitude() / whole;
      if (last < EACH) {
        break;
      }
      together += last;
      double next = m < parts.size() ? parts.get(m).magnitude() / whole : 0;
      double step = last / Math.max(next, NOTHING);
      if (together >= TOGETHER && step >= STEP && step > steepest) {
        best = m;
        steepest = step;
      }
    }
    return parts.subList(0, best);
  }
}
