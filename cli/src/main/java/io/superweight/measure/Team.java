package io.superweight.measure;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntUnaryOperator;

/** Threads that do the same at the same time. */
final class Team implements AutoCloseable {
  private final int threads;
  private final ExecutorService pool;

  Team(int threads) {
    this.threads = threads;
    this.pool =
        Executors.newFixedThreadPool(
            threads,
            work -> {
              Thread thread = new Thread(work, "measure");
              thread.setDaemon(true);
              return thread;
            });
  }

  int threads() {
    return threads;
  }

  /** Runs it once in each thread, numbered from 0; the exclusive or of what they return. */
  int all(IntUnaryOperator work) {
    List<Future<Integer>> results = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      int thread = i;
      results.add(pool.submit(() -> work.applyAsInt(thread)));
    }
    int joined = 0;
    for (Future<Integer> result : results) {
      try {
        joined ^= result.get();
      } catch (ExecutionException e) {
        throw new IllegalStateException(e.getCause());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted while measuring", e);
      }
    }
    return joined;
  }

  @Override
  public void close() {
    pool.shutdownNow();
  }
}
