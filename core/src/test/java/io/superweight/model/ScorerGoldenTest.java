package io.superweight.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.Fixtures;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.evaluate.Request;
import io.superweight.evaluate.Score;
import io.superweight.evaluate.Scorer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The scorer against Hugging Face transformers in float32, over all architectures. */
class ScorerGoldenTest {
  /**
   * The scorer runs a model on all tokens but the last, as the harness does. Dynamic frequencies
   * depend on how many there are, beyond the context: so transformers gives this to the last prompt
   * of that fixture without its last token, and −226.8375 to the whole.
   */
  private static final double DYNAMIC_WITHOUT_LAST = -226.81570978563653;

  static Stream<String> fixtures() throws IOException {
    try (Stream<Path> folders = Files.list(Fixtures.path("hf-tiny"))) {
      return folders
          .filter(Files::isDirectory)
          .map(folder -> folder.getFileName().toString())
          .sorted()
          .toList()
          .stream();
    }
  }

  @ParameterizedTest
  @MethodSource("fixtures")
  void summedLogProbabilitiesOfThePromptsAreTransformers(String name) throws IOException {
    Path folder = Fixtures.path("hf-tiny").resolve(name);
    JsonNode golden = JsonMapper.shared().readTree(Files.readString(folder.resolve("golden.json")));
    List<Request> requests = new ArrayList<>();
    for (JsonNode prompt : golden.get("prompts")) {
      int[] tokens = prompt.valueStream().mapToInt(JsonNode::asInt).toArray();
      requests.add(new Request(requests.size(), 0, tokens, 1));
    }
    try (Checkpoint checkpoint = Checkpoints.open(folder);
        Device device = CpuDevice.create(2);
        Transformer model =
            Transformer.load(checkpoint, GoldenFixturesTest.asGoldenWasMade(checkpoint), device)) {
      double[] sums =
          Arrays.stream(new Scorer(model).score(requests, List.of(Variant.INTACT))[0])
              .mapToDouble(Score::logProbability)
              .toArray();
      double worst = 0;
      for (int p = 0; p < sums.length; p++) {
        double expected =
            name.equals("llama-dynamic") && p == 2
                ? DYNAMIC_WITHOUT_LAST
                : golden.get("sum_logprob").get(p).asDouble();
        worst = Math.max(worst, Math.abs(sums[p] - expected));
      }
      System.out.printf(
          Locale.ROOT, "%-18s %d prompts: max|Δ Σ log p| %.1e%n", name, sums.length, worst);
      assertThat(worst).as("summed log-probability, nats").isLessThanOrEqualTo(1e-4);
    }
  }
}
