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
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Measures this machine's ceilings, then products of its devices beside them. */
public final class Bench {
  private static final List<DType> DTYPES = List.of(DType.BF16, DType.F32, DType.Q8_0, DType.Q4_0);
  private static final List<Integer> TOKENS = List.of(1, 10, 64, 512, 2048);

  private static final int MOST_TOKENS_QUANTIZED = 512;
  private static final int MOST_TOKENS_OF_LARGE = 512;

  private static final List<Integer> QUICK_TOKENS = List.of(1, 10, 512);

  private final BenchSettings settings;
  private final Consumer<String> progress;

  private Bench(BenchSettings settings, Consumer<String> progress) {
    this.settings = settings;
    this.progress = progress;
  }

  /**
   * Measures.
   *
   * @param progress gets a word on what is being measured
   * @throws InputException of kind USAGE for an unknown device; of the device's kind where the
   *     named one cannot run here
   */
  public static BenchReport run(BenchSettings settings, Consumer<String> progress) {
    return new Bench(settings, progress).run();
  }

  /** A device, opened once for bfloat16 weights and once for all others. */
  private record Opened(Device bf16, Device f32) {
    Device of(DType dtype) {
      return dtype == DType.BF16 ? bf16 : f32;
    }
  }

  private BenchReport run() {
    long start = System.nanoTime();
    List<Opened> devices = open();
    try (Team team = new Team(settings.threads());
        Arena arena = Arena.ofShared()) {
      progress.accept("ceilings");
      Ceilings measured =
          new Ceilings(settings, new Stopwatch(0.2, 0.6, settings.quick() ? 0.1 : 0.3));
      measured.measure(team);
      measured.measureFiles(team);
      Map<DType, MemorySegment> weights = new EnumMap<>(DType.class);
      for (DType dtype : DTYPES) {
        weights.put(dtype, Weights.fill(arena, dtype, settings.weightBytes()));
      }
      List<ProductSpeed> products = new ArrayList<>();
      // The shapes of a type share their loops: the first of them waits until those are compiled.
      Stopwatch first = new Stopwatch(0.25, 1, settings.quick() ? 0.02 : 0.06);
      Stopwatch further = new Stopwatch(0.02, 0.1, settings.quick() ? 0.02 : 0.06);
      int skipped = 0;
      for (int tokens : settings.quick() ? QUICK_TOKENS : TOKENS) {
        progress.accept("products of " + tokens + (tokens == 1 ? " token" : " tokens"));
        for (DType dtype : DTYPES) {
          for (Opened device : devices) {
            List<ProductSpeed> row = new ArrayList<>();
            for (LayerShape shape : shapes(tokens, dtype)) {
              if (Stopwatch.since(start) > settings.seconds()) {
                skipped++;
                continue;
              }
              Stopwatch watch = row.isEmpty() ? first : further;
              row.add(measure(device.of(dtype), dtype, weights.get(dtype), shape, tokens, watch));
            }
            if (row.size() > 1 && row.get(1).gigaflops() > 2 * row.getFirst().gigaflops()) {
              // The compiler was busy elsewhere: by now it is through.
              row.set(
                  0,
                  measure(
                      device.of(dtype),
                      dtype,
                      weights.get(dtype),
                      row.getFirst().shape(),
                      tokens,
                      further));
            }
            products.addAll(row);
          }
        }
      }
      progress.accept("ceilings again");
      measured.measure(team);
      List<Ceiling> ceilings = measured.all();
      return new BenchReport(
          processor(),
          settings.threads(),
          "JDK " + Runtime.version() + " (" + System.getProperty("java.vendor") + ")",
          devices.stream().map(d -> d.bf16.description()).toList(),
          ceilings,
          products.stream().map(p -> beside(p, ceilings)).toList(),
          skipped,
          Stopwatch.since(start));
    } finally {
      devices.forEach(d -> {
        d.bf16.close();
        d.f32.close();
      });
    }
  }

