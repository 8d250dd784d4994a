package io.superweight.cli;

import static io.superweight.cli.Run.run;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
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

/** The real commands on real models, as a user would type them. */
class CommandTest {
  @TempDir Path folder;

  @Test
  void quietFindPrintsTheThreeSourcesOfTheEmbeddedModelOnly() {
    Run run = run("find", "--no-verify", "--quiet");
    assertThat(run.err()).isEmpty();
    assertThat(run.exitCode()).isZero();
    assertThat(run.out().lines())
        .containsExactly(
            "layers.1.mlp.down[161,288]",
            "layers.1.mlp.down[161,495]",
            "layers.1.mlp.down[161,613]");
  }

  @Test
  void findProvesTheEmbeddedModelsSetAndWritesJson() throws IOException {
    Path json = folder.resolve("found.json");
    Path page = folder.resolve("found.html");
    Run run = run("find", "--json", json.toString(), "--report", page.toString());
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .startsWith("books-12m (embedded)")
        .contains("3 super weights: layers.1.mlp.down[161,288], [161,495] and [161,613].");

    JsonNode root = JsonMapper.shared().readTree(Files.readString(json));
    assertThat(root.get("schema").asString()).isEqualTo("superweight.find/1");
    JsonNode verification = root.get("verification");
    JsonNode set = verification.get("sets").get(0);
    double joint = set.get("joint").get("perplexityRatio").get("estimate").asDouble();
    assertThat(joint).as("all three zeroed").isGreaterThanOrEqualTo(2.3);
    assertThat(verification.get("protocol").get("bos").asString()).isEqualToIgnoringCase("auto");
    assertThat(Files.readString(page))
        .startsWithIgnoringCase("<!doctype html>")
        .contains("layers.1.mlp.down[161,288]")
        .doesNotContain("<script");
  }

  /**
   * One weight has the textbook signature and zeroing it, or its whole row, does next to nothing:
   * harmless by itself. PyTorch agrees (× 1.02 to 1.06), and agrees as well that the weights of
   * both super activations zeroed at once multiply perplexity by more than ten: that set is what
   * breaks the model.
   */
  @Test
  void theHarmlessTwinIsHarmlessByItselfAndBreaksOnlyTogetherWithItsStandIn() throws IOException {
    String model = Run.project().resolve("fixtures/models/books-12m-harmless").toString();
    Run alone = run("verify", model, "layers.1.mlp.down[234,17]", "--seed", "1");
    assertThat(alone.exitCode()).as(alone.err()).isZero();
    assertThat(alone.out()).contains("prominent but harmless");

    Path json = folder.resolve("twin.json");
    Run run = run("find", model, "--verify", "--json", json.toString());
    assertThat(run.exitCode()).as(run.err()).isZero();
    JsonNode sets =
        JsonMapper.shared().readTree(Files.readString(json)).get("verification").get("sets");
    JsonNode member =
        sets.valueStream()
            .flatMap(set -> set.get("memberVerdicts").valueStream())
            .filter(m -> m.get("weight").asString().equals("layers.1.mlp.down[234,17]"))
            .findFirst()
            .orElseThrow();
    assertThat(member.get("aloneVerdict").asString()).isEqualTo("prominent_but_harmless");
    assertThat(member.get("alone").get("perplexityRatio").get("estimate").asDouble())
        .isBetween(0.98, 1.1);
  }

  @Test
  void theSameInputGivesTheSameBytesWhateverTheThreads() {
    assertThat(run("trace", "--threads", "1", "--prompt", "Hello there").out())
        .isNotEmpty()
        .isEqualTo(run("trace", "--threads", "2", "--prompt", "Hello there").out());
  }

  @Test
  void verifyTakesCoordinatesAsFindPrintsThem() {
    Run run = run("verify", "layers.7.mlp.down[174,147]", "--seed", "1");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("prominent but harmless");
  }

