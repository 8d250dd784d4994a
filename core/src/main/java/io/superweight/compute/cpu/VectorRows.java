package io.superweight.compute.cpu;

import static io.superweight.compute.cpu.VectorTiles.LANES;
import static io.superweight.compute.cpu.VectorTiles.SPECIES;

import io.superweight.compute.Matrix;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Widens stored weights to float32, a piece of a row at a time, bit for bit as {@link RowReader}
 * does.
 */
final class VectorRows {
  private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Integer> INTS = SPECIES.withLanes(int.class);

  /** As many 16-bit elements as {@link VectorTiles#SPECIES} has lanes. */
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(SPECIES.vectorBitSize() / 2));

  private VectorRows() {}

  /**
   * Elements {@code from} to {@code from + count} of a row, vector i of them at {@code out[at + i ·
   * stride]}; the last vector is filled up with zeros.
   *
   * @param from at the start of a block, and so the end unless it is that of the row
   * @param scratch at least {@code count} floats and a vector, overwritten
   */
  static void read(
      Matrix w, int row, int from, int count, float[] out, int at, int stride, float[] scratch) {
    int whole = count / LANES;
    long first = (long) row * w.cols() + from;
    if (w.transposed()) {
      whole = 0;
    } else if (w.dtype().quantized()) {
      if (VectorBlocks.SUPPORTED) {
        int blocks = count / w.dtype().blockElements();
        VectorBlocks.decode(w.dtype(), w.data(), w.dtype().bytes(first), blocks, out, at, stride);
      } else {
        whole = 0;
      }
    } else {
      switch (w.dtype()) {
        case F32 -> floats(w.data(), 4 * first, whole, out, at, stride);
        case F16 -> halves(w.data(), 2 * first, whole, out, at, stride);
        case BF16 -> bfloats(w.data(), 2 * first, whole, out, at, stride);
        default -> throw new IllegalArgumentException(w.dtype().toString());
      }
    }
    int done = whole * LANES;
    if (done < count) {
      RowReader.read(w, row, from + done, count - done, scratch, 0);
      int padded = (count - done + LANES - 1) / LANES * LANES;
      Arrays.fill(scratch, count - done, padded, 0);
      for (int i = 0; i < padded / LANES; i++) {
        System.arraycopy(scratch, i * LANES, out, at + (whole + i) * stride, LANES);
      }
    }
  }

  private static void floats(
      MemorySegment data, long offset, int vectors, float[] out, int at, int stride) {
    for (int i = 0; i < vectors; i++) {
      FloatVector.fromMemorySegment(SPECIES, data, offset + 4L * LANES * i, LITTLE)
          .intoArray(out, at + i * stride);
    }
  }

  private static void bfloats(
      MemorySegment data, long offset, int vectors, float[] out, int at, int stride) {
    for (int i = 0; i < vectors; i++) {
      IntVector bits = shorts(data, offset + 2L * LANES * i);
      bits.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().intoArray(out, at + i * stride);
    }
  }

  private static void halves(
      MemorySegment data, long offset, int vectors, float[] out, int at, int stride) {
    for (int i = 0; i < vectors; i++) {
      IntVector half = shorts(data, offset + 2L * LANES * i);
      IntVector sign = half.and(0x8000).lanewise(VectorOperators.LSHL, 16);
      IntVector magnitude = half.and(0x7fff);
      // The exponent's bias is 15 in float16 and 127 in float32; infinity and NaN have 31 and 255.
      IntVector bits = magnitude.lanewise(VectorOperators.LSHL, 13).add(112 << 23);
      bits = bits.add(112 << 23, magnitude.compare(VectorOperators.GE, 0x7c00));
      FloatVector subnormal =
          ((FloatVector) magnitude.convert(VectorOperators.I2F, 0)).mul(0x1p-24f);
      bits =
          bits.blend(subnormal.reinterpretAsInts(), magnitude.compare(VectorOperators.LT, 0x400));
      bits.or(sign).reinterpretAsFloats().intoArray(out, at + i * stride);
    }
  }

  private static IntVector shorts(MemorySegment data, long offset) {
    ShortVector stored = ShortVector.fromMemorySegment(SHORTS, data, offset, LITTLE);
    return (IntVector) stored.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
  }
}
