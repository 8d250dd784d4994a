package io.superweight.bench;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Precision;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.find.Cost;
import io.superweight.find.FindOptions;
import io.superweight.find.FindResult;
import io.superweight.find.Finder;
import io.superweight.find.MemoryWatch;
import io.superweight.find.Prompt;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.Tokenizers;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import tools.jackson.databind.json.JsonMapper;

/**
 * The command {@code etc/measure-find MODEL [PASSES]}: what one pass over a checkpoint takes, first
 * in a fresh JVM and then again, and what a search takes; with the memory of the process.
 */
public final class MeasureFind {
  private MeasureFind() {}

  /** Fails where the search does not find exactly what {@code planted.json} tells. */
  public static void main(String[] arguments) {
    Path folder = Path.of(arguments[0]);
    int passes = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 3;
    try (MemoryWatch watch = MemoryWatch.start();
        Checkpoint checkpoint = Checkpoints.open(folder);
        CpuDevice device =
            CpuDevice.create(Runtime.getRuntime().availableProcessors(), Precision.BF16);
        Transformer model = Transformer.load(checkpoint, device)) {
      Tokenizer tokenizer = Tokenizers.of(checkpoint);
      print("device", device.description());
      print("start", seconds(ManagementFactory.getRuntimeMXBean().getUptime() / 1e3));
      int[] ids = Prompt.of(Prompt.REFERENCE, tokenizer, BosPolicy.AUTO).idArray();
      long bytes =
          model.matrices().values().stream().mapToLong(matrix -> matrix.data().byteSize()).sum();
      for (int pass = 1; pass <= passes; pass++) {
        long start = System.nanoTime();
        double busy = processorSeconds();
        model.forward(List.of(ids), List.of(Variant.INTACT), List.of(), Head.SKIP);
        double took = (System.nanoTime() - start) / 1e9;
        print("pass " + pass + ", " + ids.length + " tokens", rate(bytes, took, busy));
        memory(watch);
      }
      FindOptions options = FindOptions.DEFAULT.withStability(false);
      double busy = processorSeconds();
      FindResult result = Finder.find(model, tokenizer, options);
      Cost cost = result.cost();
      print("find", cost.passes() + " passes, " + rate(cost.bytesRead(), cost.seconds(), busy));
      memory(watch);
      Set<String> found =
          result.sources().stream().map(Coordinate::toString).collect(Collectors.toSet());
      print("found", found.toString());
      Planted planted =
          JsonMapper.builder()
              .build()
              .readValue(folder.resolve("planted.json").toFile(), Planted.class);
      Set<String> truth =
          planted.weights().stream().map(Planted.Weight::coordinate).collect(Collectors.toSet());
      if (!found.equals(truth)) {
        print("planted", truth.toString());
        System.exit(1);
      }
    }
  }

  private static void memory(MemoryWatch watch) {
    watch
        .peak()
        .ifPresent(peak ->
            print(
                "peak memory",
                String.format(
                    Locale.ROOT,
                    "%.2f GB anonymous, %.2f GB file-backed, %.2f GB together",
                    peak.anonymous() / 1e9,
                    peak.fileBacked() / 1e9,
                    peak.peakResident() / 1e9)));
  }

  /** With the time of all processors since {@code busy}: on a busy machine it says more. */
  private static String rate(long bytes, double took, double busy) {
    return String.format(
        Locale.ROOT,
        "%.2f GB in %s, %.1f GB/s; %s of processor time",
        bytes / 1e9,
        seconds(took),
        bytes / took / 1e9,
        seconds(processorSeconds() - busy));
  }

  private static double processorSeconds() {
    return ManagementFactory.getOperatingSystemMXBean()
            instanceof com.sun.management.OperatingSystemMXBean system
        ? system.getProcessCpuTime() / 1e9
        : Double.NaN;
  }

  private static String seconds(double value) {
    return String.format(Locale.ROOT, "%.2f s", value);
  }

  private static void print(String what, String value) {
    System.out.printf(Locale.ROOT, "%-20s %s%n", what, value);
  }
}
