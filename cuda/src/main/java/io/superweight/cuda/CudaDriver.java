package io.superweight.cuda;

import io.superweight.InputException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;

/** The functions of the CUDA driver interface (cuda.h) that the device needs. */
final class CudaDriver {
  /** The oldest driver that will do: it has the functions of CUDA 11.4 and its libraries. */
  private static final int OLDEST = 11_040;

  private static final int OUT_OF_MEMORY = 2;
  private static final int NO_DEVICE = 100;
  private static final int NO_BINARY = 209;
  private static final int NOT_FOUND = 500;

  private final NativeFunction init;
  private final NativeFunction driverVersion;
  private final NativeFunction deviceCount;
  private final NativeFunction deviceGet;
  private final NativeFunction deviceName;
  private final NativeFunction deviceAttribute;
  private final NativeFunction deviceMemory;
  private final NativeFunction retainContext;
  private final NativeFunction releaseContext;
  private final NativeFunction setContext;
  private final NativeFunction createStream;
  private final NativeFunction destroyStream;
  private final NativeFunction awaitStream;
  private final NativeFunction streamAwaits;
  private final NativeFunction createEvent;
  private final NativeFunction destroyEvent;
  private final NativeFunction recordEvent;
  private final NativeFunction awaitEvent;
  private final NativeFunction elapsed;
  private final NativeFunction loadModule;
  private final NativeFunction unloadModule;
  private final NativeFunction getFunction;
  private final NativeFunction setFunctionAttribute;
  private final NativeFunction launch;
  private final NativeFunction allocate;
  private final NativeFunction free;
  private final NativeFunction allocateAsync;
  private final NativeFunction freeAsync;
  private final NativeFunction allocateHost;
  private final NativeFunction freeHost;
  private final NativeFunction registerHost;
  private final NativeFunction unregisterHost;
  private final NativeFunction toDevice;
  private final NativeFunction toHost;
  private final NativeFunction within;
  private final NativeFunction fill;
  private final NativeFunction memoryInfo;
  private final NativeFunction defaultPool;
  private final NativeFunction setPool;
  private final NativeFunction trimPool;
  private final NativeFunction errorName;

  /** Null in drivers of before CUDA 12, which know no card that has tensor maps. */
  private final NativeFunction encodeTensorMap;

  private CudaDriver(SymbolLookup cuda) {
    init = NativeFunction.of(cuda, "cuInit", 1);
    driverVersion = NativeFunction.of(cuda, "cuDriverGetVersion", 1);
    deviceCount = NativeFunction.of(cuda, "cuDeviceGetCount", 1);
    deviceGet = NativeFunction.of(cuda, "cuDeviceGet", 2);
    deviceName = NativeFunction.of(cuda, "cuDeviceGetName", 3);
    deviceAttribute = NativeFunction.of(cuda, "cuDeviceGetAttribute", 3);
    deviceMemory = NativeFunction.of(cuda, "cuDeviceTotalMem_v2", 2);
    retainContext = NativeFunction.of(cuda, "cuDevicePrimaryCtxRetain", 2);
    releaseContext = NativeFunction.of(cuda, "cuDevicePrimaryCtxRelease_v2", 1);
    setContext = NativeFunction.of(cuda, "cuCtxSetCurrent", 1);
    createStream = NativeFunction.of(cuda, "cuStreamCreate", 2);
    destroyStream = NativeFunction.of(cuda, "cuStreamDestroy_v2", 1);
    awaitStream = NativeFunction.of(cuda, "cuStreamSynchronize", 1);
    streamAwaits = NativeFunction.of(cuda, "cuStreamWaitEvent", 3);
    createEvent = NativeFunction.of(cuda, "cuEventCreate", 2);
    destroyEvent = NativeFunction.of(cuda, "cuEventDestroy_v2", 1);
    recordEvent = NativeFunction.of(cuda, "cuEventRecord", 2);
    awaitEvent = NativeFunction.of(cuda, "cuEventSynchronize", 1);
    elapsed = NativeFunction.of(cuda, "cuEventElapsedTime", 3);
    loadModule = NativeFunction.of(cuda, "cuModuleLoadData", 2);
    unloadModule = NativeFunction.of(cuda, "cuModuleUnload", 1);
    getFunction = NativeFunction.of(cuda, "cuModuleGetFunction", 3);
    setFunctionAttribute = NativeFunction.of(cuda, "cuFuncSetAttribute", 3);
    launch = NativeFunction.of(cuda, "cuLaunchKernel", 11);
    allocate = NativeFunction.of(cuda, "cuMemAlloc_v2", 2);
    free = NativeFunction.of(cuda, "cuMemFree_v2", 1);
    allocateAsync = NativeFunction.of(cuda, "cuMemAllocAsync", 3);
    freeAsync = NativeFunction.of(cuda, "cuMemFreeAsync", 2);
    allocateHost = NativeFunction.of(cuda, "cuMemAllocHost_v2", 2);
    freeHost = NativeFunction.of(cuda, "cuMemFreeHost", 1);
    registerHost = NativeFunction.of(cuda, "cuMemHostRegister_v2", 3);
    unregisterHost = NativeFunction.of(cuda, "cuMemHostUnregister", 1);
    toDevice = NativeFunction.of(cuda, "cuMemcpyHtoDAsync_v2", 4);
    toHost = NativeFunction.of(cuda, "cuMemcpyDtoHAsync_v2", 4);
    within = NativeFunction.of(cuda, "cuMemcpyDtoDAsync_v2", 4);
    fill = NativeFunction.of(cuda, "cuMemsetD32Async", 4);
    memoryInfo = NativeFunction.of(cuda, "cuMemGetInfo_v2", 2);
    defaultPool = NativeFunction.of(cuda, "cuDeviceGetDefaultMemPool", 2);
    setPool = NativeFunction.of(cuda, "cuMemPoolSetAttribute", 3);
    trimPool = NativeFunction.of(cuda, "cuMemPoolTrimTo", 2);
    errorName = NativeFunction.of(cuda, "cuGetErrorName", 2);
    encodeTensorMap =
        cuda.find("cuTensorMapEncodeTiled").isPresent()
            ? NativeFunction.of(cuda, "cuTensorMapEncodeTiled", 12)
            : null;
  }

