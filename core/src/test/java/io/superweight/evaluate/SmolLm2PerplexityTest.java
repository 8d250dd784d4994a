package io.superweight.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.superweight.Fixtures;
import io.superweight.dataset.FolderDatasets;
import io.superweight.model.Variant;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Perplexities of a real model against those of the reference tools on the dequantized weights,
 * float32. Some windows each; all that the reference scored (minutes) where the environment
 * variable SUPERWEIGHT_FULL is set.
 */
class SmolLm2PerplexityTest extends OnSmolLm2 {
  private EvaluationSettings settings() {
    return EvaluationSettings.of(tokenizer, "llama", model.maxPositions());
  }

  private List<Metric> measure(Evaluation evaluation) {
    Score[][] scores = new Scorer(model).score(evaluation.requests(), List.of(Variant.INTACT));
    return evaluation.metrics(List.of(scores[0]));
  }

  private static List<JsonNode> golden(String file) throws IOException {
    return Files.readAllLines(Fixtures.path("harness/smollm2-135m-q4_1/" + file)).stream()
        .map(line -> JsonMapper.shared().readTree(line))
        .toList();
  }

  @Test
  void everyWindowOfTheGptqProtocolIsTheReferences() throws IOException {
    JsonNode golden = golden("token_perplexity.jsonl").get(0);
    JsonNode expected = golden.get("window_nll");
    Evaluation evaluation =
        Evaluations.open(
            "gptq-wikitext2",
            settings().withLimit(FULL ? expected.size() : 2),
            new FolderDatasets(Fixtures.path("data")));
    assertThat(evaluation.protocol().documentsOfAll())
        .as("windows of all")
        .isEqualTo(golden.get("windows_total").asInt());
    Metric metric = measure(evaluation).getFirst();
    double worst = 0;
    for (int w = 0; w < metric.sums().length; w++) {
      worst =
          Math.max(
              worst, Math.abs(metric.sums()[w] / metric.weights()[w] - expected.get(w).asDouble()));
    }
    System.out.printf(
        Locale.ROOT,
        "gptq-wikitext2, %d windows: max|Δ NLL| %.1e nats, perplexity %.4f%n",
        metric.sums().length,
        worst,
        metric.value());
    assertThat(worst).as("nats per token of a window").isLessThanOrEqualTo(1e-4);
    if (FULL) {
      assertThat(metric.value()).isEqualTo(golden.get("ppl").asDouble(), within(1e-3));
    }
  }

  @Test
  void everyRunningValueOfLlamaCppsProtocolIsTheReferences() throws IOException {
    JsonNode expected = golden("token_perplexity.jsonl").get(1).get("running_ppl");
    Evaluation evaluation =
        Evaluations.open(
            "llama.cpp",
            settings().withLimit(FULL ? expected.size() : 8),
            new FolderDatasets(Fixtures.path("data")));
    Metric metric = measure(evaluation).getFirst();
    double[] running = metric.running();
    double worst = 0;
    for (int w = 0; w < running.length; w++) {
      worst = Math.max(worst, Math.abs(running[w] - expected.get(w).asDouble()));
    }
    System.out.printf(
        Locale.ROOT,
        "llama.cpp, %d chunks: max|Δ running| %.1e, perplexity %.4f ± %.5f%n",
        running.length,
        worst,
        metric.value(),
        metric.standardError().orElseThrow());
    assertThat(worst).as("running perplexity").isLessThanOrEqualTo(1e-3);
  }

  @Test
  void pagesScoredRollingGiveTheHarnessesLogLikelihoodsWordsAndBytes() throws IOException {
    List<JsonNode> golden = golden("wikitext.jsonl");
    Evaluation evaluation =
        Evaluations.open(
            "wikitext",
            settings().withLimit(FULL ? golden.size() : 1).withWindow(2048),
            new FolderDatasets(Fixtures.path("data")));
    List<Metric> metrics = measure(evaluation);
    Metric word = metrics.get(0);
    List<JsonNode> exact = golden("wikitext_float64.jsonl");
    double worst = 0;
    double worstExact = 0;
    double worstPerToken = 0;
    for (int d = 0; d < word.sums().length; d++) {
      JsonNode expected = golden.get(d).get("metrics").get("word_perplexity");
      double difference = Math.abs(-word.sums()[d] - expected.get(0).asDouble());
      worst = Math.max(worst, difference);
      worstPerToken = Math.max(worstPerToken, difference / exact.get(d).get("tokens").asInt());
      worstExact =
          Math.max(worstExact, Math.abs(-word.sums()[d] - exact.get(d).get("float64").asDouble()));
      assertThat(word.weights()[d]).as("words").isEqualTo(expected.get(1).asInt());
      assertThat(metrics.get(1).weights()[d])
          .as("bytes")
          .isEqualTo(golden.get(d).get("metrics").get("byte_perplexity").get(1).asInt());
    }
    System.out.printf(
        Locale.ROOT,
        "wikitext, %d pages: max|Δ log p| of a page %.1e nats (%.1e a token), with float64"
            + " log-softmax %.1e; word %.4f, byte %.4f, bits %.4f%n",
        word.sums().length,
        worst,
        worstPerToken,
        worstExact,
        word.value(),
        metrics.get(1).value(),
        metrics.get(2).value());
    // The harness's log-softmax is float32, off by 7e-6 nats a token, always to the same side.
    assertThat(worstPerToken).as("nats per token").isLessThanOrEqualTo(1e-5);
    assertThat(worstExact).as("nats of a page, exact log-softmax").isLessThanOrEqualTo(2e-3);
    if (FULL) {
      assertThat(word.value()).isEqualTo(31.1453, within(5e-4));
      assertThat(metrics.get(1).value()).isEqualTo(1.9619, within(5e-5));
      assertThat(metrics.get(2).value()).isEqualTo(0.9722, within(5e-5));
    }
  }
}
