package io.superweight.checkpoint;

import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Where everything lies in a GGUF file of version 3 that is to be written (format: ggml's
 * docs/gguf.md): its header, and the offsets of the tensors' bytes behind it.
 */
public final class GgufLayout {
  private static final int ALIGNMENT = 32;

  /** A tensor; the shape as this project has it, the outermost dimension first. */
  public record Entry(String name, DType dtype, Shape shape) {
    /** What its elements take, without padding. */
    public long bytes() {
      return dtype.bytes(shape.elements());
    }
  }

  private final byte[] header;
  private final List<Entry> entries;
  private final long[] offsets;
  private final long size;

  /**
   * @param metadata strings, integers (as uint32), longs (uint64), floats, booleans, lists of
   *     strings, arrays of floats, of integers (int32) and of booleans; and values of another file
   *     as {@link GgufMetadata#encoded} gives them
   * @param entries in the order in which they will lie
   */
  public GgufLayout(Map<String, ?> metadata, List<Entry> entries) {
    this.entries = List.copyOf(entries);
    this.offsets = new long[entries.size()];
    List<Long> relative = new ArrayList<>();
    long offset = 0;
    for (Entry entry : entries) {
      relative.add(offset);
      offset = aligned(offset + entry.bytes());
    }
    this.header = header(metadata, relative);
    for (int i = 0; i < offsets.length; i++) {
      offsets[i] = header.length + relative.get(i);
    }
    this.size = header.length + offset;
  }

  /** The bytes before the first tensor's. */
  public byte[] header() {
    return header.clone();
  }

  /** The tensors, in their order. */
  public List<Entry> entries() {
    return entries;
  }

  /** The byte of the file that the tensor begins at. */
  public long offset(int tensor) {
    return offsets[tensor];
  }

  /** Bytes of the whole file. */
  public long size() {
    return size;
  }

  private static long aligned(long position) {
    return (position + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private byte[] header(Map<String, ?> metadata, List<Long> relative) {
    Bytes out = new Bytes();
    out.int32(0x46554747); // "GGUF"
    out.int32(3);
    out.int64(entries.size());
    // The alignment is the format's default, whatever the file had that values come from.
    List<String> keys =
        metadata.keySet().stream()
            .filter(key -> !key.equals("general.alignment"))
            .map(String.class::cast)
            .toList();
    out.int64(keys.size());
    for (String key : keys) {
      out.string(key);
      value(out, metadata.get(key));
    }
    for (int i = 0; i < entries.size(); i++) {
      Entry entry = entries.get(i);
      out.string(entry.name());
      List<Long> dimensions = entry.shape().dimensions();
      out.int32(dimensions.size());
      dimensions.reversed().forEach(out::int64);
      out.int32(GgufFile.TYPES.indexOf(entry.dtype().name()));
      out.int64(relative.get(i));
    }
    out.writeBytes(new byte[(int) (aligned(out.size()) - out.size())]);
    return out.toByteArray();
  }

  /** A value behind the number of its type (gguf_metadata_value_type). */
  private static void value(Bytes out, Object value) {
    switch (value) {
      case MemorySegment encoded -> out.writeBytes(encoded.toArray(ValueLayout.JAVA_BYTE));
      case Integer number -> {
        out.int32(4);
        out.int32(number);
      }
      case Float number -> {
        out.int32(6);
        out.int32(Float.floatToRawIntBits(number));
      }
      case Boolean flag -> {
        out.int32(7);
        out.write(flag ? 1 : 0);
      }
      case String text -> {
        out.int32(8);
        out.string(text);
      }
      case Long number -> {
        out.int32(10);
        out.int64(number);
      }
      case int[] numbers -> {
        out.array(5, numbers.length);
        for (int number : numbers) {
          out.int32(number);
        }
      }
      case float[] numbers -> {
        out.array(6, numbers.length);
        for (float number : numbers) {
          out.int32(Float.floatToRawIntBits(number));
        }
      }
      case boolean[] flags -> {
        out.array(7, flags.length);
        for (boolean flag : flags) {
          out.write(flag ? 1 : 0);
        }
      }
      case List<?> texts -> {
        out.array(8, texts.size());
        texts.forEach(text -> out.string((String) text));
      }
      default -> throw new IllegalArgumentException("no metadata holds a " + value.getClass());
    }
  }

  /** Little-endian bytes. */
  private static final class Bytes extends ByteArrayOutputStream {
    void int32(int value) {
      writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
    }

    void int64(long value) {
      writeBytes(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
    }

    void string(String text) {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      int64(bytes.length);
      writeBytes(bytes);
    }

    void array(int type, int length) {
      int32(9);
      int32(type);
      int64(length);
    }
  }
}
