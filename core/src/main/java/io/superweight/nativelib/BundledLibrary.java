package io.superweight.nativelib;

import java.util.List;

/**
 * A shared library inside a jar on the class path, with what its files must be.
 *
 * @param name the library, for messages: {@code "Hugging Face's tokenizer library"}
 * @param folder where it is unpacked, inside the cache: a name with the version in it, such as
 *     {@code tokenizers-0.38.0-linux-x86_64}
 * @param files in the order in which they are loaded: a file after those that it depends on
 */
public record BundledLibrary(String name, String folder, List<BundledFile> files) {
  public BundledLibrary {
    files = List.copyOf(files);
    if (files.isEmpty()) {
      throw new IllegalArgumentException(name + " has no files");
    }
  }

  /**
   * One file.
   *
   * @param resource its name on the class path
   * @param bytes its size
   * @param sha256 in lower-case hex
   */
  public record BundledFile(String resource, long bytes, String sha256) {
    /** The last part of the resource's name. */
    public String fileName() {
      return resource.substring(resource.lastIndexOf('/') + 1);
    }
  }
}
