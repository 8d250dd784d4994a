package io.superweight.compute.cpu.x86;

import io.superweight.compute.Activation;
import io.superweight.compute.Matrix;
import io.superweight.compute.cpu.Product;
import io.superweight.compute.cpu.Workers;
import io.superweight.compute.cpu.x86.MachineCode.Ahead;
import io.superweight.compute.cpu.x86.MachineCode.Weights;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * Products by {@link MachineCode}, for what Java has no instructions for, or not enough registers:
 *
 * <ul>
 *   <li>bfloat16 weights, x rounded: any number of tokens, by dot products of bfloat16;
 *   <li>Q8_0, Q4_0 and Q4_1, few tokens: decoded in registers, with the bits of the kernels that
 *       they stand in for.
 * </ul>
 *
 * Everything else is another product's. Which one multiplies depends on the matrix and on the
 * number of tokens only where the bits do not.
 */
public final class AssembledProduct implements Product {
  /** Set to {@code false}, there is none of it: {@code java -Dsuperweight.assembled=false}. */
  public static final String PROPERTY = "superweight.assembled";

  /** What reports say where bfloat16 is multiplied here. */
  public static final String DOT_PRODUCTS = "AVX-512 bf16 machine code";

  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  private static final ValueLayout.OfShort BFLOAT16 = ValueLayout.JAVA_SHORT_UNALIGNED;

  /** Up to so many tokens blocks are decoded for each tile of them. */
  private static final int FEW = 12;

  /** Tokens for which a piece of W is used at once: 240 KB of x and 120 KB of sums. */
  private static final int TOKENS_OF_BLOCK = 20 * MachineCode.MOST_TOKENS;

  /** Bytes of x of the piece of a few tokens, and rows of W that a thread takes at a time. */
  private static final int X_OF_FEW = 20 << 10;

  private static final int ROWS_OF_FEW = 4 * MachineCode.FEW_GROUP;

  /** Up to so many tokens the piece of x that rows are multiplied by stays in the first cache. */
  private static final int SOME = 32;

  /** Bytes of that piece, and the fewest steps. */
  private static final int X_OF_PIECE = 10 << 10;

  private static final int SHORTEST_PIECE = 16;

  /** Steps of a piece for more tokens: it is the piece of W that stays, 16 KB. */
  private static final int LONG_PIECE = 64;

  /** The most bytes of x that are packed at a time. */
  private static final long PACKED = 32 << 20;

  /** Elements of x that are packed sooner than another thread is called. */
  private static final int LITTLE = 1 << 15;

  private static final int MOST_ROWS_OF_TASK = 256;

  private static final long ALIGNMENT = 64;

  /** What a thread keeps. */
  private record Scratch(MemorySegment arguments, MemorySegment packing, MemorySegment sums) {
    static Scratch allocate(Arena arena, int tokens) {
      return new Scratch(
          arena.allocate(MachineCode.ARGUMENTS, ALIGNMENT),
          arena.allocate(MachineCode.ARGUMENTS, ALIGNMENT),
          arena.allocate(bytesOfSums(tokens), ALIGNMENT));
    }

    /** A few tokens have more sums each. */
    private static long bytesOfSums(int tokens) {
      return Math.max(
          (long) tokens * MachineCode.SUMS_OF_TOKEN,
          (long) Math.min(tokens, MachineCode.MOST_TOKENS_OF_PAIR) * MachineCode.FEW_SUMS_OF_TOKEN);
    }
  }

  private final Product rest;
  private final boolean bfloat16;
  private final boolean blocks;
  private final MachineCode code;
  private final ExecutableMemory memory;
  private final MethodHandle call;
  private final MemorySegment product;
  private final MemorySegment productOfFew;
  private final Arena arena = Arena.ofShared();
  private final Scratch[] scratch;
  private Arena packedArena = Arena.ofShared();
  private MemorySegment packed = MemorySegment.NULL;
  private MemorySegment tiles = MemorySegment.NULL;

  /** The float32 of each float16, 256 KB; made when blocks come. */
  private MemorySegment halves = MemorySegment.NULL;

