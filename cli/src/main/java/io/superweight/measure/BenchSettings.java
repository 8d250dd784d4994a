package io.superweight.measure;

import java.nio.file.Path;
import java.util.Optional;

/**
 * What to measure.
 *
 * @param threads that compute
 * @param device {@link io.superweight.compute.Devices#AUTO} for all that run here, or the name of
 *     one
 * @param quick less of everything
 * @param file whose first part is read cold; empty for a temporary one
 */
public record BenchSettings(int threads, String device, boolean quick, Optional<Path> file) {
  /** After so many seconds no further product begins. */
  double seconds() {
    return quick ? 12 : 48;
  }

  /**
   * Bytes of memory and of the temporary file that are read: much more than a virtual machine's
   * caches, which may be larger than it is told. Of 128 MB they give a third more than memory does.
   */
  long bytes() {
    return 512L << 20;
  }

  /** Bytes of weights of each type, more than a processor's caches hold. */
  long weightBytes() {
    return quick ? 96L << 20 : 192L << 20;
  }
}
