package io.superweight.tokenizer;

/**
 * Byte-pair encoding of one piece of text: of all neighbours that may be merged, those of the
 * lowest rank are merged first, of equal ranks the leftmost, until none is left. n symbols take O(n
 * log n) steps: a heap of pairs, the symbols in a linked list.
 */
abstract class PairMerger {
  private static final int NONE = -1;

  /** The token of each symbol; −1 for a symbol that is no token. */
  final int[] token;

  /** Where each symbol begins and ends in the text. */
  final int[] start;

  final int[] end;

  private final int[] next;
  private final int[] previous;

  /** The rank of the pair that a symbol forms with the next one, or −1. */
  private final int[] rank;

  /** The token that this pair becomes. */
  private final int[] merged;

  private final LongHeap heap;

  PairMerger(int symbols) {
    token = new int[symbols];
    start = new int[symbols];
    end = new int[symbols];
    next = new int[symbols];
    previous = new int[symbols];
    rank = new int[symbols];
    merged = new int[symbols];
    heap = new LongHeap(symbols);
  }

  /**
   * What two neighbouring symbols become: the rank in the upper half, the token in the lower; −1 if
   * they cannot be merged.
   */
  abstract long pair(int left, int right);

  static long packed(int rank, int token) {
    return (long) rank << 32 | token;
  }

  /** Receives the symbols that are left, in turn. */
  interface Symbols {
    void symbol(int index);
  }

  /** Merges the first {@code count} symbols. */
  final void merge(int count, Symbols result) {
    for (int i = 0; i < count; i++) {
      previous[i] = i - 1;
      next[i] = i + 1 < count ? i + 1 : NONE;
    }
    for (int i = 0; i < count; i++) {
      look(i);
    }
    while (!heap.isEmpty()) {
      long lowest = heap.removeLowest();
      int left = (int) lowest;
      if (rank[left] != (int) (lowest >>> 32)) {
        continue; // one of the two has been merged since
      }
      int right = next[left];
      token[left] = merged[left];
      end[left] = end[right];
      rank[right] = NONE;
      next[left] = next[right];
      if (next[left] != NONE) {
        previous[next[left]] = left;
      }
      look(left);
      if (previous[left] != NONE) {
        look(previous[left]);
      }
    }
    for (int i = 0; i != NONE && i < count; i = next[i]) {
      result.symbol(i);
    }
  }

  private void look(int left) {
    long pair = next[left] == NONE ? NONE : pair(left, next[left]);
    rank[left] = (int) (pair >> 32);
    merged[left] = (int) pair;
    if (pair >= 0) {
      heap.add((long) rank[left] << 32 | left);
    }
  }
}
