package io.superweight.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * How much memory a pass may take for what grows with the text: the residual stream of all
 * sequences and variants, or the key-value caches of greedy text. What is more goes to a temporary
 * file. The result is the same, to the bit.
 *
 * @param mostBytes of memory
 * @param folder where the file lies meanwhile; empty for the system's folder for temporary files,
 *     or {@code /var/tmp} where that is in memory itself
 */
public record ActivationMemory(long mostBytes, Optional<Path> folder) {
  /** One gibibyte. */
  public static final long DEFAULT_BYTES = 1L << 30;

  /** So many bytes, then the system's folder. */
  public static ActivationMemory of(long mostBytes) {
    return new ActivationMemory(mostBytes, Optional.empty());
  }

  Path place() {
    return folder.orElseGet(ActivationMemory::onDisk);
  }

  private static Path onDisk() {
    Path usual = Path.of(System.getProperty("java.io.tmpdir"));
    Path large = Path.of("/var/tmp");
    try {
      if (Files.isWritable(large) && Files.getFileStore(usual).type().equals("tmpfs")) {
        return large;
      }
    } catch (IOException e) {
      // The usual one, then.
    }
    return usual;
  }
}
