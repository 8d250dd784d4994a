package io.superweight.compute.cpu;

import static io.superweight.compute.cpu.VectorTiles.LANES;
import static io.superweight.compute.cpu.VectorTiles.SPECIES;

import io.superweight.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Widens GGUF's blocks to float32, bit for bit as {@link io.superweight.tensor.Dequantizer} does,
 * where each layout is described. Vector i of a block goes to {@code out[at + i · stride]}.
 */
final class VectorBlocks {
  private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;
  private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LITTLE);
  private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LITTLE);
  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LITTLE);
  private static final VectorSpecies<Integer> INTS = SPECIES.withLanes(int.class);

  /** Whether a vector's worth of bytes is itself a vector, and 16 elements are whole vectors. */
  static final boolean SUPPORTED = LANES == 8 || LANES == 16;

  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(
          byte.class, SUPPORTED ? VectorShape.forBitSize(8 * LANES) : VectorShape.S_64_BIT);
  private static final IntVector IOTA = IntVector.zero(INTS).addIndex(1);

  /** Vectors in 16 elements. */
  private static final int HALF = Math.max(1, 16 / LANES);

  private static final float[] IQ4_NL_VALUES = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  };

  private VectorBlocks() {}

  /** Decodes so many blocks from byte {@code offset} on. */
  static void decode(
      DType dtype, MemorySegment data, long offset, int blocks, float[] out, int at, int stride) {
    int blockBytes = dtype.blockBytes();
    int step = dtype.blockElements() / LANES * stride;
    switch (dtype) {
      case Q4_0 -> {
        for (int i = 0; i < blocks; i++) {
          q4Symmetric(data, offset + (long) i * blockBytes, out, at + i * step, stride);
        }
      }
      case Q4_1 -> {
        for (int i = 0; i < blocks; i++) {
          q4WithMinimum(data, offset + (long) i * blockBytes, out, at + i * step, stride);
        }
      }
      case Q5_0 -> {
        for (int i = 0; i < blocks; i++) {
          q5Symmetric(data, offset + (long) i * blockBytes, out, at + i * step, stride);
        }
      }
      case Q5_1 -> {
        for (int i = 0; i < blocks; i++) {
          q5WithMinimum(data, offset + (long) i * blockBytes, out, at + i * step, stride);
        }
      }
      case Q8_0 -> {
        for (int i = 0; i < blocks; i++) {
          long b = offset + (long) i * blockBytes;
          signedBytes(data, b + 2, f16(data, b), 32, out, at + i * step, stride);
        }
      }
      case Q2_K -> {
        for (int i = 0; i < blocks; i++) {
          q2K(data, offset + (long) i * blockBytes, out, at + i * step, stride);
        }
      }
      case Q3_K -> {
        for (int i = 0; i < blocks; i++) {
          q3K(data, offset + (long) i * blockBytes, out, at + i * step, stride);
        }
      }
      case Q4_K -> {
        for (int i = 0; i < blocks; i++) {
          q4K(data, offset + (long) i * blockBytes, out, at + i * step, stride);
        }
      }
      case Q5_K -> {
        for (int i = 0; i < blocks; i++) {
          q5K(data, offset + (long) i * blockBytes, out, at + i * step, stride);
        }
      }
      case Q6_K -> {
        for (int i = 0; i < blocks; i++) {
          q6K(data, offset + (long) i * blockBytes, out, at + i * step, stride);
        }
      }
      case Q8_K -> {
        for (int i = 0; i < blocks; i++) {
          long b = offset + (long) i * blockBytes;
          signedBytes(data, b + 4, data.get(F32, b), 256, out, at + i * step, stride);
        }
      }
      case IQ4_NL -> {
        for (int i = 0; i < blocks; i++) {
          iq4Nl(data, offset + (long) i * blockBytes, out, at + i * step, stride);
        }
      }
      default -> throw new IllegalArgumentException(dtype + " has no blocks");
    }
  }

  private static void q4Symmetric(MemorySegment data, long b, float[] out, int at, int stride) {
    float d = f16(data, b);
    for (int h = 0; h < HALF; h++) {
      IntVector q = bytes(data, b + 2 + h * LANES);
      store(q.and(15).sub(8), d, out, at + h * stride);
      store(q.lanewise(VectorOperators.LSHR, 4).sub(8), d, out, at + (HALF + h) * stride);
    }
  }

  private static void q4WithMinimum(MemorySegment data, long b, float[] out, int at, int stride) {
    float d = f16(data, b);
    float m = f16(data, b + 2);
    for (int h = 0; h < HALF; h++) {
      IntVector q = bytes(data, b + 4 + h * LANES);
      store(q.and(15), d, m, out, at + h * stride);
      store(q.lanewise(VectorOperators.LSHR, 4), d, m, out, at + (HALF + h) * stride);
    }
  }

  private static void q5Symmetric(MemorySegment data, long b, float[] out, int at, int stride) {
    float d = f16(data, b);
    int high = data.get(U32, b + 2);
    for (int h = 0; h < HALF; h++) {
      IntVector q = bytes(data, b + 6 + h * LANES);
      store(q.and(15).or(fifth(high >>> h * LANES)).sub(16), d, out, at + h * stride);
      IntVector upper = q.lanewise(VectorOperators.LSHR, 4).or(fifth(high >>> 16 + h * LANES));
      store(upper.sub(16), d, out, at + (HALF + h) * stride);
    }
  }

  private static void q5WithMinimum(MemorySegment data, long b, float[] out, int at, int stride) {
    float d = f16(data, b);
    float m = f16(data, b + 2);
    int high = data.get(U32, b + 4);
    for (int h = 0; h < HALF; h++) {
      IntVector q = bytes(data, b + 8 + h * LANES);
      store(q.and(15).or(fifth(high >>> h * LANES)), d, m, out, at + h * stride);
      IntVector upper = q.lanewise(VectorOperators.LSHR, 4).or(fifth(high >>> 16 + h * LANES));
      store(upper, d, m, out, at + (HALF + h) * stride);
    }
  }

  /** Bit i of {@code high} as the fifth bit of lane i. */
  private static IntVector fifth(int high) {
    return IntVector.broadcast(INTS, high)
        .lanewise(VectorOperators.LSHR, IOTA)
        .and(1)
        .lanewise(VectorOperators.LSHL, 4);
  }

  private static void signedBytes(
      MemorySegment data, long b, float d, int count, float[] out, int at, int stride) {
    for (int i = 0; i < count / LANES; i++) {
      ByteVector q = ByteVector.fromMemorySegment(BYTES, data, b + i * LANES, LITTLE);
      ((FloatVector) q.convertShape(VectorOperators.B2F, SPECIES, 0))
          .mul(d)
          .intoArray(out, at + i * stride);
    }
  }

  private static void q2K(MemorySegment data, long b, float[] out, int at, int stride) {
    float d = f16(data, b + 80);
    float min = f16(data, b + 82);
    for (int g = 0; g < 16; g++) {
      int scale = data.get(ValueLayout.JAVA_BYTE, b + g) & 0xff;
      float dl = d * (scale & 15);
      float ml = min * (scale >> 4);
      long q = b + 16 + 32 * (g / 8) + 16 * (g % 2);
      int shift = 2 * (g % 8 / 2);
      for (int h = 0; h < HALF; h++) {
        IntVector pairs = bytes(data, q + h * LANES).lanewise(VectorOperators.LSHR, shift).and(3);
        store(pairs, dl, -ml, out, at + (HALF * g + h) * stride);
      }
    }
  }

  private static void q3K(MemorySegment data, long b, float[] out, int at, int stride) {
    float d = f16(data, b + 108);
    for (int g = 0; g < 16; g++) {
      int low = data.get(ValueLayout.JAVA_BYTE, b + 96 + g % 8) >> 4 * (g / 8) & 15;
      int high = data.get(ValueLayout.JAVA_BYTE, b + 104 + g % 4) >> 2 * (g / 4) & 3;
      float dl = d * ((low | high << 4) - 32);
      long q = b + 32 + 32 * (g / 8) + 16 * (g % 2);
      long mask = b + 16 * (g % 2);
      int shift = 2 * (g % 8 / 2);
      for (int h = 0; h < HALF; h++) {
        IntVector pairs = bytes(data, q + h * LANES).lanewise(VectorOperators.LSHR, shift).and(3);
        IntVector third =
            bytes(data, mask + h * LANES).lanewise(VectorOperators.LSHR, g / 2).and(1);
        store(
            pairs.add(third.lanewise(VectorOperators.LSHL, 2)).sub(4),
            dl,
            out,
            at + (HALF * g + h) * stride);
      }
    }
  }

  /** The 6-bit scale {@code g} of 8 in the low byte, its minimum in the next. */
  private static int scaleAndMinimum(MemorySegment data, long s, int g) {
    int here = data.get(ValueLayout.JAVA_BYTE, s + g) & 0xff;
    int next = data.get(ValueLayout.JAVA_BYTE, s + g + 4) & 0xff;
    if (g < 4) {
      return here & 63 | (next & 63) << 8;
    }
    int before = data.get(ValueLayout.JAVA_BYTE, s + g - 4) & 0xff;
    return next & 15 | before >> 6 << 4 | (next >> 4 | here >> 6 << 4) << 8;
  }

  private static void q4K(MemorySegment data, long b, float[] out, int at, int stride) {
    float d = f16(data, b);
    float min = f16(data, b + 2);
    for (int g = 0; g < 8; g++) {
      int pair = scaleAndMinimum(data, b + 4, g);
      float dl = d * (pair & 0xff);
      float ml = min * (pair >> 8);
      long q = b + 16 + 32 * (g / 2);
      int shift = 4 * (g % 2);
      for (int h = 0; h < 2 * HALF; h++) {
        IntVector nibbles =
            bytes(data, q + h * LANES).lanewise(VectorOperators.LSHR, shift).and(15);
        store(nibbles, dl, -ml, out, at + (2 * HALF * g + h) * stride);
      }
    }
  }

  private static void q5K(MemorySegment data, long b, float[] out, int at, int stride) {
    float d = f16(data, b);
    float min = f16(data, b + 2);
    for (int g = 0; g < 8; g++) {
      int pair = scaleAndMinimum(data, b + 4, g);
      float dl = d * (pair & 0xff);
      float ml = min * (pair >> 8);
      long q = b + 48 + 32 * (g / 2);
      int shift = 4 * (g % 2);
      for (int h = 0; h < 2 * HALF; h++) {
        IntVector nibbles =
            bytes(data, q + h * LANES).lanewise(VectorOperators.LSHR, shift).and(15);
        IntVector fifth = bytes(data, b + 16 + h * LANES).lanewise(VectorOperators.LSHR, g).and(1);
        IntVector value = nibbles.or(fifth.lanewise(VectorOperators.LSHL, 4));
        store(value, dl, -ml, out, at + (2 * HALF * g + h) * stride);
      }
    }
  }

  private static void q6K(MemorySegment data, long b, float[] out, int at, int stride) {
    float d = f16(data, b + 208);
    for (int g = 0; g < 16; g++) {
      int quarter = g / 2;
      long low = b + 64 * (quarter / 4) + 32 * (quarter % 2) + 16 * (g % 2);
      long high = b + 128 + 32 * (quarter / 4) + 16 * (g % 2);
      int lowShift = 4 * (quarter % 4 / 2);
      int highShift = 2 * (quarter % 4);
      float dl = d * data.get(ValueLayout.JAVA_BYTE, b + 192 + g);
      for (int h = 0; h < HALF; h++) {
        IntVector nibbles =
            bytes(data, low + h * LANES).lanewise(VectorOperators.LSHR, lowShift).and(15);
        IntVector pairs =
            bytes(data, high + h * LANES).lanewise(VectorOperators.LSHR, highShift).and(3);
        IntVector value = nibbles.or(pairs.lanewise(VectorOperators.LSHL, 4)).sub(32);
        store(value, dl, out, at + (HALF * g + h) * stride);
      }
    }
  }

  private static void iq4Nl(MemorySegment data, long b, float[] out, int at, int stride) {
    float d = f16(data, b);
    for (int i = 0; i < 16; i++) {
      int q = data.get(ValueLayout.JAVA_BYTE, b + 2 + i) & 0xff;
      int to = at + i / LANES * stride + i % LANES;
      out[to] = d * IQ4_NL_VALUES[q & 15];
      out[to + HALF * stride] = d * IQ4_NL_VALUES[q >> 4];
    }
  }

  private static IntVector bytes(MemorySegment data, long offset) {
    ByteVector stored = ByteVector.fromMemorySegment(BYTES, data, offset, LITTLE);
    return (IntVector) stored.convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
  }

  private static void store(IntVector q, float d, float[] out, int at) {
    ((FloatVector) q.convert(VectorOperators.I2F, 0)).mul(d).intoArray(out, at);
  }

  /** {@code q · d + m} in two roundings, as the reference has it. */
  private static void store(IntVector q, float d, float m, float[] out, int at) {
    ((FloatVector) q.convert(VectorOperators.I2F, 0)).mul(d).add(m).intoArray(out, at);
  }

  private static float f16(MemorySegment data, long offset) {
    return Float.float16ToFloat(data.get(U16, offset));
  }
}
