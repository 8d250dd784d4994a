package io.superweight.cuda;

import io.superweight.InputException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Products by cuBLASLt (cublasLt.h). For each shape the first algorithm that its heuristic names is
 * taken, with a fixed workspace and no atomic sums: the same shape on the same card with the same
 * library gives the same bits.
 *
 * <p>The heuristic's first is not always the fastest. Where a large product comes again and again,
 * those behind it are measured once, and one that is faster and gives the same bits takes its
 * place.
 */
final class CublasLt implements AutoCloseable {
  /** cudaDataType. */
  static final int F32 = 0;

  static final int BF16 = 14;
  static final int I8 = 3;
  static final int I32 = 10;

  private static final int COMPUTE_F32 = 68;
  private static final int COMPUTE_I32 = 72;
  private static final int TRANSPOSED = 1;
  private static final int DESCRIPTION_TRANSPOSE_A = 3;
  private static final int PREFERENCE_WORKSPACE = 1;
  private static final int PREFERENCE_REDUCTION = 3;
  private static final int PREFERENCE_ALIGNMENT = 5;

  /** Partial sums in a buffer that is added up in order: of the compute or of the output type. */
  private static final int REDUCTIONS_IN_ORDER = 2 | 4;

  /** cublasLtMatmulAlgoConfigAttributes_t: into how many parts the inner dimension is split. */
  private static final int ALGORITHM_SPLIT = 2;

  /** Algorithms that are looked at. */
  private static final int CANDIDATES = 6;

  /** Products of a shape before they are measured, which takes some thirty more. */
  private static final int CALLS_BEFORE_TRIALS = 100;

  /** Rows of x of which they are a multiple: texts of a length, whereas requests differ. */
  private static final int ROWS_WORTH_TRIALS = 128;

  /** Multiplications below which they are not. */
  private static final double LEAST_WORTH_TRIALS = 1e10;

  /** Bytes of a result above which they are not. */
  private static final long MOST_OF_TRIALS = 1L << 29;

  /** Times that each is measured. */
  private static final int ROUNDS = 5;

  /** How much faster another one must be. */
  private static final double WORTH_CHANGING = 0.99;

  /** sizeof(cublasLtMatmulHeuristicResult_t), which begins with the algorithm. */
  private static final long RESULT_BYTES = 96;

  static final long WORKSPACE = 64L << 20;

