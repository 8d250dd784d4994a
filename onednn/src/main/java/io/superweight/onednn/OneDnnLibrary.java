package io.superweight.onednn;

import io.superweight.InputException;
import io.superweight.nativelib.BundledLibrary;
import io.superweight.nativelib.BundledLibrary.BundledFile;
import io.superweight.nativelib.NativeCache;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * The few functions of oneDNN's C interface that products need (dnnl.h of version 3.13).
 *
 * <p>All arguments are passed as 64-bit integers, pointers by their address: so there is one kind
 * of call for each number of arguments, and not one for each function, which the JVM has to link at
 * start. Whoever passes an address keeps the memory behind it alive.
 */
final class OneDnnLibrary {
  /** Values of dnnl_types.h. */
  static final int BF16 = 2;

  static final int F32 = 3;
  static final int S32 = 4;
  static final int S8 = 5;
  static final int U8 = 6;
  static final int ARG_SRC = 1;
  static final int ARG_DST = 17;
  static final int ARG_WEIGHTS = 33;
  static final int ARG_SCRATCHPAD = 80;

  /** The second input of a multiplication. */
  static final int ARG_SRC_1 = 2;

  static final int SWISH = 0x2c;
  private static final int BINARY_MUL = 0x1fff1;
  private static final int FORWARD_INFERENCE = 96;
  private static final int CPU = 1;
  private static final int IN_ORDER = 1;
  private static final int USER_SCRATCHPAD = 1;
  private static final int QUERY_WEIGHTS = 131;
  private static final int QUERY_SCRATCHPAD = 136;

  /** {@code dnnl_format_tag_any}: a layout that a primitive may choose. */
  private static final int ANY_LAYOUT = 1;

  /** Bits of a {@code dnnl_cpu_isa_t}: dot products of bytes in vectors of 256 or 512 bits. */
  private static final int VNNI = 0x8 | 0x40;

  /** Dimensions that a {@code dnnl_dims_t} has room for. */
  private static final int MAX_DIMS = 12;

  private static final String FOLDER = "org/bytedeco/dnnl/linux-x86_64/";

  private final MethodHandle setThreads;
  private final MethodHandle version;
  private final MethodHandle createEngine;
  private final MethodHandle destroyEngine;
  private final MethodHandle createStream;
  private final MethodHandle destroyStream;
  private final MethodHandle createLayout;
  private final MethodHandle createTaggedLayout;
  private final MethodHandle copyLayout;
  private final MethodHandle instructions;
  private final MethodHandle destroyLayout;
  private final MethodHandle layoutBytes;
  private final MethodHandle createMemory;
  private final MethodHandle destroyMemory;
  private final MethodHandle setHandle;
  private final MethodHandle createAttributes;
  private final MethodHandle destroyAttributes;
  private final MethodHandle setScratchpadMode;
  private final MethodHandle describeProduct;
  private final MethodHandle describeReorder;
  private final MethodHandle destroyDescription;
  private final MethodHandle queryLayout;
  private final MethodHandle createPrimitive;
  private final MethodHandle destroyPrimitive;
  private final MethodHandle execute;
  private final MethodHandle createPostOps;
  private final MethodHandle destroyPostOps;
  private final MethodHandle appendSum;
  private final MethodHandle describeBinary;
  private final MethodHandle setPostOps;
  private final MethodHandle describeElementwise;

