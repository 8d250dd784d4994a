package io.superweight.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * A driver, cuBLASLt and NVRTC that compute nothing: one card, whose memory is addresses alone.
 * Host memory is real. They keep account of what is taken and given back, and can fail as a driver
 * does: what failed once fails from then on, releases included.
 */
final class StubbedLibraries implements Machine.Loader, AutoCloseable {
  /** What a product's function gives when the card is gone: CUBLAS_STATUS_EXECUTION_FAILED. */
  private static final int PRODUCT_FAILED = 13;

  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;

  private final Arena arena = Arena.ofShared();
  private final Map<String, MemorySegment> stubs = new HashMap<>();
  private final Set<Long> live = new TreeSet<>();
  private final int version;
  private final Set<String> absent;
  private long next = 0x7000_0000_0000L;
  private final Map<String, Integer> calls = new HashMap<>();
  private int contexts;
  private String failing = "";
  private int failingAfter;
  private int code;
  private boolean lost;

  /**
   * @param version what the driver says of itself
   * @param absent functions that it does not have
   */
  StubbedLibraries(int version, Set<String> absent) {
    this.version = version;
    this.absent = absent;
  }

  /** A machine that has these libraries. */
  Machine machine(Path folder) {
    return new Machine(this, List.of(folder), Map.of(), folder.resolve("cache"));
  }

  /** The function fails at the next call but so many, and with it the card. */
  synchronized void failAt(String function, int calls, int with) {
    failing = function;
    failingAfter = calls;
    code = with;
  }

  synchronized boolean lost() {
    return lost;
  }

  /** Memory, streams, events and modules that nobody has given back. */
  synchronized Set<Long> live() {
    return Collections.unmodifiableSet(new TreeSet<>(live));
  }

  /** How often a function was called. */
  synchronized int calls(String function) {
    return calls.getOrDefault(function, 0);
  }

  synchronized int contexts() {
    return contexts;
  }

  @Override
  public synchronized SymbolLookup load(String nameOrPath) {
    return name ->
        absent.contains(name)
            ? Optional.empty()
            : Optional.of(stubs.computeIfAbsent(name, this::stub));
  }

  /** Six arguments are those that arrive in registers; more lie on the stack, where there are. */
  @SuppressWarnings("restricted") // stubs of native functions are what this is for
  private MemorySegment stub(String name) {
    try {
      MethodHandle called =
          MethodHandles.lookup()
              .findVirtual(
                  StubbedLibraries.class,
                  "called",
                  MethodType.methodType(int.class, String.class, long[].class));
      int count = name.equals("cublasLtMatmulAlgoGetHeuristic") ? 10 : 6;
      MethodHandle handle = called.bindTo(this).bindTo(name).asCollector(long[].class, count);
      return Linker.nativeLinker()
          .upcallStub(
              handle,
              FunctionDescriptor.of(
                  INT, Collections.nCopies(count, LONG).toArray(MemoryLayout[]::new)),
              arena);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError(name, e);
    }
  }

  @SuppressWarnings("restricted") // addresses that the caller passes
  private static MemorySegment at(long address, long bytes) {
    return MemorySegment.ofAddress(address).reinterpret(bytes);
  }

  private void make(long where) {
    next += 1L << 32;
    live.add(next);
    at(where, 8).set(LONG, 0, next);
  }

  private synchronized int called(String name, long[] with) {
    calls.merge(name, 1, Integer::sum);
    if (name.equals(failing) && failingAfter-- == 0) {
      lost = true;
    }
    boolean fails =
        lost
            && !Set.of("cuGetErrorName", "cuDriverGetVersion").contains(name)
            && (name.startsWith("cu") && !name.startsWith("cublas")
                || name.equals("cublasLtMatmul"));
    switch (name) { // what is released counts as released: the memory went with the context
      case "cuDevicePrimaryCtxRelease_v2" -> contexts--;
      case "cuMemFree_v2",
          "cuMemFreeAsync",
          "cuMemFreeHost",
          "cuStreamDestroy_v2",
          "cuEventDestroy_v2",
          "cuModuleUnload" ->
          live.remove(with[0]);
      default -> {}
    }
    if (fails) {
      return name.startsWith("cublas") ? PRODUCT_FAILED : code;
    }
    switch (name) {
      case "cuDriverGetVersion" -> at(with[0], 4).set(INT, 0, version);
      case "cuDeviceGetCount" -> at(with[0], 4).set(INT, 0, 1);
      case "cuDeviceGetName" -> at(with[0], with[1]).setString(0, "Stub");
      case "cuDeviceGetAttribute" ->
          at(with[0], 4)
              .set(
                  INT,
                  0,
                  switch ((int) with[1]) {
                    case 75 -> 9; // compute capability 9.0
                    case 76, 113 -> 0; // nor pins pages that are only read
                    case 16 -> 132; // processors
                    default -> 1;
                  });
      case "cuDeviceTotalMem_v2" -> at(with[0], 8).set(LONG, 0, 80L << 30);
      case "cuMemGetInfo_v2" -> at(with[0], 8).set(LONG, 0, 79L << 30);
      case "cuDevicePrimaryCtxRetain" -> {
        contexts++;
        at(with[0], 8).set(LONG, 0, 1);
      }
      case "cuMemAlloc_v2",
          "cuMemAllocAsync",
          "cuStreamCreate",
          "cuEventCreate",
          "cuModuleLoadData" ->
          make(with[0]);
      case "cuMemAllocHost_v2" -> {
        long address = arena.allocate(with[1], 64).address();
        live.add(address);
        at(with[0], 8).set(LONG, 0, address);
      }
      case "cuModuleGetFunction",
          "cuDeviceGetDefaultMemPool",
          "cublasLtCreate",
          "cublasLtMatmulDescCreate",
          "cublasLtMatrixLayoutCreate",
          "cublasLtMatmulPreferenceCreate",
          "nvrtcCreateProgram" ->
          at(with[0], 8).set(LONG, 0, 1);
      case "nvrtcGetCUBINSize" -> at(with[1], 8).set(LONG, 0, 1);
      case "cublasLtMatmulAlgoGetHeuristic" -> at(with[9], 4).set(INT, 0, 1);
      case "cublasLtMatmulAlgoConfigGetAttribute" -> at(with[2], 4).set(INT, 0, 1);
      case "cuGetErrorName" ->
          at(with[1], 8).set(LONG, 0, arena.allocateFrom("CUDA_ERROR_" + with[0]).address());
      default -> {}
    }
    return 0;
  }

  @Override
  public void close() {
    arena.close();
  }
}
