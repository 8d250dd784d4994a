package io.superweight;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

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

  /** The embedded model, in the source tree. */
  public static Path books12m() {
    return project().resolve("models/books-12m/src/main/resources/io/superweight/models/books-12m");
  }

  /**
   * SmolLM2-135M-Instruct, too large for the project: fetched by {@code etc/fetch-smollm2}, or
   * named by the environment variable SUPERWEIGHT_SMOLLM2. A test that needs it is skipped, saying
   * so, without it.
   */
  public static Path smolLm2() {
    String named = System.getenv("SUPERWEIGHT_SMOLLM2");
    Path path =
        named != null
            ? Path.of(named)
            : project().resolve(".cache/SmolLM2-135M-Instruct.Q4_1.gguf");
    Assumptions.assumeTrue(
        Files.exists(path), "skipped: SmolLM2-135M-Instruct is not here; run etc/fetch-smollm2");
    return path;
  }
}
