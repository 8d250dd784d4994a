package io.superweight.cli;

import static io.superweight.cli.Run.run;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class CatalogCommandTest {
  @Test
  void theListHasALineForEachModel() {
    Run run = run("catalog", "list");
    assertThat(run.exitCode()).isZero();
    assertThat(run.out())
        .contains("mistral-7b-v0.1", "layers.1.mlp.down[2070,7310]", "perplexity × 1,425")
        .contains("qwen2.5-7b", "none found");
    assertThat(run.out().lines()).allMatch(line -> line.length() <= Terminal.PLAIN_COLUMNS);
  }

  @Test
  void anEntryIsShownWithSourcesAndItsTypo() {
    Run run = run("catalog", "show", "allenai/OLMo-1B-0724-hf");
    assertThat(run.exitCode()).isZero();
    assertThat(run.out())
        .contains(
            "layers.2.mlp.down[1764,8041]", "−0.5924", "arXiv 2411.07191", "the table is a slip");
    Run json = run("catalog", "show", "olmo-1b-0724", "--json");
    assertThat(JsonMapper.shared().readTree(json.out()).get("id").asString())
        .isEqualTo("olmo-1b-0724");
  }

  @Test
  void theEmbeddedModelHasItsPublishedWeightsAndItsTwinDoesNot() {
    Run same = run("catalog", "check");
    assertThat(same.exitCode()).as(same.err()).isZero();
    assertThat(same.out()).contains("It carries the published weights", "same value");
    Run other =
        run(
            "catalog",
            "check",
            Run.project().resolve("fixtures/models/books-12m-harmless").toString(),
            "--json");
    assertThat(other.exitCode()).isEqualTo(11);
    JsonNode document = JsonMapper.shared().readTree(other.out());
    assertThat(document.get("verdict").asString()).isEqualTo("absent");
    assertThat(document.get("likeness").asString()).isEqualTo("shape");
    Run none = run("catalog", "check", "--as", "bloom-7b1");
    assertThat(none.exitCode()).isEqualTo(12);
  }

  @Test
  void whatTheCatalogDoesNotHaveIsSaidInOneLine() {
    for (Run run :
        new Run[] {
          run("catalog", "show", "gpt-5"),
          run("catalog", "check", "--as", "gpt-5"),
          run("catalog", "add", "nowhere.json")
        }) {
      assertThat(run.exitCode()).isEqualTo(3);
      assertThat(run.out()).isEmpty();
      assertThat(run.err().lines().filter(l -> l.startsWith("superweight: "))).hasSize(1);
    }
  }

  @Test
  void aTraceOfAnEditedModelDiffers() {
    String[] plain = {
      "trace", "--ids", "1,35,431", "--site", "layers.1.mlp.down.out", "--top", "1"
    };
    Run intact = run(plain);
    String[] edited = java.util.Arrays.copyOf(plain, plain.length + 2);
    edited[plain.length] = "--zero";
    edited[plain.length + 1] = "@catalog";
    Run zeroed = run(edited);
    assertThat(intact.out()).contains("\"channel\":161");
    assertThat(zeroed.exitCode()).as(zeroed.err()).isZero();
    assertThat(zeroed.out()).doesNotContain("\"channel\":161");
    edited[plain.length] = "--scale";
    edited[plain.length + 1] = "1,2";
    assertThat(run(edited).exitCode()).isEqualTo(2);
  }
}
