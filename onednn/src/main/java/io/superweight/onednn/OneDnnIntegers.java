package io.superweight.onednn;

import io.superweight.compute.IntegerProducts;
import io.superweight.compute.cpu.IntegerKernels;
import io.superweight.compute.cpu.IntegerProduct;
import io.superweight.compute.cpu.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Integer products by oneDNN: codes of x shifted by 128 to unsigned bytes, which is what processors
 * multiply by signed ones, sums in 32 bits; {@code 128 · Σ_k w[n, k]} is taken away from them
 * before they are scaled. Weights lie in blocks of rows, in the layout that oneDNN chose for many
 * tokens.
 */
final class OneDnnIntegers implements IntegerProduct {
  private static final int SHIFT = 128;

  /** Tokens of a block, whose sums a core's cache is to hold. */
  private static final int TOKENS = 256;

  /** Tokens whose x one task rounds. */
  private static final int ROUNDED_TOKENS = 16;

  private static final long ALIGNMENT = 64;

  /** {@code x[tokens, cols] · w[cols, rows]}. */
  private record Shape(int tokens, int rows, int cols) {}

  /** What lies how for a block of rows; the layout of w is the one of all numbers of tokens. */
  private record Block(int rows, int cols) {}

  private record Compiled(long primitive, long x, long y, long scratchpad, long bytes) {}

  /**
   * A matrix.
   *
   * @param blocks of rows, each in oneDNN's layout
   * @param shifts of each row: {@code 128 · Σ w}
   */
  private record Rows(int rows, int cols, long bytes, List<MemorySegment> blocks, int[] shifts)
      implements IntegerProducts.Packed {}

  private final class Scratch {
    final Arena arena = Arena.ofShared();
    final long stream = library.createStream(engine);
    final Map<Shape, OneDnnCall> calls = new HashMap<>();
    final MemorySegment sums = arena.allocate(4L * TOKENS * OneDnnProduct.MOST_ROWS, ALIGNMENT);
    final OneDnnScratchpad pad = new OneDnnScratchpad();

    void close() {
      calls.values().forEach(call -> call.destroy(library));
      library.destroyStream(stream);
      arena.close();
      pad.close();
    }
  }

  private final OneDnnLibrary library;
  private final long engine;
  private final Scratch[] scratch;
  private final IntegerKernels kernels = IntegerKernels.create();
  private final Map<Shape, Compiled> compiled = new ConcurrentHashMap<>();
  private final Map<Block, Long> layouts = new ConcurrentHashMap<>();
  private Arena codesArena = Arena.ofShared();
  private MemorySegment codes = MemorySegment.NULL;

  OneDnnIntegers(OneDnnLibrary library, long engine, int threads) {
    this.library = library;
    this.engine = engine;
    this.scratch = new Scratch[threads];
  }

  @Override
  public String description() {
    return "oneDNN u8·s8";
  }

  @Override
  public IntegerProducts.Packed pack(Workers workers, MemorySegment codes, int rows, int cols) {
    int perBlock = OneDnnProduct.rowsOfBlock(rows);
    int count = ceilDiv(rows, perBlock);
    int[] shifts = new int[rows];
    MemorySegment source = codes.isNative() ? codes : Arena.ofAuto().allocate(codes.byteSize());
    if (source != codes) {
      source.copyFrom(codes);
    }
    Arena arena = Arena.ofAuto(); // they live as long as the variant that multiplies by them
    List<MemorySegment> blocks = new ArrayList<>();
    long bytes = 0;
    for (int b = 0; b < count; b++) {
      long size = library.bytes(layout(block(rows, cols, perBlock, b)));
      blocks.add(arena.allocate(size, ALIGNMENT));
      bytes += size;
    }
    workers.run(
        count,
        (b, worker) -> {
          Block block = block(rows, cols, perBlock, b);
          long first = (long) b * perBlock;
          reorder(scratch(worker), block, source.address() + first * cols, blocks.get(b));
          for (int r = 0; r < block.rows; r++) {
            int sum = 0;
            for (int k = 0; k < cols; k++) {
              sum += source.get(ValueLayout.JAVA_BYTE, (first + r) * cols + k);
            }
            shifts[(int) first + r] = SHIFT * sum;
          }
        });
    return new Rows(rows, cols, bytes, blocks, shifts);
  }

  private static Block block(int rows, int cols, int perBlock, int index) {
    return new Block(Math.min(perBlock, rows - index * perBlock), cols);
  }

  /** The layout that oneDNN chooses for a block of rows and many tokens. */
  private long layout(Block block) {
    return layouts.computeIfAbsent(
        block,
        key -> {
          long x = library.createLayout(OneDnnLibrary.U8, TOKENS, key.cols, key.cols, 1);
          long w = library.createOpenLayout(OneDnnLibrary.S8, key.cols, key.rows);
          long y = library.createLayout(OneDnnLibrary.S32, TOKENS, key.rows, key.rows, 1);
          long description = library.describeProduct(engine, x, w, y, false);
          try {
            return library.weightsLayout(description);
          } finally {
            library.destroyDescription(description);
            library.destroyLayout(x);
            library.destroyLayout(w);
            library.destroyLayout(y);
          }
        });
  }