  /** Most of the time would go to many tokens, where all quantized types are widened alike. */
  private List<LayerShape> shapes(int tokens, DType dtype) {
    int most = dtype.quantized() ? MOST_TOKENS_QUANTIZED : Integer.MAX_VALUE;
    int mostOfLarge = settings.quick() ? 0 : dtype.quantized() ? 64 : MOST_TOKENS_OF_LARGE;
    return LayerShape.ALL.stream()
        .filter(s -> tokens <= (s.model().equals("1 B") ? most : mostOfLarge))
        .toList();
  }

  private List<Opened> open() {
    Devices known = Devices.onClassPath();
    boolean all = settings.device().equals(Devices.AUTO);
    List<Opened> opened = new ArrayList<>();
    for (String name : all ? known.names() : List.of(settings.device())) {
      if (all && !known.present(name)) {
        continue;
      }
      try {
        Device bf16 = known.open(name, settings.threads(), Precision.BF16).device();
        if (all && !bf16.inHostMemory()) {
          bf16.close(); // its weights would be copied to it at each product
          continue;
        }
        opened.add(new Opened(bf16, known.open(name, settings.threads(), Precision.F32).device()));
      } catch (InputException e) {
        if (!all) {
          throw e;
        }
        progress.accept(name + " left out: " + e.getMessage());
      }
    }
    return opened;
  }

  /** Every call reads other weights, so that they come from memory and not from a cache. */
  private static ProductSpeed measure(
      Device device,
      DType dtype,
      MemorySegment weights,
      LayerShape shape,
      int tokens,
      Stopwatch watch) {
    long bytes = dtype.bytes((long) shape.rows() * shape.cols());
    long step = (bytes + dtype.blockBytes() * 4096L - 1) / (dtype.blockBytes() * 4096L);
    step *= dtype.blockBytes() * 4096L; // whole blocks and whole pages
    List<Matrix> matrices = new ArrayList<>();
    for (long at = 0; at + bytes <= weights.byteSize(); at += step) {
      matrices.add(
          new Matrix(dtype, weights.asSlice(at, bytes), shape.rows(), shape.cols(), false));
    }
    try (Device.Scope scope = device.scope()) {
      Buffer x = scope.upload(Weights.inputs(tokens * shape.cols()), shape.cols());
      Buffer y = scope.allocate(tokens, shape.rows());
      int[] next = {0};
      Spread seconds =
          watch.seconds(() -> device.matmul(x, matrices.get(next[0]++ % matrices.size()), y));
      return new ProductSpeed(
          device.name(), dtype, device.precision(), shape, tokens, seconds, Double.NaN);
    }
  }

  /** The time that the best rounds of the ceilings allow, as a share of the time taken. */
  static ProductSpeed beside(ProductSpeed p, List<Ceiling> ceilings) {
    double memory =
        Math.max(
            of(ceilings, Ceiling.Kind.MEMORY_ANONYMOUS), of(ceilings, Ceiling.Kind.MEMORY_MAPPED));
    boolean dots = p.precision().rounds(p.dtype()) && p.device().equals("onednn");
    double arithmetic = of(ceilings, dots ? Ceiling.Kind.DOT_BF16 : Ceiling.Kind.FMA_F32);
    double least =
        Math.max(p.bytes() / (memory * 1e9), p.shape().operations(p.tokens()) / (arithmetic * 1e9));
    return new ProductSpeed(
        p.device(),
        p.dtype(),
        p.precision(),
        p.shape(),
        p.tokens(),
        p.seconds(),
        memory > 0 && arithmetic > 0 ? least / p.seconds().median() : Double.NaN);
  }

  /** The best round, in 10⁹ a second; 0 where it was not measured. */
  private static double of(List<Ceiling> ceilings, Ceiling.Kind kind) {
    return ceilings.stream()
        .filter(c -> c.kind() == kind)
        .findFirst()
        .flatMap(Ceiling::value)
        .map(Spread::high)
        .orElse(0.0);
  }

  private static String processor() {
    try (var lines = Files.lines(Path.of("/proc/cpuinfo"))) {
      return lines
          .filter(line -> line.startsWith("model name"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse(System.getProperty("os.arch"));
    } catch (IOException | java.io.UncheckedIOException e) {
      return System.getProperty("os.arch");
    }
  }
}
