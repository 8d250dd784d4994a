package io.superweight.find;

import java.util.Optional;

/**
 * Looks at the memory of this process every few milliseconds, from {@link #start()} until it is
 * closed, for the peaks of its parts, which the system does not keep.
 */
public final class MemoryWatch implements AutoCloseable {
  private static final long MILLISECONDS = 20;

  private final Thread thread;
  private volatile boolean closed;
  private volatile long looks;
  private long anonymous;
  private long fileBacked;
  private Optional<ProcessMemory> latest = Optional.empty();

  private MemoryWatch() {
    look();
    thread = Thread.ofPlatform().daemon().name("superweight-memory").unstarted(this::watch);
  }

  /** Starts to look; where the system says nothing, nothing is looked at. */
  public static MemoryWatch start() {
    MemoryWatch watch = new MemoryWatch();
    if (watch.latest.isPresent()) {
      watch.thread.start();
    }
    return watch;
  }

  /**
   * The peaks so far, each part's own, so that they may add up to more than the peak of the whole;
   * empty where the system does not say.
   */
  public Optional<ProcessMemory> peak() {
    look();
    synchronized (this) {
      return latest.map(now -> new ProcessMemory(anonymous, fileBacked, now.peakResident()));
    }
  }

  private void watch() {
    while (!closed) {
      try {
        Thread.sleep(MILLISECONDS);
      } catch (InterruptedException e) {
        return;
      }
      look();
      looks++;
    }
  }

  /** How often its thread has looked. */
  long looks() {
    return looks;
  }

  private synchronized void look() {
    latest = ProcessMemory.now();
    latest.ifPresent(now -> {
      anonymous = Math.max(anonymous, now.anonymous());
      fileBacked = Math.max(fileBacked, now.fileBacked());
    });
  }

  @Override
  public void close() {
    closed = true;
    thread.interrupt();
  }
}
