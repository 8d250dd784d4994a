package io.superweight.bench;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.Devices;
import io.superweight.compute.Matrix;
import io.superweight.compute.Precision;
import io.superweight.evaluate.Request;
import io.superweight.evaluate.Score;
import io.superweight.evaluate.Scorer;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.ScalarEdit;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.Tokenizers;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.function.Supplier;
import java.util.zip.GZIPInputStream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The command {@code etc/measure-scoring}: requests and tokens a second of evaluations, beside
 * passes that do nothing else.
 */
public final class MeasureScoring {
  private static final int ROUNDS = 3;

  private final Transformer model;
  private final Scorer scorer;

  private MeasureScoring(Transformer model) {
    this.model = model;
    this.scorer = new Scorer(model);
  }

  /**
   * @param arguments MODEL, REQUESTS (JSON Lines of the harness's fixtures), then the device, how
   *     many documents, what (choices, windows or all) and f32 or bf16
   */
  public static void main(String[] arguments) {
    String name = arguments.length > 2 ? arguments[2] : Devices.AUTO;
    int documents = arguments.length > 3 ? Integer.parseInt(arguments[3]) : 100;
    String what = arguments.length > 4 ? arguments[4] : "all";
    Precision precision =
        Precision.valueOf((arguments.length > 5 ? arguments[5] : "f32").toUpperCase(Locale.ROOT));
    try (Checkpoint checkpoint = Checkpoints.open(Path.of(arguments[0]));
        Device device = Devices.onClassPath().open(name, 2, precision).device();
        Transformer model = Transformer.load(checkpoint, device)) {
      System.out.println(device.description());
      MeasureScoring measure = new MeasureScoring(model);
      Tokenizer tokenizer = Tokenizers.of(checkpoint);
      if (!what.equals("windows")) {
        measure.choices(requests(Path.of(arguments[1]), tokenizer, documents));
      }
      if (!what.equals("choices")) {
        measure.windows(512, 8);
        measure.windows(2048, 2);
      }
    }
  }

  private static List<Request> requests(Path file, Tokenizer tokenizer, int documents) {
    List<Request> requests = new ArrayList<>();
    try (InputStream bytes = Files.newInputStream(file);
        InputStream plain = file.toString().endsWith(".gz") ? new GZIPInputStream(bytes) : bytes) {
      for (String line : new String(plain.readAllBytes(), StandardCharsets.UTF_8).split("\n")) {
        JsonNode document = JsonMapper.shared().readTree(line);
        int part = 0;
        for (JsonNode request : document.get("requests")) {
          String context = request.get("context").asString();
          int[] before = tokenizer.encode(context, BosPolicy.NEVER);
          int[] all =
              tokenizer.encode(context + request.get("continuation").asString(), BosPolicy.NEVER);
          requests.add(new Request(document.get("doc").asInt(), part++, all, before.length));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return requests.stream().filter(request -> request.document() < documents).toList();
  }

  private void choices(List<Request> requests) {
    int tokens = requests.stream().mapToInt(request -> request.tokens().length).sum();
    System.out.printf(
        Locale.ROOT,
        "%d requests, %.1f tokens each, of which %.1f scored%n",
        requests.size(),
        tokens / (double) requests.size(),
        requests.stream().mapToInt(Request::scored).average().orElseThrow());
    // Without documents in common nothing is shared.
    List<Request> apart = new ArrayList<>();
    for (Request request : requests) {
      apart.add(new Request(apart.size(), 0, request.tokens(), request.from()));
    }
    List<Variant> one = List.of(Variant.INTACT);
    List<Variant> two = List.of(Variant.INTACT, many());
    Took together = null;
    for (int round = 0; round < ROUNDS; round++) {
      together = time(() -> score(requests, one));
      print("choices, shared", requests.size(), "requests", tokens, together);
      Took alone = time(() -> score(apart, one));
      print("choices, apart", requests.size(), "requests", tokens, alone);
    }
    Took both = time(() -> score(requests, two));
    System.out.printf(
        Locale.ROOT,
        "a variant of many edits beside: × %.2f of the time of one, × %.2f of its processor time%n",
        both.seconds / together.seconds,
        both.processor / together.processor);
  }

  /** Windows of noise: the arithmetic is the same. */
  private void windows(int length, int count) {
    Random random = new Random(5);
    List<Request> requests = new ArrayList<>();
    List<int[]> sequences = new ArrayList<>();
    for (int w = 0; w < count; w++) {
      int[] tokens = random.ints(length, 0, model.vocabularySize()).toArray();
      sequences.add(tokens);
      requests.add(new Request(0, w, tokens, 1));
    }
    List<Variant> one = List.of(Variant.INTACT);
    String what = count + " windows of " + length;
    for (int round = 0; round < ROUNDS; round++) {
      int tokens = length * count;
      print(what + ", scored", count, "windows", tokens, time(() -> score(requests, one)));
      print(
          what + ", pass and head",
          count,
          "windows",
          tokens,
          time(() -> model.forward(sequences, one, List.of(), Head.SCORE)));
      print(
          what + ", pass alone",
          count,
          "windows",
          tokens,
          time(() -> model.forward(sequences, one, List.of(), Head.SKIP)));
    }
  }

  /** As many weights as the largest 1e-4 of each matrix, in other places. */
  private Variant many() {
    List<ScalarEdit> edits = new ArrayList<>();
    Random random = new Random(6);
    model
        .matrices()
        .forEach((part, matrix) -> {
          for (int i = 0; i < Math.ceil((long) matrix.rows() * matrix.cols() * 1e-4); i++) {
            edits.add(ScalarEdit.zero(coordinate(part, matrix, random)));
          }
        });
    return new Variant("many", edits, List.of());
  }

  private static Coordinate coordinate(String part, Matrix matrix, Random random) {
    return new Coordinate(part, random.nextInt(matrix.rows()), random.nextInt(matrix.cols()));
  }

  private double score(List<Request> requests, List<Variant> variants) {
    double[] sum = new double[1];
    scorer.score(
        requests,
        scorer.batches(requests),
        variants,
        (batch, scores) ->
            sum[0] += Arrays.stream(scores[0]).mapToDouble(Score::logProbability).sum());
    return sum[0];
  }

  /** What something took, by the clock and of all processors: on a busy machine that says more. */
  private record Took(double seconds, double processor) {}

  private static Took time(Supplier<?> work) {
    long start = System.nanoTime();
    double busy = processorSeconds();
    work.get();
    return new Took((System.nanoTime() - start) / 1e9, processorSeconds() - busy);
  }

  private static double processorSeconds() {
    return ManagementFactory.getOperatingSystemMXBean()
            instanceof com.sun.management.OperatingSystemMXBean system
        ? system.getProcessCpuTime() / 1e9
        : Double.NaN;
  }

  private static void print(String what, double count, String unit, double tokens, Took took) {
    System.out.printf(
        Locale.ROOT,
        "%-32s %8.2f %s/s, %8.1f tokens/s; in a second of one processor %8.2f, %8.1f%n",
        what,
        count / took.seconds,
        unit,
        tokens / took.seconds,
        count / took.processor,
        tokens / took.processor);
  }
}
