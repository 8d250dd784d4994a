package io.superweight.cuda;

import io.superweight.compute.AttentionSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;

/**
 * How attention is divided: blocks of queries, and which block of threads takes which of them for
 * which head. Results do not depend on it.
 *
 * @param numbers what goes to the GPU
 * @param count blocks of queries
 * @param work where {@code tile · heads + head} begin among the numbers, in the order of the blocks
 *     of threads
 * @param begins where each block's first piece of work is told, and the end of the last one's
 * @param blocks of threads
 */
record AttentionTiles(int[] numbers, int count, int work, int begins, int blocks) {
  /** Keys and values that are read at a time should stay in the L2 cache. */
  private static final long CACHED_BYTES = 12L << 20;

  private static final int INTS = 4;

  /** Queries of one sequence; position: of the first of them among the keys. */
  private record Tile(int queryRow, int queries, int keyRow, int position) {}

  /** Work of neighbouring tiles for some heads. */
  private record Group(int firstTile, int endTile, int firstHead, int endHead) {}

  /** For a grid of all tiles, the longest first, so that none is left for the end. */
  static AttentionTiles of(List<AttentionSpec.Span> spans, int size) {
    List<Tile> tiles = new ArrayList<>();
    spans.forEach(span -> tiles.addAll(of(span, size)));
    tiles.sort(Comparator.comparingInt((Tile t) -> -t.position));
    return new AttentionTiles(numbers(tiles, 0), tiles.size(), 0, 0, 0);
  }

  /**
   * For one block of threads on each processor.
   *
   * @param keys that are read at a time
   */
  static AttentionTiles forProcessors(
      List<AttentionSpec.Span> spans, AttentionSpec spec, int size, int keys, int processors) {
    List<Tile> tiles = new ArrayList<>();
    List<Group> groups = new ArrayList<>();
    int first = 0;
    long open = 0;
    for (AttentionSpec.Span span : spans) {
      long bytes = 4L * span.keyCount() * spec.keyValueHeads() * spec.headDim();
      if (open > 0 && open + bytes > CACHED_BYTES) {
        group(groups, first, tiles.size(), spec.heads(), open);
        first = tiles.size();
        open = 0;
      }
      tiles.addAll(of(span, size));
      open += bytes;
    }
    group(groups, first, tiles.size(), spec.heads(), open);
    int blocks = Math.min(processors, tiles.size() * spec.heads());
    List<List<Integer>> work = assigned(tiles, groups, spec, keys, blocks);
    int total = work.stream().mapToInt(List::size).sum();
    int[] numbers = numbers(tiles, total + blocks + 1);
    int at = INTS * tiles.size();
    int begins = at + total;
    for (int b = 0; b < blocks; b++) {
      numbers[begins + b] = at - INTS * tiles.size();
      for (int item : work.get(b)) {
        numbers[at++] = item;
      }
    }
    numbers[begins + blocks] = total;
    return new AttentionTiles(numbers, tiles.size(), INTS * tiles.size(), begins, blocks);
  }

  private static List<Tile> of(AttentionSpec.Span span, int size) {
    List<Tile> tiles = new ArrayList<>();
    for (int from = 0; from < span.queryCount(); from += size) {
      tiles.add(
          new Tile(
              span.queryRow() + from,
              Math.min(size, span.queryCount() - from),
              span.keyRow(),
              span.keyCount() - span.queryCount() + from));
    }
    return tiles.reversed(); // the longest first
  }

  private static int[] numbers(List<Tile> tiles, int more) {
    int[] numbers = new int[INTS * tiles.size() + more];
    for (int i = 0; i < tiles.size(); i++) {
      Tile tile = tiles.get(i);
      numbers[INTS * i] = tile.queryRow;
      numbers[INTS * i + 1] = tile.queries;
      numbers[INTS * i + 2] = tile.keyRow;
      numbers[INTS * i + 3] = tile.position;
    }
    return numbers;
  }

  private static void group(List<Group> groups, int first, int end, int heads, long bytes) {
    int parts = 1;
    while (bytes / parts > CACHED_BYTES && heads % (2 * parts) == 0) {
      parts *= 2;
    }
    for (int part = 0; part < parts && first < end; part++) {
      groups.add(new Group(first, end, heads / parts * part, heads / parts * (part + 1)));
    }
  }

  /** In this order each piece of work to whom has least to do. */
  private static List<List<Integer>> assigned(
      List<Tile> tiles, List<Group> groups, AttentionSpec spec, int keys, int blocks) {
    List<List<Integer>> work = new ArrayList<>();
    long[] load = new long[blocks];
    PriorityQueue<Integer> least =
        new PriorityQueue<>(
            Comparator.comparingLong((Integer b) -> load[b]).thenComparingInt(b -> b));
    for (int b = 0; b < blocks; b++) {
      work.add(new ArrayList<>());
      least.add(b);
    }
    for (Group group : groups) {
      Integer[] order = new Integer[group.endTile - group.firstTile];
      Arrays.setAll(order, i -> group.firstTile + i);
      Arrays.sort(order, Comparator.comparingInt(t -> -pieces(tiles.get(t), spec, keys)));
      for (int t : order) {
        for (int head = group.firstHead; head < group.endHead; head++) {
          int block = least.poll();
          work.get(block).add(t * spec.heads() + head);
          load[block] += 2L * pieces(tiles.get(t), spec, keys) + 1;
          least.add(block);
        }
      }
    }
    return work;
  }

  private static int pieces(Tile tile, AttentionSpec spec, int keys) {
    int end = tile.position + tile.queries;
    int start =
        spec.window() == 0 ? 0 : Math.max(0, tile.position - spec.window() + 1) / keys * keys;
    return (end - start + keys - 1) / keys;
  }
}
