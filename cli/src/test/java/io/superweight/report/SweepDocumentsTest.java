package io.superweight.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.edit.EditedModel;
import io.superweight.evaluate.Metric;
import io.superweight.evaluate.Protocol;
import io.superweight.experiment.Comparison;
import io.superweight.experiment.SweepResult;
import io.superweight.model.Coordinate;
import io.superweight.model.Variant;
import io.superweight.statistics.Interval;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class SweepDocumentsTest {
  private static final JsonMapper JSON = new JsonMapper();

  private static final EditedModel EDITED =
      new EditedModel(
          "a \"pruned\", broken one",
          "layers.1.mlp.down[2,3]=00000000",
          Variant.zeroed("zeroed", List.of(Coordinate.down(1, 2, 3))),
          List.of("A note."));

  private static Metric accuracy(double first) {
    return new Metric(
        "acc",
        Metric.Link.IDENTITY,
        new double[] {first, 0},
        new double[] {1, 1},
        OptionalDouble.of(0.5),
        OptionalDouble.of(0.25),
        true);
  }

  private static Metric perplexity(double nats) {
    return new Metric(
        "perplexity",
        Metric.Link.EXP,
        new double[] {1, nats},
        new double[] {1, 1},
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        false);
  }

  /** One difference with an interval, one ratio that no double holds and that has none. */
  private static SweepReport report() {
    Protocol protocol =
        new Protocol(
            "sciq",
            "lm-eval-0.4.12",
            "allenai/sciq, validation",
            List.of(new Protocol.Source("validation.jsonl", "0123456789abcdef".repeat(4))),
            List.of("Another split."),
            "none",
            344,
            2,
            1000);
    SweepResult.Row original =
        new SweepResult.Row(
            EditedModel.ORIGINAL,
            List.of(accuracy(1), perplexity(2)),
            List.of(Optional.empty(), Optional.empty()),
            List.of());
    SweepResult.Row edited =
        new SweepResult.Row(
            EDITED,
            List.of(accuracy(0), perplexity(2000)),
            List.of(
                Optional.of(
                    new Comparison(
                        Comparison.Kind.DIFFERENCE,
                        -0.5,
                        Optional.of(new Interval(-0.5, -1, 0)),
                        0,
                        1,
                        1)),
                Optional.of(
                    new Comparison(
                        Comparison.Kind.RATIO,
                        Double.POSITIVE_INFINITY,
                        Optional.empty(),
                        0,
                        2,
                        0.5))),
            List.of());
    return new SweepReport(
        "1.2.3",
        Samples.facts(),
        new SweepResult(
            List.of(EditedModel.ORIGINAL, EDITED),
            List.of(new SweepResult.Part("sciq", protocol, List.of(original, edited)))));
  }

  @Test
  void aSweepFitsItsSchemaAlsoWhereARatioIsInfinite() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    SweepJson.write(report(), out);
    JsonNode document = JSON.readTree(out.toByteArray());

    assertThat(SchemaCheck.errors(schema(), document)).isEmpty();
    String comparison = "/evaluations/0/rows/1/metrics/0/comparison";
    assertThat(document.at(comparison + "/interval/low").asDouble()).isEqualTo(-1);
    assertThat(document.at(comparison + "/kind").asString()).isEqualTo("difference");
    assertThat(document.at("/evaluations/0/rows/0/metrics/0/comparison").isNull()).isTrue();
    assertThat(document.at("/versions/1/editedWeights").asInt()).isEqualTo(1);
    assertThat(document.at("/writtenAsNull").valueStream().map(n -> n.get("at").asString()))
        .containsExactly(
            "/evaluations/0/rows/1/metrics/1/value",
            "/evaluations/0/rows/1/metrics/1/comparison/estimate");
  }

  @Test
  void theSchemaIsNotSatisfiedByADocumentThatRenamesAField() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    SweepJson.write(report(), out);
    String good = out.toString(StandardCharsets.UTF_8);
    for (String field : List.of("versions", "comparison", "better", "estimate", "version")) {
      String bad = good.replaceFirst("\"" + field + "\"", "\"" + field + "x\"");
      assertThat(SchemaCheck.errors(schema(), JSON.readTree(bad))).as(field).isNotEmpty();
    }
  }

  @Test
  void theTableHasALineForEachMetricAndQuotesWhatItMust() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    SweepCsv.write(report(), out);
    List<String> lines = out.toString(StandardCharsets.UTF_8).lines().toList();
    assertThat(lines).hasSize(5);
    assertThat(lines.getFirst()).startsWith("model,digest,dtype,device,version,key,evaluation,");
    assertThat(lines.get(1)).contains(",Original,,sciq,").endsWith(",acc,0.5,0.5,0.25,,,,,,,");
    assertThat(lines.get(3))
        .contains(",\"a \"\"pruned\"\", broken one\",\"layers.1.mlp.down[2,3]=00000000\",sciq,")
        .endsWith(",acc,0.0,0.5,0.25,difference,-0.5,-1.0,0.0,0,1,1.0");
    assertThat(lines.get(4)).endsWith(",perplexity,Infinity,,,ratio,Infinity,,,0,2,0.5");
    // Cells are counted outside of quotes.
    assertThat(
            lines.stream().map(l -> l.replaceAll("\"(?:[^\"]|\"\")*\"", "q").split(",", -1).length))
        .containsOnly(25);
  }

  private static JsonNode schema() throws IOException {
    Path folder = Path.of("").toAbsolutePath();
    while (!Files.isRegularFile(folder.resolve("docs/json.md"))) {
      folder = folder.getParent();
    }
    return JSON.readTree(Files.readAllBytes(folder.resolve("docs/schema/sweep-1.json")));
  }
}
