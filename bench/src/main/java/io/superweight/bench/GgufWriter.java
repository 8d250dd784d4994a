package io.superweight.bench;

import io.superweight.checkpoint.GgufLayout;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * Writes a GGUF file as a stream: the tensors' bytes follow its header in their order, in pieces of
 * any size. The file appears whole at {@link #commit()} or not at all.
 */
final class GgufWriter implements AutoCloseable {
  private final Path target;
  private final Path partial;
  private final GgufLayout layout;
  private final FileChannel channel;
  private int current;
  private long left;
  private boolean committed;

  /**
   * Starts a file.
   *
   * @param layout with one tensor at least
   */
  GgufWriter(Path target, GgufLayout layout) throws IOException {
    this.target = target.toAbsolutePath();
    this.partial =
        this.target.resolveSibling(
            "." + this.target.getFileName() + "." + UUID.randomUUID() + ".partial");
    this.layout = layout;
    this.channel =
        FileChannel.open(partial, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    this.left = layout.entries().getFirst().bytes();
    try {
      write(ByteBuffer.wrap(layout.header()));
    } catch (IOException | RuntimeException e) {
      close();
      throw e;
    }
  }

  /** Appends bytes of the current tensor; none may reach into the next. */
  void write(MemorySegment bytes) throws IOException {
    if (bytes.byteSize() > left) {
      throw new IllegalStateException(
          "more bytes than " + layout.entries().get(current).name() + " has");
    }
    write(bytes.asByteBuffer());
    left -= bytes.byteSize();
    if (left == 0) {
      current++;
      boolean last = current == layout.entries().size();
      long next = last ? layout.size() : layout.offset(current);
      write(ByteBuffer.allocate(Math.toIntExact(next - channel.position())));
      left = last ? 0 : layout.entries().get(current).bytes();
    }
  }

  /** Makes the file appear. */
  void commit() throws IOException {
    if (current < layout.entries().size()) {
      throw new IllegalStateException(
          left + " bytes of " + layout.entries().get(current).name() + " miss");
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
}
