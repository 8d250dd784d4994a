package io.superweight.bench;

import io.superweight.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Stores values in another type, as ggml's reference quantizers do it ({@code
 * quantize_row_q8_0_ref}, {@code quantize_row_q4_0_ref} in ggml-quants.c): the scale is rounded to
 * float16, the values are rounded with the scale that is not.
 */
final class BlockEncoder {
  private static final int BLOCK = 32;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private BlockEncoder() {}

  /** Whether {@link #encode} knows the type. */
  static boolean knows(DType dtype) {
    return switch (dtype) {
      case F32, F16, BF16, Q8_0, Q4_0 -> true;
      default -> false;
    };
  }

  /**
   * @param values bfloat16, {@code count} of them; whole blocks of the type
   * @param out at least {@code dtype.bytes(count)} bytes
   */
  static void encode(MemorySegment values, int count, DType dtype, MemorySegment out) {
    switch (dtype) {
      case BF16 -> MemorySegment.copy(values, 0, out, 0, 2L * count);
      case F32 -> {
        for (int i = 0; i < count; i++) {
          out.set(FLOAT, 4L * i, value(values, i));
        }
      }
      case F16 -> {
        for (int i = 0; i < count; i++) {
          out.set(SHORT, 2L * i, Float.floatToFloat16(value(values, i)));
        }
      }
      case Q8_0, Q4_0 -> {
        float[] block = new float[BLOCK];
        for (int i = 0; i < count; i += BLOCK) {
          for (int k = 0; k < BLOCK; k++) {
            block[k] = value(values, i + k);
          }
          long at = (long) i / BLOCK * dtype.blockBytes();
          if (dtype == DType.Q8_0) {
            q8(block, out, at);
          } else {
            q4(block, out, at);
          }
        }
      }
      default -> throw new IllegalArgumentException("no values are stored as " + dtype);
    }
  }

  private static float value(MemorySegment values, int index) {
    return Float.intBitsToFloat(values.get(SHORT, 2L * index) << 16);
  }

  /** The value of the largest magnitude, the first of several, with its sign. */
  private static float extreme(float[] block) {
    float extreme = 0;
    for (float value : block) {
      if (Math.abs(value) > Math.abs(extreme)) {
        extreme = value;
      }
    }
    return extreme;
  }

  private static void q8(float[] block, MemorySegment out, long at) {
    float scale = Math.abs(extreme(block)) / 127;
    float inverse = scale == 0 ? 0 : 1 / scale;
    out.set(SHORT, at, Float.floatToFloat16(scale));
    for (int i = 0; i < BLOCK; i++) {
      float scaled = block[i] * inverse;
      // C's roundf: halves go away from zero.
      int rounded = (int) Math.floor(Math.abs((double) scaled) + 0.5);
      out.set(ValueLayout.JAVA_BYTE, at + 2 + i, (byte) (scaled < 0 ? -rounded : rounded));
    }
  }

  private static void q4(float[] block, MemorySegment out, long at) {
    float scale = extreme(block) / -8;
    float inverse = scale == 0 ? 0 : 1 / scale;
    out.set(SHORT, at, Float.floatToFloat16(scale));
    for (int i = 0; i < BLOCK / 2; i++) {
      int low = nibble(block[i] * inverse);
      int high = nibble(block[i + BLOCK / 2] * inverse);
      out.set(ValueLayout.JAVA_BYTE, at + 2 + i, (byte) (low | high << 4));
    }
  }

  private static int nibble(float scaled) {
    return Math.min(15, (int) (scaled + 8.5f));
  }
}
