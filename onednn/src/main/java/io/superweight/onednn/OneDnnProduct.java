package io.superweight.onednn;

import io.superweight.compute.Activation;
import io.superweight.compute.Matrix;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.compute.cpu.IntegerProduct;
import io.superweight.compute.cpu.Product;
import io.superweight.compute.cpu.WeightReader;
import io.superweight.compute.cpu.Workers;
import io.superweight.compute.cpu.x86.AssembledProduct;
import io.superweight.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongUnaryOperator;

/**
 * Products by oneDNN's matmul primitive, weights read where they lie.
 *
 * <p>The work is cut into blocks of tokens times blocks of rows of W whose sizes depend on the
 * shape alone; each is one call on one thread. So the bits do not depend on the number of threads.
 * They do depend on the number of tokens, since oneDNN sums in another order for other shapes.
 *
 * <ul>
 *   <li>bfloat16 weights, x rounded: bf16 · bf16, sums in float32; few tokens by the machine code
 *       of the Java device, where the processor has the instructions.
 *   <li>bfloat16 weights, x not rounded, and float32 weights: products in float32.
 *   <li>float16 and quantized weights, which oneDNN does not take: few tokens by the Java kernels,
 *       which decode in registers; more by float32 products of rows that were widened once.
 * </ul>
 */
final class OneDnnProduct implements Product {
  /** Tokens of a block. */
  private static final int TOKENS = 512;

  /** Rows of W of a block, and the least that is worth a call. */
  static final int MOST_ROWS = 256;

  private static final int FEWEST_ROWS = 64;

  /** Rows that are widened at a time: 64 of 4096 float32 are 1 MB. */
  private static final int WIDENED_ROWS = 64;

  /** Up to so many tokens, Java's kernels multiply what oneDNN cannot read. */
  private static final int FEW_TOKENS = 16;

  /**
   * Up to so many tokens, machine code multiplies bfloat16 where there is any: oneDNN lays W out
   * anew in each call, which takes longer than the product.
   */
  private static final int FEW_BFLOAT16 = 64;

  /** Tokens whose x one task rounds. */
  private static final int ROUNDED_TOKENS = 32;

  /** Elements of a gate that one task computes. */
  private static final int GATES = 1 << 14;

  private static final long ALIGNMENT = 64;

  /**
   * What a primitive multiplies: {@code x[tokens, cols] · w[cols, rows] → y[tokens, rows]}, strides
   * in elements from one index to the next.
   *
   * @param added whether the product is added to y
   */
  private record Shape(
      int xType,
      int wType,
      int tokens,
      int rows,
      int cols,
      int xStride,
      int wColStride,
      int wRowStride,
      int yStride,
      boolean added) {}

  /** Rounding of {@code [tokens, cols]}. */
  private record Rounding(int tokens, int cols) {}

  /** {@code x[count] = function(x)}. */
  private record Function(int function, int count) {}

  /** {@code x[count] = x · y}. */
  private record Multiplication(int count) {}

  /** A primitive with its layouts; x, W and y are {@code null} handles until {@link OneDnnCall}. */
  private record Compiled(long primitive, long x, long w, long y, long scratchpad, long bytes) {}

  /** What a thread keeps. */
  private final class Scratch {
    final Arena arena = Arena.ofShared();
    final long stream = library.createStream(engine);
    final Map<Object, OneDnnCall> calls = new HashMap<>();
    final WeightReader reader = WeightReader.create();
    final OneDnnScratchpad pad = new OneDnnScratchpad();
    private Arena wide = Arena.ofShared();
    private MemorySegment widened = MemorySegment.NULL;
    private float[] row = new float[0];

    /** Rows {@code from} to {@code from + rows} of W in float32. */
    MemorySegment widen(Matrix w, int from, int rows) {
      long bytes = 4L * rows * w.cols();
      if (widened.byteSize() < bytes) {
        wide.close();
        wide = Arena.ofShared();
        widened = wide.allocate(bytes, ALIGNMENT);
      }
      if (row.length < w.cols() + WeightReader.SLACK) {
        row = new float[w.cols() + WeightReader.SLACK];
      }
      for (int r = 0; r < rows; r++) {
        reader.read(w, from + r, row);
        MemorySegment.copy(row, 0, widened, ValueLayout.JAVA_FLOAT, 4L * r * w.cols(), w.cols());
      }
      return widened;
    }

