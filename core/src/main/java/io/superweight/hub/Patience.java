package io.superweight.hub;

import io.superweight.InputException;
import java.time.Duration;
import java.util.concurrent.CancellationException;

/**
 * How often something is tried again, and after what time: 1, 2, 4, 8 seconds, or what the server
 * asks for. Only attempts in a row that brought nothing count.
 */
final class Patience {
  /** Waits; a test's does not. */
  @FunctionalInterface
  interface Pause {
    Pause REAL = Thread::sleep;

    void sleep(Duration duration) throws InterruptedException;
  }

  /** huggingface_hub gives up after five attempts without a byte, too. */
  private static final int ATTEMPTS = 5;

  /** Nobody looks at a bar that stands for longer. */
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(5);

  private final Pause pause;
  private final DownloadListener listener;
  private final String what;
  private final String remedy;
  private int failures;

  /**
   * @param what is asked for, for messages: {@code org/name: config.json}
   * @param remedy what to do in the end, before when
   */
  Patience(Pause pause, DownloadListener listener, String what, String remedy) {
    this.pause = pause;
    this.listener = listener;
    this.what = what;
    this.remedy = remedy;
  }

  /** Something arrived: the next failure is the first again. */
  void progressed() {
    failures = 0;
  }

  /**
   * Waits before the next attempt.
   *
   * @param everReached whether the hub has answered anything yet
   * @throws InputException of kind NETWORK if there is no next attempt
   */
  void failed(Trouble trouble, boolean everReached) {
    failures++;
    // Without a network the first request should not take half a minute to say so.
    int attempts = everReached ? ATTEMPTS : 2;
    Duration wait =
        trouble.serversWait().orElseGet(() -> Duration.ofSeconds(1L << Math.min(failures - 1, 3)));
    if (failures >= attempts || wait.compareTo(LONGEST_WAIT) > 0) {
      throw new InputException(
          InputException.Kind.NETWORK,
          what
              + ": "
              + trouble.getMessage()
              + (failures > 1 ? " (" + failures + " attempts)" : "")
              + "; "
              + remedy
              + " "
              + (trouble.serversWait().isPresent() ? "in " + wait.toSeconds() + " s" : "later")
              + ", or set HF_HUB_OFFLINE=1 to use only what is on this machine",
          trouble);
    }
    listener.notice(
        what + ": " + trouble.getMessage() + "; trying again in " + wait.toSeconds() + " s");
    try {
      pause.sleep(wait);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("interrupted");
    }
  }
}
