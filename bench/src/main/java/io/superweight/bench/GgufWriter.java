package io.superweight.bench;

import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * Writes a GGUF file of version 3 as a stream (format: ggml's docs/gguf.md): metadata and tensors
 * are declared first, then the tensors' bytes follow in that order, in pieces of any size. The file
 * appears whole at {@link #commit()} or not at all.
 */
final class GgufWriter implements AutoCloseable {
  private static final int ALIGNMENT = 32;

  /** A tensor to be written; the shape as this project has it, the outermost dimension first. */
  record Entry(String name, DType dtype, Shape shape) {
    long bytes() {
      return dtype.bytes(shape.elements());
    }
  }

  private final Path target;
  private final Path partial;
  private final List<Entry> entries;
  private final FileChannel channel;
  private int current;
  private long left;
  private boolean committed;

  /**
   * Starts a file.
   *
   * @param metadata strings, integers (as uint32), floats, booleans, lists of strings, arrays of
   *     floats and of integers (as int32)
   */
  GgufWriter(Path target, Map<String, Object> metadata, List<Entry> entries) throws IOException {
    this.target = target.toAbsolutePath();
    this.partial =
        this.target.resolveSibling(
            "." + this.target.getFileName() + "." + UUID.randomUUID() + ".partial");
    this.entries = List.copyOf(entries);
    this.channel =
        FileChannel.open(partial, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    this.left = this.entries.getFirst().bytes();
    try {
      write(ByteBuffer.wrap(header(metadata)));
    } catch (IOException | RuntimeException e) {
      close();
      throw e;
    }
  }

  /** Appends bytes of the current tensor; none may reach into the next. */
  void write(MemorySegment bytes) throws IOException {
    if (bytes.byteSize() > left) {
      throw new IllegalStateException("more bytes than " + entries.get(current).name() + " has");
    }
    write(bytes.asByteBuffer());
    left -= bytes.byteSize();
    if (left == 0) {
      write(ByteBuffer.allocate(padding(entries.get(current).bytes())));
      current++;
      left = current < entries.size() ? entries.get(current).bytes() : 0;
    }
  }

  /** Makes the file appear. */
  void commit() throws IOException {
    if (current < entries.size()) {
      throw new IllegalStateException(left + " bytes of " + entries.get(current).name() + " miss");
    }
    channel.close();
    Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
    committed = true;
  }

  /** Ends writing; without {@link #commit()} nothing stays. */
  @Override
  public void close() throws IOException {
    channel.close();
    if (!committed) {
      Files.deleteIfExists(partial);
    }
  }

  private void write(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  private static int padding(long position) {
    return (int) ((ALIGNMENT - position % ALIGNMENT) % ALIGNMENT);
  }

  private byte[] header(Map<String, Object> metadata) {
    Bytes out = new Bytes();
    out.int32(0x46554747); // "GGUF"
    out.int32(3);
    out.int64(entries.size());
    out.int64(metadata.size());
    metadata.forEach((key, value) -> {
      out.string(key);
      value(out, value);
    });
    long offset = 0;
    for (Entry entry : entries) {
      out.string(entry.name());
      List<Long> dimensions = entry.shape().dimensions();
      out.int32(dimensions.size());
      dimensions.reversed().forEach(out::int64);
      out.int32(number(entry.dtype()));
      out.int64(offset);
      offset += entry.bytes() + padding(entry.bytes());
    }
    out.writeBytes(new byte[padding(out.size())]);
    return out.toByteArray();
  }

  /** A value behind the number of its type (gguf_metadata_value_type). */
  private static void value(Bytes out, Object value) {
    switch (value) {
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
      case List<?> texts -> {
        out.array(8, texts.size());
        texts.forEach(text -> out.string((String) text));
      }
      default -> throw new IllegalArgumentException("no metadata holds a " + value.getClass());
    }
  }

  /** The type's number (ggml.h, ggml_type). */
  private static int number(DType dtype) {
    return switch (dtype) {
      case F32 -> 0;
      case F16 -> 1;
      case Q4_0 -> 2;
      case Q8_0 -> 8;
      case BF16 -> 30;
      default -> throw new IllegalArgumentException("no tensor is written as " + dtype);
    };
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
