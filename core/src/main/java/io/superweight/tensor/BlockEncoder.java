package io.superweight.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * Stores float32 values in another type. The 16-bit types and the types of 32 elements give the
 * bytes that ggml's reference quantizers give on x86-64 ({@code quantize_row_*_ref} in
 * ggml-quants.c), for every input: the scale is rounded to float16 and the values with the scale
 * that is not. The K types minimise as those do without an importance matrix, and then try the
 * neighbours of each quantized scale ({@link KBlocks}): their error is no larger, their bytes are
 * others. The inverse is {@link Dequantizer}.
 *
 * <p>One encoder is for one thread.
 */
public final class BlockEncoder {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int BLOCK = 32;

  private final DType dtype;
  private final byte[] codes = new byte[BLOCK];
  private byte[] bytes;

  /** Where the block begins in {@link #bytes}. */
  private int base;

  private final KBlocks kBlocks;
  private final boolean vectors;
  private final float[] range = new float[2];

  /**
   * @throws IllegalArgumentException for a type that is not {@linkplain #knows known}
   */
  public BlockEncoder(DType dtype) {
    if (!knows(dtype)) {
      throw new IllegalArgumentException("no values are stored as " + dtype);
    }
    this.dtype = dtype;
    this.bytes = new byte[0];
    this.vectors =
        (dtype == DType.Q4_0 || dtype == DType.Q8_0)
            && ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent()
            && VectorCodes.SUPPORTED;
    this.kBlocks = dtype.blockElements() == KBlocks.ELEMENTS ? KBlocks.of(dtype) : null;
  }

  /** Whether values can be stored as this type. */
  public static boolean knows(DType dtype) {
    return switch (dtype) {
      case F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K -> true;
      case Q2_K, Q3_K, Q8_K, IQ4_NL -> false;
    };
  }

  /** The type that is written. */
  public DType dtype() {
    return dtype;
  }

  /**
   * Encodes {@code values[from … from + count)}, whole blocks, to {@code out} from byte {@code at}
   * on.
   *
   * @throws IllegalArgumentException where the block does not divide {@code count}
   * @throws IndexOutOfBoundsException where values or out are too short
   */
  public void encode(float[] values, int from, int count, MemorySegment out, long at) {
    Objects.checkFromIndexSize(from, count, values.length);
    Objects.checkFromIndexSize(at, dtype.bytes(count), out.byteSize());
    switch (dtype) {
      case F32 -> MemorySegment.copy(values, from, out, FLOAT, at, count);
      case F16 -> {
        for (int i = 0; i < count; i++) {
          out.set(SHORT, at + 2L * i, Float.floatToFloat16(values[from + i]));
        }
      }
      case BF16 -> {
        for (int i = 0; i < count; i++) {
          out.set(SHORT, at + 2L * i, bfloat16(values[from + i]));
        }
      }
      default -> {
        int size = dtype.blockElements();
        int length = Math.toIntExact(dtype.bytes(count));
        if (bytes.length < length) {
          bytes = new byte[length];
        }
        base = 0;
        for (int i = 0; i < count; i += size) {
          block(values, from + i);
          base += dtype.blockBytes();
        }
        MemorySegment.copy(bytes, 0, out, ValueLayout.JAVA_BYTE, at, length);
      }
    }
  }

  /** Whether the first so many values are all finite. */
  public static boolean finite(float[] values, int count) {
    int signs = 0;
    for (int i = 0; i < count; i++) {
      // An exponent of ones carries into the sign.
      signs |= (Float.floatToRawIntBits(values[i]) & 0x7fff_ffff) + 0x0080_0000;
    }
    return signs >= 0;
  }

