package io.superweight.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The paper's tables and figures, made on the embedded model. */
class ReproduceCommandTest {
  @TempDir Path folder;

  record Run(int exitCode, String out, String err) {}

  private static Run run(String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int exitCode =
        Main.run(
            args,
            new PrintStream(out, false, StandardCharsets.UTF_8),
            new PrintStream(err, true, StandardCharsets.UTF_8));
    return new Run(
        exitCode, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

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

  @Test
  void anUnknownItemIsNamedWithThoseThatAreKnown() {
    Run run = run("reproduce", "fig7", "--progress", "none");
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("fig7").contains("table1").contains("fig6").hasLineCount(1);
  }
}