    void close() {
      calls.values().forEach(call -> call.destroy(library));
      library.destroyStream(stream);
      arena.close();
      pad.close();
      wide.close();
    }
  }

  private final OneDnnLibrary library;
  private final Product java;
  private final long engine;
  private final Scratch[] scratch;
  private final Map<Object, Compiled> compiled = new ConcurrentHashMap<>();
  private final Optional<OneDnnIntegers> integers;
  private Arena roundedArena = Arena.ofShared();
  private MemorySegment rounded = MemorySegment.NULL;

  OneDnnProduct(OneDnnLibrary library, int threads) {
    this.library = library;
    this.java = CpuDevice.product(threads);
    library.oneThread();
    this.engine = library.createEngine();
    this.scratch = new Scratch[threads];
    this.integers =
        library.sumsBytesExactly()
            ? Optional.of(new OneDnnIntegers(library, engine, threads))
            : Optional.empty();
  }

  @Override
  public Optional<IntegerProduct> integers() {
    return integers.map(IntegerProduct.class::cast);
  }

  @Override
  public String description() {
    return library.version()
        + (java.multipliesBfloat16() ? ", " + AssembledProduct.DOT_PRODUCTS : "");
  }

  @Override
  public void multiply(
      Workers workers, MemorySegment x, int tokens, Matrix w, boolean rounds, MemorySegment y) {
    if (tokens == 0 || w.rows() == 0) {
      return;
    }
    boolean stored = w.dtype() == DType.BF16 || w.dtype() == DType.F32;
    boolean dotProducts = rounds && tokens <= FEW_BFLOAT16 && java.multipliesBfloat16();
    boolean unreachable = !w.data().isNative() || !x.isNative() || !y.isNative(); // on the heap
    if (!stored && tokens <= FEW_TOKENS
        || dotProducts && !w.transposed()
        || unreachable
        || w.cols() == 0) {
      java.multiply(workers, x, tokens, w, rounds, y);
      return;
    }
    MemorySegment in = rounds ? round(workers, x, tokens, w.cols()) : x;
    boolean turned = stored && w.transposed(); // widened rows are not
    int rowsOfBlock = stored ? rowsOfBlock(w.rows()) : WIDENED_ROWS;
    workers.run(
        ceilDiv(w.rows(), rowsOfBlock),
        (task, worker) -> {
          int first = task * rowsOfBlock;
          int rows = Math.min(rowsOfBlock, w.rows() - first);
          Scratch s = scratch(worker);
          long weights =
              stored ? w.data().address() + first * rowBytes(w) : s.widen(w, first, rows).address();
          for (int token = 0; token < tokens; token += TOKENS) {
            Shape shape =
                new Shape(
                    rounds ? OneDnnLibrary.BF16 : OneDnnLibrary.F32,
                    w.dtype() == DType.BF16 ? OneDnnLibrary.BF16 : OneDnnLibrary.F32,
                    Math.min(TOKENS, tokens - token),
                    rows,
                    w.cols(),
                    w.cols(),
                    turned ? w.rows() : 1,
                    turned ? 1 : w.cols(),
                    w.rows(),
                    false);
            run(
                s,
                shape,
                in.address() + (rounds ? 2L : 4L) * token * w.cols(),
                weights,
                y.address() + 4 * ((long) token * w.rows() + first));
          }
        });
  }

  private void run(Scratch s, Shape shape, long x, long w, long y) {
    OneDnnCall call = s.calls.computeIfAbsent(shape, key -> product(s, shape));
    call.multiply(library, s.stream, s.pad, x, w, y);
  }

  /** Enough blocks for many threads, yet large ones: a function of the shape alone. */
  static int rowsOfBlock(int rows) {
    return Math.clamp(ceilDiv(ceilDiv(rows, 8), 64) * 64L, FEWEST_ROWS, MOST_ROWS);
  }

  /** Bytes from one row of W to the next. */
  private static long rowBytes(Matrix w) {
    return w.transposed() ? w.dtype().bytes(1) : w.dtype().bytes(w.cols());
  }

