package io.superweight.cli;

import static io.superweight.cli.Run.run;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Quantizations as a user types them, on the embedded model. */
class QuantizeOptionsTest {
  private static final String SUPER = "layers.1.mlp.down[161,288]";

  @TempDir Path folder;
  private Path text;

  @BeforeEach
  void write() throws IOException {
    text = folder.resolve("text.txt");
    StringBuilder prose = new StringBuilder();
    for (int d = 0; d < 4; d++) {
      prose.append(
          "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of"
              + " foolishness, it was the season of light, it was the season of darkness.\n\n\n\n");
    }
    Files.writeString(text, prose);
  }

  private Run sweep(String... more) {
    List<String> args =
        new ArrayList<>(
            List.of("sweep", "--text", text.toString(), "--progress", "none", "--no-color"));
    args.addAll(List.of(more));
    return run(args.toArray(String[]::new));
  }

  private static JsonNode json(Run run) {
    assertThat(run.exitCode()).as(run.err()).isZero();
    return JsonMapper.shared().readTree(run.out());
  }

  @Test
  void eachQuantizationIsAVersionBesideTheOriginalAndItsNotesAreTold() {
    Run run =
        sweep(
            "--quantize",
            "rtn2:block=64,hold",
            "--quantize",
            "int8:act=token",
            "--hold",
            SUPER,
            "--json");
    JsonNode models = json(run).get("versions");
    assertThat(models.valueStream().map(m -> m.get("label").asString()))
        .containsExactly("Original", "rtn2:block=64,hold", "int8:act=token");
    assertThat(run.out()).contains(SUPER);
  }

  @Test
  void aPrefixStandsBeforeEveryRequestAndTheProtocolSaysSo() {
    Run plain = sweep("--quantize", "int8", "--json");
    Run prefixed = sweep("--quantize", "int8:act=tensor,sinks=prefix", "--prefix", "\\n", "--json");
    assertThat(json(prefixed).toString()).contains("before it the prefix");
    assertThat(json(plain).toString()).doesNotContain("before it the prefix");
  }

  @Test
  void anEditIsQuantizedToo() {
    Run run = sweep("--zero", SUPER, "--quantize", "rtn8:block=64", "--json");
    assertThat(json(run).get("versions").valueStream().map(m -> m.get("label").asString()))
        .containsExactly(
            "Original", SUPER + " zeroed", "rtn8:block=64", SUPER + " zeroed, rtn8:block=64");
  }

  @Test
  void theTableOfRoundingHasEachMatrixAndWhatHoldingChanged() throws IOException {
    Path table = folder.resolve("rounding.csv");
    json(
        sweep(
            "--quantize",
            "rtn2:block=tensor,clip=z:3,hold",
            "--hold",
            SUPER,
            "--rounding",
            table.toString(),
            "--json"));
    List<String> lines = Files.readAllLines(table);
    assertThat(lines).hasSize(1 + 8 * 7);
    assertThat(lines)
        .filteredOn(line -> line.contains(SUPER))
        .singleElement()
        .asString()
        .contains("\"" + SUPER + "\",0.421875,")
        .endsWith(",restored");
  }

  @Test
  void whatWouldDoNothingIsRefused() {
    assertRefused("--hold changes nothing", "--quantize", "rtn4:block=64", "--hold", SUPER);
    assertRefused("add --hold", "--quantize", "rtn4:block=64,hold");
    assertRefused("belong to --quantize", "--hold", SUPER);
    assertRefused("add --prefix", "--quantize", "int8:act=tensor,sinks=prefix");
    assertRefused("does not divide", "--quantize", "rtn4:block=100000");
    assertRefused("error, tail or per-tensor", "--quantize", "rtn4", "--indivisible", "some");
    assertRefused("not rtn2", "--quantize", "q4_0");
  }

  private void assertRefused(String words, String... args) {
    Run run = sweep(args);
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains(words).hasLineCount(1);
  }

  @Test
  void theTablesOfThePapersFourthSectionAreMade() {
    for (String item : List.of("table3", "table6")) {
      Run run =
          run(
              "reproduce",
              item,
              "--text",
              text.toString(),
              "--window",
              "64",
              "--windows",
              "2",
              "--data",
              folder.toString(),
              "--json",
              "--progress",
              "none");
      JsonNode rows = json(run).get("tables").get(0).get("rows");
      assertThat(rows.size()).isGreaterThan(4);
      assertThat(json(run).get("tables").get(1).get("rows").size()).isGreaterThan(7);
    }
  }
}
