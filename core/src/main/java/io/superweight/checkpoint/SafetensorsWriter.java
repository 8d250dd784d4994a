package io.superweight.checkpoint;

import io.superweight.InputException;
import io.superweight.tensor.BlockEncoder;
import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import io.superweight.tensor.Tensor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/**
 * Writes a safetensors file as a stream: the tensors are declared first, then their bytes follow in
 * that order, in pieces of any size. The file appears whole at {@link #commit()} or not at all; it
 * is written beside its target under another name.
 *
 * <pre>{@code
 * try (var writer = SafetensorsWriter.create(file, List.of(Entry.of("a", DType.F32, shape)), Map.of())) {
 *   writer.write(values, 0, values.length);
 *   writer.commit();
 * }
 * }</pre>
 */
public final class SafetensorsWriter implements AutoCloseable {
  private static final int BUFFER_BYTES = 1 << 16;

  /**
   * A tensor to be written.
   *
   * @param type as the format names it: {@code F32}, {@code BF16}, {@code I64}, …
   */
  public record Entry(String name, String type, Shape shape) {
    /** An entry of a plain type. */
    public static Entry of(String name, DType dtype, Shape shape) {
      return new Entry(name, dtype.name(), shape);
    }

    long bytes() {
      return SafetensorsHeader.bytes(name, type, shape);
    }
  }

