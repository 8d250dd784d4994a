package io.superweight.bench;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.Devices;
import io.superweight.compute.IntegerProducts;
import io.superweight.compute.Matrix;
import io.superweight.compute.Precision;
import io.superweight.edit.EditedModel;
import io.superweight.model.Head;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.quantize.Indivisible;
import io.superweight.quantize.Quantization;
import io.superweight.quantize.Quantizer;
import io.superweight.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/**
 * The command {@code etc/measure-int8}: executed integer products beside float32 and bfloat16 ones,
 * in turn: single products, then windows of a model. Not a test: only ratios within a line mean
 * something.
 */
public final class MeasureIntegers {
  private static final int THREADS = 2;
  private static final int ROUNDS = 7;
  private static final double SECONDS = 0.15;
  private static final int WINDOW = 512;
  private static final String EXECUTED = "int8:block=channel,act=token,on=in+o,exec=int8";
  private static final String SIMULATED = "int8:block=channel,act=token,on=in+o";

  private MeasureIntegers() {}

  /** One thing that is measured. */
  private record Way(String name, Runnable work) {}

  /**
   * @param arguments the device, then a model's folder or file, the rounds of its windows, their
   *     tokens, and whether the simulation is measured, too (it takes 4 bytes a weight)
   */
  public static void main(String[] arguments) {
    String name = arguments.length > 0 ? arguments[0] : Devices.AUTO;
    Devices devices = Devices.onClassPath();
    try (Device bf16 = devices.open(name, THREADS, Precision.BF16).device();
        Device f32 = devices.open(name, THREADS, Precision.F32).device()) {
      System.out.println(
          bf16.description()
              + "; integers: "
              + f32.integerProducts().map(IntegerProducts::description).orElse("none"));
      if (arguments.length > 1) {
        int rounds = arguments.length > 2 ? Integer.parseInt(arguments[2]) : ROUNDS;
        int tokens = arguments.length > 3 ? Integer.parseInt(arguments[3]) : WINDOW;
        boolean simulation = arguments.length <= 4 || Boolean.parseBoolean(arguments[4]);
        windows(Path.of(arguments[1]), bf16, f32, rounds, tokens, simulation);
      } else {
        for (String shape : List.of("2048x2048", "5632x2048", "2048x5632", "4096x4096")) {
          int rows = Integer.parseInt(shape.split("x")[0]);
          int cols = Integer.parseInt(shape.split("x")[1]);
          for (int tokens : new int[] {1, 10, 64, 512, 2048}) {
            product(bf16, f32, rows, cols, tokens);
          }
        }
      }
    }
  }

