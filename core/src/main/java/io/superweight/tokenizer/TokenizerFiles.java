package io.superweight.tokenizer;

import io.superweight.InputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** Where the files of a tokenizer are found by name: a folder, or resources of the class path. */
public interface TokenizerFiles {

  /** The place, for messages. */
  String source();

  /**
   * The whole file; empty if there is none of that name.
   *
   * @throws InputException if it is there, but cannot be read
   */
  Optional<byte[]> read(String name);

  /** The files of a folder. */
  static TokenizerFiles in(Path folder) {
    return new TokenizerFiles() {
      @Override
      public String source() {
        return folder.toString();
      }

      @Override
      public Optional<byte[]> read(String name) {
        Path file = folder.resolve(name);
        if (!Files.isRegularFile(file)) {
          return Optional.empty();
        }
        try {
          return Optional.of(Files.readAllBytes(file));
        } catch (IOException e) {
          throw unreadable(file.toString(), e);
        }
      }
    };
  }

  /**
   * Resources of a class loader.
   *
   * @param prefix what comes before the names: {@code "io/superweight/models/books-12m/"}
   */
  static TokenizerFiles in(ClassLoader loader, String prefix) {
    return new TokenizerFiles() {
      @Override
      public String source() {
        return "the embedded " + prefix;
      }

      @Override
      public Optional<byte[]> read(String name) {
        try (InputStream in = loader.getResourceAsStream(prefix + name)) {
          return in == null ? Optional.empty() : Optional.of(in.readAllBytes());
        } catch (IOException e) {
          throw unreadable(prefix + name, e);
        }
      }
    };
  }

  private static InputException unreadable(String file, IOException e) {
    return new InputException(
        InputException.Kind.NOT_FOUND,
        file + " cannot be read (" + e.getMessage() + "): check its permissions",
        e);
  }
}
