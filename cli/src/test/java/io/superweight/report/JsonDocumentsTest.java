package io.superweight.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.superweight.compute.Precision;
import io.superweight.edit.EditedModel;
import io.superweight.evaluate.Metric;
import io.superweight.evaluate.Protocol;
import io.superweight.experiment.SweepResult;
import io.superweight.find.Candidate;
import io.superweight.find.Card;
import io.superweight.find.Extreme;
import io.superweight.find.FindOptions;
import io.superweight.find.FindResult;
import io.superweight.measure.BenchReport;
import io.superweight.measure.Ceiling;
import io.superweight.measure.LayerShape;
import io.superweight.measure.ProductSpeed;
import io.superweight.measure.Spread;
import io.superweight.model.Coordinate;
import io.superweight.tensor.DType;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class JsonDocumentsTest {
  private static final JsonMapper JSON = new JsonMapper();

  static List<FindReport> reports() {
    return List.of(
        Samples.smol(),
        Samples.unverified(),
        Samples.none(),
        Samples.harmless(),
        Samples.refused(),
        expert());
  }

  @ParameterizedTest
  @MethodSource("reports")
  void everyReportFitsItsSchemaFieldForField(FindReport report) throws IOException {
    assertThat(SchemaCheck.errors(schema("find-1.json"), JSON.readTree(find(report)))).isEmpty();
  }

  @Test
  void theSchemaIsNotSatisfiedByADocumentThatLacksOrRenamesAField() throws IOException {
    String good = new String(find(Samples.smol()), StandardCharsets.UTF_8);
    JsonNode schema = schema("find-1.json");

    assertThat(errors(schema, good.replaceFirst("\"share\"", "\"shares\""))).isNotEmpty();
    assertThat(errors(schema, good.replaceFirst("\"minor_source\"", "\"Minor\""))).isNotEmpty();
    assertThat(errors(schema, good.replaceFirst("\"rank\" : 1", "\"rank\" : \"1\""))).isNotEmpty();
    assertThat(errors(schema, good.replaceFirst("find/1", "find/2"))).isNotEmpty();
  }

  @Test
  void theDocumentHoldsWhatWasFoundAndProved() {
    JsonNode document = JSON.readTree(find(Samples.smol()));

    assertThat(document.at("/schema").asString()).isEqualTo("superweight.find/1");
    assertThat(document.at("/headline/kind").asString()).isEqualTo("super_weights");
    assertThat(document.at("/candidates/0/weight").asString())
        .isEqualTo("layers.11.mlp.down[507,1229]");
    assertThat(document.at("/candidates/0/share").asDouble()).isEqualTo(0.73);
    assertThat(document.at("/search/prompts/0/ids/0").asInt()).isEqualTo(39080);
    assertThat(document.at("/verification/sets/0/joint/perplexityRatio/low").asDouble())
        .isEqualTo(27310);
    assertThat(document.at("/verification/superWeights").valueStream().map(JsonNode::asString))
        .containsExactly("layers.11.mlp.down[507,1229]", "layers.11.mlp.down[507,1487]");
    assertThat(document.at("/trajectories/0/intact").size()).isEqualTo(31);
    assertThat(document.at("/rejected/3/reason").asString()).contains(Samples.HOSTILE);
  }

  @Test
  void aProofAloneFitsItsSchemaAndSaysTheSameAsWithinAFind() throws IOException {
    FindReport report = Samples.smol();
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    VerifyJson.write("1.2.3", report.model(), report.verification().orElseThrow(), out);
    JsonNode document = JSON.readTree(out.toByteArray());

    assertThat(SchemaCheck.errors(schema("verify-1.json"), document)).isEmpty();
    assertThat(document.get("verification"))
        .isEqualTo(JSON.readTree(find(report)).get("verification"));
  }

  @Test
  void fieldsKeepTheirOrderAndTheSameReportGivesTheSameBytes() {
    byte[] once = find(Samples.smol());
    assertThat(find(Samples.smol())).isEqualTo(once);
    assertThat(JSON.readTree(once).propertyNames())
        .containsExactly(
            "schema",
            "tool",
            "model",
            "search",
            "headline",
            "superActivations",
            "candidates",
            "rejected",
            "sets",
            "extremes",
            "trajectories",
            "stability",
            "rounds",
            "notes",
            "nonFinite",
            "cost",
            "verification",
            "writtenAsNull");
    assertThat(new String(once, StandardCharsets.UTF_8))
        .startsWith("{\n  \"schema\" : \"superweight.find/1\",\n")
        .endsWith("}\n")
        .doesNotContain("\r");
  }

  @Test
  void numbersThatJsonCannotSayBecomeNullAndAreListedWithTheirPlace() throws IOException {
    JsonNode document = JSON.readTree(find(expert()));

    assertThat(document.at("/candidates/0/input").isNull()).isTrue();
    assertThat(document.at("/candidates/0/remaining").isNull()).isTrue();
    assertThat(document.get("writtenAsNull").valueStream().map(JsonNode::toString))
        .containsExactly(
            "{\"at\":\"/candidates/0/input\",\"value\":\"Infinity\"}",
            "{\"at\":\"/candidates/0/after\",\"value\":\"NaN\"}");
  }

  @Test
  void expertsAreNamedAndHalfSurrogatesAreReplaced() {
    JsonNode candidate = JSON.readTree(find(expert())).at("/candidates/0");

    assertThat(candidate.get("weight").asString())
        .isEqualTo("layers.3.mlp.experts.12.down[161,288]");
    assertThat(candidate.get("expert").asInt()).isEqualTo(12);
    assertThat(candidate.get("token").asString()).isEqualTo("a\uFFFDb\uD83D\uDE00");
  }

  @Test
  void theStreamStaysOpenForWhoeverOpenedIt() {
    class Watched extends ByteArrayOutputStream {
      private boolean closed;

      @Override
      public void close() {
        closed = true;
      }
    }
    Watched out = new Watched();
    FindJson.write(Samples.none(), out);
    assertThat(out.closed).isFalse();
    assertThat(out.size()).isPositive();
  }

  @Test
  void aFullDiskIsAnInputOutputErrorAndNoOther() {
    OutputStream full =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("No space left on device");
          }
        };
    assertThatThrownBy(() -> FindJson.write(Samples.smol(), full))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("No space left");
  }

  @Test
  void theCardFitsItsSchemaFieldForField() throws IOException {
    JsonNode document = JSON.readTree(card());

    assertThat(SchemaCheck.errors(schema("card-1.json"), document)).isEmpty();
    assertThat(document.at("/layers/0/input/largest/value").asDouble()).isEqualTo(2996);
    assertThat(document.at("/layers/0/output").isNull()).isTrue();
    assertThat(document.at("/overflowF16/0").asInt()).isZero();
    assertThat(document.at("/writtenAsNull/0/at").asString())
        .isEqualTo("/layers/0/residual/int8WorstTokenMedianSteps");
  }

  @Test
  void anEvaluationFitsItsSchemaAlsoWhereItsPerplexityIsInfinite() throws IOException {
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
    Metric accuracy =
        new Metric(
            "acc",
            Metric.Link.IDENTITY,
            new double[] {1, 0},
            new double[] {1, 1},
            OptionalDouble.of(0.5),
            OptionalDouble.of(0.25),
            true);
    Metric perplexity =
        new Metric(
            "perplexity",
            Metric.Link.EXP,
            new double[] {1, 2000},
            new double[] {1, 1},
            OptionalDouble.empty(),
            OptionalDouble.empty(),
            false);
    SweepResult.Row row =
        new SweepResult.Row(
            EditedModel.ORIGINAL,
            List.of(accuracy, perplexity),
            List.of(Optional.empty(), Optional.empty()),
            List.of());
    SweepResult.Row windows =
        new SweepResult.Row(
            EditedModel.ORIGINAL, List.of(perplexity), List.of(Optional.empty()), List.of());
    SweepResult result =
        new SweepResult(
            List.of(EditedModel.ORIGINAL),
            List.of(
                new SweepResult.Part("sciq", protocol, List.of(row)),
                new SweepResult.Part("llama.cpp", protocol, List.of(windows))));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    EvalJson.write("1.2.3", Samples.facts(), result, out);
    JsonNode document = JSON.readTree(out.toByteArray());

    assertThat(SchemaCheck.errors(schema("eval-1.json"), document)).isEmpty();
    assertThat(document.at("/results/0/metrics/0/value").asDouble()).isEqualTo(0.5);
    assertThat(document.at("/results/0/metrics/1/value").isNull()).isTrue();
    assertThat(document.at("/writtenAsNull/0/at").asString())
        .isEqualTo("/results/0/metrics/1/value");
    assertThat(document.at("/results/0/running").size()).isZero();
    assertThat(document.at("/results/1/running/0").asDouble()).isEqualTo(2.7182817);
    assertThat(document.at("/results/1/running/1").isNull()).isTrue();
    assertThat(document.at("/writtenAsNull/2/at").asString()).isEqualTo("/results/1/running/1");
    assertThat(document.at("/writtenAsNull").size()).isEqualTo(3);
  }

  @Test
  void aBenchFitsItsSchemaWithAndWithoutWhatCannotBeMeasured() throws IOException {
    Spread spread = new Spread(2, 1, 3, 5);
    ProductSpeed product =
        new ProductSpeed(
            "java",
            DType.BF16,
            Precision.F32,
            new LayerShape("1 B", 8192, 2048),
            10,
            new Spread(0.001, 0.0009, 0.002, 3),
            Double.NaN);
    BenchReport report =
        new BenchReport(
            "a processor",
            2,
            "JDK 25",
            List.of("java, scalar, f32, 2 threads"),
            List.of(
                new Ceiling(Ceiling.Kind.MEMORY_MAPPED, Optional.of(spread), "by reading"),
                new Ceiling(
                    Ceiling.Kind.DOT_BF16, Optional.empty(), "not measurable without oneDNN")),
            List.of(product),
            3,
            12.5);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    BenchJson.write("1.2.3", report, out);
    JsonNode document = JSON.readTree(out.toByteArray());

    assertThat(SchemaCheck.errors(schema("bench-1.json"), document)).isEmpty();
    assertThat(document.at("/ceilings/0/value/median").asDouble()).isEqualTo(2);
    assertThat(document.at("/ceilings/1/value").isNull()).isTrue();
    assertThat(document.at("/products/0/gigabytesPerSecond").asDouble())
        .as("2 · 8192 · 2048 bytes in a millisecond")
        .isCloseTo(33.55, within(0.01));
    assertThat(document.at("/products/0/gigaflops").asDouble())
        .as("2 · 10 · 8192 · 2048 operations in a millisecond")
        .isCloseTo(335.5, within(0.1));
    assertThat(document.at("/products/0/ofCeiling").isNull()).isTrue();
    assertThat(document.at("/writtenAsNull").isEmpty()).as("null for not measured").isTrue();
  }

  @Test
  void anExperimentFitsItsSchema() throws IOException {
    assertThat(
            errors(
                schema("reproduce-1.json"),
                new String(
                    written(out -> ReproductionJson.write(ReproductionSamples.report(), out)),
                    java.nio.charset.StandardCharsets.UTF_8)))
        .isEmpty();
  }

  @Test
  void everyFieldOfTheSchemasIsExplained() throws IOException {
    String page = Files.readString(docs().resolve("json.md"));
    for (String name :
        List.of(
            "find-1.json",
            "verify-1.json",
            "card-1.json",
            "eval-1.json",
            "sweep-1.json",
            "reproduce-1.json",
            "catalog-check-1.json",
            "audit-1.json",
            "recipe-1.json",
            "bench-1.json")) {
      Set<String> fields = new TreeSet<>();
      fields(schema(name), fields);
      assertThat(fields)
          .allSatisfy(
              field -> assertThat(page).containsPattern("`([\\w.\\[\\]]+\\.)?" + field + "`"));
    }
  }

  private static void fields(JsonNode schema, Set<String> fields) {
    if (schema.isObject() && schema.has("properties")) {
      fields.addAll(schema.get("properties").propertyNames());
    }
    schema.forEach(inner -> fields(inner, fields));
  }

  private static List<String> errors(JsonNode schema, String document) {
    return SchemaCheck.errors(schema, JSON.readTree(document));
  }

  private static byte[] find(FindReport report) {
    return written(out -> FindJson.write(report, out));
  }

  private static byte[] card() {
    Card.SiteCard input =
        new Card.SiteCard(
            new Extreme(2996f, 1229, 12, 0, 0, Samples.HOSTILE),
            0.25,
            21.86,
            1e35,
            0.15,
            0.01,
            0.93,
            0.02,
            0,
            0,
            0);
    Card.SiteCard residual =
        new Card.SiteCard(
            new Extreme(70_000f, 507, -1, 0, 0, "Apple"),
            1.9,
            0.93,
            4.8e33,
            0.006,
            0.003,
            0.97,
            Double.NaN,
            -1,
            -1,
            3);
    Card card =
        new Card(
            Samples.found().prompts(),
            List.of(
                new Card.LayerCard(0, Optional.of(input), Optional.empty(), Optional.of(residual))),
            List.of(0),
            List.of(),
            List.of(0),
            List.of(),
            "float16 overflows in layer 0: use bfloat16.");
    return written(out -> CardJson.write(card, Samples.smol().model(), out));
  }

  private static byte[] written(java.util.function.Consumer<OutputStream> document) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    document.accept(out);
    return out.toByteArray();
  }

  /** An expert's weight whose numbers overflowed, at a token that is no Unicode text. */
  private static FindReport expert() {
    FindResult f = Samples.found();
    Candidate c = f.candidates().getFirst();
    Candidate broken =
        new Candidate(
            Coordinate.expertDown(3, 12, 161, 288),
            c.value(),
            c.rank(),
            c.matrixSize(),
            c.share(),
            Float.POSITIVE_INFINITY,
            c.output(),
            c.written(),
            c.before(),
            Float.NaN,
            Double.NaN,
            c.prompt(),
            c.position(),
            c.tokenId(),
            "a\uD83Db\uD83D\uDE00",
            Optional.empty(),
            c.role(),
            c.round(),
            c.reason());
    return new FindReport(
        "1.2.3",
        Samples.smol().model(),
        FindOptions.DEFAULT,
        new FindResult(
            f.rule(),
            f.prompts(),
            f.superActivations(),
            List.of(broken),
            f.rejected(),
            List.of(),
            f.extremes(),
            f.trajectories(),
            f.stability(),
            f.rounds(),
            f.notes(),
            new FindResult.NonFinite(3, "layers.3.mlp.down.in", 0, ""),
            f.cost()),
        Optional.empty());
  }

  private static JsonNode schema(String name) throws IOException {
    return JSON.readTree(Files.readAllBytes(docs().resolve("schema").resolve(name)));
  }

  private static Path docs() {
    Path folder = Path.of("").toAbsolutePath();
    while (!Files.isRegularFile(folder.resolve("docs/json.md"))) {
      folder = folder.getParent();
    }
    return folder.resolve("docs");
  }
}