  /**
   * A machine's driver, ready for use.
   *
   * @throws InputException of kind UNSUPPORTED where there is none, it is too old, or sees no card
   */
  static CudaDriver load(Machine machine) {
    if (!CudaDriver.class.getModule().isNativeAccessEnabled()) {
      throw unsupported(
          "CUDA needs native access: pass --enable-native-access=ALL-UNNAMED to java");
    }
    SymbolLookup library;
    try {
      library = machine.loader().load("libcuda.so.1");
    } catch (IllegalArgumentException absent) {
      throw unsupported("there is no NVIDIA driver here (libcuda.so.1 cannot be loaded)");
    }
    CudaDriver driver;
    try {
      refuseOld(library);
      driver = new CudaDriver(library);
    } catch (IllegalArgumentException absent) {
      throw unsupported(
          "the NVIDIA driver is too old ("
              + absent.getMessage()
              + "): install version 470 or newer, or compute with --device onednn");
    }
    int code = driver.init.call(0);
    if (code == NO_DEVICE) {
      throw unsupported("the NVIDIA driver sees no card");
    }
    if (code != 0) {
      throw unsupported(
          "the NVIDIA driver cannot start ("
              + driver.nameOf(code)
              + "): does nvidia-smi work, and do driver and kernel module have the same version?");
    }
    return driver;
  }

