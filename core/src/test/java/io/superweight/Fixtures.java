package io.superweight;

import java.nio.file.Files;
import java.nio.file.Path;

/** The files that the tests read, found from any module of the project. */
public final class Fixtures {
  private Fixtures() {}

  /** The project's root: the nearest folder above the working directory that has fixtures. */
  public static Path project() {
    Path folder = Path.of("").toAbsolutePath();
    while (folder != null && !Files.isDirectory(folder.resolve("fixtures"))) {
      folder = folder.getParent();
    }
    if (folder == null) {
      throw new IllegalStateException("no folder named fixtures above the working directory");
    }
    return folder;
  }

  /** A file or folder under {@code fixtures/}. */
  public static Path path(String name) {
    return project().resolve("fixtures").resolve(name);
  }
}
