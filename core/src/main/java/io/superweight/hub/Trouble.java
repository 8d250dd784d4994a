package io.superweight.hub;

import java.time.Duration;
import java.util.Optional;

/** A request that failed, but may succeed if it is made again. */
final class Trouble extends Exception {
  private final Optional<Duration> wait;

  /**
   * @param message what happened, as the middle of a sentence
   * @param wait how long the server asks to wait
   */
  Trouble(String message, Optional<Duration> wait, Throwable cause) {
    super(message, cause);
    this.wait = wait;
  }

  Trouble(String message) {
    this(message, Optional.empty(), null);
  }

  Optional<Duration> serversWait() {
    return wait;
  }
}