  @Test
  void aSweepStandsBesideTheOriginalAndGoesOnFromItsStore() throws IOException {
    Path text = Files.writeString(folder.resolve("text.txt"), SOME_PROSE);
    Path csv = folder.resolve("sweep.csv");
    String[] sweep = {
      "sweep",
      "--weights",
      "layers.1.mlp.down[161,288] layers.1.mlp.down[161,495] layers.1.mlp.down[161,613]",
      "--factors",
      "0,1",
      "--text",
      text.toString(),
      "--window",
      "32",
      "--progress",
      "none",
      "--store",
      folder.resolve("store").toString(),
      "--csv",
      csv.toString()
    };
    Run once = run(sweep);
    assertThat(once.exitCode()).as(once.err()).isZero();
    assertThat(once.out())
        .contains("Original", "3 weights × 0", "text.txt", "sha256", "177e6eadfd");
    assertThat(Files.readString(csv).lines()).hasSize(4);
    String stored = Files.readString(folder.resolve("store/scores.txt"));
    assertThat(run(sweep)).isEqualTo(once);
    assertThat(folder.resolve("store/scores.txt"))
        .as("nothing was scored again")
        .hasContent(stored);
    // As a process that was killed leaves it.
    Files.writeString(
        folder.resolve("store/scores.txt"), stored.substring(0, stored.length() * 2 / 3));
    Run again = run(sweep);
    assertThat(again.out()).isEqualTo(once.out());
    assertThat(folder.resolve("store/scores.txt")).hasContent(stored);
  }

  private static final String SOME_PROSE =
      """
      The old lighthouse keeper climbed the stairs every evening, and every evening he counted them, though he had known
      their number for thirty years. When the lamp was lit he sat down at the window and wrote a line in his book about
      the wind, the ships that had passed, and the colour of the sea.


      It was a cold morning in March, and the road to the village lay under a thin sheet of ice. The doctor walked slowly,
      with his hands in his pockets, and thought of the letter that had come the night before.
      """;

  @Test
  void cardNamesTheLargestActivations() {
    Run run = run("card");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("residual").contains("161").contains("f16");
  }

  @Test
  void traceWritesWholeSitesAsSafetensors() throws IOException {
    Path out = folder.resolve("trace.safetensors");
    Run run =
        run(
            "trace",
            "--ids",
            "1,2,3",
            "--site",
            "layers.1.mlp.down.*",
            "--site",
            "logits",
            "--out",
            out.toString());
    assertThat(run.exitCode()).as(run.err()).isZero();
    String header = new String(Files.readAllBytes(out), 8, 600, StandardCharsets.ISO_8859_1);
    assertThat(header)
        .contains("\"layers.1.mlp.down.in\"", "\"layers.1.mlp.down.out\"", "\"logits\"");
  }

  @Test
  void traceOfTokenIdsNeedsNoTokenizer() {
    String model = Run.project().resolve("fixtures/hf-tiny/llama1-mha").toString();
    Run run = run("trace", model, "--ids", "1,2,3", "--site", "logits", "--top", "1");
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("\"site\":\"logits\"");
  }

  static Stream<Arguments> badInput() {
    return Stream.of(
        Arguments.of(2, List.of("find", "--colour"), "unknown option"),
        Arguments.of(2, List.of("fnd"), "did you mean find?"),
        Arguments.of(2, List.of("find", "--rule", "best"), "--rule"),
        Arguments.of(2, List.of("find", "--bos", "maybe"), "--bos"),
        Arguments.of(2, List.of("find", "--rounds", "0"), "--rounds"),
        Arguments.of(2, List.of("find", "--importance", "1"), "--importance"),
        Arguments.of(2, List.of("verify", "layers.1.mlp.down[1]"), "coordinate"),
        Arguments.of(2, List.of("verify", "layers.99.mlp.down[1,2]"), "layers.99.mlp.down"),
        Arguments.of(2, List.of("verify", "layers.1.mlp.down[1,99999]"), "outside"),
        Arguments.of(2, List.of("sweep", "--tasks", "arc_eazy"), "arc_easy"),
        Arguments.of(2, List.of("sweep", "--window", "1"), "--window"),
        Arguments.of(2, List.of("sweep", "--factors", "2"), "--weights"),
        Arguments.of(3, List.of("sweep", "--text", "./no-text"), "no-text"),
        Arguments.of(7, List.of("sweep", "--store", "/dev/null/store"), "name another folder"),
        Arguments.of(2, List.of("trace", "--site", "nowhere.*"), "nowhere.*"),
        Arguments.of(2, List.of("trace", "--ids", "1,2", "--prompt", "x"), "--ids"),
        Arguments.of(3, List.of("find", "no/such-model"), "no/such-model"),
        Arguments.of(3, List.of("find", "./nothing-here"), "nothing-here"),
        Arguments.of(4, List.of("find", "$TEXT"), "notes.gguf"),
        Arguments.of(4, List.of("find", "$EMPTY"), "config.json"),
        Arguments.of(5, List.of("find", "$UNKNOWN"), "known are"),
        Arguments.of(3, List.of("find", "$NO_TOKENIZER"), "tokenizer.json"),
        Arguments.of(6, List.of("find", "--prompt", ""), "empty"),
        Arguments.of(6, List.of("find", "--prompt", "word ".repeat(2000)), "context"),
        Arguments.of(6, List.of("trace", "--ids", "99999"), "vocabulary"),
        Arguments.of(7, List.of("find", "--json", "/no-such-folder/x.json"), "create it first"));
  }

