package io.superweight.checkpoint;

import io.superweight.InputException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Files mapped read-only into one shared arena, which is closed with the checkpoint. A file that is
 * cut short while it is mapped makes a later read throw {@link InternalError}: whoever runs a whole
 * command translates it (the bytes are gone; nothing below can go on).
 */
final class MappedFiles implements AutoCloseable {
  private final Arena arena = Arena.ofShared();

  /** The bytes of a file, valid until {@link #close()}. */
  MemorySegment map(Path file) {
    requireRegular(file);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }

  /** A small file whole. */
  static byte[] read(Path file, long maxBytes) {
    requireRegular(file);
    try {
      long size = Files.size(file);
      if (size > maxBytes) {
        throw new InputException(
            InputException.Kind.MALFORMED,
            file + " has " + size + " bytes, which is too many for its kind; fetch it again");
      }
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  /** Refuses what would block or never end: pipes, devices, folders. */
  private static void requireRegular(Path file) {
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new InputException(
          InputException.Kind.NOT_FOUND, file + " is not a file; name a folder or a file");
    }
  }

  static InputException unreadable(Path file, IOException e) {
    String trouble =
        switch (e) {
          case NoSuchFileException missing -> " does not exist; is the path right?";
          case AccessDeniedException denied -> " cannot be read; check its permissions";
          default -> " cannot be read: " + Json.shorten(String.valueOf(e.getMessage()));
        };
    return new InputException(InputException.Kind.NOT_FOUND, file + trouble, e);
  }
}
