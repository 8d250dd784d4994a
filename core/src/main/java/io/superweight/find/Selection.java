package io.superweight.find;

/** Order statistics without sorting (Hoare 1961). */
final class Selection {
  private Selection() {}

  /**
   * The value that would stand at {@code rank} if the values were sorted as {@link
   * java.util.Arrays#sort(float[])} does, NaN last. The array is left in another order.
   */
  static float smallest(float[] values, int rank) {
    int end = values.length;
    for (int i = 0; i < end; ) {
      if (Float.isNaN(values[i])) {
        float last = values[--end];
        values[end] = values[i];
        values[i] = last;
      } else {
        i++;
      }
    }
    if (rank >= end) {
      return Float.NaN;
    }
    int low = 0;
    int high = end - 1;
    while (low < high) {
      float pivot = middle(values[low], values[(low + high) >>> 1], values[high]);
      int i = low;
      int j = high;
      while (i <= j) {
        while (values[i] < pivot) {
          i++;
        }
        while (values[j] > pivot) {
          j--;
        }
        if (i <= j) {
          float moved = values[i];
          values[i++] = values[j];
          values[j--] = moved;
        }
      }
      if (rank <= j) {
        high = j;
      } else if (rank >= i) {
        low = i;
      } else {
        break;
      }
    }
    return values[rank];
  }

  private static float middle(float a, float b, float c) {
    return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
  }
}