  /** The upper half of a float32, rounded to nearest, ties to even; NaN stays NaN. */
  public static short bfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if ((bits & 0x7fff_ffff) > 0x7f80_0000) {
      return (short) (bits >>> 16 | 0x40);
    }
    return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
  }

  private void block(float[] x, int at) {
    switch (dtype) {
      case Q8_0 -> q8(x, at);
      case Q4_0 -> symmetric4(x, at);
      case Q5_0 -> symmetric5(x, at);
      case Q4_1 -> {
        affine(x, at, 15);
        nibbles(4);
      }
      case Q5_1 -> {
        affine(x, at, 31);
        nibbles(8);
        fifthBits(4);
      }
      default -> kBlocks.encode(x, at, bytes, base);
    }
  }

  private void half(int at, float value) {
    short bits = Float.floatToFloat16(value);
    bytes[base + at] = (byte) bits;
    bytes[base + at + 1] = (byte) (bits >> 8);
  }

  private static float largestMagnitude(float[] x, int at) {
    float largest = 0;
    for (int i = at; i < at + BLOCK; i++) {
      largest = Math.max(largest, Math.abs(x[i]));
    }
    return largest;
  }

  /** The value of the largest magnitude, the first of several, with its sign. */
  private static float extreme(float[] x, int at) {
    float least = 0;
    float most = 0;
    for (int i = at; i < at + BLOCK; i++) {
      least = Math.min(least, x[i]);
      most = Math.max(most, x[i]);
    }
    if (most != -least) {
      return most > -least ? most : least;
    }
    for (int i = at; most != 0 && i < at + BLOCK; i++) {
      if (Math.abs(x[i]) == most) {
        return x[i];
      }
    }
    return 0;
  }

  /**
   * What {@code (int8_t) value} is on x86-64: the low byte of the truncated integer, and 0 for what
   * fits no integer. That occurs where a denormal scale's inverse is infinite.
   */
  private static byte truncated(float value) {
    return Math.abs(value) < 0x1p31f ? (byte) (int) value : 0;
  }

  private void q8(float[] x, int at) {
    float largest;
    if (vectors) {
      VectorCodes.range(x, at, range);
      largest = Math.max(-range[0], range[1]);
    } else {
      largest = largestMagnitude(x, at);
    }
    float scale = largest / 127;
    float inverse = scale == 0 ? 0 : 1 / scale;
    half(0, scale);
    if (Float.isInfinite(inverse)) {
      for (int i = 0; i < BLOCK; i++) {
        bytes[base + 2 + i] = 0;
      }
      return;
    }
    if (vectors) {
      VectorCodes.bytes(x, at, inverse, bytes, base + 2);
      return;
    }
    for (int i = 0; i < BLOCK; i++) {
      // C's roundf: halves go away from zero. The difference is exact.
      float value = x[at + i] * inverse;
      int whole = (int) value;
      float rest = value - whole;
      bytes[base + 2 + i] = (byte) (whole + (int) (rest + rest));
    }
  }

  private void symmetric4(float[] x, int at) {
    if (vectors) {
      VectorCodes.range(x, at, range);
      float most = range[1];
      float extreme = most > -range[0] ? most : range[0];
      float inverse = 1 / (extreme / -8);
      // A tie is for the first of the two, and an infinite inverse as C has it.
      if (most != -range[0] && !Float.isInfinite(inverse)) {
        half(0, extreme / -8);
        VectorCodes.nibbles(x, at, inverse, bytes, base + 2);
        return;
      }
    }
    float scale = extreme(x, at) / -8;
    codes(x, at, 0, scale == 0 ? 0 : 1 / scale, 8.5f, 15);
    half(0, scale);
    nibbles(2);
  }

  private void symmetric5(float[] x, int at) {
    float scale = extreme(x, at) / -16;
    codes(x, at, 0, scale == 0 ? 0 : 1 / scale, 16.5f, 31);
    half(0, scale);
    nibbles(6);
    fifthBits(2);
  }

  private void affine(float[] x, int at, int levels) {
    float min = Float.MAX_VALUE;
    float max = -Float.MAX_VALUE;
    for (int i = at; i < at + BLOCK; i++) {
      // Not Math.min: a zero keeps the sign of the first one.
      min = x[i] < min ? x[i] : min;
      max = x[i] > max ? x[i] : max;
    }
    float scale = (max - min) / levels;
    codes(x, at, min, scale == 0 ? 0 : 1 / scale, 0.5f, levels);
    half(0, scale);
    half(2, min);
  }

  private void codes(float[] x, int at, float min, float inverse, float shift, int most) {
    if (Float.isInfinite(inverse)) {
      for (int i = 0; i < BLOCK; i++) {
        codes[i] = (byte) Math.min(most, truncated((x[at + i] - min) * inverse + shift));
      }
      return;
    }
    for (int i = 0; i < BLOCK; i++) {
      codes[i] = (byte) Math.min(most, (int) ((x[at + i] - min) * inverse + shift));
    }
  }

  /** The low four bits: element i beside element i + 16. */
  private void nibbles(int to) {
    for (int i = 0; i < BLOCK / 2; i++) {
      bytes[base + to + i] = (byte) (codes[i] & 15 | codes[i + BLOCK / 2] << 4);
    }
  }

  private void fifthBits(int to) {
    int high = 0;
    for (int i = 0; i < BLOCK; i++) {
      high |= (codes[i] >> 4 & 1) << i;
    }
    MemorySegment.ofArray(bytes).set(INT, base + to, high);
  }
}
