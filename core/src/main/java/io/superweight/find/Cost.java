package io.superweight.find;

/**
 * What finding took.
 *
 * @param passes passes over the model's layers
 * @param bytesRead bytes of weights read: every pass reads the layers' weights once, whatever the
 *     number of prompts and variants; rows and matrices read for evidence are added
 * @param tokens tokens that went through the layers, all passes and variants together
 * @param seconds wall-clock time
 */
public record Cost(int passes, long bytesRead, long tokens, double seconds) {
  /** GB (10⁹ bytes) of weights a second. */
  public double gigabytesPerSecond() {
    return seconds > 0 ? bytesRead / seconds / 1e9 : 0;
  }
}