  private static void product(Device bf16, Device f32, int rows, int cols, int tokens) {
    Random random = new Random(1);
    IntegerProducts integers = f32.integerProducts().orElseThrow();
    try (Arena arena = Arena.ofShared();
        Device.Scope scope = f32.scope();
        Device.Scope other = bf16.scope()) {
      long size = (long) rows * cols;
      MemorySegment wide = arena.allocate(4 * size, 64);
      MemorySegment half = arena.allocate(2 * size, 64);
      MemorySegment codes = arena.allocate(size, 64);
      for (long i = 0; i < size; i++) {
        float value = random.nextFloat() - 0.5f;
        wide.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        half.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) (Float.floatToRawIntBits(value) >>> 16));
        codes.set(ValueLayout.JAVA_BYTE, i, (byte) (254 * value));
      }
      Matrix w32 = new Matrix(DType.F32, wide, rows, cols, false);
      Matrix w16 = new Matrix(DType.BF16, half, rows, cols, false);
      IntegerProducts.Packed packed = integers.pack(codes, rows, cols);
      float[] values = new float[tokens * cols];
      for (int i = 0; i < values.length; i++) {
        values[i] = random.nextFloat() - 0.5f;
      }
      Buffer x = scope.upload(values, cols);
      Buffer y = scope.allocate(tokens, rows);
      Buffer x16 = other.upload(values, cols);
      Buffer y16 = other.allocate(tokens, rows);
      float[] scales = new float[rows];
      Arrays.fill(scales, 1 / 254f);
      double[] seconds =
          inTurn(
              List.of(
                  new Way("f32", () -> f32.matmul(x, w32, y)),
                  new Way("bf16", () -> bf16.matmul(x16, w16, y16)),
                  new Way(
                      "int8",
                      () -> {
                        float[] xScales = integers.largest(x);
                        for (int m = 0; m < xScales.length; m++) {
                          xScales[m] /= 127;
                        }
                        integers.multiply(x, xScales, 127, packed, scales, y);
                      })),
              ROUNDS,
              SECONDS);
      double work = 2e-9 * rows * cols * tokens;
      System.out.printf(
          Locale.ROOT,
          "%5d x %-5d M=%-5d f32 %7.1f, bf16 %7.1f, int8 %7.1f GOP/s; int8 ÷ f32 %5.2f, ÷ bf16 %5.2f%n",
          rows,
          cols,
          tokens,
          work / seconds[0],
          work / seconds[1],
          work / seconds[2],
          seconds[0] / seconds[2],
          seconds[1] / seconds[2]);
    }
  }

  private static void windows(
      Path path, Device bf16, Device f32, int rounds, int tokens, boolean simulation) {
    try (Checkpoint checkpoint = Checkpoints.open(path);
        Transformer half = Transformer.load(checkpoint, bf16);
        Transformer full = Transformer.load(checkpoint, f32)) {
      Random random = new Random(5);
      List<int[]> window = List.of(random.ints(tokens, 0, full.vocabularySize()).toArray());
      EditedModel executed = quantized(full, EXECUTED);
      executed.notes().forEach(System.out::println);
      Variant besideBf16 = quantized(half, EXECUTED).variant();
      List<Way> ways = new ArrayList<>();
      ways.add(new Way("f32", () -> score(full, window, Variant.INTACT)));
      ways.add(new Way("bf16", () -> score(half, window, Variant.INTACT)));
      ways.add(new Way(EXECUTED, () -> score(full, window, executed.variant())));
      ways.add(new Way(EXECUTED + ", bf16", () -> score(half, window, besideBf16)));
      if (simulation) {
        Variant simulated = quantized(full, SIMULATED).variant();
        ways.add(new Way(SIMULATED, () -> score(full, window, simulated)));
      }
      double[] seconds = inTurn(ways, rounds, 0);
      for (int i = 0; i < seconds.length; i++) {
        System.out.printf(
            Locale.ROOT,
            "%-56s %8.1f tokens/s, × %.2f of f32, × %.2f of bf16%n",
            ways.get(i).name,
            tokens / seconds[i],
            seconds[0] / seconds[i],
            seconds[1] / seconds[i]);
      }
    }
  }

  private static EditedModel quantized(Transformer model, String text) {
    return new Quantizer(model, List.of(), List.of())
        .apply(text, Quantization.parse(text, Indivisible.ERROR), EditedModel.ORIGINAL);
  }

  private static void score(Transformer model, List<int[]> window, Variant variant) {
    model.forward(window, List.of(variant), List.of(), Head.SCORE);
  }

  /** The median seconds of each, after a round that does not count. */
  private static double[] inTurn(List<Way> ways, int rounds, double least) {
    double[][] seconds = new double[ways.size()][rounds];
    for (int round = -1; round < rounds; round++) {
      for (int i = 0; i < ways.size(); i++) {
        long start = System.nanoTime();
        int uses = 0;
        do {
          ways.get(i).work.run();
          uses++;
        } while ((System.nanoTime() - start) * 1e-9 < (round < 0 ? 4 * least : least));
        if (round >= 0) {
          seconds[i][round] = (System.nanoTime() - start) * 1e-9 / uses;
        }
      }
    }
    return Arrays.stream(seconds)
        .mapToDouble(all -> {
          Arrays.sort(all);
          return all[rounds / 2];
        })
        .toArray();
  }
}
