package io.superweight.checkpoint;

import io.superweight.InputException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Reads little-endian values one after another. A value that does not fit into what is left is a
 * MALFORMED error: nothing is read past the end or allocated by a count alone.
 */
final class GgufCursor {
  static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** More than any chat template. */
  private static final int MAX_STRING_BYTES = 1 << 26;

  /** llama.cpp reads none; deeper than this is no model. */
  private static final int MAX_ARRAY_DEPTH = 4;

  private final String source;
  private final MemorySegment bytes;
  private long position;

  GgufCursor(String source, MemorySegment bytes) {
    this.source = source;
    this.bytes = bytes;
  }

  long position() {
    return position;
  }

  private long remaining() {
    return bytes.byteSize() - position;
  }

  private void need(long count) {
    if (count < 0 || count > remaining()) {
      throw malformed("it ends within its header: it is truncated or damaged");
    }
  }

  /** Steps over {@code count} bytes and returns where they start. */
  private long take(long count) {
    need(count);
    long start = position;
    position += count;
    return start;
  }

  int int32() {
    return bytes.get(INT, take(4));
  }

  /** An unsigned 64-bit number that must not exceed {@code max}. */
  long count(String what, long max) {
    long value = bytes.get(LONG, take(8));
    if (value < 0 || value > max) {
      throw malformed(
          "it claims "
              + Long.toUnsignedString(value)
              + " "
              + what
              + ", but at most "
              + max
              + " fit");
    }
    return value;
  }

  /** An unsigned 64-bit number as it is; negative where it exceeds 2^63 − 1. */
  long uint64() {
    return bytes.get(LONG, take(8));
  }

  String string() {
    return GgufMetadata.decode(stringBytes().toArray(ValueLayout.JAVA_BYTE));
  }

  /** Steps over a string. */
  private MemorySegment stringBytes() {
    need(8);
    long length = count("bytes of a string", Math.min(remaining() - 8, MAX_STRING_BYTES));
    return bytes.asSlice(take(length), length);
  }

  /** A value of a type that is not an array: a string, a boolean, a long or a double. */
  Object scalar(GgufMetadata.Type type) {
    return switch (type) {
      case UINT8 -> (long) (bytes.get(ValueLayout.JAVA_BYTE, take(1)) & 0xff);
      case INT8 -> (long) bytes.get(ValueLayout.JAVA_BYTE, take(1));
      case UINT16 -> (long) (bytes.get(SHORT, take(2)) & 0xffff);
      case INT16 -> (long) bytes.get(SHORT, take(2));
      case UINT32 -> bytes.get(INT, take(4)) & 0xffff_ffffL;
      case INT32 -> (long) bytes.get(INT, take(4));
      // The shortest decimal form gives back what the configuration said.
      case FLOAT32 -> Double.valueOf(Float.toString(bytes.get(FLOAT, take(4))));
      case BOOL -> bytes.get(ValueLayout.JAVA_BYTE, take(1)) != 0;
      case STRING -> string();
      case UINT64, INT64 -> bytes.get(LONG, take(8));
      case FLOAT64 -> bytes.get(DOUBLE, take(8));
      case ARRAY -> throw malformed("it has arrays of arrays where none are expected");
    };
  }

  /** Any value; arrays are stepped over and kept as they lie. */
  Object value() {
    GgufMetadata.Type type = type();
    return type == GgufMetadata.Type.ARRAY ? array(1) : scalar(type);
  }

  private GgufMetadata.Array array(int depth) {
    if (depth > MAX_ARRAY_DEPTH) {
      throw malformed("it nests arrays deeper than " + MAX_ARRAY_DEPTH);
    }
    GgufMetadata.Type type = type();
    need(8);
    long count = count("elements of an array", (remaining() - 8) / type.minBytes);
    long start = position;
    switch (type) {
      case STRING -> {
        for (long i = 0; i < count; i++) {
          stringBytes();
        }
      }
      case ARRAY -> {
        for (long i = 0; i < count; i++) {
          array(depth + 1);
        }
      }
      default -> take(count * type.minBytes);
    }
    return new GgufMetadata.Array(type, count, bytes.asSlice(start, position - start));
  }

  private GgufMetadata.Type type() {
    int number = int32();
    GgufMetadata.Type[] types = GgufMetadata.Type.values();
    if (number < 0 || number >= types.length) {
      throw malformed("it has a value of the unknown type " + Integer.toUnsignedString(number));
    }
    return types[number];
  }

  InputException malformed(String trouble) {
    return new InputException(
        InputException.Kind.MALFORMED, source + ": " + trouble + "; fetch the file again");
  }
}
