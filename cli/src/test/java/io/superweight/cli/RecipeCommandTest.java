package io.superweight.cli;

import static io.superweight.cli.Run.run;
import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.report.SchemaCheck;
import java.io.IOException;
import java.nio.file.Files;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class RecipeCommandTest {
  @Test
  void theDocumentFitsItsSchema() throws IOException {
    Run run = run("recipe", "--budget", "Q4_K_M", "--windows", "3", "--json");
    assertThat(run.exitCode()).as(run.err()).isZero();
    JsonNode document = JsonMapper.shared().readTree(run.out());
    JsonNode schema =
        JsonMapper.shared()
            .readTree(Files.readString(Run.project().resolve("docs/schema/recipe-1.json")));
    assertThat(SchemaCheck.errors(schema, document)).isEmpty();
    assertThat(document.at("/stock/name").asString()).isEqualTo("Q4_K_M");
    assertThat(document.get("lines").size()).isPositive();
  }

  @Test
  void whatCannotBeAskedForIsSaidInOneLine() {
    for (String[] args :
        new String[][] {
          {"recipe", "--budget", "4.5", "--for", "exllama"},
          {"recipe", "--budget", "4.5", "--windows", "0"},
          {"recipe"}
        }) {
      Run run = run(args);
      assertThat(run.exitCode()).isEqualTo(2);
      assertThat(run.err().strip()).hasLineCount(1);
    }
  }
}
