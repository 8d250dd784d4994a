package io.superweight.cuda;

import io.superweight.InputException;
import io.superweight.compute.Device;
import io.superweight.compute.Matrix;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Copies of a model's weights on the GPU. What fits stays there; of a larger model the first groups
 * stay, and the others take turns in slots: while one is used the next is copied, and a slot is
 * free again as soon as a later group is used.
 *
 * <p>Threads copy from the mapped file into pinned memory, and the GPU fetches from there on a
 * stream of its own. Groups that take turns are copied in every pass: where their pages may be
 * pinned, and are no more than half of the memory that is free, the GPU fetches them from where
 * they are.
 */
final class KeptWeights implements Device.Kept {
  private static final int ALIGNMENT = 256;
  private static final int PAGE = 4096;
  private static final int PIECE = 8 << 20;
  private static final int MOST_THREADS = 8;

  /** Smaller models are there before threads are. */
  private static final long LITTLE = 32 << 20;

  /** What the kept weights need of their device. */
  interface Owner {
    CudaDriver driver();

    long context();

    long stream();

    /** Copies on the device's stream. */
    void copyIn(MemorySegment from, long to);

    void closed(KeptWeights kept);
  }

  private record Item(MemorySegment data, int group, int index, long offset) {
    boolean holds(long address, long bytes) {
      return data.address() <= address && address + bytes <= data.address() + data.byteSize();
    }
  }

  private record Group(List<Item> items, long bytes) {}

  /** Memory that a group is copied to. */
  private final class Slot {
    final long address;
    final long used = driver.createEvent();
    boolean wasUsed;

    /** Pieces that wait to be copied there. */
    int pending;

    Slot(long address) {
      this.address = address;
    }
  }

  /** A group on the GPU, or on its way. */
  private final class Entry {
    final int group;
    final Slot slot;
    final int[] pieces;
    final boolean[] awaited;
    final long[] events;

    Entry(int group, Slot slot) {
      this.group = group;
      this.slot = slot;
      int count = groups.get(group).items.size();
      pieces = new int[count];
      awaited = new boolean[count];
      events = new long[count];
    }
  }

  private record Piece(Entry entry, Item item, long from, long bytes) {}

  private final Owner owner;
  private final CudaDriver driver;
  private final List<Group> groups = new ArrayList<>();
  private final TreeMap<Long, Item> byAddress = new TreeMap<>();
  private final long bytes;
  private final int resident;
  private final List<Slot> all = new ArrayList<>();
  private final Map<Integer, Entry> entries = new HashMap<>();
  private final Deque<Slot> free = new ArrayDeque<>();
  private final Deque<Entry> inTurn = new ArrayDeque<>();
  private final List<Thread> threads = new ArrayList<>();
  private final BlockingQueue<Piece> pieces = new ArrayBlockingQueue<>(32);
  private final Set<Item> pinned = ConcurrentHashMap.newKeySet();
  private final boolean direct;
  private final long copies;
  private int nextToLoad;
  private int current = -1;
  private boolean closed;
  private Throwable failure;

