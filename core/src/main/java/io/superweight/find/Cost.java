package io.superweight.find;

import java.util.Optional;

/**
 * What finding took.
 *
 * @param passes passes over the model's layers
 * @param bytesRead bytes of weights read: every pass reads the layers' weights once, whatever the
 *     number of prompts and variants; rows and matrices read for evidence are added
 * @param tokens tokens that went through the layers, all passes and variants together
 * @param seconds wall-clock time
 * @param memory the peaks of what was resident meanwhile; empty where the system does not say
 */
public record Cost(
    int passes, long bytesRead, long tokens, double seconds, Optional<ProcessMemory> memory) {
  /** A cost whose memory nobody looked at. */
  public Cost(int passes, long bytesRead, long tokens, double seconds) {
    this(passes, bytesRead, tokens, seconds, Optional.empty());
  }

  Cost withMemory(Optional<ProcessMemory> peak) {
    return new Cost(passes, bytesRead, tokens, seconds, peak);
  }

  /** GB (10⁹ bytes) of weights a second. */
  public double gigabytesPerSecond() {
    return seconds > 0 ? bytesRead / seconds / 1e9 : 0;
  }
}
