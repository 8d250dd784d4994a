package io.superweight.statistics;

import java.util.Arrays;

/** Order statistics without sorting: by counting, so that no branch depends on chance. */
public final class Selection {
  /** Bits of a key that are counted at a time: 11, 11, then 10. */
  private static final int BITS = 11;

  private static final int BINS = 1 << BITS;

  private Selection() {}

  /**
   * The value that would stand at {@code rank} if the values were sorted as {@link
   * java.util.Arrays#sort(float[])} does, NaN last. Values are not moved.
   *
   * @param rank from 0 to one less than there are values
   */
  public static float smallest(float[] values, int rank) {
    int[] counts = new int[BINS];
    for (float value : values) {
      counts[key(value) >>> 2 * BITS - 1]++;
    }
    int left = rank;
    int bin = 0;
    while (left >= counts[bin]) {
      left -= counts[bin++];
    }
    int[] keys = new int[counts[bin]];
    int count = 0;
    for (float value : values) {
      int key = key(value);
      if (key >>> 2 * BITS - 1 == bin) {
        keys[count++] = key;
      }
    }
    for (int shift = BITS - 1; ; shift = 0) { // the middle bits, then the last
      Arrays.fill(counts, 0);
      for (int i = 0; i < count; i++) {
        counts[keys[i] >>> shift & BINS - 1]++;
      }
      bin = 0;
      while (left >= counts[bin]) {
        left -= counts[bin++];
      }
      int kept = 0;
      for (int i = 0; i < count; i++) {
        if ((keys[i] >>> shift & BINS - 1) == bin) {
          keys[kept++] = keys[i];
        }
      }
      count = kept;
      if (shift == 0) {
        return value(keys[0]);
      }
    }
  }

  /** The median, of an even number the lower of the two in the middle, as PyTorch's. */
  public static float median(float[] values) {
    return smallest(values, (values.length - 1) / 2);
  }

  /** Unsigned order of keys is the order of values; −0 is less than 0. */
  private static int key(float value) {
    int bits = Float.floatToIntBits(value);
    return bits < 0 ? ~bits : bits ^ Integer.MIN_VALUE;
  }

  private static float value(int key) {
    return Float.intBitsToFloat(key < 0 ? key ^ Integer.MIN_VALUE : ~key);
  }
}
