package io.superweight.cuda;

import io.superweight.compute.Buffer;
import io.superweight.compute.IntegerProducts;
import io.superweight.compute.Operands;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.PhantomReference;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.util.HashSet;
import java.util.Set;

/**
 * Products of 8-bit integers on the GPU's matrix units, by cuBLASLt; what surrounds the sums is in
 * {@code kernels.cu}.
 */
final class CudaIntegers implements IntegerProducts {
  /** Rows and columns of codes on the GPU are multiples of these, the rest zeros. */
  private static final int ROWS = 16;

  private static final int COLUMNS = 32;

  /** Rows of x that are multiplied at a time. */
  private static final int PIECE = 2048;

  private final CudaDevice device;
  private final ReferenceQueue<OnGpu> unreachable = new ReferenceQueue<>();
  private final Set<Memory> held = new HashSet<>();

  CudaIntegers(CudaDevice device) {
    this.device = device;
  }

  /**
   * Codes, {@code [stored rows, stored columns]}.
   *
   * @param address on the GPU
   */
  private record OnGpu(int rows, int cols, long address) implements Packed {
    int storedRows() {
      return padded(rows, ROWS);
    }

    int storedColumns() {
      return padded(cols, COLUMNS);
    }

    @Override
    public long bytes() {
      return (long) storedRows() * storedColumns();
    }
  }

  /** What is given back once nobody refers to the codes any more. */
  private static final class Memory extends PhantomReference<OnGpu> {
    final long address;

    Memory(OnGpu codes, ReferenceQueue<OnGpu> queue) {
      super(codes, queue);
      this.address = codes.address;
    }
  }

  private static int padded(int count, int multiple) {
    return (count + multiple - 1) / multiple * multiple;
  }

  @Override
  public String description() {
    return "cuBLASLt s8·s8";
  }

  @Override
  public Packed pack(MemorySegment codes, int rows, int cols) {
    Operands.requireCodes(codes.byteSize(), rows, cols);
    begin();
    long bytes = (long) padded(rows, ROWS) * padded(cols, COLUMNS);
    long address = device.take(Math.max(1, bytes));
    OnGpu packed = new OnGpu(rows, cols, address);
    held.add(new Memory(packed, unreachable));
    if (bytes == codes.byteSize()) {
      device.copyIn(codes, address);
      return packed;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment laidOut = arena.allocate(Math.max(1, bytes));
      for (int row = 0; row < rows; row++) {
        MemorySegment.copy(
            codes, (long) row * cols, laidOut, (long) row * packed.storedColumns(), cols);
      }
      device.copyIn(laidOut.asSlice(0, bytes), address);
    }
    return packed;
  }

  /** Gives back what nobody refers to. */
  private RoundedValues begin() {
    RoundedValues values = device.begin();
    for (Reference<?> gone; (gone = unreachable.poll()) != null; ) {
      Memory memory = (Memory) gone;
      held.remove(memory);
      device.giveBack(memory.address);
    }
    return values;
  }

  @Override
  public float[] largest(Buffer x) {
    float[] result = new float[x.rows()];
    long from = begin().read(x);
    if (result.length > 0) {
      long results = device.take(4L * result.length);
      device.launch("largest", x.rows(), 1, 1, CudaDevice.THREADS, 0, from, results, x.cols());
      MemorySegment.copy(
          device.bring(results, 4L * result.length),
          ValueLayout.JAVA_FLOAT,
          0,
          result,
          0,
          result.length);
    }
    return result;
  }

  @Override
  public void multiply(Buffer x, float[] xScales, int most, Packed w, float[] wScales, Buffer y) {
    Operands.requireIntegerProduct(x, xScales, most, w, wScales, y);
    RoundedValues values = begin();
    if (x.rows() == 0 || w.rows() == 0) {
      return;
    }
    OnGpu codes = (OnGpu) w;
    int k = codes.storedColumns();
    int n = codes.storedRows();
    long from = values.read(x);
    long to = values.write(y);
    int piece = Math.min(PIECE, x.rows());
    long ofX = device.take((long) piece * k);
    long sums = device.take(4L * piece * n);
    long scales = device.array(MemorySegment.ofArray(xScales));
    long scalesOfW = device.array(MemorySegment.ofArray(wScales));
    for (int row = 0; row < x.rows(); row += piece) {
      int rows = Math.min(piece, x.rows() - row);
      long scalesHere = scales + 4L * row;
      device.launch(
          "codes",
          rows,
          1,
          1,
          CudaDevice.THREADS,
          0,
          from + 4L * row * x.cols(),
          scalesHere,
          most,
          ofX,
          x.cols(),
          k);
      if (!device.multiplyIntegers(codes.address, ofX, sums, rows, n, k)) {
        device.launchOver(
            "integerSums", (long) rows * n, ofX, codes.address, sums, n, k, (long) rows * n);
      }
      device.launch(
          "scaleSums",
          rows,
          1,
          1,
          CudaDevice.THREADS,
          0,
          sums,
          scalesHere,
          scalesOfW,
          to + 4L * row * w.rows(),
          n,
          w.rows());
    }
    device.giveBack(ofX);
    device.giveBack(sums);
    Reference.reachabilityFence(w);
  }

  @Override
  public void scaleColumns(Buffer y, float[] factors) {
    Operands.requireFactors(y, factors);
    long at = begin().update(y);
    long count = (long) y.rows() * y.cols();
    if (count > 0) {
      long scales = device.array(MemorySegment.ofArray(factors));
      device.launchOver("scaleColumns", count, at, scales, y.cols(), count);
    }
  }
}
