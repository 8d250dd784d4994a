package io.superweight.measure;

import io.superweight.InputException;
import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.Devices;
import io.superweight.compute.Matrix;
import io.superweight.compute.Precision;
import io.superweight.tensor.DType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.DoubleStream;

/** Measures the ceilings. */
final class Ceilings {
  private static final int FMA_STEPS = 1 << 20;
  private static final int CHUNK = 8 << 20;

  /** Rounds of a cold read, and the seconds after which one is cut short. */
  private static final int DISK_ROUNDS = 3;

  private static final double DISK_SECONDS = 3;

  /** A product whose parts stay in the caches. */
  private record Dot(int tokens, int rows, int cols) {
    double operations() {
      return 2.0 * tokens * rows * cols;
    }
  }

  private static final List<Dot> DOT_SHAPES =
      List.of(
          new Dot(512, 1024, 1024),
          new Dot(1024, 1024, 2048),
          new Dot(1024, 2048, 2048),
          new Dot(2048, 2048, 1024));

  private static final String VECTORS = "not measurable without the module jdk.incubator.vector";

  private final BenchSettings settings;
  private final Stopwatch watch;
  private final Map<Ceiling.Kind, double[]> rates = new EnumMap<>(Ceiling.Kind.class);
  private final Map<Ceiling.Kind, String> how = new EnumMap<>(Ceiling.Kind.class);
  private Dot dotShape;

  Ceilings(BenchSettings settings, Stopwatch watch) {
    this.settings = settings;
    this.watch = watch;
  }

  /** Whether vectors can be computed with. */
  static boolean vectors() {
    return ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
  }

  /**
   * Measures those that a neighbour on the same machine disturbs most. Called before and after the
   * products: all rounds count.
   */
  void measure(Team team) {
    if (vectors()) {
      anonymous(team);
      add(
          Ceiling.Kind.FMA_F32,
          VectorPeaks.operations(FMA_STEPS) * team.threads(),
          watch.rounds(() -> team.all(thread -> VectorPeaks.multiplyAdd(FMA_STEPS))),
          "vectors of " + VectorPeaks.bits() + " bits in registers");
    }
    dot();
  }

  /** Measures those that need a file. */
  void measureFiles(Team team) {
    try (ScratchFile scratch = ScratchFile.create(settings.bytes())) {
      if (vectors()) {
        mapped(team, scratch.path());
      }
      if (settings.file().isEmpty()) {
        cold(scratch.path(), "a temporary file");
      }
    } catch (IOException e) {
      String why = "not measurable: no temporary file can be written (" + firstLine(e) + ")";
      how.put(Ceiling.Kind.MEMORY_MAPPED, why);
      how.put(Ceiling.Kind.DISK_COLD, why);
    }
    settings.file().ifPresent(file -> cold(file, "the file given"));
  }

  /** One of each kind, with what was measured so far. */
  List<Ceiling> all() {
    return Arrays.stream(Ceiling.Kind.values())
        .map(kind ->
            rates.containsKey(kind)
                ? Ceiling.measured(kind, Spread.of(rates.get(kind)), how.get(kind))
                : Ceiling.missing(kind, how.getOrDefault(kind, VECTORS)))
        .toList();
  }

  /** Keeps the rates, in 10⁹ a second, of rounds that did such an amount each. */
  private void add(Ceiling.Kind kind, double amount, double[] seconds, String explanation) {
    double[] added = Arrays.stream(seconds).map(s -> amount / s / 1e9).toArray();
    rates.merge(
        kind,
        added,
        (before, after) ->
            DoubleStream.concat(Arrays.stream(before), Arrays.stream(after)).toArray());
    how.put(kind, explanation);
  }

