package io.superweight.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.report.SchemaCheck;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class RecipeCommandTest {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(String... args) {
    return Main.run(
        args,
        new PrintStream(out, false, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8));
  }

  @Test
  void theDocumentFitsItsSchema() throws IOException {
    Path docs = Path.of("").toAbsolutePath();
    while (!Files.isDirectory(docs.resolve("docs"))) {
      docs = docs.getParent();
    }
    assertThat(run("recipe", "--budget", "Q4_K_M", "--windows", "3", "--json"))
        .as(err.toString(StandardCharsets.UTF_8))
        .isZero();
    JsonNode document = JsonMapper.shared().readTree(out.toByteArray());
    JsonNode schema =
        JsonMapper.shared().readTree(Files.readString(docs.resolve("docs/schema/recipe-1.json")));
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
      err.reset();
      assertThat(run(args)).isEqualTo(2);
      assertThat(err.toString(StandardCharsets.UTF_8).strip()).hasLineCount(1);
    }
  }
}