  private MemorySegment round(Workers workers, MemorySegment x, int tokens, int cols) {
    long bytes = 2L * tokens * cols;
    if (rounded.byteSize() < bytes) {
      roundedArena.close();
      roundedArena = Arena.ofShared();
      rounded = roundedArena.allocate(bytes, ALIGNMENT);
    }
    workers.run(
        ceilDiv(tokens, ROUNDED_TOKENS),
        (task, worker) -> {
          int first = task * ROUNDED_TOKENS;
          Scratch s = scratch(worker);
          Rounding shape = new Rounding(Math.min(ROUNDED_TOKENS, tokens - first), cols);
          OneDnnCall call = s.calls.computeIfAbsent(shape, key -> rounding(s, shape));
          library.point(call.x(), x.address() + 4L * first * cols);
          library.point(call.y(), rounded.address() + 2L * first * cols);
          library.execute(call.primitive(), s.stream, call.arguments());
        });
    return rounded;
  }

  private Scratch scratch(int worker) {
    library.oneThread(); // the setting is the thread's, and any thread may be the calling one
    if (scratch[worker] == null) {
      scratch[worker] = new Scratch();
    }
    return scratch[worker];
  }

  private OneDnnCall product(Scratch s, Shape shape) {
    Compiled c = compiled.computeIfAbsent(shape, key -> compile(shape));
    return OneDnnCall.product(
        library, engine, s.arena, c.primitive, c.x, c.w, c.y, c.scratchpad, c.bytes);
  }

  private Compiled compile(Shape shape) {
    long x = library.createLayout(shape.xType, shape.tokens, shape.cols, shape.xStride, 1);
    long w =
        library.createLayout(
            shape.wType, shape.cols, shape.rows, shape.wColStride, shape.wRowStride);
    long y = library.createLayout(OneDnnLibrary.F32, shape.tokens, shape.rows, shape.yStride, 1);
    long description = library.describeProduct(engine, x, w, y, shape.added);
    try {
      // The scratchpad's layout goes with its description: a flat one of as many bytes stays.
      long bytes = library.bytes(library.scratchpadLayout(description));
      long pad = library.createLayout(OneDnnLibrary.F32, 1, Math.max(1, bytes / 4 + 1), 1, 1);
      return new Compiled(library.createPrimitive(description), x, w, y, pad, bytes + 8);
    } finally {
      library.destroyDescription(description);
    }
  }

  private OneDnnCall rounding(Scratch s, Rounding shape) {
    Compiled c =
        compiled.computeIfAbsent(
            shape,
            key -> {
              long from =
                  library.createLayout(OneDnnLibrary.F32, shape.tokens, shape.cols, shape.cols, 1);
              long to =
                  library.createLayout(OneDnnLibrary.BF16, shape.tokens, shape.cols, shape.cols, 1);
              long description = library.describeReorder(engine, from, to);
              try {
                return new Compiled(library.createPrimitive(description), from, 0, to, 0, 0);
              } finally {
                library.destroyDescription(description);
              }
            });
    long x = library.createMemory(c.x, engine);
    long y = library.createMemory(c.y, engine);
    return new OneDnnCall(
        c.primitive,
        x,
        0,
        y,
        0,
        0,
        OneDnnLibrary.arguments(s.arena, OneDnnLibrary.ARG_SRC, x, OneDnnLibrary.ARG_DST, y));
  }

  @Override
  public Optional<AttentionProducts> attention() {
    return Optional.of(new Attention());
  }

  /** In float32 in each precision: queries, keys and values are no stored weights. */
  private final class Attention implements AttentionProducts {
    @Override
    public void scores(
        int worker,
        MemorySegment q,
        int qStride,
        int queries,
        MemorySegment k,
        int kStride,
        int keys,
        int headDim,
        MemorySegment scores,
        int scoresStride) {
      Shape shape =
          new Shape(
              OneDnnLibrary.F32,
              OneDnnLibrary.F32,
              queries,
              keys,
              headDim,
              qStride,
              1,
              kStride,
              scoresStride,
              false);
      run(scratch(worker), shape, q.address(), k.address(), scores.address());
    }

    @Override
    public void mean(
        int worker,
        MemorySegment weights,
        int weightsStride,
        int queries,
        MemorySegment v,
        int vStride,
        int keys,
        int headDim,
        MemorySegment out,
        int outStride,
        boolean added) {
      Shape shape =
          new Shape(
              OneDnnLibrary.F32,
              OneDnnLibrary.F32,
              queries,
              headDim,
              keys,
              weightsStride,
              vStride,
              1,
              outStride,
              added);
      run(scratch(worker), shape, weights.address(), v.address(), out.address());
    }
  }

