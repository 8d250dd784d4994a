package io.superweight.cli;

import io.superweight.InputException;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * A file that appears whole or not at all: written beside its place under another name, then
 * renamed.
 */
final class OutputFile {

  /** Writes the content. */
  @FunctionalInterface
  interface Writer {
    void writeTo(OutputStream out) throws IOException;
  }

  private final Path path;
  private final String option;

  private OutputFile(Path path, String option) {
    this.path = path;
    this.option = option;
  }

  /**
   * Checks that a file can be written there, before minutes of work are spent on its content.
   *
   * @param option the option that named it, for messages
   * @throws InputException of kind OUTPUT if not
   */
  static OutputFile at(Path path, String option) {
    Path absolute = path.toAbsolutePath();
    Path folder = absolute.getParent();
    if (Files.isDirectory(absolute)) {
      throw refused(option, path + " is a folder: name a file in it");
    }
    if (folder == null || !Files.isDirectory(folder)) {
      throw refused(option, "the folder of " + path + " does not exist: create it first");
    }
    if (Files.exists(absolute) && !Files.isRegularFile(absolute)) {
      return new OutputFile(absolute, option); // a device or a pipe: written through
    }
    if (!Files.isWritable(folder)) {
      throw refused(option, "no permission to write in the folder of " + path);
    }
    return new OutputFile(absolute, option);
  }

  Path path() {
    return path;
  }

  /**
   * Writes the file.
   *
   * @throws InputException of kind OUTPUT if it cannot be written; what was there before then stays
   */
  void write(Writer content) {
    try {
      if (Files.exists(path) && !Files.isRegularFile(path)) {
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(path))) {
          content.writeTo(out);
        }
        return;
      }
      // A link stays a link: what it points at is replaced.
      Path target = Files.exists(path) && Files.isSymbolicLink(path) ? path.toRealPath() : path;
      Path draft =
          target.resolveSibling(
              "." + target.getFileName() + "." + ProcessHandle.current().pid() + ".part");
      draft.toFile().deleteOnExit(); // an interrupted command leaves nothing behind
      try {
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(draft), 1 << 16)) {
          content.writeTo(out);
        }
        try {
          Files.move(draft, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (AtomicMoveNotSupportedException e) {
          Files.move(draft, target, StandardCopyOption.REPLACE_EXISTING);
        }
      } finally {
        Files.deleteIfExists(draft);
      }
    } catch (AccessDeniedException e) {
      throw refused(option, "no permission to write " + path);
    } catch (FileSystemException e) {
      throw refused(
          option, path + ": " + (e.getReason() == null ? "cannot be written" : e.getReason()));
    } catch (IOException e) {
      throw refused(option, path + ": " + e.getMessage());
    } catch (UncheckedIOException e) {
      throw refused(option, path + ": " + e.getCause().getMessage());
    }
  }

  private static InputException refused(String option, String why) {
    return new InputException(InputException.Kind.OUTPUT, option + ": " + why);
  }
}
