package io.superweight.bench;

import io.superweight.compute.Activation;
import io.superweight.compute.AttentionSpec;
import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.Matrix;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * Prints how fast the kernels of the Java device are: products in turn with a loop that only reads
 * their weights, then attention and what is neither. Arguments: threads, types, tokens and shapes
 * (rows x columns), each but the first separated by commas. Not a test: the figures depend on what
 * else the machine does, only ratios of one line mean something.
 */
final class MeasureKernels {
  private static final int ROUNDS = 7;
  private static final int WARM_UP = 3;
  private static final long WEIGHT_BYTES = 256L << 20;

  private MeasureKernels() {}

  public static void main(String[] args) throws InterruptedException {
    int threads =
        args.length > 0 ? Integer.parseInt(args[0]) : Runtime.getRuntime().availableProcessors();
    String[] dtypes = (args.length > 1 ? args[1] : "BF16,Q8_0,Q4_0,F16,Q4_K").split(",");
    String[] tokens = (args.length > 2 ? args[2] : "1,10,512").split(",");
    String[] shapes = (args.length > 3 ? args[3] : "2048x2048,5632x2048,2048x5632").split(",");
    try (CpuDevice device = CpuDevice.create(threads);
        Arena arena = Arena.ofShared()) {
      System.out.println(device.description());
      MemorySegment weights = arena.allocate(WEIGHT_BYTES, 64);
      Random random = new Random(1);
      for (long i = 0; i < weights.byteSize(); i += 8) {
        // Bytes 0x10 to 0x3f: harmless numbers in every type.
        weights.set(
            ValueLayout.JAVA_LONG,
            i,
            (random.nextLong() & 0x2f2f2f2f2f2f2f2fL) | 0x1010101010101010L);
      }
      for (String shape : shapes) {
        int rows = Integer.parseInt(shape.split("x")[0]);
        int cols = Integer.parseInt(shape.split("x")[1]);
        for (String dtype : dtypes) {
          for (String count : tokens) {
            product(
                device,
                threads,
                weights,
                DType.valueOf(dtype),
                rows,
                cols,
                Integer.parseInt(count));
          }
        }
      }
      for (int window : new int[] {512, 2048}) {
        for (int keyHeads : new int[] {4, 32}) {
          attention(device, window, keyHeads, keyHeads == 4 ? 64 : 128);
        }
      }
      others(device);
    }
  }

  private static void product(
      Device device,
      int threads,
      MemorySegment weights,
      DType dtype,
      int rows,
      int cols,
      int tokens)
      throws InterruptedException {
    long bytes = dtype.bytes((long) rows * cols);
    int matrices = Math.toIntExact(weights.byteSize() / bytes);
    int uses = Math.clamp(4_000_000_000L / (2L * rows * cols * tokens), 1, 4 * matrices);
    double[] seconds = new double[ROUNDS];
    double[] ratios = new double[ROUNDS];
    try (Device.Scope scope = device.scope()) {
      Buffer x = scope.allocate(tokens, cols);
      Buffer y = scope.allocate(tokens, rows);
      device.host(x).fill((byte) 0x3c);
      for (int round = -WARM_UP; round < ROUNDS; round++) {
        double read = read(threads, weights);
        long start = System.nanoTime();
        for (int i = 0; i < uses; i++) {
          MemorySegment data = weights.asSlice(i % matrices * bytes, bytes);
          device.matmul(x, new Matrix(dtype, data, rows, cols, false), y);
        }
        if (round >= 0) {
          seconds[round] = (System.nanoTime() - start) * 1e-9 / uses;
          ratios[round] = bytes / seconds[round] / read;
        }
      }
    }
    Arrays.sort(seconds);
    Arrays.sort(ratios);
    double median = seconds[ROUNDS / 2];
    System.out.printf(
        "%5d x %-5d %-5s M=%-4d %6.1f GB/s, %.2f of reading alone; %6.1f GFLOP/s%n",
        rows,
        cols,
        dtype,
        tokens,
        bytes / median * 1e-9,
        ratios[ROUNDS / 2],
        2.0 * rows * cols * tokens / median * 1e-9);
  }

