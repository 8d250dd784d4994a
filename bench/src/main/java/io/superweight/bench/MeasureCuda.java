package io.superweight.bench;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Activation;
import io.superweight.compute.AttentionSpec;
import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.DeviceRequest;
import io.superweight.compute.Devices;
import io.superweight.compute.Matrix;
import io.superweight.compute.Precision;
import io.superweight.model.Head;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;

/**
 * What a device makes of a model: seconds to the first pass, tokens per second with the
 * log-probabilities of all tokens, single operations.
 *
 * <p>Arguments: the model, the device, bytes of its memory for weights (0 for all), then {@code
 * BATCHxTOKENS} …, or {@code ops}.
 */
public final class MeasureCuda {
  /** As many as the peer's script takes; the JVM has compiled most of a pass by then. */
  private static final int WARM_UPS = 10;

  private static final int TIMES = 21;

  private final Device device;
  private final Transformer model;

  private MeasureCuda(Device device, Transformer model) {
    this.device = device;
    this.model = model;
  }

  public static void main(String... arguments) {
    long start = System.nanoTime();
    long memory = Long.parseLong(arguments[2]);
    try (Checkpoint checkpoint = Checkpoints.open(Path.of(arguments[0]));
        Device device =
            Devices.onClassPath()
                .open(
                    arguments[1],
                    new DeviceRequest(
                        Runtime.getRuntime().availableProcessors(),
                        Precision.of(checkpoint.mainType()),
                        "",
                        checkpoint.tensorBytes(),
                        memory == 0 ? OptionalLong.empty() : OptionalLong.of(memory),
                        Optional.empty()))
                .device()) {
      double opened = seconds(start);
      try (Transformer model = Transformer.load(checkpoint, device)) {
        MeasureCuda measure = new MeasureCuda(device, model);
        double loaded = seconds(start);
        measure.pass(measure.sequences(1, 16));
        say("%s%n", device.description());
        say(
            "device open after %.2f s, model bound after %.2f s, first pass of 16 tokens done after"
                + " %.2f s%n",
            opened, loaded, seconds(start));
        for (String what : Arrays.asList(arguments).subList(3, arguments.length)) {
          if (what.equals("ops")) {
            measure.operations();
          } else {
            String[] sizes = what.split("x");
            measure.speed(Integer.parseInt(sizes[0]), Integer.parseInt(sizes[1]));
          }
        }
      }
    }
  }

  private static double seconds(long start) {
    return (System.nanoTime() - start) / 1e9;
  }

  private static void say(String format, Object... values) {
    System.out.printf(Locale.ROOT, format, values);
  }

  private List<int[]> sequences(int batch, int tokens) {
    Random random = new Random(batch * 31L + tokens);
    List<int[]> sequences = new ArrayList<>();
    for (int b = 0; b < batch; b++) {
      sequences.add(random.ints(tokens, 0, model.vocabularySize()).toArray());
    }
    return sequences;
  }

  /** Log-probabilities of the first sequence. */
  private double[] pass(List<int[]> sequences) {
    return model.forward(sequences, List.of(Variant.INTACT), List.of(), Head.SCORE)
        .logProbabilities()[0][0];
  }

  private void speed(int batch, int tokens) {
    List<int[]> sequences = sequences(batch, tokens);
    int share = batch * tokens > 8000 ? 3 : 1;
    for (int i = 0; i < WARM_UPS / share; i++) {
      pass(sequences);
    }
    double[] times = new double[TIMES / share];
    double[] ofTokens = {};
    for (int i = 0; i < times.length; i++) {
      long start = System.nanoTime();
      ofTokens = pass(sequences);
      times[i] = seconds(start);
    }
    Arrays.sort(times);
    double median = times[times.length / 2];
    say(
        "superweight %dx%d: median %.1f ms, best %.1f ms, %.0f tokens/s, %.1f GB/s of weights copied,"
            + " mean log p %.4f%n",
        batch,
        tokens,
        median * 1e3,
        times[0] * 1e3,
        batch * tokens / median,
        model.streamedBytes() / median / 1e9,
        Arrays.stream(ofTokens).average().orElse(0));
  }

  private interface Work {
    void run();
  }

  /** Milliseconds of the operations of a layer, at 2048 tokens. */
  private void operations() {
    int tokens = 2048;
    int hidden = model.hiddenSize();
    Matrix down = model.matrices().get("layers.0.mlp.down");
    Matrix up = model.matrices().get("layers.0.mlp.up");
    Matrix query = model.matrices().get("layers.0.attn.q");
    int width = down.cols();
    int headDim = 128;
    int heads = query.rows() / headDim;
    int pairs = headDim / 2;
    try (Device.Scope scope = device.scope()) {
      Random random = new Random(1);
      float[] values = new float[tokens * hidden];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextGaussian();
      }
      Buffer stream = scope.upload(values, hidden);
      Buffer x = scope.upload(values, hidden);
      float[] ones = new float[hidden];
      Arrays.fill(ones, 1);
      Buffer weight = scope.upload(ones, hidden);
      Buffer normed = scope.room(tokens, hidden);
      Buffer q = scope.room(tokens, hidden);
      Buffer k = scope.room(tokens, hidden);
      Buffer v = scope.room(tokens, hidden);
      Buffer out = scope.room(tokens, hidden);
      Buffer gate = scope.room(tokens, width);
      Buffer wide = scope.room(tokens, width);
      Buffer tables = scope.upload(new float[tokens * pairs], pairs);
      int[] positions = new int[tokens];
      Arrays.setAll(positions, i -> i);
      device.rmsNorm(stream, weight, 0, 1e-5f, normed);
      time("norm", () -> device.rmsNorm(stream, weight, 0, 1e-5f, normed));
      time(
          "add and norm",
          () -> {
            device.add(stream, x, 1e-3f);
            device.rmsNorm(stream, weight, 0, 1e-5f, normed);
          });
      time("product to q", () -> device.matmulInner(normed, query, q));
      device.matmulInner(normed, query, k);
      device.matmulInner(normed, query, v);
      time("rope", () -> device.rope(q, headDim, tables, tables, positions, false));
      device.matmulInner(normed, query, q);
      AttentionSpec spec =
          new AttentionSpec(heads, heads, headDim, (float) (1 / Math.sqrt(headDim)), 0, 0);
      List<AttentionSpec.Span> spans = List.of(new AttentionSpec.Span(0, tokens, 0, tokens));
      time("attention", () -> device.attention(q, k, v, out, spans, spec));
      time("product to up", () -> device.matmulInner(normed, up, gate));
      device.matmulInner(normed, up, wide);
      time("gate", () -> device.gate(Activation.SILU, gate, wide));
      time(
          "product of down, added",
          () -> {
            device.matmul(gate, down, out);
            device.add(stream, out, 1);
          });
      time("product of down alone", () -> device.matmul(gate, down, out));
    }
  }

  private void time(String what, Work work) {
    int times = 50;
    try (Device.Scope scope = device.scope()) {
      Buffer one = scope.allocate(1, 1);
      for (int i = 0; i < 5; i++) {
        work.run();
      }
      device.host(one);
      long start = System.nanoTime();
      for (int i = 0; i < times; i++) {
        work.run();
      }
      device.host(one);
      say("%-24s %.1f µs%n", what, seconds(start) / times * 1e6);
    }
  }
}
