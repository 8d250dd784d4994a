package io.superweight.compute;

import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import io.superweight.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/**
 * A weight matrix {@code W[rows = output channels, cols = input channels]}, read where it lies.
 *
 * @param data all elements without gaps; {@code W[r, c]} is element {@code r · cols + c}, or {@code
 *     c · rows + r} where {@code transposed} (GPT-2's Conv1D; plain types only)
 */
public record Matrix(DType dtype, MemorySegment data, int rows, int cols, boolean transposed) {
  public Matrix {
    if (data.byteSize() != dtype.bytes((long) rows * cols)) {
      throw new IllegalArgumentException(
          data.byteSize() + " bytes are not [" + rows + ", " + cols + "] of " + dtype);
    }
    if (dtype.quantized() && (transposed || cols % dtype.blockElements() != 0)) {
      throw new IllegalArgumentException(
          "[" + rows + ", " + cols + "] of " + dtype + ": rows must be whole blocks");
    }
  }

  /** A matrix stored as {@code [rows, cols]}, or as {@code [cols, rows]} where transposed. */
  public static Matrix of(Tensor tensor, boolean transposed) {
    Shape shape = tensor.shape();
    if (shape.rank() != 2) {
      throw new IllegalArgumentException(tensor.name() + ": " + shape + " is no matrix");
    }
    int outer = Math.toIntExact(shape.dimension(0));
    int inner = Math.toIntExact(shape.dimension(1));
    return transposed
        ? new Matrix(tensor.dtype(), tensor.data(), inner, outer, true)
        : new Matrix(tensor.dtype(), tensor.data(), outer, inner, false);
  }

  /** Rows {@code from} to {@code from + count} as a view; not of a transposed matrix. */
  public Matrix rows(int from, int count) {
    if (transposed) {
      throw new IllegalArgumentException("rows of a transposed matrix are not contiguous");
    }
    long rowBytes = dtype.bytes(cols);
    return new Matrix(dtype, data.asSlice(from * rowBytes, count * rowBytes), count, cols, false);
  }
}
