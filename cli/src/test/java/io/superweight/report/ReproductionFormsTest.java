package io.superweight.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.experiment.Exhibit.Table;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** An experiment as JSON, CSV and page says the same. */
class ReproductionFormsTest {
  private final ReproductionReport report = ReproductionSamples.report();

  private JsonNode json() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ReproductionJson.write(report, out);
    return JsonMapper.shared().readTree(out.toString(StandardCharsets.UTF_8));
  }

  private String csv(Table table) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ReproductionCsv.write(table, out);
    return out.toString(StandardCharsets.UTF_8);
  }

  @Test
  void jsonTellsMeasuredFromPublishedAndKeepsIntervals() {
    JsonNode rows = json().get("tables").get(0).get("rows");
    assertThat(rows.get(0).get("source").asString()).isEqualTo("measured");
    assertThat(rows.get(0).get("task0").get("low").asDouble()).isEqualTo(32.1);
    assertThat(rows.get(1).get("source").asString()).isEqualTo("paper, Llama-7B");
    assertThat(rows.get(1).get("task0").asDouble()).isEqualTo(70.01);
    assertThat(rows.get(1).get("task3").isNull()).isTrue();
  }

  @Test
  void jsonSaysWhatIsMissingAndHowToGetIt() {
    assertThat(json().get("missing").get(0).get("remedy").asString()).contains("--data");
  }

  @Test
  void csvHasTheEndsOfIntervalsInColumnsOfTheirOwnAndQuotesCommas() {
    assertThat(csv(report.exhibit().tables().getFirst()).lines())
        .first()
        .asString()
        .startsWith("source,model,task0,task0_low,task0_high,");
    assertThat(csv(report.exhibit().tables().getFirst()))
        .contains("measured,\"Prune non-SW, 1e-5\",44,32.1,56.7,")
        .contains("\"paper, Llama-7B\",Original,70.01,,,");
  }

  @Test
  void everyLineOfACsvFileHasAsManyFieldsAsTheFirst() {
    for (Table table : report.exhibit().tables()) {
      assertThat(csv(table).lines().map(line -> fields(line)).distinct()).hasSize(1);
    }
  }

  private static int fields(String line) {
    int fields = 1;
    boolean quoted = false;
    for (char c : line.toCharArray()) {
      quoted ^= c == '"';
      fields += c == ',' && !quoted ? 1 : 0;
    }
    return fields;
  }

  @Test
  void thePageLoadsNothingRunsNothingAndEscapesWhatItIsGiven() {
    assertThat(ReproductionSamples.page())
        .contains("a &lt;tag&gt; &amp; “quotes”")
        .contains("default-src 'none'")
        .doesNotContain("<script")
        .doesNotContain("src=");
  }

  @Test
  void thePageLeadsToEachOfItsFiles() {
    assertThat(ReproductionSamples.page())
        .contains("href=\"table1.json\"", "href=\"table1.csv\"", "href=\"table1-paper.csv\"");
  }
}
