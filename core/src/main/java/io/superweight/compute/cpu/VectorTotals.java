package io.superweight.compute.cpu;

import static io.superweight.compute.cpu.VectorTiles.LANES;
import static io.superweight.compute.cpu.VectorTiles.SPECIES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

/**
 * The sums of the lanes of vectors, always halves onto halves: lane i takes lane i + lanes/2, and
 * so on down to one. {@code reduceLanes} will not do, it promises no order.
 */
final class VectorTotals {
  /** Exchanges lanes that are 8, 4, 2 or 1 apart; masks of those lanes that have the bit. */
  private static final VectorShuffle<Float> SWAP_8 = swap(8);

  private static final VectorShuffle<Float> SWAP_4 = swap(4);
  private static final VectorShuffle<Float> SWAP_2 = swap(2);
  private static final VectorShuffle<Float> SWAP_1 = swap(1);
  private static final VectorMask<Float> HAS_8 = has(8);
  private static final VectorMask<Float> HAS_4 = has(4);
  private static final VectorMask<Float> HAS_2 = has(2);
  private static final VectorMask<Float> HAS_1 = has(1);

  /** Floats of scratch that {@link #of} needs. */
  static final int SCRATCH = LANES * LANES;

  private VectorTotals() {}

  private static VectorShuffle<Float> swap(int bit) {
    return VectorShuffle.fromOp(SPECIES, i -> (i ^ bit) % LANES);
  }

  private static VectorMask<Float> has(int bit) {
    long lanes = 0;
    for (int i = 0; i < LANES; i++) {
      lanes |= (i & bit) == 0 ? 0 : 1L << i;
    }
    return VectorMask.fromLong(SPECIES, lanes);
  }

  /**
   * {@code LANES} totals at once: that of vector {@code sums[at + i · stride]} goes to {@code
   * out[outAt + i]}.
   */
  static void of(float[] sums, int at, int stride, float[] out, int outAt, float[] scratch) {
    if (LANES > 16) {
      for (int i = 0; i < LANES; i++) {
        out[outAt + i] = of(sums, at + i * stride);
      }
      return;
    }
    float[] from = sums;
    int step = stride;
    int start = at;
    if (LANES == 16) {
      for (int i = 0; i < 8; i++) {
        merge(from, start + i * step, 8 * step, HAS_8, SWAP_8).intoArray(scratch, i * LANES);
      }
      from = scratch;
      step = LANES;
      start = 0;
    }
    if (LANES >= 8) {
      for (int i = 0; i < 4; i++) {
        merge(from, start + i * step, 4 * step, HAS_4, SWAP_4).intoArray(scratch, i * LANES);
      }
      from = scratch;
      step = LANES;
      start = 0;
    }
    merge(from, start, 2 * step, HAS_2, SWAP_2).intoArray(scratch, 0);
    merge(from, start + step, 2 * step, HAS_2, SWAP_2).intoArray(scratch, LANES);
    merge(scratch, 0, LANES, HAS_1, SWAP_1).intoArray(out, outAt);
  }

  /**
   * Lanes without the bit: two lanes of the first vector added; lanes with it: two of the second.
   */
  private static FloatVector merge(
      float[] from, int at, int apart, VectorMask<Float> has, VectorShuffle<Float> swap) {
    FloatVector a = FloatVector.fromArray(SPECIES, from, at);
    FloatVector b = FloatVector.fromArray(SPECIES, from, at + apart);
    return a.blend(b, has).add(b.blend(a, has).rearrange(swap));
  }

  /** The total of one vector, which is overwritten. */
  static float of(float[] sums, int at) {
    for (int half = LANES / 2; half > 0; half /= 2) {
      for (int lane = at; lane < at + half; lane++) {
        sums[lane] += sums[lane + half];
      }
    }
    return sums[at];
  }
}
