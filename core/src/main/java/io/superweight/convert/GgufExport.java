package io.superweight.convert;

import io.superweight.InputException;
import io.superweight.checkpoint.DraftFile;
import io.superweight.checkpoint.GgufLayout;
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
import java.util.Queue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * A GGUF file that is about to be written: its content and each tensor's type. Same content and
 * choice, same bytes, whatever the number of threads and however often it was interrupted.
 */
public final class GgufExport {
  /** Elements of a piece, at least a row: what a thread holds, and what a resumed file misses. */
  private static final int PIECE = 1 << 20;

  /** How far it is. */
  @FunctionalInterface
  public interface Listener {
    /**
     * @param bytes that lie in the file, of {@code total}
     * @param tensor the last that was worked on
     */
    void written(long bytes, long total, String tensor);
  }

  private final GgufContent content;
  private final GgufLayout layout;
  private final String plan;
  private final HeldWeights held;

  /**
   * @param source what tells the input's bytes apart: {@link
   *     io.superweight.checkpoint.Checkpoint#digest()}
   * @param held weights whose blocks are stored so that they come back exactly
   */
  public GgufExport(GgufContent content, TypeChoice types, String source, HeldWeights held) {
    this.content = content;
    this.held = held;
    List<GgufLayout.Entry> entries = new ArrayList<>();
    for (OutputTensor tensor : content.tensors()) {
      entries.add(
          new GgufLayout.Entry(
              tensor.name(), types.of(tensor, content.tiedHead()), tensor.shape()));
    }
    Map<String, Object> metadata = new LinkedHashMap<>(content.metadata());
    if (types.type() != null) {
      metadata.put("general.file_type", fileType(types.type()));
      if (types.type().quantized()) {
        metadata.put("general.quantization_version", 2);
      }
    }
    this.layout = new GgufLayout(metadata, entries);
    this.plan =
        "gguf 1 "
            + source
            + " "
            + PIECE
            + " "
            + held.elements()
            + " "
            + java.util.HexFormat.of().formatHex(digest(layout.header()));
  }

