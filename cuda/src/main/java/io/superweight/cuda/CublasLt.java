package io.superweight.cuda;

import io.superweight.InputException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;

/**
 * Products by cuBLASLt (cublasLt.h). For each shape the first algorithm that its heuristic names is
 * taken, with a fixed workspace and no atomic sums: the same shape on the same card with the same
 * library gives the same bits.
 */
final class CublasLt implements AutoCloseable {
  /** cudaDataType. */
  static final int F32 = 0;

  static final int BF16 = 14;

  private static final int COMPUTE_F32 = 68;
  private static final int TRANSPOSED = 1;
  private static final int DESCRIPTION_TRANSPOSE_A = 3;
  private static final int PREFERENCE_WORKSPACE = 1;
  private static final int PREFERENCE_REDUCTION = 3;
  private static final int PREFERENCE_ALIGNMENT = 5;

  /** Partial sums in a buffer that is added up in order: of the compute or of the output type. */
  private static final int REDUCTIONS_IN_ORDER = 2 | 4;

  /** sizeof(cublasLtMatmulHeuristicResult_t), which begins with the algorithm. */
  private static final int RESULT_BYTES = 96;

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
  private final Arena arena = Arena.ofShared();
  private final MemorySegment one = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1);
  private final MemorySegment zero = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 0);
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

  /** Null algorithm: the library has none. */
  private record Plan(long description, long a, long b, long c, MemorySegment algorithm) {}

  CublasLt(SymbolLookup library) {
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
    check(
        multiply.call(
            handle,
            plan.description,
            one.address(),
            w,
            plan.a,
            x,
            plan.b,
            (added ? one : zero).address(),
            y,
            plan.c,
            y,
            plan.c,
            plan.algorithm.address(),
            workspace,
            WORKSPACE,
            stream),
        "product of " + m + " × " + k + " by " + n);
    return true;
  }

  /** In the library's columns: yᵀ[n, m] = op(W) · xᵀ[k, m]. */
  private Plan plan(Shape s) {
    long description = made("product", describe.call(slot().address(), COMPUTE_F32, F32));
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
    MemorySegment algorithm = null;
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
      MemorySegment result = local.allocate(RESULT_BYTES, 8);
      MemorySegment count = local.allocate(ValueLayout.JAVA_INT);
      int code =
          heuristic.call(
              handle, description, a, b, c, c, preference, 1, result.address(), count.address());
      if (code == 0
          && count.get(ValueLayout.JAVA_INT, 0) > 0
          && result.get(ValueLayout.JAVA_INT, 72) == 0) {
        algorithm = arena.allocate(64, 8).copyFrom(result.asSlice(0, 64));
      }
    } finally {
      destroyPreference.call(preference);
    }
    return new Plan(description, a, b, c, algorithm);
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
