package io.superweight.bench;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.Devices;
import io.superweight.compute.Precision;
import io.superweight.find.FindOptions;
import io.superweight.find.FindResult;
import io.superweight.find.Finder;
import io.superweight.find.Prompt;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.PassResult;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.Tokenizers;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * This project's side of a measurement in turn: opens a checkpoint once, says so, then runs one
 * unit of work for each line on standard input and answers with one line of JSON. {@code
 * bench/peers/peer.py} has the protocol; one unit is this project's alone: {@code {"unit": "pass",
 * "prompt": [ids]}} is one pass of a search, without the head.
 */
public final class PeerServer {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  private final Transformer model;

  private PeerServer(Transformer model) {
    this.model = model;
  }

  /**
   * Arguments: checkpoint, device ({@code java}, {@code onednn}), precision ({@code f32}, {@code
   * bf16}), threads.
   */
  public static void main(String[] arguments) throws IOException {
    try (BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      serve(List.of(arguments), in, System.out);
    } catch (InputException e) {
      System.err.println("superweight: " + e.getMessage());
      System.exit(e.kind().exitCode());
    }
  }

  static void serve(List<String> arguments, BufferedReader in, PrintStream out) throws IOException {
    long start = System.nanoTime();
    Precision precision = Precision.valueOf(arguments.get(2).toUpperCase(Locale.ROOT));
    int threads = Integer.parseInt(arguments.get(3));
    try (Checkpoint checkpoint = Checkpoints.open(Path.of(arguments.get(0)));
        Device device = Devices.onClassPath().open(arguments.get(1), threads, precision).device();
        Transformer model = Transformer.load(checkpoint, device)) {
      Map<String, Object> ready = new LinkedHashMap<>();
      ready.put("ready", "superweight");
      ready.put("load", (System.nanoTime() - start) / 1e9);
      ready.put("version", device.description());
      out.println(JSON.writeValueAsString(ready));
      PeerServer server = new PeerServer(model);
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        out.println(JSON.writeValueAsString(server.answer(JSON.readTree(line))));
      }
    }
  }

  private Map<String, Object> answer(JsonNode request) {
    Map<String, Object> answer = new LinkedHashMap<>();
    long start = System.nanoTime();
    switch (request.get("unit").asString()) {
      case "score" -> score(request, answer);
      case "decode" -> decode(request, answer);
      case "pass" -> pass(request, answer);
      case "find" -> find(answer);
      default -> throw new IllegalArgumentException(request.toString());
    }
    answer.put("seconds", (System.nanoTime() - start) / 1e9);
    return answer;
  }

  private void score(JsonNode request, Map<String, Object> answer) {
    List<int[]> windows = request.get("windows").valueStream().map(PeerServer::ids).toList();
    PassResult result = model.forward(windows, List.of(Variant.INTACT), List.of(), Head.SCORE);
    answer.put("tokens", windows.stream().mapToInt(ids -> ids.length).sum());
    answer.put(
        "log_probability",
        Arrays.stream(result.logProbabilities()[0]).flatMapToDouble(Arrays::stream).sum());
  }

  private void decode(JsonNode request, Map<String, Object> answer) {
    int count = request.get("count").asInt();
    int[][] text = model.generate(List.of(Variant.INTACT), ids(request.get("prompt")), count);
    answer.put("tokens", count);
    answer.put("text", text[0]);
  }

  private void pass(JsonNode request, Map<String, Object> answer) {
    int[] prompt = ids(request.get("prompt"));
    model.forward(List.of(prompt), List.of(Variant.INTACT), List.of(), Head.SKIP);
    answer.put("tokens", prompt.length);
    answer.put("bytes", bytes());
  }

  /** A search of one round and one prompt. */
  private void find(Map<String, Object> answer) {
    Tokenizer tokenizer = Tokenizers.of(model.checkpoint());
    FindResult result = Finder.find(model, tokenizer, FindOptions.DEFAULT.withStability(false));
    answer.put("tokens", Prompt.of(Prompt.REFERENCE, tokenizer, BosPolicy.AUTO).idArray().length);
    answer.put("bytes", result.cost().bytesRead());
    answer.put("found", result.sources().stream().map(Coordinate::toString).toList());
  }

  /** Bytes of the layers' matrices. */
  private long bytes() {
    return model.matrices().values().stream().mapToLong(m -> m.data().byteSize()).sum();
  }

  private static int[] ids(JsonNode array) {
    return array.valueStream().mapToInt(JsonNode::asInt).toArray();
  }
}