  @SuppressWarnings("restricted") // of() has checked it
  private AssembledProduct(
      Product rest,
      boolean bfloat16,
      boolean blocks,
      MachineCode code,
      ExecutableMemory memory,
      int threads) {
    this.rest = rest;
    this.bfloat16 = bfloat16;
    this.blocks = blocks;
    this.code = code;
    this.memory = memory;
    this.call =
        Linker.nativeLinker().downcallHandle(FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG));
    this.product = function(code.product());
    this.productOfFew = function(code.productOfFew());
    this.scratch = new Scratch[threads];
  }

  /**
   * What this machine can do of it.
   *
   * @param rest multiplies everything else, and is closed with it
   * @param lanes of the vectors that {@code rest} sums in
   * @return {@code rest} itself where the processor lacks the instructions, the system refuses
   *     memory for code, native access is not enabled or the property says so
   */
  public static Product before(Product rest, int lanes, int threads) {
    if (!AssembledProduct.class.getModule().isNativeAccessEnabled()
        || !Boolean.parseBoolean(System.getProperty(PROPERTY, "true"))) {
      return rest;
    }
    Processor processor = Processor.ofThisMachine();
    if (!processor.wide()) {
      return rest;
    }
    MachineCode code = new MachineCode();
    Optional<ExecutableMemory> memory = ExecutableMemory.of(code.bytes());
    return memory.isEmpty()
        ? rest
        : new AssembledProduct(
            rest, processor.multipliesBfloat16(), lanes == 16, code, memory.get(), threads);
  }

  @Override
  public String description() {
    return (bfloat16 ? DOT_PRODUCTS : "AVX-512 machine code") + ", " + rest.description();
  }

  @Override
  public Optional<String> notice() {
    return rest.notice();
  }

  @Override
  public boolean multipliesBfloat16() {
    return bfloat16;
  }

  @Override
  public int lanes() {
    return rest.lanes();
  }

  @Override
  public void multiply(
      Workers workers, MemorySegment x, int tokens, Matrix w, boolean rounded, MemorySegment y) {
    Weights weights = weights(w, rounded);
    if (weights == null
        || weights != Weights.BFLOAT16 && tokens > FEW
        || !x.isNative()
        || !y.isNative()) {
      rest.multiply(workers, x, tokens, w, rounded, y);
      return;
    }
    if (tokens == 0 || w.rows() == 0) {
      return;
    }
    Objects.checkFromIndexSize(0, 4L * tokens * w.cols(), x.byteSize());
    Objects.checkFromIndexSize(0, 4L * tokens * w.rows(), y.byteSize());
    if (weights != Weights.BFLOAT16 && halves.byteSize() == 0) {
      halves = halves(arena);
    }
    if (weights == Weights.BFLOAT16
        && tokens > MachineCode.FEWEST
        && tokens <= MachineCode.MOST_TOKENS_OF_PAIR) {
      multiplyFew(workers, x, tokens, w, y);
      return;
    }
    int shift = shift(weights, w);
    long xBytes = xBytes(weights, w.cols(), shift);
    int most = (int) Math.max(1, PACKED / xBytes / TOKENS_OF_BLOCK) * TOKENS_OF_BLOCK;
    for (int from = 0; from < tokens; from += most) {
      int count = Math.min(most, tokens - from);
      pack(workers, x, from, count, w.cols(), weights, shift);
      int rowsOfTask = rowsOfTask(w.rows(), workers.threads());
      int first = from;
      workers.run(
          ceilDiv(w.rows(), rowsOfTask),
          (task, worker) -> {
            int row = task * rowsOfTask;
            int rows = Math.min(rowsOfTask, w.rows() - row);
            Scratch s = scratch(worker);
            for (int token = 0; token < count; token += TOKENS_OF_BLOCK) {
              multiply(
                  s,
                  weights,
                  w.data().address() + row * w.dtype().bytes(w.cols()),
                  rows,
                  w.cols(),
                  shift,
                  tiles.address()
                      + (long) MachineCode.TILE_BYTES
                          * (token / TOKENS_OF_BLOCK)
                          * tiles(TOKENS_OF_BLOCK),
                  Math.min(TOKENS_OF_BLOCK, count - token),
                  y.address() + 4 * ((long) (first + token) * w.rows() + row),
                  w.rows());
            }
          });
    }
  }

  /**
   * A few tokens: each thread goes through its share of the rows from front to back, so that what
   * it reads ahead is what it needs next, and then helps the others with theirs.
   */
  private void multiplyFew(
      Workers workers, MemorySegment x, int tokens, Matrix w, MemorySegment y) {
    int shift = shift(Weights.BFLOAT16, w);
    int tileCount = packFew(workers, x, tokens, w.cols(), shift);
    int piece = pieceOfFew(w.cols() / MachineCode.STEP, tokens);
    int rowsOfShare = ceilDiv(w.rows(), workers.threads());
    AtomicIntegerArray taken = new AtomicIntegerArray(workers.threads());
    workers.run(
        workers.threads(),
        (task, worker) -> {
          for (int i = 0; i < workers.threads(); i++) {
            int share = (task + i) % workers.threads();
            int first = Math.min(w.rows(), share * rowsOfShare);
            int end = Math.min(w.rows(), first + rowsOfShare);
            for (int row = first + taken.getAndAdd(share, ROWS_OF_FEW);
                row < end;
                row = first + taken.getAndAdd(share, ROWS_OF_FEW)) {
              MemorySegment a = scratch(worker).arguments;
              arguments(
                  a,
                  scratch(worker).sums,
                  Weights.BFLOAT16,
                  w.data().address() + row * w.dtype().bytes(w.cols()),
                  Math.min(ROWS_OF_FEW, end - row),
                  w.cols(),
                  shift,
                  tokens,
                  y.address() + 4L * row,
                  w.rows());
              a.set(LONG, MachineCode.PIECE, piece);
              a.set(LONG, MachineCode.TILES, tiles.address());
              a.set(LONG, MachineCode.TILE_COUNT, tileCount);
              a.set(LONG, MachineCode.LAST_AHEAD, end - row);
              call(productOfFew, a);
            }
          }
        });
  }

  /** Pieces of about the same size. */
  private static int pieceOfFew(int steps, int tokens) {
    int most = X_OF_FEW / (tokens * Weights.BFLOAT16.xStepBytes);
    return Math.max(1, ceilDiv(steps, Math.max(1, ceilDiv(steps, most))));
  }

  /**
   * Puts all tokens side by side.
   *
   * @return how many tiles there are
   */
  private int packFew(Workers workers, MemorySegment x, int tokens, int cols, int shift) {
    long step = (long) tokens * Weights.BFLOAT16.xStepBytes;
    int[] codes = code.tilesOfFew(tokens);
    reserve(tokens * xBytes(Weights.BFLOAT16, cols, shift), codes.length);
    for (int i = 0; i < codes.length; i++) {
      long at = (long) i * MachineCode.TILE_BYTES;
      tiles.set(LONG, at + MachineCode.TILE_CODE, memory.address() + codes[i]);
      tiles.set(LONG, at + MachineCode.TILE_X, packed.address());
      tiles.set(LONG, at + MachineCode.TILE_X_STEP, step);
      tiles.set(LONG, at + MachineCode.TILE_SUMS, (long) i * MachineCode.PAIR * MachineCode.SUM);
    }
    MemorySegment packing = function(code.packing(Weights.BFLOAT16));
    Workers.Task packToken =
        (token, worker) ->
            pack(
                scratch(worker).packing,
                packing,
                x.address() + 4L * token * cols,
                1,
                cols,
                shift,
                Weights.BFLOAT16,
                packed.address() + (long) token * Weights.BFLOAT16.xStepBytes,
                step);
    run(workers, tokens, (long) tokens * cols, packToken);
    return codes.length;
  }

  /** Runs packing of so many elements: a little of it here. */
  private static void run(Workers workers, int tasks, long elements, Workers.Task packing) {
    if (elements > LITTLE) {
      workers.run(tasks, packing);
      return;
    }
    for (int task = 0; task < tasks; task++) {
      packing.run(task, 0);
    }
  }

  private void reserve(long bytes, int countOfTiles) {
    if (packed.byteSize() < bytes
        || tiles.byteSize() < (long) countOfTiles * MachineCode.TILE_BYTES) {
      packedArena.close();
      packedArena = Arena.ofShared();
      packed = packedArena.allocate(bytes, ALIGNMENT);
      tiles = packedArena.allocate((long) countOfTiles * MachineCode.TILE_BYTES, ALIGNMENT);
    }
  }

  private static MemorySegment halves(Arena arena) {
    MemorySegment halves = arena.allocate(4L << 16, ALIGNMENT);
    for (int i = 0; i < 1 << 16; i++) {
      halves.setAtIndex(ValueLayout.JAVA_FLOAT, i, Float.float16ToFloat((short) i));
    }
    return halves;
  }

  /** How the code reads a matrix; null where it does not. */
  private Weights weights(Matrix w, boolean rounded) {
    if (w.transposed() || !w.data().isNative() || w.cols() == 0) {
      return null;
    }
    return switch (w.dtype()) {
      case BF16 -> bfloat16 && rounded ? Weights.BFLOAT16 : null;
      case Q8_0 -> blocks ? Weights.Q8_0 : null;
      case Q4_0 -> blocks ? Weights.Q4_0 : null;
      case Q4_1 -> blocks ? Weights.Q4_1 : null;
      default -> null;
    };
  }

  /** Calls the product: some rows of W times a block of tokens. */
  private void multiply(
      Scratch s,
      Weights weights,
      long w,
      int rows,
      int cols,
      int shift,
      long tilesAt,
      int tokens,
      long y,
      int yStride) {
    MemorySegment a = s.arguments;
    arguments(a, s.sums, weights, w, rows, cols, shift, tokens, y, yStride);
    a.set(LONG, MachineCode.PIECE, piece(weights, tokens));
    a.set(LONG, MachineCode.TILES, tilesAt);
    a.set(LONG, MachineCode.TILE_COUNT, tiles(tokens));
    a.set(LONG, MachineCode.RUN, ceilDiv(rows, MachineCode.ROWS));
    a.set(LONG, MachineCode.HALVES, halves.address());
    call(product, a);
  }

  /** What both routines are told alike. */
  private static void arguments(
      MemorySegment a,
      MemorySegment sums,
      Weights weights,
      long w,
      int rows,
      int cols,
      int shift,
      int tokens,
      long y,
      int yStride) {
    a.set(LONG, MachineCode.W, w - 2L * shift);
    a.set(LONG, MachineCode.W_STRIDE, rowBytes(weights, cols));
    a.set(LONG, MachineCode.W_ROWS, rows);
    a.set(LONG, MachineCode.STEPS, cols / MachineCode.STEP);
    a.set(LONG, MachineCode.HEAD, -1L << shift);
    a.set(LONG, MachineCode.TAIL, (1L << behind(cols, shift)) - 1);
    for (int lane = 0; lane < 16; lane++) {
      a.set(
          ValueLayout.JAVA_INT,
          MachineCode.ROTATION + 4L * lane,
          (weights.turned(lane) + shift / 2) % 16);
    }
    a.set(LONG, MachineCode.SUMS, sums.address());
    a.set(LONG, MachineCode.TOKENS, tokens);
    a.set(LONG, MachineCode.Y, y);
    a.set(LONG, MachineCode.Y_STRIDE, 4L * yStride);
    a.set(LONG, MachineCode.W_STEP, weights.stepBytes);
  }

  /** Steps of rows of W that are multiplied by all tokens before the next ones. */
  private static int piece(Weights weights, int tokens) {
    if (tokens <= MachineCode.FEWEST || weights != Weights.BFLOAT16) {
      return Integer.MAX_VALUE;
    }
    return tokens <= SOME
        ? Math.max(SHORTEST_PIECE, X_OF_PIECE / (tokens * weights.xStepBytes))
        : LONG_PIECE;
  }

  private static long rowBytes(Weights weights, int cols) {
    return weights == Weights.BFLOAT16
        ? 2L * cols
        : (long) cols / MachineCode.STEP * weights.stepBytes;
  }

  /**
   * Elements from the beginning of a cache line to that of each row of W; 0 where rows lie
   * differently, or between two pairs of elements.
   */
  private static int shift(Weights weights, Matrix w) {
    int bytes = (int) (w.data().address() % ALIGNMENT);
    return weights == Weights.BFLOAT16 && w.cols() % MachineCode.STEP == 0 && bytes % 4 == 0
        ? bytes / 2
        : 0;
  }

  /** Elements behind the last whole step. */
  private static int behind(int cols, int shift) {
    return shift > 0 ? shift : cols % MachineCode.STEP;
  }

  /** Bytes of a packed row of x. */
  private static long xBytes(Weights weights, int cols, int shift) {
    return (long) ceilDiv(cols + shift, MachineCode.STEP) * weights.xStepBytes;
  }

  /** Puts x where tiles read it, and the table of tiles. */
  private void pack(
      Workers workers,
      MemorySegment x,
      int fromToken,
      int tokens,
      int cols,
      Weights weights,
      int shift) {
    long xBytes = xBytes(weights, cols, shift);
    int tilesOfBlock = tiles(TOKENS_OF_BLOCK);
    int count = ceilDiv(tokens, TOKENS_OF_BLOCK) * tilesOfBlock;
    reserve(tokens * xBytes, count);
    MemorySegment packing = function(code.packing(weights));
    Workers.Task packTile =
        (task, worker) -> {
          int block = task / tilesOfBlock * TOKENS_OF_BLOCK;
          int tokensOfBlock = Math.min(TOKENS_OF_BLOCK, tokens - block);
          int tile = task % tilesOfBlock;
          if (tile >= tiles(tokensOfBlock)) {
            return;
          }
          int first = firstOfTile(tokensOfBlock, tile);
          int width = firstOfTile(tokensOfBlock, tile + 1) - first;
          long to = packed.address() + (block + first) * xBytes;
          long at = (long) task * MachineCode.TILE_BYTES;
          tiles.set(
              LONG,
              at + MachineCode.TILE_CODE,
              memory.address() + code.tile(weights, width, ahead(weights, tokensOfBlock, tile)));
          tiles.set(LONG, at + MachineCode.TILE_X, to);
          tiles.set(LONG, at + MachineCode.TILE_X_STEP, (long) width * weights.xStepBytes);
          tiles.set(LONG, at + MachineCode.TILE_SUMS, (long) first * MachineCode.SUMS_OF_TOKEN);
          pack(
              scratch(worker).packing,
              packing,
              x.address() + 4L * (fromToken + block + first) * cols,
              width,
              cols,
              shift,
              weights,
              to,
              (long) width * weights.xStepBytes);
        };
    int tasks = tokens <= TOKENS_OF_BLOCK ? tiles(tokens) : count;
    run(workers, tasks, (long) tokens * cols, packTile);
  }

  private void pack(
      MemorySegment a,
      MemorySegment packing,
      long from,
      int tokens,
      int cols,
      int shift,
      Weights weights,
      long to,
      long stride) {
    int tail = behind(cols, shift);
    a.set(LONG, MachineCode.SOURCE, from - 4L * shift);
    a.set(LONG, MachineCode.HEAD_LOW, -1L << Math.min(16, shift) & 0xffff);
    a.set(LONG, MachineCode.HEAD_HIGH, -1L << Math.max(0, shift - 16) & 0xffff);
    a.set(LONG, MachineCode.SOURCE_STRIDE, 4L * cols);
    a.set(LONG, MachineCode.PACKED_TOKENS, tokens);
    a.set(LONG, MachineCode.PACKED_STRIDE, stride);
    a.set(LONG, MachineCode.TARGET, to);
    a.set(LONG, MachineCode.PACKED_STEPS, cols / MachineCode.STEP);
    a.set(LONG, MachineCode.TAIL_LOW, (1L << Math.min(16, tail)) - 1);
    a.set(LONG, MachineCode.TAIL_HIGH, (1L << Math.max(0, tail - 16)) - 1);
    for (int lane = 0; lane < 16; lane++) {
      a.set(ValueLayout.JAVA_INT, MachineCode.ORDER + 4L * lane, weights.turned(lane));
    }
    call(packing, a);
  }

  /**
   * {@inheritDoc}
   *
   * <p>Weights that bfloat16 can hold get the bits that they have in a product; others, edited
   * ones, are multiplied in float32.
   */
  @Override
  public void column(
      MemorySegment x,
      int fromToken,
      int toToken,
      float[] weights,
      boolean rounded,
      MemorySegment y,
      int stride,
      int column) {
    int cols = weights.length;
    if (!bfloat16 || !rounded || cols == 0 || !x.isNative() || !y.isNative() || !fits(weights)) {
      rest.column(x, fromToken, toToken, weights, rounded, y, stride, column);
      return;
    }
    if (fromToken >= toToken) {
      return;
    }
    Objects.checkFromIndexSize(0, 4L * toToken * cols, x.byteSize());
    Objects.checkFromIndexSize(0, 4 * ((toToken - 1L) * stride + column + 1), y.byteSize());
    try (Arena local = Arena.ofConfined()) {
      int most = MachineCode.MOST_TOKENS;
      Scratch s = Scratch.allocate(local, most);
      MemorySegment row = local.allocate(2L * cols, ALIGNMENT);
      for (int k = 0; k < cols; k++) {
        row.setAtIndex(BFLOAT16, k, (short) (Float.floatToRawIntBits(weights[k]) >>> 16));
      }
      MemorySegment in = local.allocate(most * xBytes(Weights.BFLOAT16, cols, 0), ALIGNMENT);
      MemorySegment tile = local.allocate(MachineCode.TILE_BYTES, ALIGNMENT);
      MemorySegment packing = function(code.packing(Weights.BFLOAT16));
      for (int token = fromToken; token < toToken; token += most) {
        int count = Math.min(most, toToken - token);
        pack(
            s.packing,
            packing,
            x.address() + 4L * token * cols,
            count,
            cols,
            0,
            Weights.BFLOAT16,
            in.address(),
            (long) count * Weights.BFLOAT16.xStepBytes);
        tile.set(
            LONG,
            MachineCode.TILE_CODE,
            memory.address() + code.tile(Weights.BFLOAT16, count, Ahead.NONE));
        tile.set(LONG, MachineCode.TILE_X, in.address());
        tile.set(LONG, MachineCode.TILE_X_STEP, (long) count * Weights.BFLOAT16.xStepBytes);
        multiply(
            s,
            Weights.BFLOAT16,
            row.address(),
            1,
            cols,
            0,
            tile.address(),
            count,
            y.address() + 4 * ((long) token * stride + column),
            stride);
      }
    }
  }

  private static boolean fits(float[] weights) {
    for (float w : weights) {
      if ((Float.floatToRawIntBits(w) & 0xffff) != 0) {
        return false;
      }
    }
    return true;
  }

  @Override
  public boolean gate(
      Workers workers, Activation activation, MemorySegment gate, MemorySegment up, long count) {
    return rest.gate(workers, activation, gate, up, count);
  }

  @Override
  public Optional<AttentionProducts> attention() {
    return rest.attention();
  }

  @Override
  public void close() {
    memory.close();
    arena.close();
    packedArena.close();
    rest.close();
  }

  private Scratch scratch(int worker) {
    if (scratch[worker] == null) {
      scratch[worker] = Scratch.allocate(arena, TOKENS_OF_BLOCK);
    }
    return scratch[worker];
  }

  private MemorySegment function(int offset) {
    return MemorySegment.ofAddress(memory.address() + offset);
  }

  private void call(MemorySegment function, MemorySegment arguments) {
    try {
      call.invokeExact(function, arguments.address());
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable t) {
      throw new IllegalStateException(t);
    }
  }

  /** Spread over two tiles where there are as many, so that memory is never idle. */
  private static Ahead ahead(Weights weights, int tokens, int tile) {
    int tiles = tiles(tokens);
    if (tile > 1 || weights == Weights.BFLOAT16 && tokens <= MachineCode.FEWEST) {
      return Ahead.NONE; // the processor reads ahead in whole rows by itself
    }
    if (tiles == 1) {
      return Ahead.ALL;
    }
    return tile == 0 ? Ahead.FIRST_TWO : Ahead.LAST_TWO;
  }

  /** As few as there can be, of sizes that differ by at most one. */
  private static int tiles(int tokens) {
    return ceilDiv(tokens, MachineCode.MOST_TOKENS);
  }

  private static int firstOfTile(int tokens, int tile) {
    int tiles = tiles(tokens);
    return tile * (tokens / tiles) + Math.min(tile, tokens % tiles);
  }

  /** Whole groups; fewer than the most where that leaves a thread without work. */
  private static int rowsOfTask(int rows, int threads) {
    int whole = MachineCode.GROUP * MachineCode.ROWS;
    return Math.clamp(ceilDiv(rows, 8 * threads * whole) * (long) whole, whole, MOST_ROWS_OF_TASK);
  }

  private static int ceilDiv(int a, int b) {
    return (a + b - 1) / b;
  }
}
