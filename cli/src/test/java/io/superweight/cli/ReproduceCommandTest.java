package io.superweight.cli;

import static io.superweight.cli.Run.run;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The paper's tables and figures, made on the embedded model. */
class ReproduceCommandTest {
  @TempDir Path folder;

  @Test
  void figure3NamesTheSpikesOfTheEmbeddedModelBesideThePapers() {
    Run run = run("reproduce", "fig3", "--json", "--progress", "none");
    assertThat(run.exitCode()).as(run.err()).isZero();
    JsonNode root = JsonMapper.shared().readTree(run.out());
    assertThat(root.get("schema").asString()).isEqualTo("superweight.reproduce/1");
    JsonNode rows = root.get("tables").get(0).get("rows");
    assertThat(rows.valueStream().filter(row -> row.get("source").asString().equals("measured")))
        .hasSize(8);
    assertThat(rows.get(1).get("row").asInt()).isEqualTo(161);
    assertThat(
            rows.valueStream()
                .filter(row -> row.get("source").asString().equals("paper, Llama-7B"))
                .map(row -> row.get("output").asDouble()))
        .hasSize(32)
        .contains(1313.0, -1474.0);
  }

  @Test
  void eachFormIsWrittenAndTheIndexLeadsToIt() throws IOException {
    Path out = folder.resolve("pages");
    Run run = run("reproduce", "table2", "--out", out.toString(), "--progress", "none");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(Files.readString(out.resolve("index.html"))).contains("table2.html");
    assertThat(Files.readString(out.resolve("table2.html")))
        .contains("layers.1.mlp.down<wbr>[161,288]")
        .doesNotContain("<script");
    assertThat(Files.readString(out.resolve("table2.txt"))).contains("layers.1.mlp.down[161,288]");
    assertThat(Files.readString(out.resolve("table2.csv")))
        .startsWith("source,weight,value,role,rank,share,published\n")
        .contains("measured,\"layers.1.mlp.down[161,288]\",0.421875,source,4,");
    assertThat(Files.readString(out.resolve("table2-paper.csv"))).contains("Phi-3-mini");
  }

  private JsonNode json(String... args) {
    String[] all = java.util.Arrays.copyOf(args, args.length + 3);
    System.arraycopy(new String[] {"--json", "--progress", "none"}, 0, all, args.length, 3);
    Run run = run(all);
    assertThat(run.exitCode()).as(run.err()).isZero();
    return JsonMapper.shared().readTree(run.out());
  }

  @Test
  void figure4BeginsWithTheEmbeddingAndShowsWhatTheSuperWeightsMake() {
    JsonNode rows = json("reproduce", "fig4").get("tables").get(0).get("rows");
    assertThat(rows).as("inputs of 8 layers and the last output").hasSize(9);
    // Layer 1 makes the super activation: it is absent from its input, present in the next one's.
    assertThat(rows.get(1).get("original").asDouble()).isLessThan(20);
    assertThat(rows.get(1).get("pruneSw")).isEqualTo(rows.get(1).get("original"));
    assertThat(rows.get(2).get("original").asDouble()).isGreaterThan(150);
    assertThat(Math.abs(rows.get(2).get("pruneSw").asDouble())).isLessThan(60);
  }

  @Test
  void table1WithoutDataMeasuresBuiltInProseAndNamesWhatIsMissing() {
    JsonNode root = json("reproduce", "table1", "--data", folder.toString());
    JsonNode rows = root.get("tables").get(0).get("rows");
    assertThat(rows.valueStream().map(row -> row.get("model").asString()))
        .containsExactly(
            "Original",
            "Prune SW",
            "Prune non-SW, 1e-6",
            "Prune non-SW, 1e-5",
            "Prune non-SW, 1e-4",
            "Prune SW, +SA");
    double[] perplexities =
        rows.valueStream().mapToDouble(row -> row.get("prose").asDouble()).toArray();
    assertThat(perplexities[1] / perplexities[0]).as("super weights zeroed").isGreaterThan(2.5);
    assertThat(perplexities[2]).as("a fraction that selects none").isEqualTo(perplexities[0]);
    assertThat(perplexities[5] / perplexities[0]).as("activation put back").isLessThan(1.05);
    assertThat(root.get("missing").get(0).get("what").asString()).contains("HellaSwag", "C4");
    assertThat(root.get("findings").get(0).asString()).contains("1e-6", "selects no weight");
  }

  @Test
  void figure5WithoutLambadaSaysThatOtherTextStandsIn() {
    JsonNode root = json("reproduce", "fig5", "--data", folder.toString(), "--limit", "2");
    assertThat(root.get("tables").get(0).get("rows")).hasSize(100);
    assertThat(root.get("missing").get(0).get("what").asString()).contains("prose stands in");
    assertThat(root.get("protocol").get(0).get("value").asString()).startsWith("8 of built-in");
  }

  @Test
  void figure6ChoosesOnOneHalfOfTheDocumentsAndScoresOnTheOther() throws IOException {
    // Easy and hard questions by turns, so that the halves differ.
    Path set = Files.createDirectories(folder.resolve("baber/piqa"));
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 8; i++) {
      lines.append(
          "{\"goal\":\"He opened the\",\"sol1\":\"door.\",\"sol2\":\"qqq zzz\",\"label\":%d}\n"
              .formatted(i % 2));
    }
    Files.writeString(set.resolve("validation.jsonl"), lines);
    JsonNode root = json("reproduce", "fig6", "--data", folder.toString());
    JsonNode rows = root.get("tables").get(0).get("rows");
    JsonNode original =
        rows.valueStream()
            .filter(row -> row.get("factor").asDouble() == 1)
            .findFirst()
            .orElseThrow();
    assertThat(original.get("choosing").asDouble()).isEqualTo(100);
    assertThat(original.get("scoring").asDouble()).isZero();
    assertThat(original.get("average").get("estimate").asDouble()).isEqualTo(50);
  }

  @Test
  void anUnknownItemIsNamedWithThoseThatAreKnown() {
    Run run = run("reproduce", "fig8", "--progress", "none");
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("fig8").contains("table1").contains("fig7").hasLineCount(1);
  }
}