  private static byte[] digest(byte[] bytes) {
    try {
      return java.security.MessageDigest.getInstance("SHA-256").digest(bytes);
    } catch (java.security.NoSuchAlgorithmException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  /** The number of the type in llama.cpp's list of file types (llama.h, llama_ftype). */
  private static int fileType(DType type) {
    return switch (type) {
      case F32 -> 0;
      case F16 -> 1;
      case Q4_0 -> 2;
      case Q4_1 -> 3;
      case Q8_0 -> 7;
      case Q5_0 -> 8;
      case Q5_1 -> 9;
      case Q4_K -> 14;
      case Q5_K -> 16;
      case Q6_K -> 18;
      case BF16 -> 32;
      default -> throw new IllegalArgumentException("no file is of type " + type);
    };
  }

  /** What becomes of weights of the model, whether they are held or not. */
  public List<HeldWeights.Outcome> outcomes(java.util.Collection<GgufContent.Element> elements) {
    return elements.stream()
        .map(element -> {
          OutputTensor tensor = content.tensor(element.tensor());
          int index = content.tensors().indexOf(tensor);
          return HeldWeights.outcome(tensor, layout.entries().get(index).dtype(), element, held);
        })
        .toList();
  }

  /** What llama.cpp will do otherwise than the model does. */
  public List<String> notices() {
    return content.notices();
  }

  /** The tensors as they will lie. */
  public List<GgufLayout.Entry> entries() {
    return layout.entries();
  }

  /** Bytes of the file. */
  public long size() {
    return layout.size();
  }

  /** The tensors whose type another one than was asked for: the block does not divide the row. */
  public List<GgufLayout.Entry> fallbacks(TypeChoice types) {
    List<GgufLayout.Entry> found = new ArrayList<>();
    for (int i = 0; i < layout.entries().size(); i++) {
      GgufLayout.Entry entry = layout.entries().get(i);
      OutputTensor tensor = content.tensors().get(i);
      if (types.type() != null
          && tensor.shape().rank() >= 2
          && tensor.cols() % types.type().blockElements() != 0
          && entry.dtype() == TypeChoice.fitting(types.type(), tensor.cols())) {
        found.add(entry);
      }
    }
    return found;
  }

  /**
   * Checks that the disk has room for what is still to be written.
   *
   * @throws InputException of kind OUTPUT where it has not
   */
  public void requireRoom(Path target) {
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

  /** Some rows of a tensor, and where their bytes go. */
  private record Piece(int tensor, long firstRow, int rows, long offset, long bytes) {}

  private List<Piece> pieces() {
    List<Piece> pieces = new ArrayList<>();
    for (int t = 0; t < layout.entries().size(); t++) {
      OutputTensor tensor = content.tensors().get(t);
      if (tensor.rowCount() == 0) {
        continue;
      }
      long rowBytes = layout.entries().get(t).dtype().bytes(tensor.cols());
      int step = Math.max(1, PIECE / tensor.cols());
      for (long row = 0; row < tensor.rowCount(); row += step) {
        int rows = (int) Math.min(step, tensor.rowCount() - row);
        pieces.add(new Piece(t, row, rows, layout.offset(t) + row * rowBytes, rows * rowBytes));
      }
    }
    return pieces;
  }

  /** About how long the encoding takes, by trying one piece of the largest tensor of each type. */
  public double seconds(int threads) {
    double seconds = 0;
    Map<DType, Double> perElement = new LinkedHashMap<>();
    try (Arena arena = Arena.ofConfined()) {
      for (int t = 0; t < layout.entries().size(); t++) {
        OutputTensor tensor = content.tensors().get(t);
        DType dtype = layout.entries().get(t).dtype();
        if (tensor.shape().rank() < 2
            || (dtype == tensor.stored() && tensor.asItLies().isPresent())) {
          continue;
        }
        if (!perElement.containsKey(dtype)) {
          perElement.put(dtype, secondsPerElement(tensor, dtype, arena));
        }
        seconds += tensor.shape().elements() * perElement.get(dtype) / threads;
      }
    }
    return seconds;
  }

  private static double secondsPerElement(OutputTensor tensor, DType dtype, Arena arena) {
    float[] row = new float[tensor.cols()];
    MemorySegment out = arena.allocate(dtype.bytes(tensor.cols()));
    BlockEncoder encoder = new BlockEncoder(dtype);
    double best = Double.POSITIVE_INFINITY;
    long until = System.nanoTime() + 1_000_000_000L;
    while (System.nanoTime() < until) {
      long start = System.nanoTime();
      long rows = Math.min(tensor.rowCount(), Math.max(1, 4096 / tensor.cols()));
      for (long r = 0; r < rows; r++) {
        tensor.read(r, row, 0);
        encoder.encode(row, 0, row.length, out, 0);
      }
      best = Math.min(best, (System.nanoTime() - start) / 1e9 / rows / row.length);
    }
    return best;
  }

  /**
   * Writes the file, or goes on with what an earlier attempt left.
   *
   * @return bytes that an earlier attempt had left
   * @throws InputException of kind OUTPUT where it cannot be written, MALFORMED where a value is
   *     not finite
   */
  public long write(Path target, int threads, Listener listener) {
    List<Piece> pieces = pieces();
    try (DraftFile draft = DraftFile.open(target, size(), plan)) {
      byte[] header = layout.header();
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
      Queue<Piece> pieces, DraftFile draft, int threads, long done, Listener listener) {
    LinkedBlockingQueue<Worker> free = new LinkedBlockingQueue<>();
    Queue<Future<Piece>> running = new ArrayDeque<>();
    ExecutorService pool =
        Executors.newFixedThreadPool(threads, Thread.ofPlatform().daemon().factory());
    try (Arena arena = Arena.ofShared()) {
      for (int i = 0; i < threads; i++) {
        free.add(new Worker(draft, arena));
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
          listener.written(done, size(), layout.entries().get(piece.tensor()).name());
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
    }
  }

  /** One thread's memory. */
  private final class Worker {
    private final DraftFile draft;
    private final Arena arena;
    private final Map<DType, BlockEncoder> encoders = new LinkedHashMap<>();
    private float[] row = new float[0];
    private MemorySegment out;

    Worker(DraftFile draft, Arena arena) {
      this.draft = draft;
      this.arena = arena;
      this.out = arena.allocate(64);
    }

    void write(Piece piece) {
      OutputTensor tensor = content.tensors().get(piece.tensor());
      GgufLayout.Entry entry = layout.entries().get(piece.tensor());
      if (entry.dtype() == tensor.stored()
          && tensor.asItLies().isPresent()
          && !held.within(tensor.name())) {
        Tensor source = tensor.asItLies().get();
        long from = entry.dtype().bytes(piece.firstRow() * tensor.cols());
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
      BlockEncoder encoder = encoders.computeIfAbsent(entry.dtype(), BlockEncoder::new);
      long rowBytes = entry.dtype().bytes(cols);
      for (int r = 0; r < piece.rows(); r++) {
        tensor.read(piece.firstRow() + r, row, 0);
        requireFinite(tensor, piece.firstRow() + r, cols);
        encoder.encode(row, 0, cols, out, r * rowBytes);
        held.fix(
            tensor.name(),
            piece.firstRow() + r,
            row,
            entry.dtype(),
            out.asSlice(r * rowBytes, rowBytes));
      }
      draft.write(piece.offset(), out.asSlice(0, piece.bytes()));
    }

    private void requireFinite(OutputTensor tensor, long index, int cols) {
      int most = 0;
      for (int i = 0; i < cols; i++) {
        most = Math.max(most, Float.floatToRawIntBits(row[i]) & 0x7fff_ffff);
      }
      if (most >= 0x7f80_0000) {
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