  private void anonymous(Team team) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(settings.bytes(), 4096);
      memory.fill((byte) 1); // pages that were never written are all one page of zeros
      read(
          Ceiling.Kind.MEMORY_ANONYMOUS,
          team,
          memory,
          "each thread reads its part of " + megabytes(settings.bytes()));
    }
  }

  private void mapped(Team team, Path file) throws IOException {
    try (Arena arena = Arena.ofShared();
        FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      read(
          Ceiling.Kind.MEMORY_MAPPED,
          team,
          channel.map(FileChannel.MapMode.READ_ONLY, 0, settings.bytes(), arena),
          "the same, of a file that the page cache holds");
    }
  }

  private void read(Ceiling.Kind kind, Team team, MemorySegment memory, String explanation) {
    long part = memory.byteSize() / team.threads() / VectorPeaks.stride() * VectorPeaks.stride();
    add(
        kind,
        (double) part * team.threads(),
        watch.rounds(
            () -> team.all(thread -> VectorPeaks.read(memory.asSlice(thread * part, part)))),
        explanation);
  }

  /** The best of some shapes; each is multiplied with x rounded and y written, as a layer does. */
  private void dot() {
    try (Device device =
        Devices.onClassPath().open("onednn", settings.threads(), Precision.BF16).device()) {
      if (dotShape == null) {
        dotShape =
            DOT_SHAPES.stream()
                .max(Comparator.comparingDouble(s -> s.operations() / seconds(device, s)[0]))
                .orElseThrow();
      }
      add(
          Ceiling.Kind.DOT_BF16,
          dotShape.operations(),
          seconds(device, dotShape),
          "through oneDNN, the best of products that fit the caches");
    } catch (InputException e) {
      how.put(Ceiling.Kind.DOT_BF16, "not measurable without oneDNN: " + e.getMessage());
    }
  }

  private double[] seconds(Device device, Dot shape) {
    try (Arena arena = Arena.ofShared();
        Device.Scope scope = device.scope()) {
      long elements = (long) shape.rows() * shape.cols();
      MemorySegment weights = Weights.fill(arena, DType.BF16, DType.BF16.bytes(elements));
      Matrix w = new Matrix(DType.BF16, weights, shape.rows(), shape.cols(), false);
      Buffer x = scope.upload(Weights.inputs(shape.tokens() * shape.cols()), shape.cols());
      Buffer y = scope.allocate(shape.tokens(), shape.rows());
      return watch.rounds(() -> device.matmul(x, w, y));
    }
  }

  private void cold(Path file, String what) {
    if (!PageCache.supported()) {
      how.put(Ceiling.Kind.DISK_COLD, "measurable on Linux only, with native access enabled");
      return;
    }
    try {
      if (Files.getFileStore(file).type().equals("tmpfs")) {
        how.put(
            Ceiling.Kind.DISK_COLD,
            "not measurable: " + file.getParent() + " lies in memory; name a file on the disk");
        return;
      }
      double[] secondsOfGigabyte = new double[DISK_ROUNDS];
      for (int round = 0; round < DISK_ROUNDS; round++) {
        PageCache.drop(file);
        long start = System.nanoTime();
        long bytes = Math.max(1, read(file, settings.bytes()));
        secondsOfGigabyte[round] = Stopwatch.since(start) / bytes * 1e9;
      }
      add(
          Ceiling.Kind.DISK_COLD,
          1e9,
          secondsOfGigabyte,
          "one thread reads up to "
              + megabytes(settings.bytes())
              + " of "
              + what
              + ", dropped from the page cache");
    } catch (IOException e) {
      how.put(Ceiling.Kind.DISK_COLD, "not measurable: " + firstLine(e));
    }
  }

  private static String firstLine(IOException e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
  }

  private static long read(Path file, long most) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocateDirect(CHUNK);
    long start = System.nanoTime();
    long bytes = 0;
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      while (bytes < most && Stopwatch.since(start) < DISK_SECONDS) {
        int n = channel.read(buffer.clear());
        if (n < 0) {
          break;
        }
        bytes += n;
      }
    }
    return bytes;
  }

  private static String megabytes(long bytes) {
    return (bytes >> 20) + " MiB";
  }

  /** A file that is gone when the command is, however it ends. */
  private record ScratchFile(Path path) implements AutoCloseable {
    static ScratchFile create(long bytes) throws IOException {
      Path path = Files.createTempFile("superweight-bench", ".tmp");
      path.toFile().deleteOnExit();
      try {
        if (Files.getFileStore(path).getUsableSpace() < 2 * bytes) {
          throw new IOException("less than " + megabytes(2 * bytes) + " are free");
        }
        byte[] chunk = new byte[CHUNK];
        new Random(1).nextBytes(chunk);
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
          for (long at = 0; at < bytes; at += CHUNK) {
            channel.write(ByteBuffer.wrap(chunk, 0, (int) Math.min(CHUNK, bytes - at)));
          }
          channel.force(true); // pages that are not on the disk yet cannot be dropped
        }
        return new ScratchFile(path);
      } catch (IOException | RuntimeException e) {
        Files.deleteIfExists(path);
        throw e;
      }
    }

    @Override
    public void close() {
      try {
        Files.deleteIfExists(path);
      } catch (IOException e) {
        // it goes when the JVM ends
      }
    }
  }
}
