package io.superweight.convert;

import io.superweight.InputException;
import io.superweight.Sha256;
import io.superweight.checkpoint.DraftFile;
import io.superweight.compute.cpu.x86.AssembledEncoders;
import io.superweight.tensor.BlockEncoder;
import io.superweight.tensor.DType;
import io.superweight.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * Writes a header and tensors at their offsets, in pieces of whole rows, on several threads,
 * through a {@link DraftFile}.
 */
final class TensorFile {
  /** Elements of a piece, at least a row: what a thread holds, and what a resumed file misses. */
  static final int PIECE = 1 << 20;

  /** A tensor, how its rows lie and the byte of the file that it begins at. */
  record Slot(OutputTensor tensor, RowForm form, long offset) {
    Slot(OutputTensor tensor, DType dtype, long offset) {
      this(tensor, new RowForm.Typed(dtype), offset);
    }

    /** The bytes of the checkpoint, where they are taken as they are. */
    Optional<Tensor> copied() {
      return form instanceof RowForm.Typed(DType dtype) && dtype == tensor.stored()
          ? tensor.asItLies()
          : Optional.empty();
    }
  }

  private final List<Slot> slots;
  private final byte[] header;
  private final long size;
  private final String plan;
  private final HeldWeights held;

  /**
   * @param plan what decides the bytes beyond header and types
   */
  TensorFile(List<Slot> slots, byte[] header, long size, String plan, HeldWeights held) {
    this.slots = List.copyOf(slots);
    this.header = header;
    this.size = size;
    this.held = held;
    this.plan = plan + " " + PIECE + " " + Sha256.hex(header);
  }

  long size() {
    return size;
  }

  /**
   * Checks that the disk has room for what is still to be written.
   *
   * @throws InputException of kind OUTPUT where it has not
   */
  void requireRoom(Path target) {
    try {
      Path draft = DraftFile.draftOf(target);
      long there = Files.exists(draft) ? Files.size(draft) : 0;
      long needed = size() - Math.min(there, size());
      long usable = Files.getFileStore(target.toAbsolutePath().getParent()).getUsableSpace();
      if (usable < needed + needed / 100 + (1 << 20)) {
        throw new InputException(
            InputException.Kind.OUTPUT,
            String.format(
                java.util.Locale.ROOT,
                "%s needs %.1f GB and its disk has %.1f GB left; name a file on another disk",
                target,
                needed / 1e9,
                usable / 1e9));
      }
    } catch (IOException e) {
      throw new InputException(
          InputException.Kind.OUTPUT,
          target
              + " cannot be written ("
              + e.getMessage()
              + "); name a file in a folder that exists",
          e);
    }
  }

  /** About how long the encoding takes, by trying one piece of the largest tensor of each type. */
  double seconds(int threads) {
    double seconds = 0;
    Map<RowForm, Double> perElement = new LinkedHashMap<>();
    Optional<AssembledEncoders> assembled = AssembledEncoders.ofThisMachine();
    try (Arena arena = Arena.ofConfined()) {
      for (Slot slot : slots) {
        OutputTensor tensor = slot.tensor();
        if (tensor.shape().rank() < 2 || slot.copied().isPresent()) {
          continue;
        }
        perElement.computeIfAbsent(slot.form(), f -> secondsPerElement(slot, assembled, arena));
        seconds += tensor.shape().elements() * perElement.get(slot.form()) / threads;
      }
    } finally {
      assembled.ifPresent(AssembledEncoders::close);
    }
    return seconds;
  }

  private static double secondsPerElement(
      Slot slot, Optional<AssembledEncoders> assembled, Arena arena) {
    OutputTensor tensor = slot.tensor();
    float[] row = new float[tensor.cols()];
    MemorySegment out = arena.allocate(slot.form().bytes(tensor.cols()));
    RowForm.Encoder encoder = slot.form().encoder(assembled);
    double best = Double.POSITIVE_INFINITY;
    long until = System.nanoTime() + 1_000_000_000L;
    while (System.nanoTime() < until) {
      long start = System.nanoTime();
      long rows = Math.min(tensor.rowCount(), Math.max(1, 4096 / tensor.cols()));
      for (long r = 0; r < rows; r++) {
        tensor.read(r, row, 0);
        encoder.encode(r, row, row.length, out, 0);
      }
      best = Math.min(best, (System.nanoTime() - start) / 1e9 / rows / row.length);
    }
    return best;
  }

  /** Some rows of a tensor, and where their bytes go. */
  private record Piece(int tensor, long firstRow, int rows, long offset, long bytes) {}

  private List<Piece> pieces() {
    List<Piece> pieces = new ArrayList<>();
    for (int t = 0; t < slots.size(); t++) {
      OutputTensor tensor = slots.get(t).tensor();
      if (tensor.rowCount() == 0) {
        continue;
      }
      long rowBytes = slots.get(t).form().bytes(tensor.cols());
      int step = Math.max(1, PIECE / tensor.cols());
      for (long row = 0; row < tensor.rowCount(); row += step) {
        int rows = (int) Math.min(step, tensor.rowCount() - row);
        pieces.add(
            new Piece(t, row, rows, slots.get(t).offset() + row * rowBytes, rows * rowBytes));
      }
    }
    return pieces;
  }

