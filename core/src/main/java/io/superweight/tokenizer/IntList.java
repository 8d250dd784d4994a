package io.superweight.tokenizer;

import java.util.Arrays;

/** Ids, as they come. */
final class IntList {
  private int[] items = new int[64];
  private int size;

  void add(int item) {
    if (size == items.length) {
      items = Arrays.copyOf(items, 2 * size);
    }
    items[size++] = item;
  }

  void addAll(int[] more) {
    if (size + more.length > items.length) {
      items = Arrays.copyOf(items, Math.max(2 * items.length, size + more.length));
    }
    System.arraycopy(more, 0, items, size, more.length);
    size += more.length;
  }

  int size() {
    return size;
  }

  int[] toArray() {
    return Arrays.copyOf(items, size);
  }

  /** The items from an index on. */
  int[] from(int index) {
    return Arrays.copyOfRange(items, index, size);
  }
}
