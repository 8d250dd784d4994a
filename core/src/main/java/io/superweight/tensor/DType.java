package io.superweight.tensor;

/**
 * How the elements of a tensor are stored. Plain types hold one element in each block; GGUF's
 * quantized types pack {@link #blockElements()} consecutive elements of a row into {@link
 * #blockBytes()} bytes (layouts: ggml-common.h).
 */
public enum DType {
  F32(1, 4),
  F16(1, 2),
  BF16(1, 2),
  Q4_0(32, 18),
  Q4_1(32, 20),
  Q5_0(32, 22),
  Q5_1(32, 24),
  Q8_0(32, 34),
  Q2_K(256, 84),
  Q3_K(256, 110),
  Q4_K(256, 144),
  Q5_K(256, 176),
  Q6_K(256, 210),
  Q8_K(256, 292),
  IQ4_NL(32, 18);

  private final int blockElements;
  private final int blockBytes;

  DType(int blockElements, int blockBytes) {
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
  }

  /** Elements in one block; 1 for the plain types. */
  public int blockElements() {
    return blockElements;
  }

  /** Bytes of one block. */
  public int blockBytes() {
    return blockBytes;
  }

  /** Whether elements are packed in blocks. */
  public boolean quantized() {
    return blockElements > 1;
  }

  /**
   * Bytes that {@code elements} consecutive elements take.
   *
   * @throws IllegalArgumentException if the block does not divide {@code elements}
   * @throws ArithmeticException if the result does not fit a long
   */
  public long bytes(long elements) {
    if (elements < 0 || elements % blockElements != 0) {
      throw new IllegalArgumentException(
          elements + " elements are not whole blocks of " + this + " (" + blockElements + ")");
    }
    return Math.multiplyExact(elements / blockElements, (long) blockBytes);
  }
}
