package io.superweight.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * Gaussian bfloat16 noise whose value at an index depends on seed, tensor and index alone, so that
 * pieces can be made in any order by any thread: four values from one 64-bit hash of their index,
 * each the number of an entry in a table of 65,536 draws.
 */
final class Noise {
  private static final int TABLE = 1 << 16;
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final short[] table = new short[TABLE];
  private final long key;

  /**
   * @param deviation standard deviation of the values
   */
  Noise(long seed, int tensor, double deviation) {
    this.key = mix(mix(seed) + tensor);
    // One table for all seeds would do; its own for each deviation is what bfloat16 asks for.
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(20_240_711);
    for (int i = 0; i < TABLE / 2; i++) {
      // Both signs of each draw: the mean is zero.
      float value = (float) (deviation * random.nextGaussian());
      table[i] = bfloat16(value);
      table[i + TABLE / 2] = bfloat16(-value);
    }
  }

  /** The stored value at an index. */
  float at(long index) {
    int pick = (int) (mix(key ^ (index >> 2)) >>> 16 * (int) (index & 3)) & TABLE - 1;
    return Float.intBitsToFloat(table[pick] << 16);
  }

  /**
   * Fills a piece of a tensor.
   *
   * @param from index of the first value, a multiple of 4
   * @param count values, a multiple of 4
   */
  void fill(MemorySegment out, long from, int count) {
    long quad = from >> 2;
    for (int i = 0; i < count / 4; i++) {
      long hash = mix(key ^ (quad + i));
      long values =
          table[(int) hash & TABLE - 1] & 0xffffL
              | (table[(int) (hash >>> 16) & TABLE - 1] & 0xffffL) << 16
              | (table[(int) (hash >>> 32) & TABLE - 1] & 0xffffL) << 32
              | (table[(int) (hash >>> 48)] & 0xffffL) << 48;
      out.set(LONG, 8L * i, values);
    }
  }

  /** The finisher of SplitMix64 (Steele, Lea and Flood 2014). */
  private static long mix(long z) {
    long x = z + 0x9e3779b97f4a7c15L;
    x = (x ^ x >>> 30) * 0xbf58476d1ce4e5b9L;
    x = (x ^ x >>> 27) * 0x94d049bb133111ebL;
    return x ^ x >>> 31;
  }

  /** The upper half of a float32, rounded to nearest, ties to even. */
  static short bfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
  }
}
