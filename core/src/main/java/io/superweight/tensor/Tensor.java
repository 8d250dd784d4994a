package io.superweight.tensor;

import java.lang.foreign.MemorySegment;

/**
 * A typed, shaped view of bytes, row-major and little-endian. It owns nothing: the segment lives as
 * long as the arena of the checkpoint that it came from. No arithmetic lives here.
 *
 * @param name the name in the checkpoint it came from
 * @param data exactly {@code dtype.bytes(shape.elements())} bytes; no alignment is promised
 */
public record Tensor(String name, DType dtype, Shape shape, MemorySegment data) {
  public Tensor {
    if (data.byteSize() != dtype.bytes(shape.elements())) {
      throw new IllegalArgumentException(
          name + ": " + data.byteSize() + " bytes cannot be " + shape + " of " + dtype);
    }
  }

  /**
   * Element {@code index} of the outermost dimension, as a view: a matrix of a stack of expert
   * matrices, a row of a matrix.
   */
  public Tensor at(long index) {
    Shape inner = new Shape(shape.dimensions().subList(1, shape.rank()));
    long bytes = dtype.bytes(inner.elements());
    return new Tensor(name + "[" + index + "]", dtype, inner, data.asSlice(index * bytes, bytes));
  }
}
