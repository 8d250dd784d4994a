package io.superweight.checkpoint;

import io.superweight.tensor.DType;

/**
 * A matrix as a quantizer packed it, with all that is needed to read it.
 *
 * @param type what its own library decodes it to: each decoded value is one of this type once it is
 *     rounded to it
 * @param rows output channels
 * @param cols input channels
 * @param bytes that it takes in the file, scales and zero points included
 * @param format for people: {@code GPTQ 4-bit}
 * @param rowsDecoder decodes
 * @param steps tells how far neighbouring values are apart
 */
record PackedMatrix(
    DType type, int rows, int cols, long bytes, String format, Decoder rowsDecoder, Steps steps) {

  /** Decodes rows. */
  interface Decoder {
    /**
     * Decodes rows {@code from} to {@code from + count} into {@code out[0 … count · cols]}, as
     * float32, before the rounding to the type.
     */
    void decode(int from, int count, float[] out);
  }

  /** Distances of values. */
  interface Steps {
    /**
     * The scale of an element: the distance of neighbouring values, but for 4-bit and 8-bit floats,
     * whose distances differ.
     */
    float at(int row, int col);
  }
}
