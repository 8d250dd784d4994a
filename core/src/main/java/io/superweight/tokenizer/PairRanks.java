package io.superweight.tokenizer;

import java.util.Arrays;

/** Which two tokens may be merged, at which rank, into which: a hash table without boxes. */
final class PairRanks {
  private static final long EMPTY = -1; // no pair of tokens: ids are not negative

  private final long[] keys;
  private final long[] values;
  private final int mask;

  PairRanks(int pairs) {
    int capacity = Integer.highestOneBit(Math.max(8, pairs)) << 2;
    keys = new long[capacity];
    values = new long[capacity];
    mask = capacity - 1;
    Arrays.fill(keys, EMPTY);
  }

  /** Adds a pair, unless it is there already. */
  void add(int left, int right, int rank, int merged) {
    long key = (long) left << 32 | right;
    int slot = slot(key);
    if (keys[slot] == EMPTY) {
      keys[slot] = key;
      values[slot] = PairMerger.packed(rank, merged);
    }
  }

  /** As {@link PairMerger#pair}. */
  long get(int left, int right) {
    int slot = slot((long) left << 32 | right);
    return keys[slot] == EMPTY ? -1 : values[slot];
  }

  private int slot(long key) {
    int slot = (int) (key * 0x9E3779B97F4A7C15L >>> 33) & mask;
    while (keys[slot] != key && keys[slot] != EMPTY) {
      slot = slot + 1 & mask;
    }
    return slot;
  }
}
