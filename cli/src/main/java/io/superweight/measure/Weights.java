package io.superweight.measure;

import io.superweight.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Random;

/** Weights and inputs of ordinary size: no NaN, no subnormal numbers, which take longer. */
final class Weights {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Blocks that are made; the rest repeats them. */
  private static final int BLOCKS = 1 << 13;

  private Weights() {}

  /** So many bytes of elements, page by page in memory. */
  static MemorySegment fill(Arena arena, DType dtype, long bytes) {
    MemorySegment weights = arena.allocate(bytes, 4096);
    long tile = Math.min(bytes, (long) BLOCKS * dtype.blockBytes());
    Random random = new Random(1);
    for (long at = 0; at + dtype.blockBytes() <= tile; at += dtype.blockBytes()) {
      block(weights, at, dtype, random);
    }
    for (long at = tile; at < bytes; at += tile) {
      MemorySegment.copy(weights, 0, weights, at, Math.min(tile, bytes - at));
    }
    return weights;
  }

  private static void block(MemorySegment to, long at, DType dtype, Random random) {
    int float32 =
        Float.floatToIntBits((random.nextFloat() + 0.5f) * (random.nextBoolean() ? 0.02f : -0.02f));
    switch (dtype) {
      case F32 -> to.set(INT, at, float32);
      case BF16 -> to.set(SHORT, at, (short) (float32 >>> 16));
      case Q8_0, Q4_0 -> {
        to.set(SHORT, at, Float.floatToFloat16(0.002f));
        for (int i = 2; i < dtype.blockBytes(); i++) {
          to.set(ValueLayout.JAVA_BYTE, at + i, (byte) random.nextInt());
        }
      }
      default -> throw new IllegalArgumentException(dtype + " is not measured");
    }
  }

  static float[] inputs(int count) {
    Random random = new Random(2);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    return values;
  }
}