  @Override
  public boolean gate(
      Workers workers, Activation activation, MemorySegment gate, MemorySegment up, long count) {
    // Its other functions are good for five digits only; a token's gate is not worth two calls.
    if (activation != Activation.SILU || count <= GATES || !gate.isNative() || !up.isNative()) {
      return false;
    }
    workers.run(
        Math.toIntExact((count + GATES - 1) / GATES),
        (task, worker) -> {
          long first = (long) task * GATES;
          Scratch s = scratch(worker);
          int length = (int) Math.min(GATES, count - first);
          Function activating = new Function(OneDnnLibrary.SWISH, length);
          OneDnnCall call = s.calls.computeIfAbsent(activating, key -> activation(s, activating));
          library.point(call.x(), gate.address() + 4 * first);
          library.execute(call.primitive(), s.stream, call.arguments());
          Multiplication multiplying = new Multiplication(length);
          call = s.calls.computeIfAbsent(multiplying, key -> multiplication(s, multiplying));
          library.point(call.x(), gate.address() + 4 * first);
          library.point(call.y(), up.address() + 4 * first);
          library.execute(call.primitive(), s.stream, call.arguments());
        });
    return true;
  }

  private OneDnnCall activation(Scratch s, Function shape) {
    Compiled c =
        compiled.computeIfAbsent(
            shape,
            key ->
                compileFlat(shape.count, x -> library.describeFunction(engine, shape.function, x)));
    long x = library.createMemory(c.x, engine);
    return call(
        c,
        x,
        0,
        OneDnnLibrary.arguments(s.arena, OneDnnLibrary.ARG_SRC, x, OneDnnLibrary.ARG_DST, x));
  }

  private OneDnnCall multiplication(Scratch s, Multiplication shape) {
    Compiled c =
        compiled.computeIfAbsent(
            shape, key -> compileFlat(shape.count, x -> library.describeMultiplication(engine, x)));
    long x = library.createMemory(c.x, engine);
    long y = library.createMemory(c.y, engine);
    return call(
        c,
        x,
        y,
        OneDnnLibrary.arguments(
            s.arena,
            OneDnnLibrary.ARG_SRC,
            x,
            OneDnnLibrary.ARG_SRC_1,
            y,
            OneDnnLibrary.ARG_DST,
            x));
  }

  private static OneDnnCall call(Compiled c, long x, long y, MemorySegment arguments) {
    return new OneDnnCall(c.primitive, x, 0, y, 0, 0, arguments);
  }

  /** A primitive on so many float32 values; describe makes its description of their layout. */
  private Compiled compileFlat(int count, LongUnaryOperator describe) {
    long x = library.createLayout(OneDnnLibrary.F32, 1, count, count, 1);
    long y = library.createLayout(OneDnnLibrary.F32, 1, count, count, 1);
    long description = describe.applyAsLong(x);
    try {
      return new Compiled(library.createPrimitive(description), x, 0, y, 0, 0);
    } finally {
      library.destroyDescription(description);
    }
  }

  /** By the Java kernels: one output channel is not worth a primitive. */
  @Override
  public void column(
      MemorySegment x,
      int fromToken,
      int toToken,
      float[] weights,
      boolean rounds,
      MemorySegment y,
      int stride,
      int column) {
    java.column(x, fromToken, toToken, weights, rounds, y, stride, column);
  }

  @Override
  public void close() {
    integers.ifPresent(OneDnnIntegers::close);
    for (Scratch s : scratch) {
      if (s != null) {
        s.close();
      }
    }
    for (Compiled c : compiled.values()) {
      library.destroyPrimitive(c.primitive);
      library.destroyLayout(c.x);
      library.destroyLayout(c.y);
      if (c.w != 0) {
        library.destroyLayout(c.w);
        library.destroyLayout(c.scratchpad);
      }
    }
    compiled.clear();
    library.destroyEngine(engine);
    roundedArena.close();
    java.close();
  }

  private static int ceilDiv(int a, int b) {
    return (a + b - 1) / b;
  }
}
