package io.superweight.evaluate;

import io.superweight.Fixtures;
import io.superweight.dataset.FolderDatasets;
import io.superweight.tokenizer.Tokenizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;
import java.util.zip.GZIPInputStream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What the LM Evaluation Harness 0.4.13 said of SmolLM2-135M, float32, batches of one, no BOS. */
final class HarnessTasks {
  private HarnessTasks() {}

  /** The documents of a task: requests and metrics. */
  static List<JsonNode> documents(String task) {
    try (GZIPInputStream in =
        new GZIPInputStream(
            new ByteArrayInputStream(
                Files.readAllBytes(
                    Fixtures.path("harness/smollm2-135m-q4_1/" + task + ".jsonl.gz"))))) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .map(line -> JsonMapper.shared().readTree(line))
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The requests of all documents, in order. */
  static List<JsonNode> requests(String task) {
    return documents(task).stream().flatMap(d -> d.get("requests").valueStream()).toList();
  }

  /**
   * The requests of a task that hold numerals other than digits, as the harness had their tokens.
   */
  static List<JsonNode> numerals(String task) {
    try {
      return Files.readAllLines(Fixtures.path("harness/smollm2-135m-q4_1/numerals.jsonl")).stream()
          .map(line -> JsonMapper.shared().readTree(line))
          .filter(one -> one.get("task").asString().equals(task))
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static FolderDatasets datasets() {
    return new FolderDatasets(Fixtures.path("data/hub"));
  }

  static Task open(String task, Tokenizer tokenizer) {
    return (Task)
        Evaluations.open(task, EvaluationSettings.of(tokenizer, "llama", 8192), datasets());
  }
}
