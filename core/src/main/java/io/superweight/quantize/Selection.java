package io.superweight.quantize;

/** Order statistics without sorting. */
final class Selection {
  private Selection() {}

  /**
   * The median of finite values, of an even number the lower of the two in the middle, as
   * PyTorch's. Values are not moved.
   */
  static float median(float[] values) {
    int wanted = (values.length - 1) / 2;
    int[] upper = new int[1 << 16];
    for (float value : values) {
      upper[key(value) >>> 16]++;
    }
    int bin = 0;
    while (wanted >= upper[bin]) {
      wanted -= upper[bin++];
    }
    int[] lower = new int[1 << 16];
    for (float value : values) {
      int key = key(value);
      if (key >>> 16 == bin) {
        lower[key & 0xffff]++;
      }
    }
    int low = 0;
    while (wanted >= lower[low]) {
      wanted -= lower[low++];
    }
    int key = bin << 16 | low;
    return Float.intBitsToFloat(key < 0 ? key ^ 0x80000000 : ~key);
  }

  /** Unsigned order of keys is the order of values. */
  private static int key(float value) {
    int bits = Float.floatToRawIntBits(value);
    return bits < 0 ? ~bits : bits ^ 0x80000000;
  }
}
