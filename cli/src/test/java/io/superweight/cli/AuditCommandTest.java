package io.superweight.cli;

import static io.superweight.cli.Run.run;
import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.SafetensorsWriter;
import io.superweight.models.Books12m;
import io.superweight.report.SchemaCheck;
import io.superweight.tensor.DType;
import io.superweight.tensor.Dequantizer;
import io.superweight.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class AuditCommandTest {
  /** Changes the float32 values of a matrix {@code [rows, cols]} in place. */
  interface Damage {
    void to(String name, float[] values, int cols);
  }

  @TempDir private Path folder;

  /** The embedded model with its layers' matrices changed, as a folder. */
  private String model(String name, Damage damage) throws IOException {
    Path out = Files.createDirectory(folder.resolve(name));
    Path own =
        Run.project()
            .resolve("models/books-12m/src/main/resources/io/superweight/models/books-12m");
    for (String file : List.of("config.json", "tokenizer.json")) {
      Files.copy(own.resolve(file), out.resolve(file), StandardCopyOption.REPLACE_EXISTING);
    }
    try (Checkpoint checkpoint = Books12m.checkpoint()) {
      List<SafetensorsWriter.Entry> entries = new ArrayList<>();
      for (String tensor : checkpoint.names()) {
        entries.add(
            SafetensorsWriter.Entry.of(tensor, DType.F32, checkpoint.require(tensor).shape()));
      }
      try (SafetensorsWriter writer =
          SafetensorsWriter.create(out.resolve("model.safetensors"), entries, Map.of())) {
        for (String tensor : checkpoint.names()) {
          Tensor stored = checkpoint.require(tensor);
          float[] values = Dequantizer.decode(stored);
          if (stored.shape().rank() == 2 && tensor.contains("layers.")) {
            damage.to(tensor, values, Math.toIntExact(stored.shape().dimension(1)));
          }
          writer.write(values, 0, values.length);
        }
        writer.commit();
      }
    }
    return out.toString();
  }

  /** Symmetric, to the nearest of {@code 2 · levels + 1} values. */
  private static void round(float[] values, int from, int to, int levels) {
    float most = 0;
    for (int i = from; i < to; i++) {
      most = Math.max(most, Math.abs(values[i]));
    }
    float scale = most / levels;
    for (int i = from; i < to && scale > 0; i++) {
      values[i] = Math.round(values[i] / scale) * scale;
    }
  }

  private static void rows(float[] values, int cols, int levels) {
    for (int from = 0; from < values.length; from += cols) {
      round(values, from, from + cols, levels);
    }
  }

  /** Zeroes the published weights of the embedded model. */
  private static Damage losing() {
    List<io.superweight.model.Coordinate> weights =
        io.superweight.catalog.Catalog.builtIn().find("books-12m").orElseThrow().coordinates();
    return (name, values, cols) -> {
      for (io.superweight.model.Coordinate weight : weights) {
        if (name.contains("layers." + weight.layer() + ".mlp.down_proj")) {
          values[weight.row() * cols + weight.col()] = 0;
        }
      }
    };
  }

  @Test
  void anIntactQuantizationPasses() throws IOException {
    String quantized = model("int8", (name, values, cols) -> rows(values, cols, 127));
    Run run = run("audit", quantized, "--base", embedded(), "--windows", "4");
    assertThat(run.exitCode()).as(run.out() + run.err()).isZero();
    assertThat(run.out()).contains("Fine", "kept", "of the catalog");
    assertThat(run.out().lines()).allMatch(line -> line.length() <= Terminal.PLAIN_COLUMNS);
  }

  @Test
  void aLostSuperWeightIsToldFromDestroyedSurroundings() throws IOException {
    Damage losing = losing();
    String lost =
        model(
            "lost",
            (name, values, cols) -> {
              losing.to(name, values, cols);
              rows(values, cols, 127);
            });
    Run run = run("audit", lost, "--base", embedded(), "--windows", "4", "--json");
    assertThat(run.exitCode()).as(run.out() + run.err()).isEqualTo(10);
    JsonNode document = JsonMapper.shared().readTree(run.out());
    JsonNode schema =
        JsonMapper.shared()
            .readTree(Files.readString(Run.project().resolve("docs/schema/audit-1.json")));
    assertThat(SchemaCheck.errors(schema, document)).isEmpty();
    assertThat(document.get("verdict").asString()).isEqualTo("super_weight_lost");
    assertThat(document.at("/weights/0/state").asString()).isEqualTo("lost");
    assertThat(Math.abs(document.at("/weights/0/activationAfter").asDouble()))
        .isLessThan(Math.abs(document.at("/weights/0/activationBefore").asDouble()) / 2);
    assertThat(document.at("/predictions/restoredDivergence/estimate").asDouble())
        .as("the rest is intact")
        .isLessThan(document.at("/predictions/divergence/estimate").asDouble() / 10);

    String destroyed = model("int3", (name, values, cols) -> round(values, 0, values.length, 3));
    run = run("audit", destroyed, "--base", embedded(), "--windows", "4");
    assertThat(run.exitCode()).as(run.out() + run.err()).isEqualTo(11);
    assertThat(run.out()).contains("the rest is destroyed");

    String both =
        model(
            "both",
            (name, values, cols) -> {
              round(values, 0, values.length, 3);
              losing.to(name, values, cols);
            });
    assertThat(run("audit", both, "--base", embedded(), "--windows", "4").exitCode()).isEqualTo(13);
  }

  @Test
  void withoutABaseTheCatalogAndTheTextJudge() throws IOException {
    Run run = run("audit", model("books-12m", (name, values, cols) -> {}), "--windows", "4");
    assertThat(run.exitCode()).as(run.out() + run.err()).isZero();
    assertThat(run.out()).contains("published", "kept");
    Files.move(folder.resolve("books-12m"), folder.resolve("intact"));
    run = run("audit", model("books-12m", losing()), "--windows", "4");
    assertThat(run.exitCode()).as(run.out() + run.err()).isBetween(10, 13);
    assertThat(run.out()).contains("lost");
    String twin = Run.project().resolve("fixtures/models/books-12m-harmless").toString();
    run = run("audit", twin, "--windows", "4");
    assertThat(run.exitCode()).as(run.out() + run.err()).isEqualTo(12);
    assertThat(run.out()).contains("--base");
  }

  @Test
  void modelsThatCannotBelongTogetherAreRefusedInOneLine() {
    String other = Run.project().resolve("fixtures/hf-tiny/llama1-mha").toString();
    for (Run run :
        new Run[] {
          run("audit", other, "--base", embedded()),
          run("audit", embedded(), "--base", embedded(), "--weights", "layers.0.mlp.down[9999,0]"),
          run("audit", embedded(), "--max-kl", "0"),
          run("audit", embedded(), "--max-ratio", "1"),
          run("audit", embedded(), "--windows", "0")
        }) {
      assertThat(run.exitCode()).as(run.out() + run.err()).isEqualTo(2);
      assertThat(run.err().strip()).hasLineCount(1).doesNotContain("bug");
    }
  }

  /** The embedded model as its files. */
  private static String embedded() {
    return Run.project()
        .resolve("models/books-12m/src/main/resources/io/superweight/models/books-12m")
        .toString();
  }
}
