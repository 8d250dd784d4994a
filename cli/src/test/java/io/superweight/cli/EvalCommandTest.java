package io.superweight.cli;

import static io.superweight.cli.Run.run;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The eval command on the embedded model. */
class EvalCommandTest {
  @TempDir private Path folder;

  private static String data() {
    return Run.project().resolve("fixtures/data/hub").toString();
  }

  @Test
  void everyNumberStandsWithItsProtocolDataBosPolicyAndModel() throws IOException {
    Path json = folder.resolve("eval.json");
    Run run =
        run("eval", "--tasks", "arc_easy,sciq", "--limit", "4", "--data", data(), "--json=" + json);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains("arc_easy", "acc_norm", "4 of 200", "0.2500")
        .contains("allenai/ai2_arc, ARC-Easy, test (test-00000-of-00001.parquet ")
        .contains("sciq: The test split, which the harness reads, is not there")
        .contains("lm-eval-0.4.12; BOS: first token of each request (the tokenizer's own")
        .contains("Mean of the 2 tasks")
        .contains("Weights BF16; digest 177e6eadfd");

    JsonNode results = JsonMapper.shared().readTree(Files.readString(json)).get("results");
    assertThat(results).hasSize(2);
    JsonNode protocol = results.get(1).get("protocol");
    assertThat(protocol.get("dataset").asString()).isEqualTo("allenai/sciq, validation");
    assertThat(protocol.get("notes")).hasSize(1);
    assertThat(protocol.get("documents").asInt()).isEqualTo(4);
    assertThat(protocol.at("/sources/0/sha256").asString()).hasSize(64);
    assertThat(results.at("/0/metrics/0/chance").asDouble()).isEqualTo(0.25);
  }

  @Test
  void thePapersBosPolicyIsOnePresetAway() {
    Run run =
        run(
            "eval",
            "--tasks=lambada_openai",
            "--limit=3",
            "--preset=lm-eval-0.4.4",
            "--data=" + data());
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("perplexity", "lm-eval-0.4.4; BOS: none (lm-eval-0.4.4)");

    Run always =
        run(
            "eval",
            "--tasks=lambada_openai",
            "--limit=3",
            "--preset=lm-eval-0.4.4",
            "--bos=always",
            "--data=" + data());
    assertThat(always.out()).contains("first token of each request (as asked)");
  }

  @Test
  void editedVersionsStandBesideTheOriginal() {
    Run run =
        run(
            "eval",
            "--tasks=winogrande",
            "--limit=4",
            "--data=" + data(),
            "--zero=layers.1.mlp.down[161,288]");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("Original", "layers.1.mlp.down[161,288] zeroed");
  }

  @Test
  void itSaysHowFarItIs() {
    Run run = run("eval", "--tasks=piqa", "--data=" + data(), "--progress=plain");
    assertThat(run.exitCode()).as(run.err()).isZero();
    Run quiet = run("eval", "--tasks=piqa", "--data=" + data(), "--progress=none");
    assertThat(quiet.err()).isEmpty();
    assertThat(quiet.out()).isEqualTo(run.out());
  }

  static Stream<Arguments> badInput() {
    return Stream.of(
        Arguments.of(2, List.of(), "--tasks"),
        Arguments.of(2, List.of("--tasks=arc"), "arc_easy, piqa"),
        Arguments.of(2, List.of("--tasks=arc_easy", "--limit=0"), "--limit must be at least 1"),
        Arguments.of(2, List.of("--tasks=arc_easy", "--preset=lm-eval"), "lm-eval-0.4.4 and"),
        Arguments.of(2, List.of("--tasks=arc_easy", "--window=1"), "--window must lie between"),
        Arguments.of(3, List.of("--tasks=arc_easy", "--data=./none"), "no folder ./none"),
        Arguments.of(
            3,
            List.of("--tasks=arc_easy", "--data=$EMPTY"),
            "put it there as allenai/ai2_arc/ARC-Easy/test-00000-of-00001.parquet"),
        Arguments.of(4, List.of("--tasks=piqa", "--data=$BROKEN"), "no sound Parquet file"));
  }

  @ParameterizedTest
  @MethodSource("badInput")
  void badInputGivesOneLineThatNamesTheFix(int exitCode, List<String> options, String words)
      throws IOException {
    Path empty = Files.createDirectories(folder.resolve("empty"));
    Path broken = Files.createDirectories(folder.resolve("broken"));
    Path file = broken.resolve("baber/piqa/validation-00000-of-00001.parquet");
    Files.createDirectories(file.getParent());
    Files.writeString(file, "PAR1 and no more");
    Run run =
        run(
            Stream.concat(
                    Stream.of("eval", "--progress=none"),
                    options.stream()
                        .map(o ->
                            o.replace("$EMPTY", empty.toString())
                                .replace("$BROKEN", broken.toString())))
                .toArray(String[]::new));

    assertThat(run.err().lines().toList()).as(run.err()).hasSize(1);
    assertThat(run.err()).startsWith("superweight: ").contains(words);
    assertThat(run.exitCode()).isEqualTo(exitCode);
  }
}