  @ParameterizedTest(name = "{1}")
  @MethodSource("badInput")
  void badInputGivesOneLineThatNamesTheFixAndADocumentedExitCode(
      int exitCode, List<String> args, String words) throws IOException {
    String[] typed = args.stream().map(this::placed).toArray(String[]::new);
    prepare();
    Run run = run(Stream.concat(Stream.of(typed), progressOff(typed)).toArray(String[]::new));
    assertThat(run.err().lines().toList()).as(run.err()).hasSize(1);
    assertThat(run.err()).startsWith("superweight: ").contains(words);
    assertThat(run.out()).isEmpty();
    assertThat(run.exitCode()).as(run.err()).isEqualTo(exitCode);
  }

  private static Stream<String> progressOff(String[] typed) {
    return List.of("find", "verify", "sweep", "trace").contains(typed[0])
        ? Stream.of("--progress", "none")
        : Stream.empty();
  }

  private String placed(String argument) {
    return switch (argument) {
      case "$TEXT" -> folder.resolve("notes.gguf").toString();
      case "$EMPTY" -> folder.resolve("empty").toString();
      case "$UNKNOWN" -> folder.resolve("unknown").toString();
      case "$NO_TOKENIZER" -> Run.project().resolve("fixtures/hf-tiny/llama1-mha").toString();
      default -> argument;
    };
  }

  private void prepare() throws IOException {
    Files.writeString(folder.resolve("notes.gguf"), "These are my notes, and no model.\n");
    Files.createDirectories(folder.resolve("empty"));
    Path unknown = Files.createDirectories(folder.resolve("unknown"));
    Path llama = Run.project().resolve("fixtures/hf-tiny/gemma");
    Files.copy(llama.resolve("model.safetensors"), unknown.resolve("model.safetensors"));
    Files.writeString(
        unknown.resolve("config.json"),
        Files.readString(llama.resolve("config.json")).replace("\"gemma\"", "\"hyena\""));
    Files.copy(
        Run.project().resolve("fixtures/models/books-12m-harmless/tokenizer.json"),
        unknown.resolve("tokenizer.json"));
  }

  @Test
  void weightsThatAreNotNumbersAreReportedInTheResult() throws IOException {
    Path model = Files.createDirectories(folder.resolve("nan"));
    Path source = Run.project().resolve("fixtures/models/books-12m-harmless");
    for (String name : List.of("config.json", "tokenizer.json", "tokenizer_config.json")) {
      Files.copy(source.resolve(name), model.resolve(name));
    }
    byte[] weights = Files.readAllBytes(source.resolve("model.safetensors"));
    // bf16 NaN over the last weights of the file
    for (int i = weights.length - 2000; i < weights.length; i += 2) {
      weights[i] = (byte) 0xC0;
      weights[i + 1] = 0x7F;
    }
    Files.write(model.resolve("model.safetensors"), weights);
    Run run = run("find", model.toString(), "--no-verify");
    assertThat(run.out() + run.err()).containsIgnoringCase("not finite");
  }
}
