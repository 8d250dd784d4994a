package io.superweight.checkpoint;

import io.superweight.InputException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;

/**
 * A temporary file in the place of memory. It is mapped, so that the system may write its pages out
 * and bring them back. It has no name any more once it is open, where the system can do that, and
 * is deleted at the end elsewhere.
 */
public final class TemporaryMapping implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final Path file;
  private final MemorySegment memory;

  /**
   * Makes the file.
   *
   * @param contents what it holds, as its name ends: {@code weights}
   * @param named the same for people, in the plural: {@code the unpacked weights}
   * @param remedy what else one can do than to make room
   * @throws InputException of kind OUTPUT where the folder has no room for it or cannot be written
   */
  public TemporaryMapping(Path folder, long bytes, String contents, String named, String remedy) {
    Path created = null;
    try {
      long room = Files.getFileStore(folder).getUsableSpace();
      if (room < bytes) {
        throw new InputException(
            InputException.Kind.OUTPUT,
            String.format(
                Locale.ROOT,
                "%s of %.1f GB have no room in %s, where %.1f GB are free: make room, or %s",
                named,
                bytes / 1e9,
                folder,
                room / 1e9,
                remedy));
      }
      created = Files.createTempFile(folder, "superweight-", "." + contents);
      try (FileChannel channel =
          FileChannel.open(created, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
        memory = channel.map(FileChannel.MapMode.READ_WRITE, 0, bytes, arena);
      }
    } catch (IOException e) {
      arena.close();
      delete(created);
      throw new InputException(
          InputException.Kind.OUTPUT,
          named + " cannot be kept in " + folder + " (" + e.getMessage() + "): is it writable?",
          e);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
    file = created;
    delete(file);
  }

  /** All of it, zeroed at first; until it is closed. */
  public MemorySegment memory() {
    return memory;
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
    if (arena.scope().isAlive()) {
      arena.close();
    }
    delete(file);
  }
}
