package io.superweight.convert;

import io.superweight.compute.cpu.x86.AssembledEncoders;
import io.superweight.tensor.BlockEncoder;
import io.superweight.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;

/** How the rows of a tensor lie in a file. */
interface RowForm {
  /** Bytes that a row of so many elements takes. */
  long bytes(int cols);

  /**
   * One thread's encoder.
   *
   * @param assembled machine code, where this machine runs it
   */
  Encoder encoder(Optional<AssembledEncoders> assembled);

  /** Encodes rows; not thread-safe. */
  @FunctionalInterface
  interface Encoder {
    /**
     * @param row its number
     * @param values its elements, from 0 on
     * @param out where its bytes go, from {@code at} on
     */
    void encode(long row, float[] values, int cols, MemorySegment out, long at);
  }

  /** As elements or blocks of a type. */
  record Typed(DType dtype) implements RowForm {
    @Override
    public long bytes(int cols) {
      return dtype.bytes(cols);
    }

    @Override
    public Encoder encoder(Optional<AssembledEncoders> assembled) {
      if (assembled.isPresent() && assembled.get().knows(dtype)) {
        AssembledEncoders.Encoder encoder = assembled.get().encoder(dtype);
        return (row, values, cols, out, at) -> encoder.encode(values, 0, cols, out, at);
      }
      BlockEncoder encoder = new BlockEncoder(dtype);
      return (row, values, cols, out, at) -> encoder.encode(values, 0, cols, out, at);
    }
  }

  /** Whole numbers as 64-bit integers. */
  record Integers() implements RowForm {
    private static final ValueLayout.OfLong I64 =
        ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    @Override
    public long bytes(int cols) {
      return 8L * cols;
    }

    @Override
    public Encoder encoder(Optional<AssembledEncoders> assembled) {
      return (row, values, cols, out, at) -> {
        for (int i = 0; i < cols; i++) {
          out.set(I64, at + 8L * i, (long) values[i]);
        }
      };
    }
  }
}
