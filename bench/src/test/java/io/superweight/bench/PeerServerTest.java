package io.superweight.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.Head;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.tensor.DType;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class PeerServerTest {
  @TempDir Path folder;

  @Test
  void answersEachUnitWithWhatTheModelGivesAndTheTimeItTook() throws IOException {
    Path model = folder.resolve("tiny");
    Planted planted = CheckpointGenerator.generate(LlamaShape.TINY, model, 1, DType.BF16);
    List<JsonNode> answers =
        serve(
            model,
            """
            {"unit": "score", "windows": [[1, 5, 9, 700], [1, 8]]}
            {"unit": "decode", "prompt": [1, 5], "count": 3}
            {"unit": "pass", "prompt": [1, 5, 9]}
            {"unit": "find"}
            """);
    assertThat(answers).hasSize(5);
    assertThat(answers.get(0).get("ready").asString()).isEqualTo("superweight");
    assertThat(answers.get(0).get("version").asString()).startsWith("java");
    assertThat(answers.subList(1, 5))
        .allSatisfy(answer -> assertThat(answer.get("seconds").asDouble()).isPositive());
    try (Checkpoint checkpoint = Checkpoints.open(model);
        CpuDevice device = CpuDevice.create(2);
        Transformer transformer = Transformer.load(checkpoint, device)) {
      double[][] scores =
          transformer.forward(
                  List.of(new int[] {1, 5, 9, 700}, new int[] {1, 8}),
                  List.of(Variant.INTACT),
                  List.of(),
                  Head.SCORE)
              .logProbabilities()[0];
      double sum = Arrays.stream(scores).flatMapToDouble(Arrays::stream).sum();
      assertThat(answers.get(1).get("log_probability").asDouble()).isEqualTo(sum, within(1e-9));
      assertThat(answers.get(1).get("tokens").asInt()).isEqualTo(6);
      int[] text = transformer.generate(List.of(Variant.INTACT), new int[] {1, 5}, 3)[0];
      assertThat(answers.get(2).get("text").valueStream().mapToInt(JsonNode::asInt))
          .containsExactly(text[0], text[1], text[2]);
    }
    // Of the layers' matrices alone: neither embedding nor head is read.
    long layers = 6L * (4 * 256 * 256 + 3 * 256 * 512);
    assertThat(answers.get(3).get("bytes").asLong()).isEqualTo(2 * layers);
    assertThat(answers.get(4).get("found").valueStream().map(JsonNode::asString))
        .containsExactlyInAnyOrderElementsOf(
            planted.weights().stream().map(Planted.Weight::coordinate).toList());
  }

  private static List<JsonNode> serve(Path model, String requests) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    PeerServer.serve(
        List.of(model.toString(), "java", "f32", "2"),
        new BufferedReader(new StringReader(requests)),
        new PrintStream(out, true, StandardCharsets.UTF_8));
    JsonMapper json = JsonMapper.builder().build();
    return out.toString(StandardCharsets.UTF_8).lines().map(json::readTree).toList();
  }
}
