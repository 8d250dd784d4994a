package io.superweight.compute;

import java.lang.foreign.MemorySegment;

/**
 * Float32 values of a device, {@code [rows, cols]}, row-major without gaps. On a CPU device the
 * segment is readable; on others only {@link Device#host} makes it so. It belongs to the {@link
 * Device.Scope} that made it.
 */
public record Buffer(MemorySegment data, int rows, int cols) {
  public Buffer {
    if (data.byteSize() != 4L * rows * cols) {
      throw new IllegalArgumentException(
          data.byteSize() + " bytes are not [" + rows + ", " + cols + "] float32");
    }
  }

  /** Rows {@code from} to {@code from + count}, as a view. */
  public Buffer rows(int from, int count) {
    return new Buffer(data.asSlice(4L * from * cols, 4L * count * cols), count, cols);
  }

  /** The same values as {@code [rows · cols / newCols, newCols]}. */
  public Buffer reshape(int newCols) {
    long elements = (long) rows * cols;
    if (elements % newCols != 0) {
      throw new IllegalArgumentException("[" + rows + ", " + cols + "] has no rows of " + newCols);
    }
    return new Buffer(data, Math.toIntExact(elements / newCols), newCols);
  }
}