  @SuppressWarnings("restricted") // native code is what this is for
  private OneDnnLibrary(SymbolLookup threads, SymbolLookup dnnl) {
    Linker linker = Linker.nativeLinker();
    setThreads = bind(linker, threads, "omp_set_num_threads", 1);
    version = bind(linker, dnnl, "dnnl_version", 0);
    createEngine = bind(linker, dnnl, "dnnl_engine_create", 3);
    destroyEngine = bind(linker, dnnl, "dnnl_engine_destroy", 1);
    createStream = bind(linker, dnnl, "dnnl_stream_create", 3);
    destroyStream = bind(linker, dnnl, "dnnl_stream_destroy", 1);
    createLayout = bind(linker, dnnl, "dnnl_memory_desc_create_with_strides", 5);
    createTaggedLayout = bind(linker, dnnl, "dnnl_memory_desc_create_with_tag", 5);
    copyLayout = bind(linker, dnnl, "dnnl_memory_desc_clone", 2);
    instructions = bind(linker, dnnl, "dnnl_get_effective_cpu_isa", 0);
    destroyLayout = bind(linker, dnnl, "dnnl_memory_desc_destroy", 1);
    layoutBytes = bind(linker, dnnl, "dnnl_memory_desc_get_size", 1);
    createMemory = bind(linker, dnnl, "dnnl_memory_create", 4);
    destroyMemory = bind(linker, dnnl, "dnnl_memory_destroy", 1);
    setHandle = bind(linker, dnnl, "dnnl_memory_set_data_handle", 2);
    createAttributes = bind(linker, dnnl, "dnnl_primitive_attr_create", 1);
    destroyAttributes = bind(linker, dnnl, "dnnl_primitive_attr_destroy", 1);
    setScratchpadMode = bind(linker, dnnl, "dnnl_primitive_attr_set_scratchpad_mode", 2);
    describeProduct = bind(linker, dnnl, "dnnl_matmul_primitive_desc_create", 7);
    describeReorder = bind(linker, dnnl, "dnnl_reorder_primitive_desc_create", 6);
    destroyDescription = bind(linker, dnnl, "dnnl_primitive_desc_destroy", 1);
    queryLayout = bind(linker, dnnl, "dnnl_primitive_desc_query_md", 3);
    createPrimitive = bind(linker, dnnl, "dnnl_primitive_create", 2);
    destroyPrimitive = bind(linker, dnnl, "dnnl_primitive_destroy", 1);
    execute = bind(linker, dnnl, "dnnl_primitive_execute", 4);
    createPostOps = bind(linker, dnnl, "dnnl_post_ops_create", 1);
    destroyPostOps = bind(linker, dnnl, "dnnl_post_ops_destroy", 1);
    appendSum = bindSum(linker, dnnl);
    describeBinary = bind(linker, dnnl, "dnnl_binary_primitive_desc_create", 7);
    setPostOps = bind(linker, dnnl, "dnnl_primitive_attr_set_post_ops", 2);
    describeElementwise =
        linker.downcallHandle(
            address(dnnl, "dnnl_eltwise_forward_primitive_desc_create"),
            FunctionDescriptor.of(
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_FLOAT,
                ValueLayout.JAVA_FLOAT,
                ValueLayout.JAVA_LONG));
  }

  /**
   * The library, unpacked and loaded once in the life of the JVM, which keeps it until it ends.
   *
   * @throws InputException of kind UNSUPPORTED or OUTPUT where this system cannot load it
   */
  static OneDnnLibrary load() {
    return switch (Loading.RESULT) {
      case Loaded loaded -> loaded.library();
      case Refused refused ->
          throw new InputException(
              refused.reason().kind(), refused.reason().getMessage(), refused.reason());
    };
  }

  private sealed interface Result {}

  private record Loaded(OneDnnLibrary library) implements Result {}

  private record Refused(InputException reason) implements Result {}

  /** What came of loading the library: the JVM runs this class's initializer once. */
  private static final class Loading {
    static final Result RESULT = attempt();

    private static Result attempt() {
      try {
        return new Loaded(loadAnew());
      } catch (InputException reason) {
        return new Refused(reason);
      }
    }
  }

