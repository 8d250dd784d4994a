package io.superweight.model;

import io.superweight.InputException;
import io.superweight.checkpoint.TemporaryMapping;
import io.superweight.compute.Buffer;
import java.nio.file.Path;

/**
 * Activations that outgrow a bound, in a temporary file; the system writes and reads it in the
 * order in which a pass goes over it.
 */
final class SpillFile implements AutoCloseable {
  private final TemporaryMapping mapping;
  private long used;

  /**
   * @throws InputException of kind OUTPUT where the folder has no room for it
   */
  SpillFile(Path folder, long bytes) {
    mapping =
        new TemporaryMapping(
            folder, bytes, "activations", "activations", "run fewer or shorter texts");
  }

  /** Zeroed values {@code [rows, cols]}; what is asked for together fits. */
  Buffer allocate(int rows, int cols) {
    long bytes = 4L * rows * cols;
    Buffer buffer = new Buffer(mapping.memory().asSlice(used, bytes), rows, cols);
    used += (bytes + 63) / 64 * 64;
    return buffer;
  }

  /** Bytes that a buffer of so many values takes in a file. */
  static long bytes(long values) {
    return (4 * values + 63) / 64 * 64;
  }

  @Override
  public void close() {
    mapping.close();
  }
}
