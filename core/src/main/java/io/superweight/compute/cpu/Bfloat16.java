package io.superweight.compute.cpu;

/** Rounding to bfloat16, the upper half of a float32. */
public final class Bfloat16 {
  private Bfloat16() {}

  /** The nearest bfloat16, half to even; NaN stays NaN. */
  public static float round(float value) {
    if (Float.isNaN(value)) {
      return value;
    }
    int bits = Float.floatToRawIntBits(value);
    return Float.intBitsToFloat(bits + 0x7fff + (bits >>> 16 & 1) & 0xffff0000);
  }
}