  private final NativeFunction create;
  private final NativeFunction destroy;
  private final NativeFunction describe;
  private final NativeFunction setDescription;
  private final NativeFunction destroyDescription;
  private final NativeFunction layout;
  private final NativeFunction destroyLayout;
  private final NativeFunction createPreference;
  private final NativeFunction setPreference;
  private final NativeFunction destroyPreference;
  private final NativeFunction heuristic;
  private final NativeFunction multiply;
  private final NativeFunction configuration;
  private final Trials trials;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment one = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1);
  private final MemorySegment zero = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 0); // an int's, too
  private final MemorySegment oneOfIntegers = arena.allocateFrom(ValueLayout.JAVA_INT, 1);
  private final Map<Shape, Plan> plans = new HashMap<>();
  private final long handle;

  /**
   * {@code y[m, n] = Σ x[m, k] · W[n, k]}.
   *
   * @param transposed whether W is stored as {@code [k, n]}
   * @param stride elements from one row of y to the next
   * @param alignment bytes that the addresses of W, x and y are multiples of, the least of the
   *     three
   */
  private record Shape(
      boolean transposed, int m, int n, int k, long stride, int in, int out, int alignment) {}

  /** How a shape is multiplied. */
  private static final class Plan {
    final long description;
    final long a;
    final long b;
    final long c;

    /** What the product is multiplied by. */
    final MemorySegment factor;

    /** The heuristic's, in its order; empty where the library has none. */
    final List<MemorySegment> candidates;

    MemorySegment algorithm;
    int calls;

    Plan(
        long description,
        long a,
        long b,
        long c,
        MemorySegment factor,
        List<MemorySegment> candidates) {
      this.description = description;
      this.a = a;
      this.b = b;
      this.c = c;
      this.factor = factor;
      this.candidates = candidates;
      this.algorithm = candidates.isEmpty() ? null : candidates.getFirst();
    }
  }

  /** What measuring needs of the device. */
  interface Trials {
    /** Room for a result; 0 where there is none. */
    long room(long bytes);

    void giveBack(long room);

    boolean same(long a, long b, long bytes);

    double milliseconds(Runnable work);
  }

  CublasLt(SymbolLookup library, Trials trials) {
    this.trials = trials;
    configuration = NativeFunction.of(library, "cublasLtMatmulAlgoConfigGetAttribute", 5);
    create = NativeFunction.of(library, "cublasLtCreate", 1);
    destroy = NativeFunction.of(library, "cublasLtDestroy", 1);
    describe = NativeFunction.of(library, "cublasLtMatmulDescCreate", 3);
    setDescription = NativeFunction.of(library, "cublasLtMatmulDescSetAttribute", 4);
    destroyDescription = NativeFunction.of(library, "cublasLtMatmulDescDestroy", 1);
    layout = NativeFunction.of(library, "cublasLtMatrixLayoutCreate", 5);
    destroyLayout = NativeFunction.of(library, "cublasLtMatrixLayoutDestroy", 1);
    createPreference = NativeFunction.of(library, "cublasLtMatmulPreferenceCreate", 1);
    setPreference = NativeFunction.of(library, "cublasLtMatmulPreferenceSetAttribute", 4);
    destroyPreference = NativeFunction.of(library, "cublasLtMatmulPreferenceDestroy", 1);
    heuristic = NativeFunction.of(library, "cublasLtMatmulAlgoGetHeuristic", 10);
    multiply = NativeFunction.of(library, "cublasLtMatmul", 16);
    handle = made("handle", create.call(slot().address()));
  }

  private MemorySegment slot;

  private MemorySegment slot() {
    if (slot == null) {
      slot = arena.allocate(ValueLayout.JAVA_LONG);
    }
    return slot;
  }

  private long made(String what, int code) {
    check(code, what);
    return slot().get(ValueLayout.JAVA_LONG, 0);
  }

  private static void check(int code, String what) {
    if (code != 0) {
      throw new InputException(
          InputException.Kind.DEVICE,
          "cuBLASLt failed (status "
              + code
              + ", "
              + what
              + "): look at nvidia-smi, then run it again, or compute with --device onednn");
    }
  }

  /**
   * @param w address of W, {@code in} the type of it and of x
   * @param added whether y is added to
   * @return false where the library has no algorithm for it, and nothing was done
   */
  boolean multiply(
      long w,
      boolean transposed,
      long x,
      int in,
      long y,
      int out,
      long stride,
      int m,
      int n,
      int k,
      boolean added,
      long workspace,
      long stream) {
    int alignment = (int) Math.min(256, Long.lowestOneBit(w | x | y | 256));
    Shape shape = new Shape(transposed, m, n, k, stride, in, out, alignment);
    Plan plan = plans.get(shape);
    if (plan == null) {
      plan = plan(shape);
      plans.put(shape, plan);
    }
    if (plan.algorithm == null) {
      return false;
    }
    plan.calls++;
    if (plan.calls == CALLS_BEFORE_TRIALS
        && plan.candidates.size() > 1
        && in == BF16
        && stride == n
        && m % ROWS_WORTH_TRIALS == 0
        && (double) m * n * k >= LEAST_WORTH_TRIALS) {
      measure(plan, shape, w, x, added, workspace, stream);
    }
    multiply(plan, plan.algorithm, w, x, y, added, workspace, stream);
    return true;
  }

  private void multiply(
      Plan plan,
      MemorySegment algorithm,
      long w,
      long x,
      long y,
      boolean added,
      long workspace,
      long stream) {
    check(
        multiply.call(
            handle,
            plan.description,
            plan.factor.address(),
            w,
            plan.a,
            x,
            plan.b,
            (added ? plan.factor : zero).address(),
            y,
            plan.c,
            y,
            plan.c,
            algorithm.address(),
            workspace,
            WORKSPACE,
            stream),
        "product");
  }

  /** Takes the fastest of those that give the bits of the first for the operands at hand. */
  private void measure(
      Plan plan, Shape s, long w, long x, boolean added, long workspace, long stream) {
    long bytes = (s.out == BF16 ? 2L : 4L) * s.m * s.n;
    long expected = bytes > MOST_OF_TRIALS ? 0 : trials.room(bytes);
    long got = expected == 0 ? 0 : trials.room(bytes);
    if (got != 0) {
      MemorySegment first = plan.algorithm;
      multiply(plan, first, w, x, expected, false, workspace, stream);
      Map<MemorySegment, Double> taken = new LinkedHashMap<>();
      for (MemorySegment candidate : plan.candidates) {
        multiply(plan, candidate, w, x, got, false, workspace, stream);
        if (trials.same(expected, got, bytes)) {
          taken.put(candidate, 0.0);
        }
      }
      for (int round = 0; round < ROUNDS; round++) { // in turns: the card's clock changes
        taken.replaceAll((candidate, sofar) ->
            sofar
                + trials.milliseconds(
                    () -> multiply(plan, candidate, w, x, got, added, workspace, stream)));
      }
      double best = taken.getOrDefault(first, Double.POSITIVE_INFINITY) * WORTH_CHANGING;
      for (Map.Entry<MemorySegment, Double> candidate : taken.entrySet()) {
        if (candidate.getValue() < best) {
          best = candidate.getValue();
          plan.algorithm = candidate.getKey();
        }
      }
    }
    for (long room : new long[] {expected, got}) {
      if (room != 0) {
        trials.giveBack(room);
      }
    }
  }

  /** In the library's columns: yᵀ[n, m] = op(W) · xᵀ[k, m]. */
  private Plan plan(Shape s) {
    long description =
        made(
            "product",
            s.in == I8
                ? describe.call(slot().address(), COMPUTE_I32, I32)
                : describe.call(slot().address(), COMPUTE_F32, F32));
    if (!s.transposed) {
      try (Arena local = Arena.ofConfined()) {
        MemorySegment value = local.allocateFrom(ValueLayout.JAVA_INT, TRANSPOSED);
        check(
            setDescription.call(description, DESCRIPTION_TRANSPOSE_A, value.address(), 4),
            "product");
      }
    }
    long a =
        s.transposed
            ? made("W", layout.call(slot().address(), s.in, s.n, s.k, s.n))
            : made("W", layout.call(slot().address(), s.in, s.k, s.n, s.k));
    long b = made("x", layout.call(slot().address(), s.in, s.k, s.m, s.k));
    long c = made("y", layout.call(slot().address(), s.out, s.n, s.m, s.stride));
    long preference = made("preference", createPreference.call(slot().address()));
    List<MemorySegment> candidates = new ArrayList<>();
    try (Arena local = Arena.ofConfined()) {
      MemorySegment bytes = local.allocateFrom(ValueLayout.JAVA_LONG, WORKSPACE);
      check(setPreference.call(preference, PREFERENCE_WORKSPACE, bytes.address(), 8), "workspace");
      MemorySegment mask = local.allocateFrom(ValueLayout.JAVA_INT, REDUCTIONS_IN_ORDER);
      check(setPreference.call(preference, PREFERENCE_REDUCTION, mask.address(), 4), "reduction");
      MemorySegment alignment = local.allocateFrom(ValueLayout.JAVA_INT, s.alignment);
      for (int matrix = 0; matrix < 4; matrix++) {
        check(
            setPreference.call(preference, PREFERENCE_ALIGNMENT + matrix, alignment.address(), 4),
            "alignment");
      }
      MemorySegment results = local.allocate(CANDIDATES * RESULT_BYTES, 8);
      MemorySegment count = local.allocate(ValueLayout.JAVA_INT);
      int code =
          heuristic.call(
              handle,
              description,
              a,
              b,
              c,
              c,
              preference,
              CANDIDATES,
              results.address(),
              count.address());
      for (int i = 0; code == 0 && i < count.get(ValueLayout.JAVA_INT, 0); i++) {
        MemorySegment result = results.asSlice(i * RESULT_BYTES, RESULT_BYTES);
        boolean splits = splits(result);
        if (result.get(ValueLayout.JAVA_INT, 72) == 0 && (i == 0 || !splits)) {
          candidates.add(arena.allocate(64, 8).copyFrom(result.asSlice(0, 64)));
        }
        if (i == 0 && splits) {
          break; // its bits are its own
        }
      }
    } finally {
      destroyPreference.call(preference);
    }
    return new Plan(description, a, b, c, s.in == I8 ? oneOfIntegers : one, candidates);
  }

  /** Whether the sum over the inner dimension is made of several sums. */
  private boolean splits(MemorySegment algorithm) {
    try (Arena local = Arena.ofConfined()) {
      MemorySegment value = local.allocate(ValueLayout.JAVA_INT);
      MemorySegment written = local.allocate(ValueLayout.JAVA_LONG);
      int code =
          configuration.call(
              algorithm.address(), ALGORITHM_SPLIT, value.address(), 4, written.address());
      return code != 0 || value.get(ValueLayout.JAVA_INT, 0) != 1;
    }
  }

  @Override
  public void close() {
    for (Plan plan : plans.values()) {
      destroyDescription.call(plan.description);
      destroyLayout.call(plan.a);
      destroyLayout.call(plan.b);
      destroyLayout.call(plan.c);
    }
    destroy.call(handle);
    arena.close();
  }
}
