package io.superweight.checkpoint;

import io.superweight.tensor.BlockEncoder;
import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import io.superweight.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Packed matrices as tensors of the type that their own library decodes them to, each decoded when
 * it is first asked for. Together they take 2 bytes a weight (4 where the library decodes to
 * float32): in memory where that is little, else in a temporary file that is mapped, so that the
 * system may write its pages out.
 */
final class DecodedMatrices implements AutoCloseable {
  /** Up to here they are kept in memory. */
  static final long MEMORY_BYTES = 512L << 20;

  private static final int ROWS = 32;
  private static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Arena arena = Arena.ofShared();
  private final Map<String, PackedMatrix> matrices;
  private final Map<String, Tensor> decoded = new HashMap<>();
  private final long memoryBytes;
  private final Path folder;
  private TemporaryMapping mapping;
  private MemorySegment all;
  private long next;

  /**
   * @param memoryBytes more than so many go to a file in the folder
   */
  DecodedMatrices(Map<String, PackedMatrix> matrices, long memoryBytes, Path folder) {
    this.matrices = Map.copyOf(matrices);
    this.memoryBytes = memoryBytes;
    this.folder = folder;
  }

  DecodedMatrices(Map<String, PackedMatrix> matrices) {
    this(matrices, MEMORY_BYTES, Path.of(System.getProperty("java.io.tmpdir")));
  }

  /** The matrix of that name. */
  synchronized Tensor get(String name) {
    return decoded.computeIfAbsent(name, n -> decode(n, matrices.get(n)));
  }

  private Tensor decode(String name, PackedMatrix matrix) {
    long elements = (long) matrix.rows() * matrix.cols();
    MemorySegment data = allocate(matrix.type().bytes(elements));
    int pieces = (matrix.rows() + ROWS - 1) / ROWS;
    // Each piece of rows is written by one thread alone: the same bytes whatever their number.
    IntStream.range(0, pieces)
        .parallel()
        .forEach(piece -> {
          int from = piece * ROWS;
          int count = Math.min(ROWS, matrix.rows() - from);
          float[] values = new float[Math.multiplyExact(count, matrix.cols())];
          matrix.rowsDecoder().decode(from, count, values);
          store(values, matrix.type(), data, (long) from * matrix.cols());
        });
    return new Tensor(
        name, matrix.type(), Shape.of(matrix.rows(), matrix.cols()), data.asReadOnly());
  }

  private static void store(float[] values, DType type, MemorySegment data, long first) {
    switch (type) {
      case F32 -> MemorySegment.copy(values, 0, data, F32, 4 * first, values.length);
      case F16 -> {
        for (int i = 0; i < values.length; i++) {
          data.set(U16, 2 * (first + i), Float.floatToFloat16(values[i]));
        }
      }
      case BF16 -> {
        for (int i = 0; i < values.length; i++) {
          data.set(U16, 2 * (first + i), BlockEncoder.bfloat16(values[i]));
        }
      }
      default -> throw new IllegalStateException(type.name());
    }
  }

  private MemorySegment allocate(long bytes) {
    if (all == null) {
      long needed =
          matrices.values().stream()
              .mapToLong(m -> aligned(m.type().bytes((long) m.rows() * m.cols())))
              .sum();
      all = needed <= memoryBytes ? arena.allocate(needed, 64) : map(needed);
    }
    MemorySegment piece = all.asSlice(next, bytes);
    next += aligned(bytes);
    return piece;
  }

  private static long aligned(long bytes) {
    return (bytes + 63) / 64 * 64;
  }

  private MemorySegment map(long bytes) {
    mapping =
        new TemporaryMapping(
            folder,
            bytes,
            "weights",
            "the unpacked weights",
            "name another folder in SUPERWEIGHT_JAVA_OPTS=-Djava.io.tmpdir=FOLDER");
    return mapping.memory();
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
    if (mapping != null) {
      mapping.close();
    }
  }
}
