package io.superweight.python;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;

/**
 * CPython's {@code random.Random}, draw for draw: the documents and offsets of the C4 protocol and
 * the resamples of the harness's standard errors are what this generator gives. Not thread-safe.
 *
 * <p>Source: the Mersenne Twister MT19937 of Matsumoto and Nishimura (1998), seeded by their {@code
 * init_by_array}; the methods as documented in CPython's {@code random} module, 3.9 and later.
 */
public final class PythonRandom {
  private static final int N = 624;
  private static final int M = 397;

  private final int[] state = new int[N];
  private int next = N;

  /** {@code random.Random(seed)}; as in Python the sign of the seed is ignored. */
  public PythonRandom(long seed) {
    long magnitude = Math.abs(seed); // of Long.MIN_VALUE: 2^63 as an unsigned number, as it should
    int high = (int) (magnitude >>> 32);
    byArray(high == 0 ? new int[] {(int) magnitude} : new int[] {(int) magnitude, high});
  }

  private void byArray(int[] key) {
    state[0] = 19650218;
    for (int i = 1; i < N; i++) {
      state[i] = 1812433253 * (state[i - 1] ^ state[i - 1] >>> 30) + i;
    }
    int i = 1;
    int j = 0;
    for (int k = Math.max(N, key.length); k > 0; k--) {
      state[i] = (state[i] ^ (state[i - 1] ^ state[i - 1] >>> 30) * 1664525) + key[j] + j;
      i = following(i);
      j = (j + 1) % key.length;
    }
    for (int k = N - 1; k > 0; k--) {
      state[i] = (state[i] ^ (state[i - 1] ^ state[i - 1] >>> 30) * 1566083941) - i;
      i = following(i);
    }
    state[0] = 0x80000000;
  }

  private int following(int i) {
    if (i + 1 < N) {
      return i + 1;
    }
    state[0] = state[N - 1];
    return 1;
  }

  private void refill() {
    for (int k = 0; k < N - M; k++) {
      state[k] = state[k + M] ^ twisted(state[k], state[k + 1]);
    }
    for (int k = N - M; k < N - 1; k++) {
      state[k] = state[k + M - N] ^ twisted(state[k], state[k + 1]);
    }
    state[N - 1] = state[M - 1] ^ twisted(state[N - 1], state[0]);
    next = 0;
  }

  private static int twisted(int high, int low) {
    int y = (high & 0x80000000) | (low & 0x7fffffff);
    return y >>> 1 ^ -(y & 1) & 0x9908b0df;
  }

  /** 32 random bits. */
  private int bits() {
    if (next == N) {
      refill();
    }
    int y = state[next++];
    y ^= y >>> 11;
    y ^= y << 7 & 0x9d2c5680;
    y ^= y << 15 & 0xefc60000;
    return y ^ y >>> 18;
  }

  /**
   * {@code getrandbits(k)}.
   *
   * @param k 1 to 32
   */
  public long getrandbits(int k) {
    if (k < 1 || k > 32) {
      throw new IllegalArgumentException(k + " bits; 1 to 32 are offered");
    }
    return Integer.toUnsignedLong(bits() >>> 32 - k);
  }

  /** {@code random()}: 53 bits, within 0 to 1, 1 excluded. */
  public double random() {
    int high = bits() >>> 5;
    int low = bits() >>> 6;
    return (high * 67108864.0 + low) * (1.0 / 9007199254740992.0);
  }

  /**
   * {@code randint(low, high)}: a whole number, both bounds included.
   *
   * @throws IllegalArgumentException where {@code high < low}, as Python raises
   */
  public int randint(int low, int high) {
    if (high < low) {
      throw new IllegalArgumentException("no whole number from " + low + " to " + high);
    }
    return (int) (low + below((long) high - low + 1));
  }

  /** One of {@code n}, evenly: draws as many bits as {@code n} has until they are below it. */
  private long below(long n) {
    int k = Long.SIZE - Long.numberOfLeadingZeros(n);
    if (k > 32) { // n = 2^32 alone: 33 bits, the low 32 of which come first
      while (true) {
        long low = Integer.toUnsignedLong(bits());
        if (bits() >>> 31 == 0) {
          return low;
        }
      }
    }
    long drawn = getrandbits(k);
    while (drawn >= n) {
      drawn = getrandbits(k);
    }
    return drawn;
  }

  /**
   * {@code choices(range(population), k=draws)}: indices, with replacement.
   *
   * @return {@code [draws]}
   */
  public int[] choices(int population, int draws) {
    if (population < 1) {
      throw new IllegalArgumentException("nothing to choose from");
    }
    int[] chosen = new int[draws];
    for (int i = 0; i < draws; i++) {
      chosen[i] = (int) (random() * population);
    }
    return chosen;
  }

  /** {@code shuffle(values)}, in place. */
  public void shuffle(int[] values) {
    for (int i = values.length - 1; i > 0; i--) {
      int j = (int) below(i + 1L);
      int kept = values[i];
      values[i] = values[j];
      values[j] = kept;
    }
  }

  /**
   * {@code sample(range(population), draws)}: indices, without replacement, in the order drawn.
   *
   * @return {@code [draws]}
   */
  public int[] sample(int population, int draws) {
    if (draws < 0 || draws > population) {
      throw new IllegalArgumentException(draws + " of " + population);
    }
    int[] chosen = new int[draws];
    // CPython takes a pool where it is smaller than a set of the drawn ones would be.
    double set = 21 + (draws > 5 ? Math.pow(4, Math.ceil(logToBase4(draws * 3.0))) : 0);
    if (population <= set) {
      int[] pool = new int[population];
      Arrays.setAll(pool, i -> i);
      for (int i = 0; i < draws; i++) {
        int j = (int) below((long) population - i);
        chosen[i] = pool[j];
        pool[j] = pool[population - i - 1];
      }
      return chosen;
    }
    Set<Integer> seen = new HashSet<>();
    for (int i = 0; i < draws; i++) {
      int j = (int) below(population);
      while (!seen.add(j)) {
        j = (int) below(population);
      }
      chosen[i] = j;
    }
    return chosen;
  }

  private static double logToBase4(double x) {
    return Math.log(x) / Math.log(4);
  }
}