  private final Path target;
  private final Path partial;
  private final List<Entry> entries;
  private final FileChannel channel;
  private final ByteBuffer buffer =
      ByteBuffer.allocate(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
  private int current = -1;
  private long left;
  private boolean committed;

  private SafetensorsWriter(Path target, List<Entry> entries) throws IOException {
    this.target = target.toAbsolutePath();
    this.entries = entries;
    this.partial =
        this.target.resolveSibling(
            "." + this.target.getFileName() + "." + UUID.randomUUID() + ".partial");
    this.channel =
        FileChannel.open(partial, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
  }

  /**
   * Starts a file. The target's folder must exist; a file that is there is replaced at the end.
   *
   * @param entries the tensors, in the order in which their bytes will follow
   * @param metadata strings for {@code __metadata__}; none are written for an empty map
   * @throws InputException of kind OUTPUT where it cannot be written
   * @throws IllegalArgumentException where two entries have one name or a type is unknown
   */
  public static SafetensorsWriter create(
      Path target, List<Entry> entries, Map<String, String> metadata) {
    byte[] header = header(entries, metadata);
    SafetensorsWriter writer;
    try {
      writer = new SafetensorsWriter(target, List.copyOf(entries));
    } catch (IOException e) {
      throw failed(target, e);
    }
    try {
      ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
      length.putLong(header.length).flip();
      writer.writeFully(length);
      writer.writeFully(ByteBuffer.wrap(header));
      writer.next();
      return writer;
    } catch (RuntimeException | Error e) {
      writer.close();
      throw e;
    }
  }

  /**
   * Writes tensors of plain types that are already there.
   *
   * @throws InputException of kind OUTPUT where it cannot be written
   */
  public static void writeAll(
      Path target, Collection<Tensor> tensors, Map<String, String> metadata) {
    List<Entry> entries =
        tensors.stream().map(t -> Entry.of(t.name(), t.dtype(), t.shape())).toList();
    try (SafetensorsWriter writer = create(target, entries, metadata)) {
      tensors.forEach(tensor -> writer.write(tensor.data()));
      writer.commit();
    }
  }

  /** Appends bytes, little-endian as the format has them; they may span several tensors. */
  public void write(MemorySegment bytes) {
    long done = 0;
    while (done < bytes.byteSize()) {
      if (left == 0) {
        throw new IllegalStateException("more bytes than the entries of " + target + " ask for");
      }
      // asByteBuffer ends at 2 GB.
      long piece = Math.min(Math.min(left, bytes.byteSize() - done), 1 << 30);
      flush();
      writeFully(bytes.asSlice(done, piece).asByteBuffer());
      done += piece;
      took(piece);
    }
  }

  /**
   * Appends elements of the current tensor, rounded to the nearest value of its type (ties to
   * even), which must be F32, F16 or BF16.
   */
  public void write(float[] values, int from, int count) {
    for (int i = from; i < from + count; i++) {
      if (left == 0) {
        throw new IllegalStateException("more values than the entries of " + target + " ask for");
      }
      if (buffer.remaining() < 4) {
        flush();
      }
      float value = values[i];
      switch (entries.get(current).type()) {
        case "F32" -> {
          buffer.putFloat(value);
          took(4);
        }
        case "F16" -> {
          buffer.putShort(Float.floatToFloat16(value));
          took(2);
        }
        case "BF16" -> {
          buffer.putShort(BlockEncoder.bfloat16(value));
          took(2);
        }
        default ->
            throw new IllegalStateException(
                "floats cannot be written as " + entries.get(current).type());
      }
    }
  }

  /**
   * Makes the file appear.
   *
   * @throws IllegalStateException where bytes are missing
   */
  public void commit() {
    flush();
    if (current < entries.size()) {
      throw new IllegalStateException(
          target + ": " + left + " bytes of \"" + entries.get(current).name() + "\" are missing");
    }
    try {
      channel.force(true);
      channel.close();
      try {
        Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
      } catch (AtomicMoveNotSupportedException e) {
        Files.move(partial, target, StandardCopyOption.REPLACE_EXISTING);
      }
      committed = true;
    } catch (IOException e) {
      throw failed(target, e);
    }
  }

  /** Ends writing; without {@link #commit()} nothing stays. */
  @Override
  public void close() {
    try {
      channel.close();
      if (!committed) {
        Files.deleteIfExists(partial);
      }
    } catch (IOException e) {
      throw failed(target, e);
    }
  }

  private void took(long bytes) {
    left -= bytes;
    if (left == 0) {
      next();
    }
  }

  /** Steps to the next tensor that has bytes. */
  private void next() {
    do {
      current++;
      left = current < entries.size() ? entries.get(current).bytes() : 0;
    } while (left == 0 && current < entries.size());
  }

  private void flush() {
    writeFully(buffer.flip());
    buffer.clear();
  }

  private void writeFully(ByteBuffer bytes) {
    try {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    } catch (IOException e) {
      throw failed(target, e);
    }
  }

  /**
   * What a file begins with, before the tensors' bytes: the length of its header, and that.
   *
   * @param entries the tensors, in the order in which their bytes follow
   * @param metadata strings for {@code __metadata__}
   */
  public static byte[] head(List<Entry> entries, Map<String, String> metadata) {
    byte[] header = header(entries, metadata);
    return ByteBuffer.allocate(8 + header.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(header.length)
        .put(header)
        .array();
  }

  private static byte[] header(List<Entry> entries, Map<String, String> metadata) {
    Set<String> names = new HashSet<>();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (JsonGenerator json =
        new JsonFactory().createGenerator(ObjectWriteContext.empty(), bytes)) {
      json.writeStartObject();
      if (!metadata.isEmpty()) {
        json.writeName("__metadata__");
        json.writeStartObject();
        metadata.forEach(json::writeStringProperty);
        json.writeEndObject();
      }
      long offset = 0;
      for (Entry entry : entries) {
        if (!names.add(entry.name()) || entry.name().equals("__metadata__")) {
          throw new IllegalArgumentException(
              "\"" + entry.name() + "\" cannot be named so, or twice");
        }
        json.writeName(entry.name());
        json.writeStartObject();
        json.writeStringProperty("dtype", entry.type());
        json.writeName("shape");
        json.writeStartArray();
        entry.shape().dimensions().forEach(json::writeNumber);
        json.writeEndArray();
        json.writeName("data_offsets");
        json.writeStartArray();
        json.writeNumber(offset);
        offset += entry.bytes();
        json.writeNumber(offset);
        json.writeEndArray();
        json.writeEndObject();
      }
      json.writeEndObject();
    }
    // The data starts on a multiple of 8, as the reference implementation has it.
    while (bytes.size() % 8 != 0) {
      bytes.write(' ');
    }
    return bytes.toByteArray();
  }

  private static InputException failed(Path target, IOException e) {
    return new InputException(
        InputException.Kind.OUTPUT,
        target
            + " cannot be written ("
            + Json.shorten(e.getClass().getSimpleName() + ": " + e.getMessage())
            + "); name a file in a folder that exists and has room",
        e);
  }
}
