package io.superweight.model;

import io.superweight.InputException;
import io.superweight.compute.Buffer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;

/**
 * A temporary file in the place of memory, for activations that outgrow a bound. It is mapped, so
 * the system writes and reads it in the order in which a pass goes over it. It has no name any more
 * once it is open, where the system can do that, and is deleted at the end elsewhere.
 */
final class SpillFile implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final Path file;
  private final MemorySegment all;
  private long used;

  /**
   * @throws InputException of kind OUTPUT where the folder has no room for it
   */
  SpillFile(Path folder, long bytes) {
    Path created = null;
    try {
      long room = Files.getFileStore(folder).getUsableSpace();
      if (room < bytes) {
        throw new InputException(
            InputException.Kind.OUTPUT,
            String.format(
                Locale.ROOT,
                "activations of %.1f GB have no room in %s, where %.1f GB are free: make room, or"
                    + " run fewer or shorter texts",
                bytes / 1e9,
                folder,
                room / 1e9));
      }
      created = Files.createTempFile(folder, "superweight-", ".activations");
      try (FileChannel channel =
          FileChannel.open(created, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
        all = channel.map(FileChannel.MapMode.READ_WRITE, 0, bytes, arena);
      }
    } catch (IOException e) {
      arena.close();
      delete(created);
      throw new InputException(
          InputException.Kind.OUTPUT,
          "activations cannot be kept in " + folder + " (" + e.getMessage() + "): is it writable?",
          e);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
    file = created;
    delete(file);
  }

  /** Zeroed values {@code [rows, cols]}; what is asked for together fits. */
  Buffer allocate(int rows, int cols) {
    long bytes = 4L * rows * cols;
    Buffer buffer = new Buffer(all.asSlice(used, bytes), rows, cols);
    used += (bytes + 63) / 64 * 64;
    return buffer;
  }

  /** Bytes that a buffer of so many values takes in a file. */
  static long bytes(long values) {
    return (4 * values + 63) / 64 * 64;
  }

  private static void delete(Path file) {
    try {
      if (file != null) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      // Some systems refuse as long as it is mapped; close() tries again.
    }
  }

  @Override
  public void close() {
    arena.close();
    delete(file);
  }
}
