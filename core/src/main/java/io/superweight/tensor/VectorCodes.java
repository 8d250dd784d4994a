package io.superweight.tensor;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Q4_0's blocks by vectors of 8 or 16, the bytes as {@link BlockEncoder}'s plain loops give them.
 */
final class VectorCodes {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final int LANES = SPECIES.length();
  private static final VectorSpecies<Integer> INTS = SPECIES.withLanes(int.class);

  /** Whether half a block is whole vectors, and as many bytes are a vector. */
  static final boolean SUPPORTED = LANES == 8 || LANES == 16;

  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(
          byte.class, SUPPORTED ? VectorShape.forBitSize(8 * LANES) : VectorShape.S_64_BIT);

  private VectorCodes() {}

  /** The least value of 32 or 0, and the greatest: {@code [least, most]}. */
  static void range(float[] x, int at, float[] out) {
    FloatVector least = FloatVector.zero(SPECIES);
    FloatVector most = least;
    for (int i = 0; i < 32; i += LANES) {
      FloatVector values = FloatVector.fromArray(SPECIES, x, at + i);
      least = least.min(values);
      most = most.max(values);
    }
    out[0] = least.reduceLanes(VectorOperators.MIN);
    out[1] = most.reduceLanes(VectorOperators.MAX);
  }

  /** The nibbles of {@code x · inverse + 8.5}, element i beside i + 16. */
  static void nibbles(float[] x, int at, float inverse, byte[] out, int to) {
    for (int i = 0; i < 16; i += LANES) {
      IntVector low = codes(x, at + i, inverse);
      IntVector high = codes(x, at + 16 + i, inverse);
      low.or(high.lanewise(VectorOperators.LSHL, 4))
          .convertShape(VectorOperators.I2B, BYTES, 0)
          .reinterpretAsBytes()
          .intoArray(out, to + i);
    }
  }

  /** The bytes of {@code x · inverse}, rounded as C's roundf: halves go away from zero. */
  static void bytes(float[] x, int at, float inverse, byte[] out, int to) {
    for (int i = 0; i < 32; i += LANES) {
      FloatVector value = FloatVector.fromArray(SPECIES, x, at + i).mul(inverse);
      IntVector whole = (IntVector) value.convertShape(VectorOperators.F2I, INTS, 0);
      FloatVector rest =
          value.sub((FloatVector) whole.convertShape(VectorOperators.I2F, SPECIES, 0));
      whole
          .add(rest.add(rest).convertShape(VectorOperators.F2I, INTS, 0))
          .convertShape(VectorOperators.I2B, BYTES, 0)
          .reinterpretAsBytes()
          .intoArray(out, to + i);
    }
  }

  private static IntVector codes(float[] x, int at, float inverse) {
    return (IntVector)
        FloatVector.fromArray(SPECIES, x, at)
            .mul(inverse)
            .add(8.5f)
            .min(15.5f)
            .convertShape(VectorOperators.F2I, INTS, 0);
  }
}
