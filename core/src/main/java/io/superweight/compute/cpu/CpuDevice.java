package io.superweight.compute.cpu;

import io.superweight.compute.Activation;
import io.superweight.compute.AttentionSpec;
import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.IntegerProducts;
import io.superweight.compute.LogitBlock;
import io.superweight.compute.Matrix;
import io.superweight.compute.Operands;
import io.superweight.compute.Precision;
import io.superweight.compute.cpu.x86.AssembledProduct;
import io.superweight.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The pure-Java device: weights are read where they lie, products and sums are float32.
 *
 * <p>What is bit-stable: every element of a result is computed by one thread in an order that
 * depends on the shapes alone, so the bits are the same for any number of threads. An element of a
 * product depends on its row of x and its row of W only: not on the number of tokens, not on the
 * other rows; {@link #matmulColumn} gives the bits that {@link #matmul} gives for the same weights.
 */
public final class CpuDevice implements Device {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

  /** Elements below which an element-wise operation is not worth a second thread. */
  private static final long GRAIN = 16_384;

  static final String VECTOR_MODULE = "jdk.incubator.vector";

  /** Elements of all rows up to which an operation is little work. */
  private static final long LITTLE = 1 << 18;

  /** Queries times keys of a sequence up to which attention is little work. */
  private static final int FEW_PAIRS = 1024;

  /** Elements behind which vector code has been compiled soon, and goes over them once. */
  private static final int MANY = 1 << 20;

  private final String name;
  private final Kernels kernels;

  /**
   * For little work: vector code that the compiler has not seen yet takes a hundred times as long
   * as plain loops, and a pass of a short prompt is over before it has.
   */
  private final Kernels little;

  private final Product product;

  /** Null where the kernels attend. */
  private final BlockedAttention blocked;

  private final Precision precision;
  private final Workers workers;
  private final IntegerProducts integers;

  CpuDevice(
      String name,
      Kernels kernels,
      Kernels little,
      Product product,
      Precision precision,
      int threads) {
    this.name = name;
    this.kernels = kernels;
    this.little = little;
    this.product = product;
    this.blocked =
        product.attention().map(p -> new BlockedAttention(kernels, p, threads)).orElse(null);
    this.precision = precision;
    this.workers = new Workers(threads);
    IntegerKernels around =
        kernels instanceof ScalarKernels ? new IntegerKernels() : IntegerKernels.create();
    this.integers =
        new CpuIntegerProducts(
            workers, product.integers().orElseGet(() -> new FloatSums(product, around)), around);
  }

  /** A device in float32 that uses all processors. */
  public static CpuDevice create() {
    return create(Runtime.getRuntime().availableProcessors());
  }

  /** A device in float32 that uses so many threads, the calling one among them. */
  public static CpuDevice create(int threads) {
    return create(threads, Precision.F32);
  }

  /** The device that is Java throughout. */
  public static CpuDevice create(int threads, Precision precision) {
    Kernels kernels = kernels();
    return new CpuDevice("java", kernels, kernels, product(threads), precision, threads);
  }

  /**
   * A device whose products somebody else computes.
   *
   * @param name first word of its description
   * @param product closed with the device
   */
  public static CpuDevice with(String name, Product product, Precision precision, int threads) {
    return new CpuDevice(name, kernels(), new ScalarKernels(), product, precision, threads);
  }

  /** The products of the device that needs no library: machine code where there is any. */
  public static Product product(int threads) {
    Product java = javaProduct(threads);
    return AssembledProduct.before(java, java.lanes(), threads);
  }

  /** Products in Java alone. */
  static Product javaProduct(int threads) {
    return vectorModule()
        ? make(Product.class, "VectorProduct", new Class<?>[] {int.class}, threads)
        : new ScalarProduct();
  }

  static WeightReader weightReader() {
    return vectorModule()
        ? make(WeightReader.class, "VectorWeightReader", new Class<?>[0])
        : (w, row, out) -> RowReader.read(w, row, 0, w.cols(), out, 0);
  }

  static IntegerKernels integerKernels() {
    return vectorModule()
        ? make(IntegerKernels.class, "VectorIntegerKernels", new Class<?>[0])
        : new IntegerKernels();
  }

  private static Kernels kernels() {
    return vectorModule()
        ? make(Kernels.class, "VectorKernels", new Class<?>[0])
        : new ScalarKernels();
  }

  private static boolean vectorModule() {
    return ModuleLayer.boot().findModule(VECTOR_MODULE).isPresent();
  }

  /** By name, so that nothing here links a class of a module that may be missing. */
  private static <T> T make(Class<T> as, String name, Class<?>[] types, Object... arguments) {
    try {
      return as.cast(
          Class.forName(CpuDevice.class.getPackageName() + "." + name)
              .getDeclaredConstructor(types)
              .newInstance(arguments));
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("the vector kernels cannot be loaded", e);
    }
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public String description() {
    return name
        + ", "
        + product.description()
        + (precision == Precision.BF16 ? ", bf16" : ", f32")
        + ", "
        + workers.threads()
        + (workers.threads() == 1 ? " thread" : " threads");
  }

  @Override
  public Precision precision() {
    return precision;
  }

  @Override
  public Optional<String> notice() {
    return product.notice();
  }

  @Override
  public Scope scope() {
    return new ArenaScope(Arena.ofShared());
  }

  private record ArenaScope(Arena arena) implements Scope {
    /** A cache line, and the widest vector. */
    private static final long ALIGNMENT = 64;

    @Override
    public Buffer allocate(int rows, int cols) {
      return new Buffer(arena.allocate(4L * rows * cols, ALIGNMENT), rows, cols);
    }

    @Override
    public Buffer upload(float[] values, int cols) {
      Operands.requireRows(values, cols);
      Buffer buffer = allocate(values.length / cols, cols);
      MemorySegment.copy(values, 0, buffer.data(), FLOAT, 0, values.length);
      return buffer;
    }

    @Override
    public void close() {
      arena.close();
    }
  }

  @Override
  public MemorySegment host(Buffer buffer) {
    return buffer.data();
  }

  @Override
  public Optional<IntegerProducts> integerProducts() {
    return Optional.of(integers);
  }

  @Override
  public void matmul(Buffer x, Matrix w, Buffer y) {
    Operands.requireProduct(x, w, y);
    product.multiply(workers, x.data(), x.rows(), w, precision.rounds(w.dtype()), y.data());
  }

  @Override
  public float[] row(Matrix w, int row) {
    float[] values = new float[w.cols()];
    RowReader.read(w, row, 0, values.length, values, 0);
    return values;
  }

  @Override
  public void matmulColumn(Buffer x, Matrix w, float[] weights, Buffer y, int column) {
    Operands.requireColumn(x, w, weights, y, column);
    int tokensOfTask = (int) Math.max(1, GRAIN / Math.max(1, weights.length));
    workers.run(
        ceilDiv(x.rows(), tokensOfTask),
        (task, worker) -> {
          int from = task * tokensOfTask;
          int to = Math.min(x.rows(), from + tokensOfTask);
          product.column(
              x.data(), from, to, weights, precision.rounds(w.dtype()), y.data(), y.cols(), column);
        });
  }

  @Override
  public void decode(Matrix w, Buffer out) {
    Operands.requireDecoded(w, out);
    int rowsOfTask = (int) Math.max(1, GRAIN / Math.max(1, w.cols()));
    workers.run(
        ceilDiv(w.rows(), rowsOfTask),
        (task, worker) -> {
          WeightReader reader = WeightReader.create();
          float[] row = new float[w.cols() + WeightReader.SLACK];
          int end = Math.min(w.rows(), (task + 1) * rowsOfTask);
          for (int r = task * rowsOfTask; r < end; r++) {
            reader.read(w, r, row);
            MemorySegment.copy(row, 0, out.data(), FLOAT, 4L * r * w.cols(), w.cols());
          }
        });
  }

  @Override
  public void matmul(Buffer x, Buffer w, boolean rounded, Buffer y) {
    Matrix matrix = new Matrix(DType.F32, w.data(), w.rows(), w.cols(), false);
    if (!rounded) {
      matmul(x, matrix, y);
      return;
    }
    try (Scope local = scope()) {
      Buffer in = local.allocate(x.rows(), x.cols());
      eachRow(
          x.rows(),
          x.cols(),
          m -> {
            MemorySegment from = row(x, m);
            MemorySegment to = row(in, m);
            for (int k = 0; k < x.cols(); k++) {
              to.setAtIndex(FLOAT, k, Bfloat16.round(from.getAtIndex(FLOAT, k)));
            }
          });
      matmul(in, matrix, y);
    }
  }

  @Override
  public void embed(Matrix table, int[] ids, Buffer out) {
    Operands.requireEmbedded(table, ids, out);
    eachRow(
        ids.length,
        out.cols(),
        i ->
            MemorySegment.copy(
                row(table, ids[i]), 0, out.data(), FLOAT, 4L * i * out.cols(), out.cols()));
  }

  @Override
  public void addBias(Buffer y, Buffer bias) {
    Operands.requireBias(y, bias);
    eachRow(y.rows(), y.cols(), m -> kernels(y).add(row(y, m), bias.data(), 1, y.cols()));
  }

  @Override
  public void add(Buffer y, Buffer x, float factor) {
    Operands.requireSame(x, y);
    eachPiece(
        y,
        (from, count) -> kernels(y).add(part(y, from, count), part(x, from, count), factor, count));
  }

  @Override
  public void scale(Buffer x, float factor) {
    eachPiece(x, (from, count) -> kernels(x).scale(part(x, from, count), factor, count));
  }

  @Override
  public void clamp(Buffer x, float limit) {
    eachPiece(x, (from, count) -> kernels(x).clamp(part(x, from, count), limit, count));
  }

  @Override
  public void softcap(Buffer x, float cap) {
    eachPiece(x, (from, count) -> kernels(x).softcap(part(x, from, count), cap, count));
  }

  @Override
  public void copy(Buffer from, Buffer to) {
    Operands.requireSame(from, to);
    MemorySegment.copy(from.data(), 0, to.data(), 0, from.data().byteSize());
  }

  @Override
  public void copyColumns(Buffer from, int fromColumn, Buffer to, int toColumn, int count) {
    Operands.requireColumns(from, fromColumn, to, toColumn, count);
    eachRow(
        from.rows(),
        count,
        m ->
            MemorySegment.copy(
                from.data(),
                4 * ((long) m * from.cols() + fromColumn),
                to.data(),
                4 * ((long) m * to.cols() + toColumn),
                4L * count));
  }

  @Override
  public void gatherRows(Buffer x, int[] rows, Buffer out) {
    Operands.requireGathered(x, rows, out);
    for (int i = 0; i < rows.length; i++) {
      MemorySegment.copy(row(x, rows[i]), 0, row(out, i), 0, 4L * x.cols());
    }
  }

  @Override
  public void scatterAddRows(Buffer x, int[] rows, float[] factors, Buffer y) {
    Operands.requireScattered(x, rows, factors, y);
    for (int i = 0; i < rows.length; i++) {
      kernels.add(row(y, rows[i]), row(x, i), factors[i], x.cols());
    }
  }

  @Override
  public void rmsNorm(Buffer x, Buffer weight, float offset, float epsilon, Buffer y) {
    Operands.requireNorm(x, y, weight);
    eachRow(
        x.rows(),
        x.cols(),
        m ->
            kernels(x)
                .rmsNorm(row(x, m), dataOrNull(weight), offset, epsilon, row(y, m), x.cols()));
  }

  @Override
  public void layerNorm(Buffer x, Buffer weight, Buffer bias, float epsilon, Buffer y) {
    Operands.requireNorm(x, y, weight, bias);
    eachRow(
        x.rows(),
        x.cols(),
        m ->
            kernels(x)
                .layerNorm(
                    row(x, m), dataOrNull(weight), dataOrNull(bias), epsilon, row(y, m), x.cols()));
  }

  @Override
  public void rope(
      Buffer x, int headDim, Buffer cos, Buffer sin, int[] positions, boolean interleaved) {
    int pairs = cos.cols();
    Operands.requireRope(x, headDim, cos, sin, positions);
    eachRow(
        x.rows(),
        x.cols(),
        m ->
            kernels(x)
                .rope(
                    row(x, m),
                    x.cols(),
                    headDim,
                    row(cos, positions[m]),
                    row(sin, positions[m]),
                    pairs,
                    interleaved));
  }

  private record AttentionTask(
      AttentionSpec.Span span, int head, int fromQuery, int queries, boolean inBlocks) {}

  @Override
  public void attention(
      Buffer q,
      Buffer k,
      Buffer v,
      Buffer out,
      List<AttentionSpec.Span> spans,
      AttentionSpec spec) {
    int d = spec.headDim();
    Operands.requireAttention(q, k, v, out, spans, spec);
    boolean few =
        spans.stream()
            .allMatch(s -> s.queryCount() > 1 && (long) s.queryCount() * s.keyCount() <= FEW_PAIRS);
    Kernels attending = few ? little : kernels;
    List<AttentionTask> tasks = new ArrayList<>();
    for (AttentionSpec.Span span : spans) {
      boolean inBlocks = blocked != null && span.queryCount() >= BlockedAttention.FEWEST_QUERIES;
      int queries =
          inBlocks ? BlockedAttention.QUERIES : attending.queriesOfTask(d, span.queryCount());
      // The last queries see the most keys: first, so that no thread is left with them.
      for (int from = (span.queryCount() - 1) / queries * queries; from >= 0; from -= queries) {
        for (int head = 0; head < spec.heads(); head++) {
          tasks.add(
              new AttentionTask(
                  span, head, from, Math.min(queries, span.queryCount() - from), inBlocks));
        }
      }
    }
    // A value that a query does not see has the weight 0, but 0 · inf is NaN.
    boolean finite = spans.stream().allMatch(s -> s.queryCount() == 1) || finite(v);
    workers.run(
        tasks.size(),
        (index, worker) -> {
          AttentionTask task = tasks.get(index);
          AttentionSpec.Span span = task.span();
          long queryAt =
              4 * ((long) (span.queryRow() + task.fromQuery()) * q.cols() + task.head() * d);
          int keyHead = task.head() * spec.keyValueHeads() / spec.heads();
          long keyAt = 4 * ((long) span.keyRow() * k.cols() + keyHead * d);
          MemorySegment queries = q.data().asSlice(queryAt);
          MemorySegment keys = k.data().asSlice(keyAt);
          MemorySegment values = v.data().asSlice(keyAt);
          MemorySegment to = out.data().asSlice(queryAt);
          int position = span.keyCount() - span.queryCount() + task.fromQuery();
          if (!finite && hidesInfinite(v, span.keyRow(), keyHead * d, task, position, spec)) {
            for (int i = 0; i < task.queries(); i++) {
              MemorySegment query = queries.asSlice(4L * i * q.cols());
              MemorySegment one = to.asSlice(4L * i * q.cols());
              attending.attention(
                  query, keys, values, one, q.cols(), k.cols(), 1, position + i, spec);
            }
          } else if (task.inBlocks()) {
            blocked.attention(
                worker,
                queries,
                keys,
                values,
                to,
                q.cols(),
                k.cols(),
                task.queries(),
                position,
                spec);
          } else {
            attending.attention(
                queries, keys, values, to, q.cols(), k.cols(), task.queries(), position, spec);
          }
        });
  }

  private boolean finite(Buffer x) {
    AtomicBoolean finite = new AtomicBoolean(true);
    eachRow(
        x.rows(),
        x.cols(),
        m -> {
          if (!finite(x.data(), (long) m * x.cols(), x.cols())) {
            finite.set(false);
          }
        });
    return finite.get();
  }

  private static boolean finite(MemorySegment x, long from, int count) {
    int largest = 0; // of the bits without the sign, which order as the numbers do
    for (int i = 0; i < count; i++) {
      largest = Math.max(largest, x.getAtIndex(ValueLayout.JAVA_INT, from + i) & 0x7fffffff);
    }
    return largest < 0x7f800000;
  }

  /**
   * Whether a value that is not finite is among those that a task multiplies, but not seen by all
   * of its queries.
   */
  private static boolean hidesInfinite(
      Buffer v, int keyRow, int column, AttentionTask task, int position, AttentionSpec spec) {
    int last = position + task.queries() - 1;
    int window = spec.window();
    int firstSeen = Math.max(0, position - window + 1);
    int from =
        window == 0 ? position + 1 : firstSeen / BlockedAttention.STEP * BlockedAttention.STEP;
    for (int key = from; key <= last; key++) {
      boolean seenByAll = key <= position && (window == 0 || key > last - window);
      long at = (long) (keyRow + key) * v.cols() + column;
      if (!seenByAll && !finite(v.data(), at, spec.headDim())) {
        return true;
      }
    }
    return false;
  }

  @Override
  public void activate(Activation activation, Buffer x) {
    eachPiece(x, (from, count) -> kernels(x).activate(activation, part(x, from, count), count));
  }

  @Override
  public void gate(Activation activation, Buffer gate, Buffer up) {
    Operands.requireSame(gate, up);
    long elements = (long) gate.rows() * gate.cols();
    boolean ours = elements > MANY && !(kernels instanceof ScalarKernels);
    if (!ours && product.gate(workers, activation, gate.data(), up.data(), elements)) {
      return;
    }
    // One token: a text is being written, and many follow.
    Kernels chosen = gate.rows() == 1 ? kernels : kernels(gate);
    eachPiece(
        gate,
        (from, count) ->
            chosen.gate(activation, part(gate, from, count), part(up, from, count), count));
  }

  @Override
  public double[] logProbabilities(Buffer logits, int[] targets) {
    Operands.requireTargets(logits, targets);
    double[] result = new double[targets.length];
    eachRow(
        logits.rows(),
        logits.cols(),
        m -> {
          MemorySegment x = row(logits, m);
          result[m] = x.getAtIndex(FLOAT, targets[m]) - kernels.logSumExp(x, logits.cols());
        });
    return result;
  }

  @Override
  public double[] divergence(Buffer logitsP, Buffer logitsQ) {
    Operands.requireSame(logitsP, logitsQ);
    double[] result = new double[logitsP.rows()];
    eachRow(
        logitsP.rows(),
        logitsP.cols(),
        m -> result[m] = kernels.divergence(row(logitsP, m), row(logitsQ, m), logitsP.cols()));
    return result;
  }

  @Override
  public LogitBlock logitBlock(Buffer logits, int[] targets) {
    Operands.requireTargetsOrNone(logits, targets);
    int rows = logits.rows();
    LogitBlock block =
        new LogitBlock(new double[rows], new int[rows], new float[rows], new float[rows]);
    eachRow(
        rows,
        logits.cols(),
        m -> {
          MemorySegment x = row(logits, m);
          int best = kernels.argMax(x, logits.cols());
          block.logSumExp()[m] = kernels.logSumExp(x, logits.cols());
          block.argMax()[m] = best;
          block.largest()[m] = x.getAtIndex(FLOAT, best);
          block.target()[m] = targets[m] < 0 ? Float.NaN : x.getAtIndex(FLOAT, targets[m]);
        });
    return block;
  }

  @Override
  public int[] argMax(Buffer x) {
    Operands.requireValues(x);
    int[] result = new int[x.rows()];
    eachRow(x.rows(), x.cols(), m -> result[m] = kernels.argMax(row(x, m), x.cols()));
    return result;
  }

  /** Ends the threads. */
  @Override
  public void close() {
    workers.close();
    if (blocked != null) {
      blocked.close();
    }
    product.close();
  }

  /** The kernels for an operation on all of x: a function of its shape alone. */
  private Kernels kernels(Buffer x) {
    return (long) x.rows() * x.cols() <= LITTLE ? little : kernels;
  }

  private interface RowWork {
    void run(int row);
  }

  private interface PieceWork {
    void run(long from, long count);
  }

  /** Runs {@code work} on each row; as many rows make a task as make it worth one. */
  private void eachRow(int rows, int cols, RowWork work) {
    int rowsOfTask = (int) Math.max(1, GRAIN / Math.max(1, cols));
    workers.run(
        ceilDiv(rows, rowsOfTask),
        (task, worker) -> {
          int end = Math.min(rows, (task + 1) * rowsOfTask);
          for (int m = task * rowsOfTask; m < end; m++) {
            work.run(m);
          }
        });
  }

  /** Runs {@code work} on pieces of all elements. */
  private void eachPiece(Buffer x, PieceWork work) {
    long elements = (long) x.rows() * x.cols();
    workers.run(
        Math.toIntExact((elements + GRAIN - 1) / GRAIN),
        (task, worker) -> {
          long from = task * GRAIN;
          work.run(from, Math.min(GRAIN, elements - from));
        });
  }

  private static MemorySegment row(Buffer x, int row) {
    return x.data().asSlice(4L * row * x.cols(), 4L * x.cols());
  }

  private static MemorySegment part(Buffer x, long from, long count) {
    return x.data().asSlice(4 * from, 4 * count);
  }

  private static MemorySegment dataOrNull(Buffer x) {
    return x == null ? null : x.data();
  }

  private static int ceilDiv(int a, int b) {
    return (a + b - 1) / b;
  }
}