  private static void attention(Device device, int window, int keyHeads, int headDim) {
    AttentionSpec spec =
        new AttentionSpec(32, keyHeads, headDim, (float) (1 / Math.sqrt(headDim)), 0, 0);
    List<AttentionSpec.Span> spans = List.of(new AttentionSpec.Span(0, window, 0, window));
    try (Device.Scope scope = device.scope()) {
      Buffer q = random(scope, window, 32 * headDim);
      Buffer k = random(scope, window, keyHeads * headDim);
      Buffer v = random(scope, window, keyHeads * headDim);
      Buffer out = scope.allocate(window, 32 * headDim);
      double median = median(() -> device.attention(q, k, v, out, spans, spec));
      double useful = 4.0 * 32 * headDim * window * (window + 1) / 2;
      System.out.printf(
          "attention, window %d, 32 heads, %d key heads, head %d: %6.1f ms, %6.1f GFLOP/s of the causal half%n",
          window, keyHeads, headDim, 1e3 * median, useful / median * 1e-9);
    }
  }

  /** The 1 B shape, 512 tokens. */
  private static void others(Device device) {
    try (Device.Scope scope = device.scope()) {
      Buffer x = random(scope, 512, 2048);
      Buffer y = random(scope, 512, 2048);
      Buffer weight = random(scope, 1, 2048);
      Buffer gate = random(scope, 512, 5632);
      Buffer up = scope.allocate(512, 5632);
      Buffer cos = random(scope, 512, 32);
      int[] positions = IntStream.range(0, 512).toArray();
      print("RMS norm", x, median(() -> device.rmsNorm(x, weight, 0, 1e-5f, y)));
      print("layer norm", x, median(() -> device.layerNorm(x, weight, weight, 1e-5f, y)));
      print("rope", x, median(() -> device.rope(x, 64, cos, cos, positions, false)));
      print("add", x, median(() -> device.add(x, y, 0.5f)));
      print("SiLU gate", gate, median(() -> device.gate(Activation.SILU, gate, up)));
      print("GELU gate", gate, median(() -> device.gate(Activation.GELU, gate, up)));
    }
  }

  private static void print(String name, Buffer x, double seconds) {
    System.out.printf(
        "%-10s of %d x %d: %6.3f ms, %5.2f ns an element%n",
        name, x.rows(), x.cols(), 1e3 * seconds, 1e9 * seconds / x.rows() / x.cols());
  }

  private static Buffer random(Device.Scope scope, int rows, int cols) {
    Random random = new Random(rows + cols);
    float[] values = new float[rows * cols];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return scope.upload(values, cols);
  }

  private static double median(Runnable work) {
    double[] seconds = new double[ROUNDS];
    for (int round = -WARM_UP; round < ROUNDS; round++) {
      long start = System.nanoTime();
      int uses = 0;
      while (uses == 0 || System.nanoTime() - start < (round < 0 ? 1_000_000_000L : 50_000_000L)) {
        work.run();
        uses++;
      }
      if (round >= 0) {
        seconds[round] = (System.nanoTime() - start) * 1e-9 / uses;
      }
    }
    Arrays.sort(seconds);
    return seconds[ROUNDS / 2];
  }

  /** Bytes a second of a loop that only reads, 32 of each 32 bytes. */
  private static double read(int threads, MemorySegment data) throws InterruptedException {
    long[] sums = new long[threads];
    long length = data.byteSize() / threads / 64 * 64;
    Thread[] team = new Thread[threads];
    long start = System.nanoTime();
    for (int t = 0; t < threads; t++) {
      int index = t;
      team[t] = Thread.ofPlatform().start(() -> sums[index] = sum(data, index * length, length));
    }
    for (Thread thread : team) {
      thread.join();
    }
    double rate = threads * length / ((System.nanoTime() - start) * 1e-9);
    if (Arrays.stream(sums).sum() == 42) {
      System.out.println(); // so that the sums are needed
    }
    return rate;
  }

  private static long sum(MemorySegment data, long from, long length) {
    long a = 0;
    long b = 0;
    long c = 0;
    long d = 0;
    for (long i = from; i < from + length; i += 32) {
      a += data.get(ValueLayout.JAVA_LONG, i);
      b += data.get(ValueLayout.JAVA_LONG, i + 8);
      c += data.get(ValueLayout.JAVA_LONG, i + 16);
      d += data.get(ValueLayout.JAVA_LONG, i + 24);
    }
    return a + b + c + d;
  }
}
