package io.superweight.find;

import io.superweight.compute.Matrix;
import io.superweight.model.Coordinate;
import io.superweight.model.Transformer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * Chooses the weights that a set is compared with: of the same matrices, none of them asked about.
 */
final class Controls {
  /** Tries to draw a weight that is not zero already. */
  private static final int TRIES = 50;

  private final Transformer model;
  private final Set<Coordinate> excluded;
  private final long seed;
  private final Map<String, List<Coordinate>> largest = new HashMap<>();

  Controls(Transformer model, Set<Coordinate> excluded, long seed) {
    this.model = model;
    this.excluded = excluded;
    this.seed = seed;
  }

  /** The matrices of some weights, in order, one entry a weight: what a control has to match. */
  static List<String> parts(List<Coordinate> weights) {
    return weights.stream().map(Coordinate::part).sorted().toList();
  }

  /** Random weights, one in each of the matrices; the same draw is the same weights. */
  List<Coordinate> random(List<String> parts, int draw) {
    SplittableRandom random = new SplittableRandom(seed ^ (31L * parts.hashCode() + draw));
    Set<Coordinate> taken = new HashSet<>();
    List<Coordinate> chosen = new ArrayList<>();
    for (String part : parts) {
      Matrix matrix = model.matrices().get(part);
      Coordinate coordinate = null;
      for (int i = 0; i < TRIES; i++) {
        coordinate =
            new Coordinate(part, random.nextInt(matrix.rows()), random.nextInt(matrix.cols()));
        if (!excluded.contains(coordinate)
            && !taken.contains(coordinate)
            && model.weight(coordinate) != 0) {
          break;
        }
      }
      taken.add(coordinate);
      chosen.add(coordinate);
    }
    return chosen;
  }

  /** The largest magnitudes of the matrices that are not excluded. */
  List<Coordinate> largest(List<String> parts) {
    Map<String, Integer> counts = new HashMap<>();
    List<Coordinate> chosen = new ArrayList<>();
    for (String part : parts) {
      int rank = counts.merge(part, 1, Integer::sum) - 1;
      List<Coordinate> top = largest.computeIfAbsent(part, p -> top(p, parts.size()));
      if (rank < top.size()) {
        chosen.add(top.get(rank));
      }
    }
    return chosen;
  }

  private List<Coordinate> top(String part, int count) {
    record Entry(Coordinate coordinate, float magnitude) {}
    Matrix matrix = model.matrices().get(part);
    PriorityQueue<Entry> queue = new PriorityQueue<>(Comparator.comparingDouble(Entry::magnitude));
    for (int row = 0; row < matrix.rows(); row++) {
      float[] values = model.device().row(matrix, row);
      for (int col = 0; col < values.length; col++) {
        float magnitude = Math.abs(values[col]);
        if (queue.size() == count && magnitude <= queue.peek().magnitude()) {
          continue;
        }
        Coordinate coordinate = new Coordinate(part, row, col);
        if (!excluded.contains(coordinate)) {
          queue.add(new Entry(coordinate, magnitude));
          if (queue.size() > count) {
            queue.poll();
          }
        }
      }
    }
    return queue.stream()
        .sorted(Comparator.comparingDouble(Entry::magnitude).reversed())
        .map(Entry::coordinate)
        .toList();
  }
}