  /**
   * @param budget bytes of GPU memory that it may take
   * @param pinsPages whether driver and card can pin pages that are only read
   * @throws InputException of kind DEVICE where the largest layers do not fit
   */
  KeptWeights(
      Owner owner, List<List<Matrix>> order, long budget, int cpuThreads, boolean pinsPages) {
    this.owner = owner;
    this.driver = owner.driver();
    for (List<Matrix> matrices : order) {
      List<Item> items = new ArrayList<>();
      long offset = 0;
      for (Matrix matrix : matrices) {
        MemorySegment data = matrix.data();
        if (!data.isNative() || data.byteSize() == 0 || find(data) != null) {
          continue; // a tied head, a view of what is there already
        }
        Item item = new Item(data, groups.size(), items.size(), offset);
        items.add(item);
        byAddress.put(data.address(), item);
        offset += (data.byteSize() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
      }
      if (!items.isEmpty()) {
        groups.add(new Group(items, offset));
      }
    }
    long total = groups.stream().mapToLong(Group::bytes).sum();
    long largest = groups.stream().mapToLong(Group::bytes).max().orElse(0);
    int slots = 0;
    if (total <= budget) {
      resident = groups.size();
      bytes = total;
    } else {
      slots = Math.clamp(budget / 4 / Math.max(1, largest), 3, 16);
      if (budget < 2 * largest) {
        throw new InputException(
            InputException.Kind.DEVICE,
            "the model's largest layer takes "
                + (largest >> 20)
                + " MiB, and two of them must fit the "
                + (budget >> 20)
                + " MiB of GPU memory for weights: raise --device-memory, or compute with --device"
                + " onednn");
      }
      slots = (int) Math.min(slots, budget / largest);
      long left = budget - slots * largest;
      int stay = 0;
      for (; stay < groups.size() && groups.get(stay).bytes <= left; stay++) {
        left -= groups.get(stay).bytes;
      }
      resident = stay;
      bytes = budget - left;
    }
    direct = pinsPages && streamedBytes() > 0 && streamedBytes() <= freeMemory() / 2;
    nextToLoad = resident;
    copies = driver.createStream();
    try {
      for (int g = 0; g < resident; g++) {
        Slot slot = slot(groups.get(g).bytes);
        entries.put(g, new Entry(g, slot));
      }
      for (int s = 0; s < slots; s++) {
        free.add(slot(largest));
      }
      if (slots == 0 && total <= LITTLE) {
        entries.values().forEach(this::copyNow);
      } else if (total > 0) {
        int workers = Math.clamp(cpuThreads, 1, MOST_THREADS);
        for (int w = 0; w < workers; w++) {
          start("superweight-upload-" + w, this::copyPieces);
        }
        start("superweight-upload", this::loadGroups);
      }
    } catch (RuntimeException | Error e) {
      try {
        close();
      } catch (InputException again) {
        e.addSuppressed(again);
      }
      throw e;
    }
  }

  /** Bytes of host memory that are free or hold files; 0 where the system does not say. */
  private static long freeMemory() {
    try (Stream<String> lines = Files.lines(Path.of("/proc/meminfo"))) {
      return lines
          .filter(line -> line.startsWith("MemAvailable:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
          .findFirst()
          .orElse(0);
    } catch (IOException | RuntimeException unknown) {
      return 0;
    }
  }

  private Slot slot(long size) {
    Slot slot = new Slot(driver.allocate(size));
    all.add(slot);
    return slot;
  }

  private void start(String name, Runnable work) {
    Thread thread =
        Thread.ofPlatform()
            .daemon()
            .name(name)
            .unstarted(() -> {
              try {
                driver.use(owner.context());
                work.run();
              } catch (InterruptedByClose e) {
                return;
              } catch (Throwable t) { // also what the JVM throws for a file that was cut
                fail(t);
              }
            });
    threads.add(thread);
    thread.start();
  }

  private static final class InterruptedByClose extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private synchronized void fail(Throwable t) {
    failure = failure == null ? t : failure;
    notifyAll();
  }

  /** Bytes of GPU memory that it takes. */
  long bytes() {
    return bytes;
  }

  @Override
  public long streamedBytes() {
    return groups.subList(resident, groups.size()).stream().mapToLong(Group::bytes).sum();
  }

  private Item find(MemorySegment data) {
    if (!data.isNative()) {
      return null;
    }
    Map.Entry<Long, Item> at = byAddress.floorEntry(data.address());
    return at != null && at.getValue().holds(data.address(), data.byteSize())
        ? at.getValue()
        : null;
  }

  /** Whether these bytes will be kept, and are not among those that take turns. */
  boolean stays(MemorySegment data) {
    Item item = find(data);
    return item != null && item.group < resident;
  }

  /**
   * Where a copy of these bytes lies on the GPU, ready for what the device's stream does next; 0
   * where they are not kept.
   */
  long address(MemorySegment data) {
    Item item = find(data);
    if (item == null) {
      return 0;
    }
    synchronized (this) {
      if (item.group >= resident && current != item.group) {
        turnTo(item.group);
      }
      Entry entry = entries.get(item.group);
      while (entry == null || entry.pieces[item.index] != -1) {
        rethrow();
        try {
          wait();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new java.util.concurrent.CancellationException("interrupted at a layer's weights");
        }
        entry = entries.get(item.group);
      }
      if (!entry.awaited[item.index]) {
        if (entry.events[item.index] != 0) {
          driver.makeWait(owner.stream(), entry.events[item.index]);
        }
        entry.awaited[item.index] = true;
      }
      return entry.slot.address + item.offset + (data.address() - item.data.address());
    }
  }

  private void rethrow() {
    switch (failure) {
      case null -> {}
      case InputException e -> throw new InputException(e.kind(), e.getMessage(), e);
      case Error e -> throw e;
      case RuntimeException e -> throw e;
      default -> throw new IllegalStateException(failure);
    }
  }

  /** Frees the slots of the groups before this one in turn. */
  private void turnTo(int group) {
    current = group;
    boolean coming = entries.containsKey(group) || group == nextToLoad;
    while (!inTurn.isEmpty() && (!coming || inTurn.peek().group != group)) {
      Entry left = inTurn.poll();
      entries.remove(left.group);
      destroyEvents(left);
      driver.record(left.slot.used, owner.stream());
      left.slot.wasUsed = true;
      free.add(left.slot);
    }
    if (!coming) {
      nextToLoad = group;
    }
    notifyAll();
  }

  // ---- the thread that says what is copied next

  private void loadGroups() {
    for (int g = 0; g < resident; g++) {
      enqueue(entries.get(g));
    }
    while (resident < groups.size()) {
      Entry entry;
      synchronized (this) {
        while (!closed && (free.isEmpty() || free.peek().pending > 0)) {
          await();
        }
        leaveIfClosed();
        Slot slot = free.poll();
        entry = new Entry(nextToLoad, slot);
        entries.put(entry.group, entry);
        inTurn.add(entry);
        nextToLoad = nextToLoad + 1 == groups.size() ? resident : nextToLoad + 1;
        if (slot.wasUsed) {
          driver.makeWait(copies, slot.used);
        }
        count(entry);
      }
      enqueuePieces(entry);
    }
  }

  private void await() {
    try {
      wait();
    } catch (InterruptedException e) {
      throw new InterruptedByClose();
    }
  }

  private void leaveIfClosed() {
    if (closed) {
      throw new InterruptedByClose();
    }
  }

  private void enqueue(Entry entry) {
    synchronized (this) {
      leaveIfClosed();
      count(entry);
    }
    enqueuePieces(entry);
  }

  private void count(Entry entry) {
    for (Item item : groups.get(entry.group).items) {
      int count = Math.toIntExact((item.data.byteSize() + pieceOf(item) - 1) / pieceOf(item));
      entry.pieces[item.index] = count;
      entry.slot.pending += count;
    }
  }

  private long pieceOf(Item item) {
    return direct && item.group >= resident ? item.data.byteSize() : PIECE;
  }

  private void enqueuePieces(Entry entry) {
    try {
      for (Item item : groups.get(entry.group).items) {
        for (long from = 0; from < item.data.byteSize(); from += pieceOf(item)) {
          long size = Math.min(pieceOf(item), item.data.byteSize() - from);
          pieces.put(new Piece(entry, item, from, size));
        }
      }
    } catch (InterruptedException e) {
      throw new InterruptedByClose();
    }
  }

  // ---- the threads that copy

  private void copyPieces() {
    MemorySegment[] staging = new MemorySegment[2];
    long[] sent = new long[staging.length];
    try {
      int turn = 0;
      while (true) {
        Piece piece = pieces.poll(50, TimeUnit.MILLISECONDS);
        if (piece == null) {
          synchronized (this) {
            leaveIfClosed();
          }
          continue;
        }
        long to = piece.entry.slot.address + piece.item.offset + piece.from;
        long inPages = direct && piece.entry.group >= resident ? pagesOf(piece.item) : 0;
        long at = 0;
        while (at < piece.bytes) {
          if (inPages > 0 && at == toPage(piece.item)) {
            driver.toDevice(to + at, piece.item.data.address() + at, inPages, copies);
            at += inPages;
            continue;
          }
          long until = inPages > 0 && at < toPage(piece.item) ? toPage(piece.item) : piece.bytes;
          long size = Math.min(PIECE, until - at);
          if (staging[turn] == null) {
            staging[turn] = driver.allocateHost(PIECE);
            sent[turn] = driver.createEvent();
          } else {
            driver.awaitEvent(sent[turn]);
          }
          MemorySegment.copy(piece.item.data, piece.from + at, staging[turn], 0, size);
          driver.toDevice(to + at, staging[turn].address(), size, copies);
          driver.record(sent[turn], copies);
          at += size;
          turn = 1 - turn;
        }
        done(piece);
      }
    } catch (InterruptedException e) {
      throw new InterruptedByClose();
    } finally {
      for (int i = 0; i < staging.length; i++) {
        if (staging[i] != null) {
          driver.outlast(sent[i]);
          driver.destroyEvent(sent[i]);
          driver.freeHost(staging[i]);
        }
      }
    }
  }

  /** Bytes before the first page that an item has for itself. */
  private static long toPage(Item item) {
    return -item.data.address() & PAGE - 1;
  }

  /** Bytes of the pages that an item has for itself, pinned; 0 where that is not possible. */
  private long pagesOf(Item item) {
    long bytes = (item.data.byteSize() - toPage(item)) / PAGE * PAGE;
    if (bytes <= 0) {
      return 0;
    }
    if (!pinned.contains(item)) {
      if (!driver.pin(item.data.address() + toPage(item), bytes)) {
        return 0;
      }
      pinned.add(item);
    }
    return bytes;
  }

  private synchronized void done(Piece piece) {
    Entry entry = piece.entry;
    entry.slot.pending--;
    if (--entry.pieces[piece.item.index] == 0) {
      if (entries.get(entry.group) == entry) { // nobody has gone on without it
        long event = driver.createEvent();
        entry.events[piece.item.index] = event;
        driver.record(event, copies);
        entry.pieces[piece.item.index] = -1;
      }
    }
    notifyAll();
  }

  private void copyNow(Entry entry) {
    for (Item item : groups.get(entry.group).items) {
      owner.copyIn(item.data, entry.slot.address + item.offset);
      entry.pieces[item.index] = -1;
    }
  }

  private void destroyEvents(Entry entry) {
    for (long event : entry.events) {
      if (event != 0) {
        driver.destroyEvent(event);
      }
    }
  }

  /** Ends the threads and frees the copies. */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      notifyAll();
    }
    boolean interrupted = false;
    for (Thread thread : threads) {
      thread.interrupt();
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    try {
      owner.closed(this);
      driver.await(copies);
    } finally { // what the GPU failed at is no reason to keep what it holds
      driver.destroyStream(copies);
      pinned.forEach(item -> driver.unpin(item.data.address() + toPage(item)));
      entries.values().forEach(this::destroyEvents);
      for (Slot slot : all) {
        driver.destroyEvent(slot.used);
        driver.free(slot.address);
      }
    }
  }
}