  private static OneDnnLibrary loadAnew() {
    requirePlatform(System.getProperty("os.name"), System.getProperty("os.arch"));
    if (!OneDnnLibrary.class.getModule().isNativeAccessEnabled()) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          "oneDNN needs native access: pass --enable-native-access=ALL-UNNAMED to java");
    }
    try {
      List<Path> files = NativeCache.ofUser().unpack(bundled());
      return new OneDnnLibrary(lookup(files.get(0)), lookup(files.get(1)));
    } catch (IllegalArgumentException | UnsatisfiedLinkError refusal) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          "this system cannot load oneDNN ("
              + String.valueOf(refusal.getMessage()).lines().findFirst().orElse("")
              + "): it needs glibc and a folder that programs may run from; set SUPERWEIGHT_CACHE to"
              + " such a folder",
          refusal);
    }
  }

  static void requirePlatform(String osName, String osArch) {
    boolean linux = osName.toLowerCase(Locale.ROOT).equals("linux");
    if (!linux || !(osArch.equals("amd64") || osArch.equals("x86_64"))) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          "oneDNN is bundled for Linux on x86-64 only, not for "
              + osName
              + " on "
              + osArch
              + "; --device java runs everywhere");
    }
  }

  /** What the preset's jar holds; a test compares the digests with the jar on the class path. */
  static BundledLibrary bundled() {
    return new BundledLibrary(
        "oneDNN",
        "dnnl-3.13-1.5.14-linux-x86_64",
        List.of(
            new BundledFile(
                FOLDER + "libgomp.so.1",
                298_776,
                "d46f9225c1883039e8a6853e6d96ca1af11d034ce186a090952e4a7c8a7c2fdc"),
            new BundledFile(
                FOLDER + "libdnnl.so.3",
                92_850_136,
                "3610657c35381b06694034b677cf73f28086495aba51ecf0cfb5b6511652a443")));
  }

  @SuppressWarnings("restricted") // native code is what this is for
  private static SymbolLookup lookup(Path file) {
    return SymbolLookup.libraryLookup(file.toAbsolutePath(), Arena.global());
  }

  @SuppressWarnings("restricted")
  private static MethodHandle bind(
      Linker linker, SymbolLookup library, String function, int arguments) {
    MemoryLayout[] longs = new MemoryLayout[arguments];
    Arrays.fill(longs, ValueLayout.JAVA_LONG);
    return linker.downcallHandle(
        address(library, function), FunctionDescriptor.of(ValueLayout.JAVA_LONG, longs));
  }

  @SuppressWarnings("restricted")
  private static MethodHandle bindSum(Linker linker, SymbolLookup dnnl) {
    return linker.downcallHandle(
        address(dnnl, "dnnl_post_ops_append_sum"),
        FunctionDescriptor.of(
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_FLOAT,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG));
  }

  private static MemorySegment address(SymbolLookup library, String function) {
    return library.find(function).orElseThrow(() -> new IllegalArgumentException("no " + function));
  }

  /**
   * From now on oneDNN uses one thread where this thread calls it: {@link
   * io.superweight.compute.cpu.Workers} share the work out, in pieces that depend on shapes alone.
   */
  void oneThread() {
    try {
      long ignored = (long) setThreads.invokeExact(1L);
    } catch (Throwable t) {
      throw failure(t);
    }
  }

  /** {@code "3.13.0"}. */
  @SuppressWarnings("restricted")
  String version() {
    try {
      long address = (long) version.invokeExact();
      MemorySegment v = MemorySegment.ofAddress(address).reinterpret(12);
      return v.get(ValueLayout.JAVA_INT, 0)
          + "."
          + v.get(ValueLayout.JAVA_INT, 4)
          + "."
          + v.get(ValueLayout.JAVA_INT, 8);
    } catch (Throwable t) {
      throw failure(t);
    }
  }

  long createEngine() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG);
      check((long) createEngine.invokeExact(result.address(), (long) CPU, 0L), "engine");
      return result.get(ValueLayout.JAVA_LONG, 0);
    } catch (Throwable t) {
      throw failure(t);
    }
  }

  void destroyEngine(long engine) {
    release(destroyEngine, engine);
  }

  long createStream(long engine) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG);
      check((long) createStream.invokeExact(result.address(), engine, (long) IN_ORDER), "stream");
      return result.get(ValueLayout.JAVA_LONG, 0);
    } catch (Throwable t) {
      throw failure(t);
    }
  }

  void destroyStream(long stream) {
    release(destroyStream, stream);
  }

  /** How {@code [rows, cols]} elements of a type lie, strides in elements. */
  long createLayout(int type, long rows, long cols, long rowStride, long colStride) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG);
      MemorySegment dims = arena.allocate(ValueLayout.JAVA_LONG, MAX_DIMS);
      MemorySegment strides = arena.allocate(ValueLayout.JAVA_LONG, MAX_DIMS);
      dims.setAtIndex(ValueLayout.JAVA_LONG, 0, rows);
      dims.setAtIndex(ValueLayout.JAVA_LONG, 1, cols);
      strides.setAtIndex(ValueLayout.JAVA_LONG, 0, rowStride);
      strides.setAtIndex(ValueLayout.JAVA_LONG, 1, colStride);
      check(
          (long)
              createLayout.invokeExact(
                  result.address(), 2L, dims.address(), (long) type, strides.address()),
          "layout");
      return result.get(ValueLayout.JAVA_LONG, 0);
    } catch (Throwable t) {
      throw failure(t);
    }
  }

  /** A layout of {@code [rows, cols]} that is left to the primitive. */
  long createOpenLayout(int type, long rows, long cols) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG);
      MemorySegment dims = arena.allocate(ValueLayout.JAVA_LONG, MAX_DIMS);
      dims.setAtIndex(ValueLayout.JAVA_LONG, 0, rows);
      dims.setAtIndex(ValueLayout.JAVA_LONG, 1, cols);
      check(
          (long)
              createTaggedLayout.invokeExact(
                  result.address(), 2L, dims.address(), (long) type, (long) ANY_LAYOUT),
          "layout");
      return result.get(ValueLayout.JAVA_LONG, 0);
    } catch (Throwable t) {
      throw failure(t);
    }
  }

  /** A copy of the layout that a product chose for its weights. */
  long weightsLayout(long description) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG);
      long chosen = (long) queryLayout.invokeExact(description, (long) QUERY_WEIGHTS, 0L);
      check((long) copyLayout.invokeExact(result.address(), chosen), "layout");
      return result.get(ValueLayout.JAVA_LONG, 0);
    } catch (Throwable t) {
      throw failure(t);
    }
  }

  /**
   * Whether the processor sums products of bytes in 32 bits: without, oneDNN goes through 16 bits,
   * where sums are cut off.
   */
  boolean sumsBytesExactly() {
    try {
      return ((int) (long) instructions.invokeExact() & VNNI) != 0;
    } catch (Throwable t) {
      throw failure(t);
    }
  }

  void destroyLayout(long layout) {
    release(destroyLayout, layout);
  }

  /** A memory object without memory behind it: {@link #point} gives it some. */
  long createMemory(long layout, long engine) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG);
      check((long) createMemory.invokeExact(result.address(), layout, engine, 0L), "memory");
      return result.get(ValueLayout.JAVA_LONG, 0);
    } catch (Throwable t) {
      throw failure(t);
    }
  }

  void destroyMemory(long memory) {
    release(destroyMemory, memory);
  }

  void point(long memory, long address) {
    try {
      check((long) setHandle.invokeExact(memory, address), "address");
    } catch (Throwable t) {
      throw failure(t);
    }
  }

  /**
   * A description of {@code dst = src · weights} with a scratchpad that the caller brings.
   *
   * @param added whether the product is added to what {@code dst} holds
   */
  long describeProduct(long engine, long src, long weights, long dst, boolean added) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG);
      check((long) createPostOps.invokeExact(result.address()), "operations");
      long operations = result.get(ValueLayout.JAVA_LONG, 0);
      check((long) createAttributes.invokeExact(result.address()), "attributes");
      long attributes = result.get(ValueLayout.JAVA_LONG, 0);
      try {
        if (added) {
          check((long) appendSum.invokeExact(operations, 1f, 0L, 0L), "sum");
          check((long) setPostOps.invokeExact(attributes, operations), "operations");
        }
        check(
            (long) setScratchpadMode.invokeExact(attributes, (long) USER_SCRATCHPAD), "scratchpad");
        check(
            (long)
                describeProduct.invokeExact(
                    result.address(), engine, src, weights, 0L, dst, attributes),
            "product");
      } finally {
        release(destroyAttributes, attributes);
        release(destroyPostOps, operations);
      }
      return result.get(ValueLayout.JAVA_LONG, 0);
    } catch (Throwable t) {
      throw failure(t);
    }
  }

  /** A description of {@code x = function(x)}. */
  long describeFunction(long engine, int function, long layout) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG);
      check(
          (long)
              describeElementwise.invokeExact(
                  result.address(),
                  engine,
                  (long) FORWARD_INFERENCE,
                  (long) function,
                  layout,
                  layout,
                  1f,
                  0f,
                  0L),
          "function");
      return result.get(ValueLayout.JAVA_LONG, 0);
    } catch (Throwable t) {
      throw failure(t);
    }
  }

  /** A description of {@code x = x · y}, element by element. */
  long describeMultiplication(long engine, long layout) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG);
      check(
          (long)
              describeBinary.invokeExact(
                  result.address(), engine, (long) BINARY_MUL, layout, layout, layout, 0L),
          "multiplication");
      return result.get(ValueLayout.JAVA_LONG, 0);
    } catch (Throwable t) {
      throw failure(t);
    }
  }

  /** A description of a copy from one layout to another. */
  long describeReorder(long engine, long from, long to) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG);
      check(
          (long) describeReorder.invokeExact(result.address(), from, engine, to, engine, 0L),
          "reorder");
      return result.get(ValueLayout.JAVA_LONG, 0);
    } catch (Throwable t) {
      throw failure(t);
    }
  }

  void destroyDescription(long description) {
    release(destroyDescription, description);
  }

  /** The scratchpad's layout, which belongs to the description. */
  long scratchpadLayout(long description) {
    try {
      return (long) queryLayout.invokeExact(description, (long) QUERY_SCRATCHPAD, 0L);
    } catch (Throwable t) {
      throw failure(t);
    }
  }

  long bytes(long layout) {
    try {
      return (long) layoutBytes.invokeExact(layout);
    } catch (Throwable t) {
      throw failure(t);
    }
  }

  long createPrimitive(long description) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG);
      check((long) createPrimitive.invokeExact(result.address(), description), "primitive");
      return result.get(ValueLayout.JAVA_LONG, 0);
    } catch (Throwable t) {
      throw failure(t);
    }
  }

  void destroyPrimitive(long primitive) {
    release(destroyPrimitive, primitive);
  }

  /**
   * Runs a primitive.
   *
   * @param arguments of {@code dnnl_exec_arg_t}, made by {@link #arguments}
   */
  void execute(long primitive, long stream, MemorySegment arguments) {
    try {
      check(
          (long)
              execute.invokeExact(
                  primitive, stream, arguments.byteSize() / 16, arguments.address()),
          "execution");
    } catch (Throwable t) {
      throw failure(t);
    }
  }

  /** Pairs of an argument's number and its memory object. */
  static MemorySegment arguments(Arena arena, long... pairs) {
    MemorySegment result = arena.allocate(8L * pairs.length, 8);
    for (int i = 0; i < pairs.length; i += 2) {
      result.set(ValueLayout.JAVA_INT, 8L * i, (int) pairs[i]);
      result.set(ValueLayout.JAVA_LONG, 8L * i + 8, pairs[i + 1]);
    }
    return result;
  }

  private static void release(MethodHandle destroy, long object) {
    try {
      long ignored = (long) destroy.invokeExact(object);
    } catch (Throwable t) {
      throw failure(t);
    }
  }

  /** Of a {@code dnnl_status_t}, only the lower half is the value. */
  private static void check(long status, String what) {
    if ((int) status != 0) {
      throw new IllegalStateException(
          "oneDNN refused the " + what + " (dnnl_status_t " + (int) status + ")");
    }
  }

  private static RuntimeException failure(Throwable t) {
    return switch (t) {
      case RuntimeException e -> e;
      case Error e -> throw e;
      default -> new IllegalStateException(t);
    };
  }
}
