package io.superweight.checkpoint;

import io.superweight.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * A tensor of a safetensors file whose type no tensor of this program has: integers, bytes, 8-bit
 * floats. They are what packed weights are made of.
 *
 * @param type as the header names it: I32, U8, F8_E4M3
 */
record RawTensor(String name, String type, Shape shape, MemorySegment data) {
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong I64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Dimension {@code i} as an int; 1 beyond the last. */
  int dimension(int i) {
    return i < shape.rank() ? Math.toIntExact(shape.dimension(i)) : 1;
  }

  /** 32-bit word {@code i}. */
  int word(long i) {
    return data.get(I32, 4 * i);
  }

  /** Byte {@code i}, signed. */
  int signed(long i) {
    return data.get(ValueLayout.JAVA_BYTE, i);
  }

  /** Byte {@code i}, unsigned. */
  int unsigned(long i) {
    return data.get(ValueLayout.JAVA_BYTE, i) & 0xff;
  }

  /** Element {@code i} of an integer tensor. */
  long integer(long i) {
    return switch (type) {
      case "I64" -> data.get(I64, 8 * i);
      case "I32" -> word(i);
      case "I8" -> signed(i);
      case "U8" -> unsigned(i);
      default -> throw new IllegalStateException(name + " is " + type);
    };
  }
}
