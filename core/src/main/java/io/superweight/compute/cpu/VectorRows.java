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
      VectorSpecies.of(
          short.class, VectorShape.forBitSize(Math.max(64, SPECIES.vectorBitSize() / 2)));

  private VectorRows() {}

  /**
   * Elements {@code from} to {@code from + count} of a row, vector i of them at {@code out[at + i ·
   * stride]}; the last vector is filled up with zeros.
   *
   * @param scratch at least {@code count} floats, overwritten
   */
  static void read(
      Matrix w, int row, int from, int count, float[] out, int at, int stride, float[] scratch) {
    int whole = 0;
    if (!w.transposed()) {
      long first = (long) row * w.cols() + from;
      switch (w.dtype()) {
        case F32 -> whole = floats(w.data(), 4 * first, count, out, at, stride);
        case BF16 -> whole = bfloats(w.data(), 2 * first, count, out, at, stride);
        default -> {}
      }
    }
    if (whole < count) {
      RowReader.read(w, row, from + whole, count - whole, scratch, 0);
      int padded = (count - whole + LANES - 1) / LANES * LANES;
      Arrays.fill(scratch, count - whole, padded, 0);
      for (int i = 0; i < padded; i += LANES) {
        System.arraycopy(scratch, i, out, at + (whole + i) / LANES * stride, LANES);
      }
    }
  }

  private static int floats(
      MemorySegment data, long offset, int count, float[] out, int at, int stride) {
    int vectors = count / LANES;
    for (int i = 0; i < vectors; i++) {
      FloatVector.fromMemorySegment(SPECIES, data, offset + 4L * LANES * i, LITTLE)
          .intoArray(out, at + i * stride);
    }
    return vectors * LANES;
  }

  private static int bfloats(
      MemorySegment data, long offset, int count, float[] out, int at, int stride) {
    int vectors = count / LANES;
    for (int i = 0; i < vectors; i++) {
      ShortVector stored =
          ShortVector.fromMemorySegment(SHORTS, data, offset + 2L * LANES * i, LITTLE);
      IntVector bits = (IntVector) stored.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
      bits.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().intoArray(out, at + i * stride);
    }
    return vectors * LANES;
  }
}
