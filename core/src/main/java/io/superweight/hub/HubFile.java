package io.superweight.hub;

import io.superweight.InputException;
import java.io.IOException;
import java.nio.file.Path;

/**
 * A file of a repository on this machine.
 *
 * @param name as the repository names it, with slashes: {@code
 *     ARC-Easy/test-00000-of-00001.parquet}
 * @param path in the cache
 */
public record HubFile(String name, Path path) {
  /**
   * The SHA-256 of its bytes as they are now, lower-case hex. Reads the file.
   *
   * @throws InputException of kind NOT_FOUND if it cannot be read
   */
  public String sha256() {
    try {
      return Hashes.sha256(path);
    } catch (IOException e) {
      throw new InputException(
          InputException.Kind.NOT_FOUND, path + " cannot be read; check its permissions", e);
    }
  }
}
