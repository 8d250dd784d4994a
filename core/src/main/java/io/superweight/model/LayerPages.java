package io.superweight.model;

import io.superweight.checkpoint.Pages;
import io.superweight.compute.Matrix;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * Brings the pages of mapped weights into memory, layer by layer, while earlier layers compute. The
 * first pass brings all; a later one looks whether a layer is still there. It changes when bytes
 * are read, never what is computed; where the system cannot do it, nothing happens.
 */
final class LayerPages implements AutoCloseable {
  /** Layers that are brought before the one that computes has been left. */
  private static final int AHEAD = 2;

  /** Smaller models are there before a thread for them is. */
  private static final long LEAST_BYTES = 64 << 20;

  /** What each layer reads whatever the tokens, in order; the output head comes last. */
  private final List<List<MemorySegment>> layers;

  /** The same with all experts. */
  private final List<List<MemorySegment>> withExperts;

  private final boolean[] brought;
  private final boolean worthwhile;
  private Optional<Pages> pages;
  private Thread lettingGo;

  /**
   * @param wanted whether anybody will read the weights where they are mapped
   */
  LayerPages(Weights weights, boolean wanted) {
    layers = new ArrayList<>();
    withExperts = new ArrayList<>();
    for (Weights.Layer layer : weights.layers) {
      List<MemorySegment> dense =
          Stream.concat(
                  Stream.of(layer.qkv(), layer.q(), layer.k(), layer.v(), layer.o()),
                  Stream.concat(
                      Stream.of(layer.router()),
                      Stream.concat(parts(layer.mlp()), parts(layer.shared()))))
              .flatMap(LayerPages::mapped)
              .toList();
      layers.add(dense);
      List<MemorySegment> all = new ArrayList<>(dense);
      layer.experts().stream()
          .flatMap(LayerPages::parts)
          .flatMap(LayerPages::mapped)
          .forEach(all::add);
      withExperts.add(all);
    }
    List<MemorySegment> head = mapped(weights.head).toList();
    layers.add(head);
    withExperts.add(head);
    brought = new boolean[layers.size()];
    worthwhile =
        wanted
            && withExperts.stream().flatMap(List::stream).mapToLong(MemorySegment::byteSize).sum()
                >= LEAST_BYTES;
  }

  private static Stream<Weights.Linear> parts(Weights.MlpWeights mlp) {
    return mlp == null ? Stream.empty() : Stream.of(mlp.gate(), mlp.up(), mlp.down());
  }

  private static Stream<MemorySegment> mapped(Weights.Linear linear) {
    return Stream.ofNullable(linear)
        .map(Weights.Linear::matrix)
        .map(Matrix::data)
        .filter(MemorySegment::isMapped);
  }

  /**
   * Begins a pass.
   *
   * @param steps how many layers it goes through, all its tokens together; what follows the last
   *     layer of the model counts as one, and behind it the first layer comes again
   * @param experts whether it needs most experts of a layer
   */
  Ahead begin(int steps, boolean experts) {
    return new Ahead(steps, experts ? withExperts : layers);
  }

  /**
   * Unmaps what passes have brought, on a thread of its own: of a large model that takes a tenth of
   * a second, which somebody who is done would otherwise wait for at the end.
   */
  void letGo() {
    if (!worthwhile || pages == null || pages.isEmpty() || lettingGo != null) {
      return;
    }
    Pages known = pages.get();
    lettingGo =
        Thread.ofPlatform()
            .daemon()
            .name("superweight-let-go")
            .start(() -> withExperts.stream().flatMap(List::stream).forEach(known::letGo));
  }

  /** Waits for what {@link #letGo} has begun: the files are closed next. */
  @Override
  public void close() {
    if (lettingGo != null) {
      awaitEnd(lettingGo);
    }
  }

  private static void awaitEnd(Thread thread) {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** The read-ahead of one pass, on a thread of its own; closed with the pass. */
  final class Ahead implements AutoCloseable {
    private final int steps;
    private final List<List<MemorySegment>> wanted;
    private final Thread thread;
    private final AtomicBoolean closed = new AtomicBoolean();
    private volatile int current;

    private Ahead(int steps, List<List<MemorySegment>> wanted) {
      this.steps = steps;
      this.wanted = wanted;
      this.thread =
          Thread.ofPlatform().daemon().name("superweight-read-ahead").unstarted(this::bring);
      if (worthwhile) {
        thread.start();
      }
    }

    /** The weights of a layer are not needed any more: another one may be brought. */
    void release() {
      current++; // by the thread of the pass alone
      LockSupport.unpark(thread);
    }

    private void bring() {
      if (pages == null) {
        pages = Pages.ofThisSystem();
      }
      if (pages.isEmpty()) {
        return;
      }
      int nothingToBring = 0;
      for (int step = 0; step < steps; step++) {
        while (step >= current + AHEAD && !closed.get()) {
          LockSupport.park(this);
        }
        // What has been left already is not brought any more.
        int layer = step % wanted.size();
        int wantedFor = step;
        nothingToBring++;
        for (MemorySegment part : wanted.get(layer)) {
          if (closed.get()) {
            return;
          }
          if (brought[layer] && pages.get().resident(part)) {
            continue;
          }
          nothingToBring = 0;
          if (!pages.get().bring(part, () -> !closed.get() && current <= wantedFor)) {
            return;
          }
        }
        if (nothingToBring == wanted.size()) {
          return; // all of the model is in memory
        }
        brought[layer] = true;
      }
    }

    /** Ends the thread, and waits for it. */
    @Override
    public void close() {
      closed.set(true);
      LockSupport.unpark(thread);
      awaitEnd(thread);
    }
  }
}