  private void reorder(Scratch s, Block block, long from, MemorySegment to) {
    long plain = library.createLayout(OneDnnLibrary.S8, block.cols, block.rows, 1, block.cols);
    long description = library.describeReorder(engine, plain, layout(block));
    long primitive = library.createPrimitive(description);
    long source = library.createMemory(plain, engine);
    long target = library.createMemory(layout(block), engine);
    try (Arena arena = Arena.ofConfined()) {
      library.point(source, from);
      library.point(target, to.address());
      library.execute(
          primitive,
          s.stream,
          OneDnnLibrary.arguments(
              arena, OneDnnLibrary.ARG_SRC, source, OneDnnLibrary.ARG_DST, target));
    } finally {
      library.destroyMemory(source);
      library.destroyMemory(target);
      library.destroyPrimitive(primitive);
      library.destroyDescription(description);
      library.destroyLayout(plain);
    }
  }

  @Override
  public void multiply(
      Workers workers,
      MemorySegment x,
      int tokens,
      float[] xScales,
      int most,
      IntegerProducts.Packed w,
      float[] wScales,
      MemorySegment y) {
    Rows matrix = (Rows) w;
    int rows = w.rows();
    int cols = w.cols();
    int perBlock = OneDnnProduct.rowsOfBlock(rows);
    round(workers, x, tokens, cols, xScales, most);
    workers.run(
        matrix.blocks.size(),
        (b, worker) -> {
          Scratch s = scratch(worker);
          int first = b * perBlock;
          int count = Math.min(perBlock, rows - first);
          for (int token = 0; token < tokens; token += TOKENS) {
            int some = Math.min(TOKENS, tokens - token);
            Shape shape = new Shape(some, count, cols);
            OneDnnCall call = s.calls.computeIfAbsent(shape, key -> product(s, shape));
            call.multiply(
                library,
                s.stream,
                s.pad,
                codes.address() + (long) token * cols,
                matrix.blocks.get(b).address(),
                s.sums.address());
            for (int t = 0; t < some; t++) {
              kernels.scale(
                  s.sums,
                  4L * t * count,
                  count,
                  matrix.shifts,
                  xScales[token + t],
                  wScales,
                  first,
                  y,
                  4 * ((long) (token + t) * rows + first));
            }
          }
        });
  }

  private void round(
      Workers workers, MemorySegment x, int tokens, int cols, float[] scales, int most) {
    long bytes = (long) tokens * cols;
    if (codes.byteSize() < bytes) {
      codesArena.close();
      codesArena = Arena.ofShared();
      codes = codesArena.allocate(bytes, ALIGNMENT);
    }
    workers.run(
        ceilDiv(tokens, ROUNDED_TOKENS),
        (task, worker) -> {
          int end = Math.min(tokens, (task + 1) * ROUNDED_TOKENS);
          for (int t = task * ROUNDED_TOKENS; t < end; t++) {
            long first = (long) t * cols;
            kernels.codes(x, 4 * first, cols, scales[t], most, SHIFT, codes, first);
          }
        });
  }

  private OneDnnCall product(Scratch s, Shape shape) {
    Compiled c = compiled.computeIfAbsent(shape, this::compile);
    return OneDnnCall.product(
        library,
        engine,
        s.arena,
        c.primitive,
        c.x,
        layout(new Block(shape.rows, shape.cols)),
        c.y,
        c.scratchpad,
        c.bytes);
  }

  private Compiled compile(Shape shape) {
    long x = library.createLayout(OneDnnLibrary.U8, shape.tokens, shape.cols, shape.cols, 1);
    long y = library.createLayout(OneDnnLibrary.S32, shape.tokens, shape.rows, shape.rows, 1);
    long w = layout(new Block(shape.rows, shape.cols));
    long description = library.describeProduct(engine, x, w, y, false);
    try {
      // The scratchpad's layout goes with its description: a flat one of as many bytes stays.
      long bytes = library.bytes(library.scratchpadLayout(description));
      long pad = library.createLayout(OneDnnLibrary.F32, 1, Math.max(1, bytes / 4 + 1), 1, 1);
      return new Compiled(library.createPrimitive(description), x, y, pad, bytes + 8);
    } finally {
      library.destroyDescription(description);
    }
  }

  private Scratch scratch(int worker) {
    library.oneThread(); // the setting is the thread's, and any thread may be the calling one
    if (scratch[worker] == null) {
      scratch[worker] = new Scratch();
    }
    return scratch[worker];
  }

  /** Before the engine that it was given goes. */
  void close() {
    for (Scratch s : scratch) {
      if (s != null) {
        s.close();
      }
    }
    for (Compiled c : compiled.values()) {
      library.destroyPrimitive(c.primitive);
      library.destroyLayout(c.x);
      library.destroyLayout(c.y);
      library.destroyLayout(c.scratchpad);
    }
    layouts.values().forEach(library::destroyLayout);
    compiled.clear();
    layouts.clear();
    codesArena.close();
  }

  private static int ceilDiv(int a, int b) {
    return (a + b - 1) / b;
  }
}