  /** Before all else: an old driver lacks some of the functions, and does not know new cards. */
  private static void refuseOld(SymbolLookup library) {
    NativeFunction function = NativeFunction.of(library, "cuDriverGetVersion", 1);
    int version;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_INT);
      version = function.call(result.address()) == 0 ? result.get(ValueLayout.JAVA_INT, 0) : OLDEST;
    }
    if (version < OLDEST) {
      throw unsupported(
          "the NVIDIA driver is too old: it is made for CUDA "
              + readable(version)
              + ", and "
              + readable(OLDEST)
              + " is the least; install version 470 or newer, or compute with --device onednn");
    }
  }

  static InputException unsupported(String message) {
    return new InputException(InputException.Kind.UNSUPPORTED, message);
  }

  static String readable(int version) {
    return version / 1000 + "." + version % 1000 / 10;
  }

  private interface Getter {
    int call(long address);
  }

  private long get(String what, Getter getter) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG); // zeroed, little-endian
      check(getter.call(result.address()), what);
      return result.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  /**
   * @throws InputException of kind DEVICE for anything but success
   */
  void check(int code, String what) {
    if (code == 0) {
      return;
    }
    String line =
        code == OUT_OF_MEMORY
            ? "the GPU's memory ran out ("
                + what
                + "): give fewer or shorter texts, leave less of it to the weights with"
                + " --device-memory, or compute with --device onednn"
            : "the GPU failed or was lost ("
                + nameOf(code)
                + ", "
                + what
                + "): look at nvidia-smi, then run it again, or compute with --device onednn";
    throw new InputException(InputException.Kind.DEVICE, line);
  }

  @SuppressWarnings("restricted")
  private String nameOf(int code) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG);
      if (errorName.call(code, result.address()) != 0) {
        return "error " + code;
      }
      return MemorySegment.ofAddress(result.get(ValueLayout.JAVA_LONG, 0))
          .reinterpret(100)
          .getString(0);
    }
  }

  /** {@code 13000} for 13.0. */
  int version() {
    return (int) get("version", driverVersion::call);
  }

  int devices() {
    return (int) get("counting devices", deviceCount::call);
  }

  int device(int ordinal) {
    return (int) get("device", at -> deviceGet.call(at, ordinal));
  }

  String name(int device) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocate(256);
      check(deviceName.call(name.address(), 255, device), "name");
      return name.getString(0);
    }
  }

  int attribute(int device, int which) {
    return (int) get("attribute", at -> deviceAttribute.call(at, which, device));
  }

  long memory(int device) {
    return get("memory", at -> deviceMemory.call(at, device));
  }

  long retainContext(int device) {
    return get("context", at -> retainContext.call(at, device));
  }

  void releaseContext(int device) {
    releaseContext.call(device);
  }

  void use(long context) {
    check(setContext.call(context), "context");
  }

  /** To give things back, which is done for a lost card, too. */
  void useIfItGoes(long context) {
    setContext.call(context);
  }

  long createStream() {
    return get("stream", at -> createStream.call(at, 1)); // does not wait for the default stream
  }

  void destroyStream(long stream) {
    destroyStream.call(stream);
  }

  void await(long stream) {
    check(awaitStream.call(stream), "computing");
  }

  void makeWait(long stream, long event) {
    check(streamAwaits.call(stream, event, 0), "event");
  }

  long createEvent() {
    return get("event", at -> createEvent.call(at, 2)); // without timing
  }

  /** How long work that is enqueued on a stream takes there. */
  double milliseconds(long stream, Runnable work) {
    long begin = get("event", at -> createEvent.call(at, 0));
    long end = get("event", at -> createEvent.call(at, 0));
    try (Arena arena = Arena.ofConfined()) {
      record(begin, stream);
      work.run();
      record(end, stream);
      awaitEvent(end);
      MemorySegment result = arena.allocate(ValueLayout.JAVA_FLOAT);
      check(elapsed.call(result.address(), begin, end), "event");
      return result.get(ValueLayout.JAVA_FLOAT, 0);
    } finally {
      destroyEvent(begin);
      destroyEvent(end);
    }
  }

  void destroyEvent(long event) {
    destroyEvent.call(event);
  }

  void record(long event, long stream) {
    check(recordEvent.call(event, stream), "event");
  }

  void awaitEvent(long event) {
    check(awaitEvent.call(event), "copying");
  }

  /** Until what came before the event is over, whether it went well or not. */
  void outlast(long event) {
    awaitEvent.call(event);
  }

  /** Empty module 0 where the image is not for this card. */
  long loadModule(MemorySegment image) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG);
      int code = loadModule.call(result.address(), image.address());
      if (code == NO_BINARY || code == 200 || code == 218 || code == 222) {
        return 0; // no image, invalid, or for another version
      }
      check(code, "loading kernels");
      return result.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  void unloadModule(long module) {
    unloadModule.call(module);
  }

  /** A kernel; 0 where the module does not have it. */
  long function(long module, String name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG);
      int code = getFunction.call(result.address(), module, arena.allocateFrom(name).address());
      if (code == NOT_FOUND) {
        return 0;
      }
      check(code, name);
      return result.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  void allowSharedMemory(long function, int bytes) {
    check(setFunctionAttribute.call(function, 8, bytes), "shared memory");
  }

  void launch(
      long function,
      long gridX,
      long gridY,
      long gridZ,
      int threads,
      int sharedBytes,
      long stream,
      MemorySegment parameters) {
    check(
        launch.call(
            function,
            gridX,
            gridY,
            gridZ,
            threads,
            1,
            1,
            sharedBytes,
            stream,
            parameters.address(),
            0),
        "kernel");
  }

  boolean hasTensorMaps() {
    return encodeTensorMap != null;
  }

  /** Bytes of a CUtensorMap, and what its address is a multiple of. */
  static final int TENSOR_MAP = 128;

  /**
   * What the copy engine needs to know to bring boxes of 64 columns out of a matrix of bfloat16,
   * their rows swizzled over 128 bytes; zeros where it ends.
   *
   * @param map 128 bytes
   * @param boxRows rows of a box
   */
  void describe(MemorySegment map, long address, int rows, int cols, int boxRows) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment sizes = arena.allocateFrom(ValueLayout.JAVA_LONG, cols, rows);
      MemorySegment stride = arena.allocateFrom(ValueLayout.JAVA_LONG, 2L * cols);
      MemorySegment box = arena.allocateFrom(ValueLayout.JAVA_INT, 64, boxRows);
      MemorySegment steps = arena.allocateFrom(ValueLayout.JAVA_INT, 1, 1);
      check(
          encodeTensorMap.call(
              map.address(),
              9, // bfloat16
              2, // dimensions
              address,
              sizes.address(),
              stride.address(),
              box.address(),
              steps.address(),
              0, // not interleaved
              3, // swizzled over 128 bytes
              2, // into the L2 cache by 128 bytes
              0), // zeros
          "tensor map");
    }
  }

  long allocate(long bytes) {
    return get(bytes + " bytes", at -> allocate.call(at, bytes));
  }

  void free(long address) {
    free.call(address);
  }

  /** 0 where there is no room. */
  long allocateOrNone(long bytes, long stream) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG);
      int code = allocateAsync.call(result.address(), bytes, stream);
      if (code == OUT_OF_MEMORY) {
        return 0;
      }
      check(code, bytes + " bytes");
      return result.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  InputException outOfMemory(long bytes) {
    try {
      check(OUT_OF_MEMORY, bytes / 1_000_000 + " MB more were asked for");
      throw new IllegalStateException();
    } catch (InputException e) {
      return e;
    }
  }

  void free(long address, long stream) {
    freeAsync.call(address, stream);
  }

  @SuppressWarnings("restricted")
  MemorySegment allocateHost(long bytes) {
    long address = get(bytes + " bytes of host memory", at -> allocateHost.call(at, bytes));
    return MemorySegment.ofAddress(address).reinterpret(bytes);
  }

  void freeHost(MemorySegment memory) {
    freeHost.call(memory.address());
  }

  /**
   * Pins pages that are read alone, so that the GPU fetches from there; false where it cannot be.
   */
  boolean pin(long address, long bytes) {
    return registerHost.call(address, bytes, 8) == 0;
  }

  void unpin(long address) {
    unregisterHost.call(address);
  }

  void toDevice(long to, long from, long bytes, long stream) {
    check(toDevice.call(to, from, bytes, stream), "copy to the GPU");
  }

  void toHost(long to, long from, long bytes, long stream) {
    check(toHost.call(to, from, bytes, stream), "copy from the GPU");
  }

  void within(long to, long from, long bytes, long stream) {
    check(within.call(to, from, bytes, stream), "copy");
  }

  void zero(long at, long bytes, long stream) {
    check(fill.call(at, 0, bytes / 4, stream), "fill");
  }

  /** Bytes of device memory that nobody holds. */
  long freeMemory() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG, 2);
      check(memoryInfo.call(result.address(), result.address() + 8), "memory");
      return result.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  /** Keeps what is freed for the next allocation. */
  long poolThatKeeps(int device) {
    try (Arena arena = Arena.ofConfined()) {
      long pool = get("memory pool", at -> defaultPool.call(at, device));
      MemorySegment most = arena.allocateFrom(ValueLayout.JAVA_LONG, -1L);
      check(setPool.call(pool, 4, most.address()), "memory pool"); // the release threshold
      return pool;
    }
  }

  void trim(long pool) {
    trimPool.call(pool, 0);
  }
}
