package io.superweight.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;
import java.util.Optional;

/**
 * Decodes stored elements to float32, one method a block type, in the order of ggml's {@code
 * dequantize_row_*} (ggml-quants.c), each product and sum rounded to float32 as there. It is the
 * reference that faster readers are held against.
 */
public final class Dequantizer {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt U32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** The code book of IQ4_NL. */
  private static final float[] IQ4_NL_VALUES = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  };

  private Dequantizer() {}

  /**
   * Decodes {@code out[at + i] = element from + i} for i below {@code count}. The range may begin
   * and end within blocks.
   *
   * @param data whole blocks; elements are numbered from its start
   * @throws IndexOutOfBoundsException where data or out are too short
   */
  public static void decode(
      DType dtype, MemorySegment data, long from, int count, float[] out, int at) {
    Objects.checkFromIndexSize(at, count, out.length);
    Objects.checkFromIndexSize(
        from, count, data.byteSize() / dtype.blockBytes() * dtype.blockElements());
    int size = dtype.blockElements();
    if (size == 1) {
      plain(dtype, data.asSlice(from * dtype.blockBytes()), count, out, at);
      return;
    }
    float[] edge = null;
    int done = 0;
    while (done < count) {
      long block = (from + done) / size;
      int skip = (int) ((from + done) % size);
      int take = Math.min(size - skip, count - done);
      if (take == size) {
        block(dtype, data, block * dtype.blockBytes(), out, at + done);
      } else {
        edge = edge == null ? new float[size] : edge;
        block(dtype, data, block * dtype.blockBytes(), edge, 0);
        System.arraycopy(edge, skip, out, at + done, take);
      }
      done += take;
    }
  }

  private static void plain(DType dtype, MemorySegment data, int count, float[] out, int at) {
    switch (dtype) {
      case F16 -> {
        for (int i = 0; i < count; i++) {
          out[at + i] = Float.float16ToFloat(data.get(U16, 2L * i));
        }
      }
      case BF16 -> {
        for (int i = 0; i < count; i++) {
          out[at + i] = Float.intBitsToFloat(data.get(U16, 2L * i) << 16);
        }
      }
      default -> MemorySegment.copy(data, F32, 0, out, at, count);
    }
  }

  /** All elements of a tensor that fits an array. */
  public static float[] decode(Tensor tensor) {
    float[] out = new float[Math.toIntExact(tensor.shape().elements())];
    decode(tensor.dtype(), tensor.data(), 0, out.length, out, 0);
    return out;
  }

  /** Decodes the block whose bytes start at {@code b}. */
  private static void block(DType dtype, MemorySegment data, long b, float[] y, int at) {
    switch (dtype) {
      case F32, F16, BF16 -> throw new IllegalArgumentException(dtype + " has no blocks");
      case Q4_0 -> q4_0(data, b, y, at);
      case Q4_1 -> q4_1(data, b, y, at);
      case Q5_0 -> q5_0(data, b, y, at);
      case Q5_1 -> q5_1(data, b, y, at);
      case Q8_0 -> q8_0(data, b, y, at);
      case Q2_K -> q2K(data, b, y, at);
      case Q3_K -> q3K(data, b, y, at);
      case Q4_K -> q4K(data, b, y, at);
      case Q5_K -> q5K(data, b, y, at);
      case Q6_K -> q6K(data, b, y, at);
      case Q8_K -> q8K(data, b, y, at);
      case IQ4_NL -> iq4Nl(data, b, y, at);
    }
  }

  /**
   * The distance of neighbouring values that the block of an element can hold, which is at once
   * twice the largest error of rounding to it: the block's scale, or that of the element's group
   * within it. Of IQ4_NL, whose steps differ, its scale.
   *
   * @return empty for plain types
   * @throws IndexOutOfBoundsException where data are too short
   */
  public static Optional<Float> step(DType dtype, MemorySegment data, long element) {
    long b = element / dtype.blockElements() * dtype.blockBytes();
    int in = (int) (element % dtype.blockElements());
    return switch (dtype) {
      case F32, F16, BF16 -> Optional.empty();
      case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, IQ4_NL -> Optional.of(f16(data, b));
      case Q2_K -> Optional.of(f16(data, b + 80) * (u8(data, b + in / 16) & 15));
      case Q3_K -> {
        int g = in / 16;
        int low = u8(data, b + 96 + g % 8) >> 4 * (g / 8) & 15;
        int high = u8(data, b + 104 + g % 4) >> 2 * (g / 4) & 3;
        yield Optional.of(f16(data, b + 108) * ((low | high << 4) - 32));
      }
      case Q4_K, Q5_K -> Optional.of(f16(data, b) * scale(data, b + 4, in / 32));
      case Q6_K -> Optional.of(f16(data, b + 208) * i8(data, b + 192 + in / 16));
      case Q8_K -> Optional.of(data.get(F32, b));
    };
  }

  private static float f16(MemorySegment data, long offset) {
    return Float.float16ToFloat(data.get(U16, offset));
  }

  private static int u8(MemorySegment data, long offset) {
    return data.get(ValueLayout.JAVA_BYTE, offset) & 0xff;
  }

  private static int i8(MemorySegment data, long offset) {
    return data.get(ValueLayout.JAVA_BYTE, offset);
  }

  /** f16 d; 16 bytes: low nibbles are elements 0 to 15, high ones 16 to 31. */
  private static void q4_0(MemorySegment data, long b, float[] y, int at) {
    float d = f16(data, b);
    for (int i = 0; i < 16; i++) {
      int q = u8(data, b + 2 + i);
      y[at + i] = ((q & 15) - 8) * d;
      y[at + i + 16] = ((q >> 4) - 8) * d;
    }
  }

  /** f16 d, f16 m; nibbles as Q4_0. */
  private static void q4_1(MemorySegment data, long b, float[] y, int at) {
    float d = f16(data, b);
    float m = f16(data, b + 2);
    for (int i = 0; i < 16; i++) {
      int q = u8(data, b + 4 + i);
      y[at + i] = (q & 15) * d + m;
      y[at + i + 16] = (q >> 4) * d + m;
    }
  }

  /** f16 d; 32 fifth bits; nibbles as Q4_0. */
  private static void q5_0(MemorySegment data, long b, float[] y, int at) {
    float d = f16(data, b);
    int high = data.get(U32, b + 2);
    for (int i = 0; i < 16; i++) {
      int q = u8(data, b + 6 + i);
      y[at + i] = ((q & 15 | (high >>> i & 1) << 4) - 16) * d;
      y[at + i + 16] = ((q >> 4 | (high >>> i + 16 & 1) << 4) - 16) * d;
    }
  }

  /** f16 d, f16 m; 32 fifth bits; nibbles as Q4_0. */
  private static void q5_1(MemorySegment data, long b, float[] y, int at) {
    float d = f16(data, b);
    float m = f16(data, b + 2);
    int high = data.get(U32, b + 4);
    for (int i = 0; i < 16; i++) {
      int q = u8(data, b + 8 + i);
      y[at + i] = (q & 15 | (high >>> i & 1) << 4) * d + m;
      y[at + i + 16] = (q >> 4 | (high >>> i + 16 & 1) << 4) * d + m;
    }
  }

  /** f16 d; 32 signed bytes. */
  private static void q8_0(MemorySegment data, long b, float[] y, int at) {
    float d = f16(data, b);
    for (int i = 0; i < 32; i++) {
      y[at + i] = i8(data, b + 2 + i) * d;
    }
  }

  /**
   * 16 scales (low nibble) and minima (high nibble), one for each 16 elements; 64 bytes of 2-bit
   * values; f16 d, f16 dmin. Each half of 128 elements lies in 32 bytes, 32 elements to a bit pair.
   */
  private static void q2K(MemorySegment data, long b, float[] y, int at) {
    float d = f16(data, b + 80);
    float min = f16(data, b + 82);
    for (int g = 0; g < 16; g++) {
      int scale = u8(data, b + g);
      float dl = d * (scale & 15);
      float ml = min * (scale >> 4);
      long q = b + 16 + 32 * (g / 8) + 16 * (g % 2);
      int shift = 2 * (g % 8 / 2);
      for (int i = 0; i < 16; i++) {
        y[at + 16 * g + i] = dl * (u8(data, q + i) >> shift & 3) - ml;
      }
    }
  }

  /**
   * 32 bytes of third bits (bit 0 of all bytes for the first 32 elements, …), 64 bytes of 2-bit
   * values as Q2_K, 12 bytes of 16 6-bit scales, f16 d. A third bit that is 0 takes 4 away.
   */
  private static void q3K(MemorySegment data, long b, float[] y, int at) {
    float d = f16(data, b + 108);
    for (int g = 0; g < 16; g++) {
      int low = u8(data, b + 96 + g % 8) >> 4 * (g / 8) & 15;
      int high = u8(data, b + 104 + g % 4) >> 2 * (g / 4) & 3;
      float dl = d * ((low | high << 4) - 32);
      long q = b + 32 + 32 * (g / 8) + 16 * (g % 2);
      long mask = b + 16 * (g % 2);
      int shift = 2 * (g % 8 / 2);
      for (int i = 0; i < 16; i++) {
        int third = u8(data, mask + i) >> g / 2 & 1;
        y[at + 16 * g + i] = dl * ((u8(data, q + i) >> shift & 3) - (third == 0 ? 4 : 0));
      }
    }
  }

  /** The 6-bit scale {@code g} of 8 in the 12 bytes at {@code s} (ggml: get_scale_min_k4). */
  private static int scale(MemorySegment data, long s, int g) {
    return g < 4 ? u8(data, s + g) & 63 : u8(data, s + g + 4) & 15 | u8(data, s + g - 4) >> 6 << 4;
  }

  /** The 6-bit minimum {@code g} of 8 beside it. */
  private static int minimum(MemorySegment data, long s, int g) {
    return g < 4 ? u8(data, s + g + 4) & 63 : u8(data, s + g + 4) >> 4 | u8(data, s + g) >> 6 << 4;
  }

  /**
   * f16 d, f16 dmin, 12 bytes of 8 scales and minima; 128 bytes: 64 elements to 32 bytes, low
   * nibbles first.
   */
  private static void q4K(MemorySegment data, long b, float[] y, int at) {
    float d = f16(data, b);
    float min = f16(data, b + 2);
    for (int g = 0; g < 8; g++) {
      float dl = d * scale(data, b + 4, g);
      float ml = min * minimum(data, b + 4, g);
      long q = b + 16 + 32 * (g / 2);
      int shift = 4 * (g % 2);
      for (int i = 0; i < 32; i++) {
        y[at + 32 * g + i] = dl * (u8(data, q + i) >> shift & 15) - ml;
      }
    }
  }

  /** As Q4_K, with 32 bytes of fifth bits before the nibbles: bit g for elements 32g to 32g+31. */
  private static void q5K(MemorySegment data, long b, float[] y, int at) {
    float d = f16(data, b);
    float min = f16(data, b + 2);
    for (int g = 0; g < 8; g++) {
      float dl = d * scale(data, b + 4, g);
      float ml = min * minimum(data, b + 4, g);
      long q = b + 48 + 32 * (g / 2);
      int shift = 4 * (g % 2);
      for (int i = 0; i < 32; i++) {
        int fifth = (u8(data, b + 16 + i) >> g & 1) << 4;
        y[at + 32 * g + i] = dl * (u8(data, q + i) >> shift & 15 | fifth) - ml;
      }
    }
  }

  /**
   * 128 bytes of low nibbles, 64 of upper bit pairs, 16 signed scales, f16 d. A half of 128
   * elements has 64 and 32 of those bytes: quarters 0 and 1 are their low nibbles, 2 and 3 the
   * high.
   */
  private static void q6K(MemorySegment data, long b, float[] y, int at) {
    float d = f16(data, b + 208);
    for (int quarter = 0; quarter < 8; quarter++) {
      long low = b + 64 * (quarter / 4) + 32 * (quarter % 2);
      long high = b + 128 + 32 * (quarter / 4);
      int lowShift = 4 * (quarter % 4 / 2);
      int highShift = 2 * (quarter % 4);
      for (int i = 0; i < 32; i++) {
        int q = u8(data, low + i) >> lowShift & 15 | (u8(data, high + i) >> highShift & 3) << 4;
        y[at + 32 * quarter + i] = d * i8(data, b + 192 + 2 * quarter + i / 16) * (q - 32);
      }
    }
  }

  /** f32 d; 256 signed bytes; 16 sums that decoding does not need. */
  private static void q8K(MemorySegment data, long b, float[] y, int at) {
    float d = data.get(F32, b);
    for (int i = 0; i < 256; i++) {
      y[at + i] = d * i8(data, b + 4 + i);
    }
  }

  /** f16 d; nibbles as Q4_0, which number values of a code book. */
  private static void iq4Nl(MemorySegment data, long b, float[] y, int at) {
    float d = f16(data, b);
    for (int i = 0; i < 16; i++) {
      int q = u8(data, b + 2 + i);
      y[at + i] = d * IQ4_NL_VALUES[q & 15];
      y[at + i + 16] = d * IQ4_NL_VALUES[q >> 4];
    }
  }
}
