package io.superweight.tensor;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** The loops of {@link BulkRows} over whole vectors. */
final class VectorRows {
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
  private static final int LANES = FLOATS.length();
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(Math.max(64, 16 * LANES)));

  private VectorRows() {}

  /** So many of the first elements are whole vectors. */
  static int whole(int count) {
    return count - count % LANES;
  }

  /** Widens what is whole vectors, and says how many elements that were. */
  static int bfloat16(MemorySegment data, long from, int count, float[] out, int at) {
    int whole = SHORTS.length() == LANES ? whole(count) : 0;
    for (int i = 0; i < whole; i += LANES) {
      IntVector bits =
          (IntVector)
              ShortVector.fromMemorySegment(SHORTS, data, 2 * (from + i), ByteOrder.LITTLE_ENDIAN)
                  .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
      bits.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().intoArray(out, at + i);
    }
    return whole;
  }

  /**
   * The largest magnitude of the first elements, which are whole vectors; NaN where there is one.
   */
  static float largest(float[] values, int count) {
    FloatVector largest = FloatVector.zero(FLOATS);
    for (int i = 0; i < count; i += LANES) {
      largest = largest.max(FloatVector.fromArray(FLOATS, values, i).abs());
    }
    return largest.reduceLanes(VectorOperators.MAX);
  }
}
