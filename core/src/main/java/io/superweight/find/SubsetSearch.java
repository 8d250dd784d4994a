package io.superweight.find;

import io.superweight.model.Coordinate;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The smallest part of a set that does what the whole set does, where members can stand in for each
 * other: all that are needed one by one, and as few of the rest as it takes.
 */
final class SubsetSearch {
  /** More subsets of one size than this are not tried. */
  private static final int MOST_SUBSETS = 64;

  /**
   * @param smallest the whole set where no smaller part does the same
   * @param equivalents other subsets of that size that do the same
   * @param complete false where there were too many subsets to try
   */
  record Result(List<Coordinate> smallest, List<List<Coordinate>> equivalents, boolean complete) {}

  /** Whether zeroing a subset does the same as zeroing the whole set, and how much it does. */
  record Answer(boolean same, double ratio) {}

  /** Answers for several subsets at once: one pass over the weights. */
  interface Oracle {
    List<Answer> ask(List<List<Coordinate>> subsets);
  }

  private SubsetSearch() {}

  static Result smallest(List<Coordinate> members, List<Coordinate> needed, Oracle oracle) {
    List<Coordinate> rest = members.stream().filter(m -> !needed.contains(m)).toList();
    for (int size = needed.isEmpty() ? 1 : 0; size < rest.size(); size++) {
      List<List<Coordinate>> subsets = new ArrayList<>();
      choose(rest, size, 0, new ArrayList<>(), subsets);
      if (subsets.size() > MOST_SUBSETS) {
        return new Result(members, List.of(), false);
      }
      List<List<Coordinate>> whole =
          subsets.stream()
              .map(part -> members.stream().filter(m -> needed.contains(m) || part.contains(m)))
              .map(java.util.stream.Stream::toList)
              .toList();
      List<Answer> answers = oracle.ask(whole);
      List<Integer> same = new ArrayList<>();
      for (int i = 0; i < whole.size(); i++) {
        if (answers.get(i).same()) {
          same.add(i);
        }
      }
      if (!same.isEmpty()) {
        int best = same.stream().max(Comparator.comparingDouble(i -> answers.get(i).ratio())).get();
        List<List<Coordinate>> others =
            same.stream().filter(i -> i != best).map(whole::get).toList();
        return new Result(whole.get(best), others, true);
      }
    }
    return new Result(members, List.of(), true);
  }

  private static void choose(
      List<Coordinate> from,
      int count,
      int start,
      List<Coordinate> chosen,
      List<List<Coordinate>> all) {
    if (chosen.size() == count) {
      all.add(List.copyOf(chosen));
      return;
    }
    for (int i = start; i < from.size() && all.size() <= MOST_SUBSETS; i++) {
      chosen.add(from.get(i));
      choose(from, count, i + 1, chosen, all);
      chosen.removeLast();
    }
  }
}
