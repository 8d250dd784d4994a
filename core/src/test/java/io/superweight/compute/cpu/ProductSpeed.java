package io.superweight.compute.cpu;

import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.Matrix;
import io.superweight.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Random;

/**
 * Prints how fast products are, beside a loop that only reads: {@code java --add-modules
 * jdk.incubator.vector -cp … ProductSpeed [threads] [dtype,…] [tokens,…] [rows x cols,…] [megabytes
 * of weights]}. Not a test: the figures depend on what else the machine does.
 */
final class ProductSpeed {
  private static final int ROUNDS = 7;

  private ProductSpeed() {}

  public static void main(String[] args) {
    int threads =
        args.length > 0 ? Integer.parseInt(args[0]) : Runtime.getRuntime().availableProcessors();
    String[] dtypes = (args.length > 1 ? args[1] : "BF16,F32,F16,Q8_0,Q4_1").split(",");
    String[] tokens = (args.length > 2 ? args[2] : "1,4,10,16,64,512").split(",");
    String[] shapes = (args.length > 3 ? args[3] : "4096x4096,4096x11008").split(",");
    try (CpuDevice device = CpuDevice.create(threads);
        Arena arena = Arena.ofShared()) {
      System.out.println(device.description());
      long megabytes = args.length > 4 ? Long.parseLong(args[4]) : 256;
      MemorySegment weights = arena.allocate(megabytes << 20, 64);
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
            measure(
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
    }
  }

  private static void measure(
      Device device,
      int threads,
      MemorySegment weights,
      DType dtype,
      int rows,
      int cols,
      int tokens) {
    long bytes = dtype.bytes((long) rows * cols);
    int matrices = (int) Math.max(1, weights.byteSize() / bytes);
    try (Device.Scope scope = device.scope();
        Workers workers = new Workers(threads)) {
      Buffer x = scope.allocate(tokens, cols);
      Buffer y = scope.allocate(tokens, rows);
      device.host(x).asSlice(0, 4L * tokens * cols).fill((byte) 0x3c);
      double[] seconds = new double[ROUNDS];
      double[] reading = new double[ROUNDS];
      int uses = Math.clamp(4_000_000_000L / (2L * rows * cols * tokens), 1, 1000);
      for (int round = -2; round < ROUNDS; round++) {
        long start = now(threads);
        for (int i = 0; i < uses; i++) {
          device.matmul(
              x,
              new Matrix(dtype, weights.asSlice(i % matrices * bytes, bytes), rows, cols, false),
              y);
        }
        long middle = now(threads);
        read(workers, weights.asSlice(0, matrices * bytes / 64 * 64));
        if (round >= 0) {
          seconds[round] = (middle - start) * 1e-9 / uses;
          reading[round] = (now(threads) - middle) * 1e-9 / matrices;
        }
      }
      Arrays.sort(seconds);
      Arrays.sort(reading);
      double median = seconds[ROUNDS / 2];
      System.out.printf(
          "%d x %d %-5s M=%-4d %6.1f GB/s %7.1f GFLOP/s   (best %6.1f, %7.1f)   reading alone %5.1f GB/s%n",
          rows,
          cols,
          dtype,
          tokens,
          bytes / median * 1e-9,
          2.0 * rows * cols * tokens / median * 1e-9,
          bytes / seconds[0] * 1e-9,
          2.0 * rows * cols * tokens / seconds[0] * 1e-9,
          bytes / reading[ROUNDS / 2] * 1e-9);
    }
  }

  /**
   * Nanoseconds; with one thread those that it ran, so that other work on the machine counts less.
   */
  private static long now(int threads) {
    return threads == 1
        ? ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime()
        : System.nanoTime();
  }

  private static void read(Workers workers, MemorySegment data) {
    int pieces = 64;
    long[] sums = new long[pieces];
    long length = data.byteSize() / pieces / 64 * 64;
    workers.run(
        pieces,
        (task, worker) -> {
          long a = 0;
          long b = 0;
          long c = 0;
          long d = 0;
          for (long i = task * length; i < (task + 1) * length; i += 32) {
            a += data.get(ValueLayout.JAVA_LONG, i);
            b += data.get(ValueLayout.JAVA_LONG, i + 8);
            c += data.get(ValueLayout.JAVA_LONG, i + 16);
            d += data.get(ValueLayout.JAVA_LONG, i + 24);
          }
          sums[task] = a + b + c + d;
        });
    if (Arrays.stream(sums).sum() == 42) {
      System.out.println();
    }
  }
}
