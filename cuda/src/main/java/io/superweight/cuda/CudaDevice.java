package io.superweight.cuda;

import io.superweight.InputException;
import io.superweight.compute.Activation;
import io.superweight.compute.AttentionSpec;
import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.DeviceRequest;
import io.superweight.compute.IntegerProducts;
import io.superweight.compute.LogitBlock;
import io.superweight.compute.Matrix;
import io.superweight.compute.Operands;
import io.superweight.compute.Precision;
import io.superweight.tensor.DType;
import io.superweight.tensor.Dequantizer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * An NVIDIA GPU. Buffers lie in its memory; calls enqueue work on one stream and return.
 *
 * <p>In {@link Precision#F32} products and sums are float32 throughout, without TF32; weights of
 * other types are widened to float32 before a product. In {@link Precision#BF16} products with
 * bfloat16 weights run on the matrix units, and what only such products or attention will read is
 * held rounded to bfloat16 ({@link RoundedValues}): norms into another buffer, {@link
 * #matmulInner}, gates, attention. Attention then multiplies bfloat16, too, its soft-max and sums
 * in float32. The residual stream and whatever is added to it stay float32.
 *
 * <p>What is bit-stable: results depend on shapes, alignments, the card and the version of cuBLASLt
 * alone. Sums are made in a fixed order, without atomics.
 */
final class CudaDevice implements Device, KeptWeights.Owner {
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;

  private static final int LEAST_CAPABILITY = 80;

  /** Values of cuda.h's CUdevice_attribute. */
  private static final int CAPABILITY_MAJOR = 75;

  private static final int CAPABILITY_MINOR = 76;
  private static final int PROCESSORS = 16;
  private static final int PINS_READ_ONLY_PAGES = 113;
  private static final int MEMORY_POOLS = 115;

  /** Of a block of most kernels. */
  static final int THREADS = 256;

  /** Queries of a block of attention. */
  private static final int QUERIES = 32;

  /** Queries and keys of a step of attention in bfloat16. */
  private static final int ROUNDED_QUERIES = 128;

  private static final int ROUNDED_KEYS = 128;

  /** Of a norm that holds a row in registers. */
  private static final int HELD_ROW_THREADS = 128;

  private static final int MOST_HELD_ARRAYS = 4;

  /** Ways to divide attention that are known at a time. */
  private static final int MOST_DIVISIONS = 8;

  /** Two groups that multiply and one that brings. */
  private static final int ROUNDED_THREADS = 384;

  /** Pinned memory for arrays on their way to a kernel, and its image on the GPU. */
  private static final int ARRAY_BYTES = 4 << 20;

  /** Rows of x that a product in bfloat16 takes at a time. */
  private static final int PRODUCT_ROWS = 8192;

  /** Elements of a matrix that are widened at a time. */
  private static final long WIDENED = 64L << 20;

  private final CudaDriver driver;
  private final int unit;
  private final long context;
  private final long stream;
  private final long pool;
  private final CublasLt products;
  private final long module;
  private final Map<String, Long> functions = new HashMap<>();
  private final Precision precision;
  private final int threads;
  private final int processors;
  private final String description;
  private final RoundedValues values;
  private final CudaIntegers integers;
  private final long workspace;
  private final MemorySegment arrays;
  private final long arraysOnDevice;
  private int arraysUsed;
  private final MemorySegment parameters;
  private final MemorySegment maps;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment staging;
  private final long[] sent = new long[2];
  private final List<KeptWeights> kept = new ArrayList<>();

  /** Addresses in the pool that nobody has given back. */
  private final Set<Long> inUse = new HashSet<>();

  /** What gives back whatever the device took when it was opened, the last first. */
  private final Deque<Runnable> releases = new ArrayDeque<>();

  private long weightBudget;

  /** Whether what only products and attention read is held in bfloat16: where weights are, too. */
  private boolean holdsRounded;

  private MemorySegment host;
  private long widened;
  private long widenedBytes;
  private long copied;
  private long copiedBytes;
  private final List<HeldArray> heldArrays = new ArrayList<>();
  private final LinkedHashMap<Division, Divided> divisions = new LinkedHashMap<>();
  private Deferred deferred;
  private boolean closed;

  /** Of integers, on the GPU until the ring comes round. */
  private record HeldArray(int[] values, long address) {}

  /** What the next operation may take along. */
  private sealed interface Deferred {}

  /** {@code y += factor · x}: a norm of y does it on its way. */
  private record Addition(Buffer y, Buffer x, float factor) implements Deferred {}

  /** {@code y = x · Wᵀ} in bfloat16: an addition of y to another buffer becomes part of it. */
  private record Product(Buffer x, Matrix w, Buffer y) implements Deferred {}

  /** A product that was added elsewhere, and whose own result nobody has asked for yet. */
  private Product owed;

  private CudaDevice(Machine machine, CudaDriver driver, int unit, DeviceRequest request) {
    this.driver = driver;
    this.unit = unit;
    this.precision = request.precision();
    this.holdsRounded = precision == Precision.BF16;
    this.threads = request.threads();
    int capability =
        10 * driver.attribute(unit, CAPABILITY_MAJOR) + driver.attribute(unit, CAPABILITY_MINOR);
    String name = driver.name(unit);
    if (capability < LEAST_CAPABILITY || driver.attribute(unit, MEMORY_POOLS) == 0) {
      throw CudaDriver.unsupported(
          name
              + " has compute capability "
              + capability / 10
              + "."
              + capability % 10
              + "; the cuda device needs 8.0 (Ampere) or newer: compute with --device onednn");
    }
    this.processors = driver.attribute(unit, PROCESSORS);
    CudaLibraries libraries = new CudaLibraries(machine, request.libraries(), driver.version());
    CudaLibraries.Found cublas = libraries.load("libcublasLt.so", "nvidia-cublas");
    context = driver.retainContext(unit);
    releases.push(() -> driver.releaseContext(unit));
    try {
      driver.use(context);
      KernelImage image = new KernelImage(machine.cache(), capability);
      byte[] code =
          image.load(() -> new Nvrtc(libraries.load("libnvrtc.so", "nvidia-cuda-nvrtc").lookup()));
      try (Arena local = Arena.ofConfined()) {
        module = driver.loadModule(local.allocateFrom(ValueLayout.JAVA_BYTE, code));
      }
      if (module == 0) {
        throw CudaDriver.unsupported(
            "the NVIDIA driver does not take the kernels that NVRTC made: it is older than the CUDA"
                + " libraries; update it, or name older ones with --cuda-path");
      }
      releases.push(() -> driver.unloadModule(module));
      long free = driver.freeMemory();
      weightBudget = request.memoryBytes().orElse(free - Math.min(8L << 30, free / 4));
      pool = driver.poolThatKeeps(unit);
      releases.push(() -> driver.trim(pool));
      stream = driver.createStream();
      releases.push(() -> driver.destroyStream(stream));
      products = new CublasLt(cublas.lookup(), new TrialsHere());
      releases.push(products::close);
      workspace = fixed(CublasLt.WORKSPACE);
      arrays = pinned(ARRAY_BYTES);
      arraysOnDevice = fixed(ARRAY_BYTES);
      staging = pinned(2L * ARRAY_BYTES);
      for (int i = 0; i < sent.length; i++) {
        long event = driver.createEvent();
        releases.push(() -> driver.destroyEvent(event));
        sent[i] = event;
      }
    } catch (RuntimeException | Error e) {
      releases.forEach(Runnable::run);
      throw e;
    }
    parameters = arena.allocate(LONG, 64);
    maps = arena.allocate(3L * CudaDriver.TENSOR_MAP, CudaDriver.TENSOR_MAP);
    values = new RoundedValues(this);
    integers = new CudaIntegers(this);
    description =
        String.format(
            Locale.ROOT,
            "cuda, %s, %.0f GiB, CUDA %s, %s, %s",
            name,
            driver.memory(unit) / (double) (1L << 30),
            CudaDriver.readable(driver.version()),
            cublas.path(),
            precision == Precision.BF16 ? "bf16" : "f32");
  }

  /** Memory of the card for as long as the device is open. */
  private long fixed(long bytes) {
    long address = driver.allocate(bytes);
    releases.push(() -> driver.free(address));
    return address;
  }

  private MemorySegment pinned(long bytes) {
    MemorySegment memory = driver.allocateHost(bytes);
    releases.push(() -> driver.freeHost(memory));
    return memory;
  }

  /**
   * Opens a card.
   *
   * @throws InputException of kind UNSUPPORTED where driver, libraries or card will not do; of kind
   *     USAGE where there is no such card; of kind DEVICE where its memory is full
   */
  static CudaDevice open(Machine machine, DeviceRequest request, int ordinal) {
    CudaDriver driver = CudaDriver.load(machine);
    int count = driver.devices();
    if (ordinal < 0 || ordinal >= count) {
      throw new InputException(
          InputException.Kind.USAGE,
          "there is no cuda:"
              + ordinal
              + ": this machine has "
              + count
              + (count == 1 ? " card, cuda:0" : " cards, cuda:0 to cuda:" + (count - 1)));
    }
    return new CudaDevice(machine, driver, driver.device(ordinal), request);
  }

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public String description() {
    return description;
  }

  @Override
  public Precision precision() {
    return precision;
  }

  @Override
  public boolean inHostMemory() {
    return false;
  }

  @Override
  public Portions portions() {
    return new Portions(8192, 16_384, 32_768);
  }

  // ---- memory

  @Override
  public CudaDriver driver() {
    return driver;
  }

  @Override
  public long context() {
    return context;
  }

  @Override
  public long stream() {
    return stream;
  }

  /** Memory of the pool, in the order of the stream. */
  long take(long bytes) {
    long address = driver.allocateOrNone(Math.max(256, bytes), stream);
    if (address == 0) {
      driver.await(stream);
      driver.trim(pool);
      address = driver.allocateOrNone(Math.max(256, bytes), stream);
    }
    if (address == 0) {
      throw driver.outOfMemory(bytes);
    }
    inUse.add(address);
    return address;
  }

  void giveBack(long address) {
    inUse.remove(address);
    driver.free(address, stream);
  }

  @Override
  public Scope scope() {
    return new PoolScope();
  }

  private final class PoolScope implements Scope {
    private final List<Long> taken = new ArrayList<>();

    @Override
    public Buffer allocate(int rows, int cols) {
      Buffer buffer = room(rows, cols);
      driver.zero(buffer.data().address(), buffer.data().byteSize(), stream);
      return buffer;
    }

    @Override
    @SuppressWarnings("restricted") // an address on the GPU: slices of it are made, nothing is read
    public Buffer room(int rows, int cols) {
      driver.use(context);
      long bytes = 4L * rows * cols;
      long address = take(bytes);
      taken.add(address);
      values.allocated(address, Math.max(256, bytes));
      return new Buffer(MemorySegment.ofAddress(address).reinterpret(bytes), rows, cols);
    }

    @Override
    public Buffer upload(float[] from, int cols) {
      Operands.requireRows(from, cols);
      Buffer buffer = room(from.length / cols, cols);
      copyIn(MemorySegment.ofArray(from), buffer.data().address());
      return buffer;
    }

    @Override
    public void close() {
      if (closed) {
        return;
      }
      try {
        driver.use(context);
        settle();
      } finally { // a lost card refuses even that
        for (long address : taken) {
          if (owed != null && (values.within(owed.y, address) || values.within(owed.x, address))) {
            owed = null;
          }
          values.freed(address);
          giveBack(address);
        }
        taken.clear();
      }
    }
  }

  @Override
  public void copyIn(MemorySegment from, long to) {
    long bytes = from.byteSize();
    int turn = 0;
    for (long at = 0; at < bytes; at += ARRAY_BYTES, turn = 1 - turn) {
      long size = Math.min(ARRAY_BYTES, bytes - at);
      driver.awaitEvent(sent[turn]);
      MemorySegment.copy(from, at, staging, (long) turn * ARRAY_BYTES, size);
      driver.toDevice(to + at, staging.address() + (long) turn * ARRAY_BYTES, size, stream);
      driver.record(sent[turn], stream);
    }
    driver.awaitEvent(sent[0]);
    driver.awaitEvent(sent[1]);
  }

  /** An array on its way to the next kernel: valid until the ring comes round. */
  private long array(int[] from) {
    return array(MemorySegment.ofArray(from));
  }

  long array(MemorySegment from) {
    int bytes = Math.toIntExact((from.byteSize() + 255) / 256 * 256);
    if (bytes > ARRAY_BYTES / 2) {
      if (copiedBytes < bytes) {
        if (copied != 0) {
          giveBack(copied);
        }
        copied = take(bytes);
        copiedBytes = bytes;
      }
      copyIn(from, copied);
      return copied;
    }
    if (arraysUsed + bytes > ARRAY_BYTES) {
      driver.await(stream);
      arraysUsed = 0;
      heldArrays.clear();
    }
    int at = arraysUsed;
    arraysUsed += bytes;
    MemorySegment.copy(from, 0, arrays, at, from.byteSize());
    driver.toDevice(arraysOnDevice + at, arrays.address() + at, from.byteSize(), stream);
    return arraysOnDevice + at;
  }

  /**
   * An array that may be there already: those of neighbouring operations and layers are the same.
   */
  private long held(int[] of) {
    for (HeldArray array : heldArrays) {
      if (Arrays.equals(array.values, of)) {
        return array.address;
      }
    }
    long address = array(of);
    if (of.length * 4L <= ARRAY_BYTES / 2) {
      if (heldArrays.size() == MOST_HELD_ARRAYS) {
        heldArrays.removeFirst();
      }
      heldArrays.add(new HeldArray(of.clone(), address));
    }
    return address;
  }

  @Override
  public MemorySegment host(Buffer buffer) {
    long from = begin().read(buffer);
    MemorySegment to = hostRoom(buffer.data().byteSize());
    if (to.byteSize() > 0) {
      driver.toHost(to.address(), from, to.byteSize(), stream);
    }
    driver.await(stream);
    return to;
  }

  private MemorySegment hostRoom(long bytes) {
    if (host == null || host.byteSize() < bytes) {
      if (host != null) {
        driver.freeHost(host);
      }
      host = driver.allocateHost(Math.max(1 << 20, bytes + bytes / 4));
    }
    return host.asSlice(0, bytes);
  }

  @Override
  public void store(Buffer buffer, MemorySegment from) {
    long to = begin().write(buffer);
    if (from.byteSize() > 0) {
      driver.toDevice(to, from.address(), from.byteSize(), stream);
      driver.await(stream); // the next call of host writes there
    }
  }

  @Override
  public void discard(Buffer buffer) {
    if (owed != null && RoundedValues.covers(buffer, owed.y)) {
      owed = null;
    }
  }

  @Override
  public Kept keep(List<List<Matrix>> groups) {
    driver.use(context);
    KeptWeights weights =
        new KeptWeights(
            this, groups, weightBudget, threads, driver.attribute(unit, PINS_READ_ONLY_PAGES) != 0);
    long rounding = 0;
    for (List<Matrix> group : groups) {
      for (Matrix matrix : group) {
        rounding += (matrix.dtype() == DType.BF16 ? 1 : -1) * matrix.data().byteSize();
      }
    }
    holdsRounded = precision == Precision.BF16 && rounding > 0;
    weightBudget -= weights.bytes();
    kept.add(weights);
    return weights;
  }

  @Override
  public void closed(KeptWeights weights) {
    try {
      if (!closed) {
        driver.use(context);
        settle();
        owed = null;
        driver.await(stream);
      }
    } finally {
      if (kept.remove(weights)) {
        weightBudget += weights.bytes();
      }
    }
  }

  /** Where a matrix lies on the GPU: kept, or copied for the next operation. */
  private long address(Matrix w) {
    for (KeptWeights weights : kept) {
      long address = weights.address(w.data());
      if (address != 0) {
        return address;
      }
    }
    long bytes = w.data().byteSize();
    if (copiedBytes < bytes) {
      if (copied != 0) {
        giveBack(copied);
        copied = 0;
        copiedBytes = 0;
      }
      copied = take(bytes);
      copiedBytes = bytes;
    }
    copyIn(w.data(), copied);
    return copied;
  }

  // ---- the order of things

  /** Does what was deferred; to be called before an operation touches any buffer. */
  RoundedValues begin() {
    driver.use(context);
    settle();
    return values;
  }

  private void settle() {
    Deferred before = deferred;
    deferred = null;
    switch (before) {
      case null -> {}
      case Addition a -> addNow(a.y, a.x, a.factor);
      case Product p -> multiply(p.x, p.w, p.y, p.y, false, CublasLt.F32);
    }
  }

  /** Before values that an owed product needs are overwritten, or its result is read. */
  void settleOwed(Buffer touched, boolean whollyWritten) {
    if (owed == null) {
      return;
    }
    Product p = owed;
    if (RoundedValues.overlap(p.y, touched)) {
      owed = null;
      if (!whollyWritten || !RoundedValues.covers(touched, p.y)) {
        multiply(p.x, p.w, p.y, p.y, false, CublasLt.F32);
      }
    }
  }

  /** Before x of an owed product is overwritten. */
  void settleOwedInput(Buffer written) {
    if (owed != null && RoundedValues.overlap(owed.x, written)) {
      Product p = owed;
      owed = null;
      multiply(p.x, p.w, p.y, p.y, false, CublasLt.F32);
    }
  }

  long function(String name) {
    return functions.computeIfAbsent(
        name,
        n -> {
          long function = driver.function(module, n);
          if (function == 0) {
            throw new IllegalStateException("no kernel " + n);
          }
          return function;
        });
  }

  private boolean has(String name) {
    return functions.computeIfAbsent(name, n -> driver.function(module, n)) != 0;
  }

  /**
   * Parameters in the order of the kernel: Long for 64 bits and addresses, Integer, Float, a
   * segment for a structure.
   */
  void launch(
      String kernel, long gridX, long gridY, long gridZ, int block, int shared, Object... with) {
    for (int i = 0; i < with.length; i++) {
      long at = 8L * (32 + i);
      switch (with[i]) {
        case Long value -> parameters.set(LONG, at, value);
        case Integer value -> parameters.set(INT, at, value);
        case Float value -> parameters.set(FLOAT, at, value);
        case MemorySegment structure -> {
          parameters.set(LONG, 8L * i, structure.address());
          continue;
        }
        default -> throw new IllegalArgumentException(kernel);
      }
      parameters.set(LONG, 8L * i, parameters.address() + at);
    }
    driver.launch(function(kernel), gridX, gridY, gridZ, block, shared, stream, parameters);
  }

  /** A kernel that goes over so many elements, whatever the grid. */
  void launchOver(String kernel, long elements, Object... with) {
    if (elements > 0) {
      long blocks = Math.min(16L * processors, (elements + THREADS - 1) / THREADS);
      launch(kernel, blocks, 1, 1, THREADS, 0, with);
    }
  }

  // ---- products

  @Override
  public void matmul(Buffer x, Matrix w, Buffer y) {
    Operands.requireProduct(x, w, y);
    begin();
    if (x.rows() == 0) {
      return;
    }
    if (precision.rounds(w.dtype())) {
      deferred = new Product(x, w, y);
    } else {
      multiply(x, w, y, y, false, CublasLt.F32);
    }
  }

  @Override
  public void matmulInner(Buffer x, Matrix w, Buffer y) {
    Operands.requireProduct(x, w, y);
    begin();
    if (x.rows() > 0) {
      multiply(x, w, y, y, false, precision.rounds(w.dtype()) ? CublasLt.BF16 : CublasLt.F32);
    }
  }

  /**
   * @param to y, or what the product is added to
   * @param out the type of the result
   */
  private boolean multiply(Buffer x, Matrix w, Buffer y, Buffer to, boolean added, int out) {
    int m = x.rows();
    int n = w.rows();
    int k = w.cols();
    if (precision.rounds(w.dtype())) {
      long from = values.readRounded(x);
      long weights = address(w);
      if (out == CublasLt.BF16) {
        long result = values.writeRounded(to);
        if (multiplyRounded(from, weights, w.transposed(), result, CublasLt.BF16, m, n, k, false)) {
          return true;
        }
      }
      long result = added ? values.update(to) : values.write(to);
      if (!multiplyRounded(from, weights, w.transposed(), result, CublasLt.F32, m, n, k, added)) {
        if (added) {
          return false;
        }
        plainProduct(0, from, DType.BF16, weights, w.transposed(), result, m, n, k, n);
      }
      return true;
    }
    long from = values.read(x);
    long weights = address(w);
    long result = values.write(to);
    if (w.dtype() == DType.F32) {
      multiplyF32(from, weights, w.transposed(), result, m, n, k, n);
      return true;
    }
    int rows = w.transposed() ? n : Math.clamp(WIDENED / k, 1, n);
    for (int row = 0; row < n; row += rows) {
      int count = Math.min(rows, n - row);
      long elements = (long) count * k;
      long room = widenedRoom(4 * elements);
      launchOver(
          "decode",
          elements,
          w.dtype().ordinal(),
          weights + (w.transposed() ? 0 : row * w.dtype().bytes(k)),
          room,
          elements);
      multiplyF32(from, room, w.transposed(), result + 4L * row, m, count, k, n);
    }
    return true;
  }

  /** In pieces, so that neither addresses nor partial results grow with the text. */
  private boolean multiplyRounded(
      long x, long w, boolean transposed, long y, int out, int m, int n, int k, boolean added) {
    int parts = Math.max(1, (m + PRODUCT_ROWS / 2) / PRODUCT_ROWS);
    int rows = ((m + parts - 1) / parts + 127) / 128 * 128;
    for (int row = 0; row < m; row += rows) {
      long size = out == CublasLt.BF16 ? 2 : 4;
      if (!products.multiply(
          w,
          transposed,
          x + 2L * row * k,
          CublasLt.BF16,
          y + size * row * n,
          out,
          n,
          Math.min(rows, m - row),
          n,
          k,
          added,
          workspace,
          stream)) {
        if (row > 0) {
          throw new IllegalStateException("a product of fewer rows is not to be had");
        }
        return false;
      }
    }
    return true;
  }

  /** Trials in the pool's memory, on the device's stream. */
  private final class TrialsHere implements CublasLt.Trials {
    @Override
    public long room(long bytes) {
      long address = driver.allocateOrNone(bytes, stream);
      if (address != 0) {
        inUse.add(address);
      }
      return address;
    }

    @Override
    public void giveBack(long room) {
      CudaDevice.this.giveBack(room);
    }

    @Override
    public boolean same(long a, long b, long bytes) {
      long result = take(4);
      driver.zero(result, 4, stream);
      launchOver("compare", bytes / 4, a, b, result, bytes / 4);
      return bring(result, 4).get(INT, 0) == 0;
    }

    @Override
    public double milliseconds(Runnable work) {
      return driver.milliseconds(stream, work);
    }
  }

  /**
   * {@code sums[m, n] = Σ x[m, k] · W[n, k]}, bytes to 32 bits.
   *
   * @return false where the library has no such product
   */
  boolean multiplyIntegers(long w, long x, long sums, int m, int n, int k) {
    return products.multiply(
        w, false, x, CublasLt.I8, sums, CublasLt.I32, n, m, n, k, false, workspace, stream);
  }

  @Override
  public Optional<IntegerProducts> integerProducts() {
    return Optional.of(integers);
  }

  private long widenedRoom(long bytes) {
    if (widenedBytes < bytes) {
      if (widened != 0) {
        giveBack(widened);
        widened = 0;
        widenedBytes = 0;
      }
      widened = take(bytes);
      widenedBytes = bytes;
    }
    return widened;
  }

  private void multiplyF32(
      long x, long w, boolean transposed, long y, int m, int n, int k, int stride) {
    if (!products.multiply(
        w,
        transposed,
        x,
        CublasLt.F32,
        y,
        CublasLt.F32,
        stride,
        m,
        n,
        k,
        false,
        workspace,
        stream)) {
      plainProduct(x, 0, DType.F32, w, transposed, y, m, n, k, stride);
    }
  }

  private void plainProduct(
      long x32,
      long x16,
      DType type,
      long w,
      boolean transposed,
      long y,
      int m,
      int n,
      int k,
      int stride) {
    long warps = (long) m * n;
    launch(
        "plainProduct",
        (32 * warps + THREADS - 1) / THREADS,
        1,
        1,
        THREADS,
        0,
        x32,
        x16,
        type.ordinal(),
        w,
        transposed ? 1 : 0,
        y,
        m,
        n,
        k,
        stride);
  }

  @Override
  public float[] row(Matrix w, int row) {
    int cols = w.cols();
    float[] result = new float[cols];
    if (!w.transposed()) {
      Dequantizer.decode(w.dtype(), w.data(), (long) row * cols, cols, result, 0);
    } else {
      for (int c = 0; c < cols; c++) {
        Dequantizer.decode(w.dtype(), w.data(), (long) c * w.rows() + row, 1, result, c);
      }
    }
    return result;
  }

  @Override
  public void matmulColumn(Buffer x, Matrix w, float[] weights, Buffer y, int column) {
    Operands.requireColumn(x, w, weights, y, column);
    begin();
    if (x.rows() == 0) {
      return;
    }
    boolean rounds = precision.rounds(w.dtype());
    long from = rounds ? values.readRounded(x) : values.read(x);
    long to = values.update(y);
    launch(
        "column",
        (32L * x.rows() + THREADS - 1) / THREADS,
        1,
        1,
        THREADS,
        0,
        rounds ? 0L : from,
        rounds ? from : 0L,
        array(MemorySegment.ofArray(weights)),
        to,
        x.rows(),
        x.cols(),
        y.cols(),
        column);
  }

  @Override
  public void decode(Matrix w, Buffer out) {
    Operands.requireDecoded(w, out);
    long to = begin().write(out);
    if (w.transposed()) {
      int[] rows = new int[w.rows()];
      Arrays.setAll(rows, r -> r);
      launch(
          "embed",
          rows.length,
          1,
          1,
          THREADS,
          0,
          w.dtype().ordinal(),
          address(w),
          array(rows),
          to,
          w.cols(),
          w.rows());
    } else {
      launchOver("decode", count(out), w.dtype().ordinal(), address(w), to, count(out));
    }
  }

  @Override
  public void put(Buffer x, int[] rows, int[] cols, float[] of) {
    for (int i = 0; i < of.length; i++) {
      Operands.requireElement(x, rows[i], cols[i]);
      boolean ascending =
          i == 0 || rows[i - 1] < rows[i] || (rows[i - 1] == rows[i] && cols[i - 1] < cols[i]);
      if (!ascending) { // the same element may come again: in their order
        Device.super.put(x, rows, cols, of);
        return;
      }
    }
    long to = begin().update(x);
    if (of.length > 0 && of.length < ARRAY_BYTES / 16) {
      long ofRows = array(rows);
      long ofCols = array(cols);
      long ofValues = array(MemorySegment.ofArray(of));
      launchOver("put", of.length, to, x.cols(), ofRows, ofCols, ofValues, (long) of.length);
    } else if (of.length > 0) {
      Device.super.put(x, rows, cols, of);
    }
  }

  @Override
  public void put(Buffer x, int row, int col, float value) {
    Operands.requireElement(x, row, col);
    long to = begin().update(x);
    driver.within(
        to + 4 * ((long) row * x.cols() + col),
        array(MemorySegment.ofArray(new float[] {value})),
        4,
        stream);
  }

  @Override
  public void matmul(Buffer x, Buffer w, boolean rounded, Buffer y) {
    Operands.requireProduct(x, w, y);
    begin();
    if (x.rows() == 0) {
      return;
    }
    long weights = values.read(w);
    long from;
    long scratch = 0;
    if (rounded) {
      long in16 = values.readRounded(x);
      scratch = take(x.data().byteSize());
      launchOver("widen", count(x), in16, scratch, count(x));
      from = scratch;
    } else {
      from = values.read(x);
    }
    multiplyF32(from, weights, false, values.write(y), x.rows(), w.rows(), w.cols(), w.rows());
    if (scratch != 0) {
      giveBack(scratch);
    }
  }

  // ---- moving values

  @Override
  public void embed(Matrix table, int[] ids, Buffer out) {
    Operands.requireEmbedded(table, ids, out);
    long to = begin().write(out);
    if (ids.length == 0) {
      return;
    }
    boolean stays = kept.stream().anyMatch(weights -> weights.stays(table.data()));
    if (!stays && !table.transposed()) {
      embedFromHost(table, ids, to);
      return;
    }
    launch(
        "embed",
        ids.length,
        1,
        1,
        THREADS,
        0,
        table.dtype().ordinal(),
        address(table),
        array(ids),
        to,
        table.cols(),
        table.transposed() ? table.rows() : 0);
  }

  /** The rows that are asked for, gathered here: a table is larger than most texts. */
  private void embedFromHost(Matrix table, int[] ids, long to) {
    long rowBytes = table.dtype().bytes(table.cols());
    int most = Math.clamp(ARRAY_BYTES * 16L / rowBytes, 1, ids.length);
    byte[] rows = new byte[Math.toIntExact(most * rowBytes)];
    int[] numbers = new int[most];
    Arrays.setAll(numbers, i -> i);
    long onDevice = take(rows.length);
    for (int from = 0; from < ids.length; from += most) {
      int count = Math.min(most, ids.length - from);
      for (int i = 0; i < count; i++) {
        MemorySegment.copy(
            table.data(),
            ValueLayout.JAVA_BYTE,
            ids[from + i] * rowBytes,
            rows,
            Math.toIntExact(i * rowBytes),
            (int) rowBytes);
      }
      copyIn(MemorySegment.ofArray(rows).asSlice(0, count * rowBytes), onDevice);
      launch(
          "embed",
          count,
          1,
          1,
          THREADS,
          0,
          table.dtype().ordinal(),
          onDevice,
          array(numbers),
          to + 4L * from * table.cols(),
          table.cols(),
          0);
    }
    giveBack(onDevice);
  }

  @Override
  public void copy(Buffer from, Buffer to) {
    Operands.requireSame(from, to);
    long source = begin().read(from);
    long target = values.write(to);
    if (from.data().byteSize() > 0) {
      driver.within(target, source, from.data().byteSize(), stream);
    }
  }

  @Override
  public void copyColumns(Buffer from, int fromColumn, Buffer to, int toColumn, int count) {
    Operands.requireColumns(from, fromColumn, to, toColumn, count);
    long source = begin().read(from);
    long target = count == to.cols() ? values.write(to) : values.update(to);
    for (int row = 0; row < from.rows() && count > 0; row += 65_535) {
      launch(
          "copyColumns",
          (count + THREADS - 1) / THREADS,
          Math.min(65_535, from.rows() - row),
          1,
          THREADS,
          0,
          source + 4L * row * from.cols(),
          from.cols(),
          fromColumn,
          target + 4L * row * to.cols(),
          to.cols(),
          toColumn,
          count);
    }
  }

  @Override
  public void gatherRows(Buffer x, int[] rows, Buffer out) {
    Operands.requireGathered(x, rows, out);
    begin();
    if (rows.length == 0) {
      return;
    }
    // Two numbers of bfloat16 are moved as one.
    boolean rounded = x.cols() % 2 == 0 && values.rounded(x);
    long from = rounded ? values.readRounded(x) : values.read(x);
    long to = rounded ? values.writeRounded(out) : values.write(out);
    int words = rounded ? x.cols() / 2 : x.cols();
    launch("gatherRows", rows.length, 1, 1, THREADS, 0, from, held(rows), to, words);
  }

  @Override
  public void scatterAddRows(Buffer x, int[] rows, float[] factors, Buffer y) {
    Operands.requireScattered(x, rows, factors, y);
    if (rows.length == 0) {
      return;
    }
    long from = begin().read(x);
    long to = values.update(y);
    long at = array(rows);
    long with = array(MemorySegment.ofArray(factors));
    Set<Integer> seen = new HashSet<>();
    boolean distinct = Arrays.stream(rows).allMatch(seen::add);
    if (distinct) {
      launch("scatterDistinct", rows.length, 1, 1, THREADS, 0, from, at, with, to, x.cols());
    } else {
      launch(
          "scatterInOrder",
          (x.cols() + THREADS - 1) / THREADS,
          1,
          1,
          THREADS,
          0,
          from,
          at,
          with,
          to,
          rows.length,
          x.cols());
    }
  }

  // ---- element by element

  private static long count(Buffer x) {
    return (long) x.rows() * x.cols();
  }

  @Override
  public void addBias(Buffer y, Buffer bias) {
    Operands.requireBias(y, bias);
    long from = begin().read(bias);
    launchOver("addBias", count(y), values.update(y), from, count(y), y.cols());
  }

  @Override
  public void add(Buffer y, Buffer x, float factor) {
    Operands.requireSame(x, y);
    driver.use(context);
    if (deferred instanceof Product p
        && factor == 1
        && RoundedValues.same(p.y, x)
        && !RoundedValues.overlap(p.y, y)
        && !RoundedValues.overlap(p.x, y)) {
      deferred = null;
      if (multiply(p.x, p.w, p.y, y, true, CublasLt.F32)) {
        values.forget(p.y);
        owed = p;
        return;
      }
      multiply(p.x, p.w, p.y, p.y, false, CublasLt.F32);
    }
    begin();
    if (y.rows() > 0) {
      deferred = new Addition(y, x, factor);
    }
  }

  private void addNow(Buffer y, Buffer x, float factor) {
    long from = values.read(x);
    launchOver("add", count(y), values.update(y), from, factor, count(y));
  }

  @Override
  public void scale(Buffer x, float factor) {
    launchOver("scale", count(x), begin().update(x), factor, count(x));
  }

  @Override
  public void clamp(Buffer x, float limit) {
    launchOver("clampTo", count(x), begin().update(x), limit, count(x));
  }

  @Override
  public void softcap(Buffer x, float cap) {
    launchOver("softcap", count(x), begin().update(x), cap, count(x));
  }

  @Override
  public void activate(Activation activation, Buffer x) {
    begin();
    if (values.rounded(x)) {
      launchOver(
          "gateRounded",
          (count(x) + 7) / 8,
          activation.ordinal(),
          values.updateRounded(x),
          0L,
          count(x));
      return;
    }
    launchOver("activate", count(x), activation.ordinal(), values.update(x), count(x));
  }

  @Override
  public void gate(Activation activation, Buffer gate, Buffer up) {
    Operands.requireSame(gate, up);
    begin();
    if (values.rounded(gate) && values.rounded(up)) {
      long with = values.readRounded(up);
      launchOver(
          "gateRounded",
          (count(gate) + 7) / 8,
          activation.ordinal(),
          values.updateRounded(gate),
          with,
          count(gate));
      return;
    }
    long with = values.read(up);
    launchOver("gate", count(gate), activation.ordinal(), values.update(gate), with, count(gate));
  }

  // ---- rows

  /** An addition to x that the norm does on its way, or none. */
  private Addition additionTo(Buffer x) {
    driver.use(context);
    if (deferred instanceof Addition a && RoundedValues.same(a.y, x)) {
      deferred = null;
      return a;
    }
    settle();
    return null;
  }

  private interface Norm {
    void launch(long x, long added, float factor, long out32, long out16);
  }

  private void norm(Buffer x, Buffer y, Norm norm) {
    if (x.rows() == 0) {
      return;
    }
    Addition addition = additionTo(x);
    long added = addition == null ? 0 : values.read(addition.x);
    long from = addition == null ? values.read(x) : values.update(x);
    boolean rounds = holdsRounded && !RoundedValues.overlap(x, y);
    long to = rounds ? values.writeRounded(y) : values.write(y);
    norm.launch(
        from, added, addition == null ? 0 : addition.factor, rounds ? 0 : to, rounds ? to : 0);
  }

  @Override
  public void rmsNorm(Buffer x, Buffer weight, float offset, float epsilon, Buffer y) {
    Operands.requireNorm(x, y, weight);
    norm(
        x,
        y,
        (from, added, factor, out32, out16) ->
            launch(
                has("rmsNorm" + x.cols()) ? "rmsNorm" + x.cols() : "rmsNorm",
                x.rows(),
                1,
                1,
                has("rmsNorm" + x.cols()) ? HELD_ROW_THREADS : THREADS,
                0,
                from,
                added,
                factor,
                weight == null ? 0L : weight.data().address(),
                offset,
                epsilon,
                out32,
                out16,
                x.cols()));
  }

  @Override
  public void layerNorm(Buffer x, Buffer weight, Buffer bias, float epsilon, Buffer y) {
    Operands.requireNorm(x, y, weight, bias);
    norm(
        x,
        y,
        (from, added, factor, out32, out16) ->
            launch(
                "layerNorm",
                x.rows(),
                1,
                1,
                THREADS,
                0,
                from,
                added,
                factor,
                weight == null ? 0L : weight.data().address(),
                bias == null ? 0L : bias.data().address(),
                epsilon,
                out32,
                out16,
                x.cols()));
  }

  @Override
  public void rope(Buffer x, int headDim, Buffer cos, Buffer sin, int[] at, boolean interleaved) {
    Operands.requireRope(x, headDim, cos, sin, at);
    begin();
    if (at.length == 0) {
      return;
    }
    long c = values.read(cos);
    long s = values.read(sin);
    boolean rounded = values.rounded(x);
    long on = rounded ? values.updateRounded(x) : values.update(x);
    launch(
        "rope",
        x.rows(),
        1,
        1,
        THREADS,
        0,
        rounded ? 0L : on,
        rounded ? on : 0L,
        x.cols(),
        headDim,
        c,
        s,
        held(at),
        cos.cols(),
        interleaved ? 1 : 0);
  }

  /** Whether attention of such heads multiplies bfloat16. */
  private boolean attendsRounded(int headDim, float softcap) {
    return holdsRounded
        && (headDim == 64 || headDim == 128)
        && driver.hasTensorMaps()
        && has(kernelOf(headDim, softcap));
  }

  private static String kernelOf(int headDim, float softcap) {
    return (softcap > 0 ? "attendCapped" : "attendRounded") + headDim;
  }

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
    begin();
    boolean rounds = attendsRounded(d, spec.softcap());
    if (spans.stream().allMatch(span -> span.queryCount() == 0)) {
      return;
    }
    if (rounds) {
      Divided divided = divided(spans, spec);
      AttentionTiles tiles = divided.tiles;
      long qs = values.readRounded(q);
      long ks = values.readRounded(k);
      long vs = values.readRounded(v);
      long to = values.writeRounded(out);
      int shared = (2 * ROUNDED_QUERIES + 4 * ROUNDED_KEYS) * d * 2 + 1152;
      String rounded = kernelOf(d, spec.softcap());
      driver.allowSharedMemory(function(rounded), shared);
      double log2e = 1 / Math.log(2);
      launch(
          rounded,
          tiles.blocks(),
          1,
          1,
          ROUNDED_THREADS,
          shared,
          map(0, qs, q, ROUNDED_QUERIES / 2),
          map(1, ks, k, ROUNDED_KEYS),
          map(2, vs, v, ROUNDED_KEYS),
          to,
          divided.address,
          divided.address + 4L * tiles.work(),
          divided.address + 4L * tiles.begins(),
          spec.heads(),
          spec.keyValueHeads(),
          (float) (spec.softcap() > 0 ? spec.scale() / spec.softcap() : spec.scale() * log2e),
          spec.softcap(),
          spec.window());
      return;
    }
    if (d > 256) {
      throw new IllegalArgumentException(
          "heads of " + d + " channels; the cuda device takes up to 256");
    }
    long qs = values.read(q);
    long ks = values.read(k);
    long vs = values.read(v);
    long to = values.write(out);
    AttentionTiles tiles = AttentionTiles.of(spans, QUERIES);
    int shared = 4 * (3 * QUERIES * (d + 1) + QUERIES * 33);
    String kernel = d <= 64 ? "attend64" : d <= 128 ? "attend128" : "attend256";
    driver.allowSharedMemory(function(kernel), shared);
    launch(
        kernel,
        tiles.count(),
        spec.heads(),
        1,
        128,
        shared,
        qs,
        ks,
        vs,
        to,
        array(tiles.numbers()),
        spec.heads(),
        spec.keyValueHeads(),
        d,
        spec.scale(),
        spec.softcap(),
        spec.window());
  }

  /** Work of attention on the GPU: the same for all layers of a pass. */
  private record Divided(AttentionTiles tiles, long address) {}

  private record Division(List<AttentionSpec.Span> spans, AttentionSpec spec) {}

  private Divided divided(List<AttentionSpec.Span> spans, AttentionSpec spec) {
    Division division = new Division(List.copyOf(spans), spec);
    Divided known = divisions.get(division);
    if (known != null) {
      return known;
    }
    if (divisions.size() == MOST_DIVISIONS) {
      giveBack(divisions.pollFirstEntry().getValue().address);
    }
    AttentionTiles tiles =
        AttentionTiles.forProcessors(spans, spec, ROUNDED_QUERIES, ROUNDED_KEYS, processors);
    long bytes = 4L * tiles.numbers().length;
    long address = take(bytes);
    driver.within(address, array(tiles.numbers()), bytes, stream);
    Divided made = new Divided(tiles, address);
    divisions.putLast(division, made);
    return made;
  }

  private MemorySegment map(int which, long address, Buffer of, int boxRows) {
    MemorySegment map = maps.asSlice((long) which * CudaDriver.TENSOR_MAP, CudaDriver.TENSOR_MAP);
    driver.describe(map, address, of.rows(), of.cols(), boxRows);
    return map;
  }

  // ---- soft-max

  @Override
  public double[] logProbabilities(Buffer logits, int[] targets) {
    Operands.requireTargets(logits, targets);
    if (targets.length == 0) {
      return new double[0];
    }
    LogitBlock block = logitBlock(logits, targets);
    double[] result = new double[targets.length];
    Arrays.setAll(result, m -> block.target()[m] - block.logSumExp()[m]);
    return result;
  }

  @Override
  public LogitBlock logitBlock(Buffer logits, int[] targets) {
    Operands.requireTargetsOrNone(logits, targets);
    int rows = logits.rows();
    LogitBlock block =
        new LogitBlock(new double[rows], new int[rows], new float[rows], new float[rows]);
    long from = begin().read(logits);
    if (rows == 0) {
      return block;
    }
    long results = take(20L * rows);
    launch(
        "logitBlock",
        rows,
        1,
        1,
        THREADS,
        0,
        from,
        array(targets),
        results,
        results + 8L * rows,
        results + 12L * rows,
        results + 16L * rows,
        logits.cols());
    MemorySegment back = bring(results, 20L * rows);
    MemorySegment.copy(back, ValueLayout.JAVA_DOUBLE, 0, block.logSumExp(), 0, rows);
    MemorySegment.copy(back, INT, 8L * rows, block.argMax(), 0, rows);
    MemorySegment.copy(back, FLOAT, 12L * rows, block.largest(), 0, rows);
    MemorySegment.copy(back, FLOAT, 16L * rows, block.target(), 0, rows);
    return block;
  }

  /** Results in host memory; what they lay in is given back. */
  MemorySegment bring(long results, long bytes) {
    MemorySegment to = hostRoom(bytes);
    driver.toHost(to.address(), results, bytes, stream);
    giveBack(results);
    driver.await(stream);
    return to;
  }

  @Override
  public double[] divergence(Buffer logitsP, Buffer logitsQ) {
    Operands.requireSame(logitsP, logitsQ);
    int rows = logitsP.rows();
    long p = begin().read(logitsP);
    long q = values.read(logitsQ);
    double[] result = new double[rows];
    if (rows > 0) {
      long results = take(8L * rows);
      launch("divergence", rows, 1, 1, THREADS, 0, p, q, results, logitsP.cols());
      MemorySegment.copy(bring(results, 8L * rows), ValueLayout.JAVA_DOUBLE, 0, result, 0, rows);
    }
    return result;
  }

  @Override
  public int[] argMax(Buffer x) {
    Operands.requireValues(x);
    int[] result = new int[x.rows()];
    long from = begin().read(x);
    if (result.length > 0) {
      long results = take(4L * result.length);
      launch("argMaxRows", x.rows(), 1, 1, THREADS, 0, from, results, x.cols());
      MemorySegment.copy(bring(results, 4L * result.length), INT, 0, result, 0, result.length);
    }
    return result;
  }

  private void closeKept() {
    if (!kept.isEmpty()) {
      KeptWeights last = kept.getLast();
      try {
        last.close();
      } finally {
        kept.remove(last);
        closeKept();
      }
    }
  }

  /** Frees everything on the GPU. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    try {
      closeKept();
    } finally {
      closed = true;
      driver.useIfItGoes(context);
      List.copyOf(inUse).forEach(this::giveBack);
      if (host != null) {
        driver.freeHost(host);
      }
      releases.forEach(Runnable::run);
      arena.close();
    }
  }
}
