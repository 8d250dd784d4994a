package io.superweight.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.superweight.model.Variant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/**
 * Every request of a real model against what the LM Evaluation Harness gave for it, float32. The
 * first documents of each task; all that the harness scored (minutes) where the environment
 * variable SUPERWEIGHT_FULL is set. What is made of the scores is tested without a model, for all
 * of them ({@link TasksTest}).
 */
class SmolLm2TasksTest extends OnSmolLm2 {
  @ParameterizedTest
  @CsvSource({"arc_easy, 30", "sciq, 12", "winogrande, 40", "hellaswag, 15", "lambada_openai, 30"})
  void logLikelihoodsAndGreedyFlagsAreTheHarnesss(String task, int few) {
    int documents = FULL ? 200 : few;
    Task own =
        (Task)
            Evaluations.open(
                task,
                EvaluationSettings.of(tokenizer, "llama", model.maxPositions())
                    .withLimit(documents),
                HarnessTasks.datasets());
    List<Request> requests = new ArrayList<>(own.requests());
    for (JsonNode other : HarnessTasks.numerals(task)) {
      requests.replaceAll(r -> isPart(r, other) ? request(other) : r);
    }
    Score[] scores = scores(requests);

    List<JsonNode> expected = HarnessTasks.requests(task);
    double worst = 0;
    for (int r = 0; r < scores.length; r++) {
      double nats = expected.get(r).get("loglikelihood").asDouble();
      worst = Math.max(worst, Math.abs(scores[r].logProbability() - nats));
      assertThat(scores[r].greedy())
          .as("whether request " + r + " is greedy")
          .isEqualTo(expected.get(r).get("is_greedy").asBoolean());
    }
    System.out.printf(
        Locale.ROOT,
        "%s: %d requests, largest difference %.1e nats, %s%n",
        task,
        scores.length,
        worst,
        own.metrics(List.of(scores)).stream()
            .map(m -> String.format(Locale.ROOT, "%s %.4f", m.name(), m.value()))
            .toList());
    assertThat(worst).isLessThanOrEqualTo(2e-3);
    List<JsonNode> golden = HarnessTasks.documents(task);
    for (Metric metric : own.metrics(List.of(scores))) {
      if (metric.link() == Metric.Link.IDENTITY) {
        for (int d = 0; d < metric.sums().length; d++) {
          assertThat(metric.sums()[d])
              .as(metric.name() + " of document " + d)
              .isEqualTo(golden.get(d).at("/metrics/" + metric.name()).asDouble());
        }
      }
    }
  }

  /**
   * transformers' tokenizer of a GGUF file forgets that SmolLM2 takes every numeral apart,
   * fractions such as ¾ as well, which the model's own tokenizer.json and llama.cpp do. Of the
   * tokens that the harness was given the scores are the same.
   */
  @Test
  void fiveRequestsWithFractionsAreTheHarnesssOfTheTokensThatItWasGiven() {
    List<JsonNode> numerals = HarnessTasks.numerals("hellaswag");
    List<JsonNode> documents = HarnessTasks.documents("hellaswag");
    Score[] scores = scores(numerals.stream().map(SmolLm2TasksTest::request).toList());

    assertThat(scores).hasSize(5);
    for (int r = 0; r < scores.length; r++) {
      JsonNode one = numerals.get(r);
      assertThat(scores[r].logProbability())
          .isEqualTo(
              documents
                  .get(one.get("doc").asInt())
                  .at("/requests/" + one.get("part").asInt() + "/loglikelihood")
                  .asDouble(),
              within(2e-3));
    }
  }

  private static boolean isPart(Request request, JsonNode other) {
    return request.document() == other.get("doc").asInt()
        && request.part() == other.get("part").asInt();
  }

  private static Request request(JsonNode given) {
    return new Request(
        given.get("doc").asInt(),
        given.get("part").asInt(),
        given.get("ids").valueStream().mapToInt(JsonNode::asInt).toArray(),
        given.get("from").asInt());
  }

  private Score[] scores(List<Request> requests) {
    return new Scorer(model).score(requests, List.of(Variant.INTACT))[0];
  }
}