  /**
   * Writes the file, or goes on with what an earlier attempt left.
   *
   * @return bytes that an earlier attempt had left
   * @throws InputException of kind OUTPUT where it cannot be written, MALFORMED where a value is
   *     not finite
   */
  long write(Path target, int threads, Export.Listener listener) {
    List<Piece> pieces = pieces();
    try (DraftFile draft = DraftFile.open(target, size(), plan)) {
      if (!draft.has(0, header.length)) {
        draft.write(0, copied(header));
      }
      long done = header.length;
      Queue<Piece> left = new ArrayDeque<>();
      for (Piece piece : pieces) {
        if (draft.has(piece.offset(), piece.bytes())) {
          done += piece.bytes();
        } else {
          left.add(piece);
        }
      }
      writeAll(left, draft, threads, done, listener);
      long resumed = draft.resumed();
      draft.commit();
      return resumed;
    }
  }

  private static MemorySegment copied(byte[] bytes) {
    return Arena.ofAuto().allocate(bytes.length).copyFrom(MemorySegment.ofArray(bytes));
  }

  private void writeAll(
      Queue<Piece> pieces, DraftFile draft, int threads, long done, Export.Listener listener) {
    LinkedBlockingQueue<Worker> free = new LinkedBlockingQueue<>();
    Queue<Future<Piece>> running = new ArrayDeque<>();
    ExecutorService pool =
        Executors.newFixedThreadPool(threads, Thread.ofPlatform().daemon().factory());
    Optional<AssembledEncoders> assembled = AssembledEncoders.ofThisMachine();
    try (Arena arena = Arena.ofShared()) {
      for (int i = 0; i < threads; i++) {
        free.add(new Worker(draft, assembled, arena));
      }
      try {
        while (!pieces.isEmpty() || !running.isEmpty()) {
          while (!pieces.isEmpty() && running.size() < 2 * threads) {
            Piece piece = pieces.remove();
            running.add(
                pool.submit(() -> {
                  Worker worker = free.take();
                  try {
                    worker.write(piece);
                  } finally {
                    free.add(worker);
                  }
                  return piece;
                }));
          }
          Piece piece = running.remove().get();
          done += piece.bytes();
          listener.written(done, size(), slots.get(piece.tensor()).tensor().name());
        }
      } finally {
        pool.shutdown();
        while (!pool.isTerminated()) {
          // The memory must outlive the threads that write to it.
          pool.awaitTermination(1, java.util.concurrent.TimeUnit.SECONDS);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      if (e.getCause() instanceof Error cause) {
        throw cause;
      }
      throw new IllegalStateException(e.getCause());
    } finally {
      assembled.ifPresent(AssembledEncoders::close);
    }
  }

  /** One thread's memory. */
  private final class Worker {
    private final DraftFile draft;
    private final Optional<AssembledEncoders> assembled;
    private final Arena arena;
    private final Map<RowForm, RowForm.Encoder> encoders = new LinkedHashMap<>();
    private float[] row = new float[0];
    private MemorySegment out;

    Worker(DraftFile draft, Optional<AssembledEncoders> assembled, Arena arena) {
      this.draft = draft;
      this.assembled = assembled;
      this.arena = arena;
      this.out = arena.allocate(64);
    }

    void write(Piece piece) {
      Slot slot = slots.get(piece.tensor());
      OutputTensor tensor = slot.tensor();
      if (slot.copied().isPresent() && !held.within(tensor.name())) {
        Tensor source = slot.copied().get();
        long from = source.dtype().bytes(piece.firstRow() * tensor.cols());
        draft.write(piece.offset(), source.data().asSlice(from, piece.bytes()));
        return;
      }
      if (out.byteSize() < piece.bytes()) {
        out = arena.allocate(piece.bytes(), 64);
      }
      int cols = tensor.cols();
      if (row.length < cols) {
        row = new float[cols];
      }
      RowForm.Encoder encoder =
          encoders.computeIfAbsent(slot.form(), form -> form.encoder(assembled));
      long rowBytes = slot.form().bytes(cols);
      for (int r = 0; r < piece.rows(); r++) {
        tensor.read(piece.firstRow() + r, row, 0);
        requireFinite(tensor, piece.firstRow() + r, cols);
        encoder.encode(piece.firstRow() + r, row, cols, out, r * rowBytes);
        if (slot.form() instanceof RowForm.Typed(DType dtype)) {
          held.fix(
              tensor.name(), piece.firstRow() + r, row, dtype, out.asSlice(r * rowBytes, rowBytes));
        }
      }
      draft.write(piece.offset(), out.asSlice(0, piece.bytes()));
    }

    private void requireFinite(OutputTensor tensor, long index, int cols) {
      if (!BlockEncoder.finite(row, cols)) {
        throw new InputException(
            InputException.Kind.MALFORMED,
            tensor.name()
                + " has a value in row "
                + index
                + " that is not finite; the checkpoint is damaged, fetch it again");
      }
    }
  }
}
