package io.superweight.compute.cpu;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * A fixed team: the calling thread and {@code threads − 1} daemon threads. Which thread runs which
 * task is left to chance, so a task's result must not depend on it.
 */
public final class Workers implements AutoCloseable {
  /** Piece {@code index} of a job. */
  public interface Task {
    /**
     * @param worker the thread that runs it, from 0 to {@link Workers#threads()} − 1, to pick
     *     scratch memory by
     */
    void run(int index, int worker);
  }

  /**
   * Looks at the job this often before it sleeps: the operations of a layer follow each other
   * closely.
   */
  private static final int SPINS = 2_000;

  private final Thread[] threads;
  private volatile Job job;
  private volatile boolean closed;

  private static final class Job {
    final Task task;
    final int tasks;
    final AtomicInteger next = new AtomicInteger();
    final AtomicInteger finished = new AtomicInteger();
    final Thread caller;
    volatile Throwable failure;

    Job(Task task, int tasks, Thread caller) {
      this.task = task;
      this.tasks = tasks;
      this.caller = caller;
    }

    void work(int worker) {
      for (int i = next.getAndIncrement(); i < tasks; i = next.getAndIncrement()) {
        try {
          if (failure == null) {
            task.run(i, worker);
          }
        } catch (Throwable t) {
          failure = t;
        }
        if (finished.incrementAndGet() == tasks) {
          LockSupport.unpark(caller);
        }
      }
    }
  }

  Workers(int count) {
    if (count < 1) {
      throw new IllegalArgumentException("threads: " + count + "; at least 1 is needed");
    }
    threads = new Thread[count - 1];
    for (int i = 0; i < threads.length; i++) {
      int worker = i + 1;
      threads[i] =
          Thread.ofPlatform()
              .daemon()
              .name("superweight-cpu-" + worker)
              .unstarted(() -> serve(worker));
    }
    for (Thread thread : threads) {
      thread.start();
    }
  }

  /** The number of threads, the calling one among them. */
  public int threads() {
    return threads.length + 1;
  }

  /** Runs tasks 0 to {@code tasks − 1} and returns when all are done. */
  public void run(int tasks, Task task) {
    if (closed) {
      throw new IllegalStateException("the device is closed");
    }
    if (tasks <= 1 || threads.length == 0) {
      for (int i = 0; i < tasks; i++) {
        task.run(i, 0);
      }
      return;
    }
    Job mine = new Job(task, tasks, Thread.currentThread());
    job = mine;
    for (Thread thread : threads) {
      LockSupport.unpark(thread);
    }
    mine.work(0);
    for (int spin = 0; mine.finished.get() < tasks; spin++) {
      if (spin < SPINS) {
        Thread.onSpinWait();
      } else {
        LockSupport.park(mine);
      }
    }
    job = null;
    switch (mine.failure) {
      case null -> {}
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      case Throwable t -> throw new IllegalStateException(t);
    }
  }

  private void serve(int worker) {
    Job last = null;
    int spin = 0;
    while (!closed) {
      Job now = job;
      if (now != null && now != last) {
        now.work(worker);
        last = now;
        spin = 0;
      } else if (spin++ < SPINS) {
        Thread.onSpinWait();
      } else {
        last = null; // finished or not, a job that has no task left ends at once
        LockSupport.park(this);
        spin = 0;
      }
    }
  }

  @Override
  public void close() {
    closed = true;
    for (Thread thread : threads) {
      LockSupport.unpark(thread);
    }
  }
}
