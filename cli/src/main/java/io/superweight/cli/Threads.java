package io.superweight.cli;

import io.superweight.InputException;

/** What {@code --threads} may be. */
final class Threads {
  private static final int MOST = 1024;

  private Threads() {}

  /**
   * How many threads to use.
   *
   * @param asked for; 0 where the option is left out
   * @throws InputException of kind USAGE for another number than a machine may have
   */
  static int of(int asked) {
    if (asked < 0 || asked > MOST) {
      throw new InputException(
          InputException.Kind.USAGE, "--threads must be between 1 and " + MOST + ", or left out");
    }
    return asked == 0 ? Runtime.getRuntime().availableProcessors() : asked;
  }
}
