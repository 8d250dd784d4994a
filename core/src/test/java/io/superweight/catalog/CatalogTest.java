package io.superweight.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.catalog.Catalog.Likeness;
import io.superweight.catalog.CatalogCheck.State;
import io.superweight.catalog.CatalogCheck.Verdict;
import io.superweight.catalog.CatalogEntry.Finding;
import io.superweight.catalog.CatalogEntry.KnownWeight;
import io.superweight.catalog.CatalogEntry.Shape;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.Coordinate;
import io.superweight.model.Transformer;
import io.superweight.tensor.DType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class CatalogTest {
  private static final Catalog BUILT_IN = Catalog.builtIn();

  @TempDir private Path folder;

  private static CatalogEntry entry(String id) {
    return BUILT_IN.find(id).orElseThrow();
  }

  static Stream<CatalogEntry> entries() {
    return BUILT_IN.entries().stream();
  }

  /** Table 2 of the paper, with the code's layer for OLMo-1B, and what the code adds. */
  @ParameterizedTest
  @CsvSource(
      delimiter = ':',
      value = {
        "llama-7b: 2[3968,7003]",
        "llama-13b: 2[2231,2278] 2[2231,6939]",
        "llama-30b: 3[5633,12817] 3[5633,17439] 10[5633,14386]",
        "llama-2-7b: 1[1415,7890] 1[2533,7890]",
        "llama-2-13b: 3[4743,7678]",
        "mistral-7b-v0.1: 1[2070,7310]",
        "olmo-1b-0724: 1[1764,1710] 2[1764,8041]",
        "olmo-7b-0724: 1[269,7467] 2[269,8275] 7[269,453] 24[269,2300]",
        "phi-3-mini-4k-instruct: 2[525,808] 2[1113,808] 2[1693,808] 4[525,2723] 4[1113,2723] 4[1693,2723] 4[2046,2723]",
        "llama-3-8b: 1[788,2427] 1[1384,2427] 1[4062,2427]",
        "llama-3.1-8b: 1[788,2427] 1[1384,2427] 1[4062,2427]",
        "gemma-7b: 0[1995,21041]",
        "falcon-7b: 3[2002,10708] 4[2002,5921]",
        "qwen3-8b: 6[2276,5723]",
        "smollm2-1.7b: 1[749,4987]",
        "eurollm-9b: 1[750,9606] 9[1448,3575]",
        "aya-expanse-8b: 2[2619,1079]",
        "towerbase-7b: 1[2533,7890]",
        "smollm2-135m: 11[507,1229] 11[507,1487]",
        "books-12m: 1[161,288] 1[161,495] 1[161,613]"
      })
  void thePublishedCoordinatesAreAllThere(String id, String coordinates) {
    List<Coordinate> expected =
        Stream.of(coordinates.strip().split(" "))
            .map(c -> Coordinate.parse(c.replaceFirst("(\\d+)\\[", "layers.$1.mlp.down[")))
            .toList();
    assertThat(entry(id).coordinates()).containsExactlyElementsOf(expected);
  }

  @Test
  void knownValuesAreThoseOfTheReplications() {
    Map<String, Double> values =
        Map.of(
            "llama-7b",
            -1.9268,
            "mistral-7b-v0.1",
            -0.2734,
            "olmo-1b-0724",
            0.6323,
            "llama-2-7b",
            1.5625,
            "towerbase-7b",
            1.5391);
    values.forEach(
        (id, value) -> assertThat(entry(id).weights().getFirst().value()).hasValue(value));
    assertThat(entry("olmo-1b-0724").weights().get(1).value()).hasValue(-0.5924);
    assertThat(entry("olmo-1b-0724").notes().getFirst()).contains("Table 2", "slip");
  }

  @ParameterizedTest
  @MethodSource("entries")
  void everyEntryCitesItsSourcesAndLiesWithinItsModel(CatalogEntry entry) {
    assertThat(entry.sources()).isNotEmpty();
    for (KnownWeight known : entry.weights()) {
      assertThat(known.weight().layer()).isLessThan(entry.shape().layers());
      assertThat(known.weight().row()).isLessThan(entry.shape().hiddenSize());
      assertThat(known.weight().col()).isLessThan(entry.shape().intermediateSize());
      assertThat(known.sources()).isNotEmpty();
    }
    assertThat(entry.finding() == Finding.SUPER_WEIGHTS)
        .isEqualTo(!entry.weights().isEmpty() && entry.finding() != Finding.NONE);
  }

  @ParameterizedTest
  @MethodSource("entries")
  void anEntryThatIsWrittenIsReadAsItWas(CatalogEntry entry) {
    byte[] written = CatalogJson.write(entry).getBytes(StandardCharsets.UTF_8);
    assertThat(CatalogJson.read("again", "", written)).isEqualTo(entry);
    assertThat(
            CatalogJson.write(CatalogJson.read("again", "", written))
                .getBytes(StandardCharsets.UTF_8))
        .isEqualTo(written);
  }

  @Test
  void theIndexNamesEveryFile() throws IOException {
    Path resources = Fixtures.project().resolve("core/src/main/resources/io/superweight/catalog");
    try (Stream<Path> files = Files.list(resources)) {
      assertThat(
              files.map(f -> f.getFileName().toString()).filter(f -> f.endsWith(".json")).sorted())
          .containsExactlyElementsOf(Files.readAllLines(resources.resolve("index.txt")));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "mistralai/Mistral-7B-v0.1, mistral-7b-v0.1",
    "MISTRALAI/mistral-7b-V0.1@main, mistral-7b-v0.1",
    "./models/Mistral-7B-v0.1/, mistral-7b-v0.1",
    "/tmp/mistral-7b-v0.1.Q4_K_M.gguf, mistral-7b-v0.1",
    "Mistral-7B-v0.1-BF16.gguf, mistral-7b-v0.1",
    "allenai/OLMo-1B-0724-hf, olmo-1b-0724",
    "huggyllama/llama-7B, llama-7b",
    "books-12m (embedded), books-12m",
    "hub/models--Qwen--Qwen3-8B/snapshots/0123, qwen3-8b",
    "SmolLM2-135M-Instruct.Q4_1.gguf, smollm2-135m"
  })
  void aModelIsKnownByItsHubNameItsFoldersOrItsFilesName(String name, String id) {
    assertThat(BUILT_IN.find(name)).map(CatalogEntry::id).hasValue(id);
  }

  @ParameterizedTest
  @CsvSource({"mistral-7b", "Mistral-7B-v0.3", "llama", "7b", "''", "/"})
  void aNameThatIsOnlyLikeAKnownOneIsNot(String name) {
    assertThat(BUILT_IN.find(name)).isEmpty();
  }

  private static void with(Path path, java.util.function.Consumer<Transformer> use) {
    try (Checkpoint checkpoint = Checkpoints.open(path);
        Device device = CpuDevice.create();
        Transformer model = Transformer.load(checkpoint, device)) {
      use.accept(model);
    }
  }

  @Test
  void theEmbeddedModelIsKnownByItsBytesAndHasItsWeights() {
    with(
        Fixtures.books12m(),
        model -> {
          assertThat(BUILT_IN.match(model.checkpoint()).getFirst().likeness())
              .isEqualTo(Likeness.DIGEST);
          CatalogCheck check = BUILT_IN.check(model).orElseThrow();
          assertThat(check.verdict()).isEqualTo(Verdict.SAME);
          assertThat(check.weights())
              .allSatisfy(w -> {
                assertThat(w.state()).isEqualTo(State.SAME);
                assertThat(w.known().rank()).hasValue(w.rank());
              });
          assertThat(BUILT_IN.weightsOf(model)).isEqualTo(check.entry().coordinates());
        });
  }

  @Test
  void itsTwinOfTheSameSizesDoesNotHaveThem() {
    with(
        Fixtures.path("models/books-12m-harmless"),
        model -> {
          CatalogCheck check = BUILT_IN.check(model).orElseThrow();
          assertThat(check.entry().id()).isEqualTo("books-12m");
          assertThat(check.match().likeness()).isEqualTo(Likeness.SHAPE);
          assertThat(check.verdict()).isEqualTo(Verdict.ABSENT);
          assertThat(check.sentence()).contains("another model of the same sizes");
          assertThatThrownBy(() -> BUILT_IN.weightsOf(model))
              .isInstanceOf(InputException.class)
              .hasMessageContaining("superweight find");
        });
  }

  @Test
  void aRealModelOfFourBitsHasItsWeights() {
    with(
        Fixtures.smolLm2(),
        model -> {
          CatalogCheck check = BUILT_IN.check(model).orElseThrow();
          assertThat(check.entry().id()).isEqualTo("smollm2-135m");
          assertThat(check.verdict()).isEqualTo(Verdict.SAME);
        });
  }

  @Test
  void aModelOfOtherSizesIsNotInTheCatalog() {
    with(
        Fixtures.path("hf-tiny/llama-bias-linear"),
        model -> {
          assertThat(BUILT_IN.check(model)).isEmpty();
          assertThatThrownBy(() -> BUILT_IN.weightsOf(model))
              .isInstanceOf(InputException.class)
              .hasMessageContaining("no model of these sizes");
        });
  }

  /** The embedded model against an entry whose weights were changed. */
  private CatalogCheck against(Transformer model, UnaryOperator<KnownWeight> change) {
    CatalogEntry entry = entry("books-12m");
    List<KnownWeight> weights = new ArrayList<>(entry.weights());
    weights.replaceAll(change);
    return CatalogCheck.of(
        new CatalogEntry(
            "changed",
            entry.name(),
            entry.models(),
            entry.finding(),
            entry.shape(),
            List.of(),
            weights,
            List.of(),
            List.of(),
            entry.sources(),
            ""),
        model);
  }

  private static KnownWeight known(Coordinate weight, OptionalDouble value) {
    return new KnownWeight(weight, value, OptionalLong.empty(), List.of("SW"), "");
  }

  @Test
  void eachWayInWhichAFileCanDifferHasItsVerdict() {
    with(
        Fixtures.books12m(),
        model -> {
          Coordinate one = Coordinate.down(1, 161, 288);
          assertThat(against(model, w -> known(w.weight(), OptionalDouble.empty())).verdict())
              .isEqualTo(Verdict.PROMINENT);
          assertThat(
                  against(
                          model,
                          w -> known(w.weight(), OptionalDouble.of(w.value().getAsDouble() * 1.05)))
                      .verdict())
              .isEqualTo(Verdict.OTHER_VALUES);
          CatalogCheck partly =
              against(
                  model,
                  w -> w.weight().equals(one) ? known(Coordinate.down(2, 5, 5), w.value()) : w);
          assertThat(partly.verdict()).isEqualTo(Verdict.PARTLY);
          assertThat(partly.weights().getFirst().state()).isEqualTo(State.ORDINARY);
          CatalogCheck elsewhere = against(model, w -> known(Coordinate.down(50, 5, 5), w.value()));
          assertThat(elsewhere.verdict()).isEqualTo(Verdict.ABSENT);
          assertThat(elsewhere.weights().getFirst().state()).isEqualTo(State.NO_SUCH_PLACE);
        });
  }

  @Test
  void aTypeOfFewerBitsMayBeFurtherFromThePublishedValue() {
    assertThat(CatalogCheck.agrees(-1.9268, -1.9268, DType.F32)).isTrue();
    assertThat(CatalogCheck.agrees(-1.9268, -1.9297, DType.BF16)).isTrue();
    assertThat(CatalogCheck.agrees(-1.9268, -1.92, DType.F16)).isFalse();
    assertThat(CatalogCheck.agrees(-1.9268, -1.92, DType.Q8_0)).isTrue();
    assertThat(CatalogCheck.agrees(-1.9268, -1.8, DType.Q8_0)).isFalse();
    assertThat(CatalogCheck.agrees(-1.9268, -1.8, DType.Q4_K)).isTrue();
    assertThat(CatalogCheck.agrees(-1.9268, 1.9268, DType.Q2_K)).isFalse();
    // Llama-2-7B and what was trained on from it.
    assertThat(CatalogCheck.agrees(1.5625, 1.5391, DType.BF16)).isFalse();
  }

  @Test
  void shapesFitWhereWhatIsKnownIsTheSame() {
    Shape mistral = entry("mistral-7b-v0.1").shape();
    assertThat(mistral.fits(new Shape("llama", 32, 4096, 14336, 32002, 32, 8))).isTrue();
    assertThat(mistral.fits(new Shape("mistral", 32, 4096, 14336, 32768, 32, 8))).isFalse();
    assertThat(mistral.fits(new Shape("mistral", 32, 4096, 14336, 32000, 32, 32))).isFalse();
    assertThat(mistral.fits(new Shape("", 32, 4096, 0, 0, 0, 0))).isTrue();
  }

  @Test
  void entriesOfTheUsersFolderJoinAndTakeTheBuiltInOnesPlace() throws IOException {
    CatalogEntry own = entry("llama-7b");
    String text = CatalogJson.write(own);
    Files.writeString(folder.resolve("a.json"), text.replace("\"Llama-7B\"", "\"Mine\""));
    Files.writeString(
        folder.resolve("b.json"), text.replace("\"id\" : \"llama-7b\"", "\"id\" : \"new\""));
    Files.writeString(folder.resolve("notes.txt"), "not read");
    Catalog both = BUILT_IN.with(folder);
    assertThat(both.entries()).hasSize(BUILT_IN.entries().size() + 1);
    assertThat(both.find("llama-7b").orElseThrow().name()).isEqualTo("Mine");
    assertThat(both.find("new").orElseThrow().origin()).endsWith("b.json");
    assertThat(BUILT_IN.with(folder.resolve("nowhere")).entries()).isEqualTo(BUILT_IN.entries());
  }

  @Test
  void theUsersFolderIsWhereTheEnvironmentSays() {
    assertThat(Catalog.userFolder(Map.of("SUPERWEIGHT_CATALOG", "/c", "XDG_CONFIG_HOME", "/x")))
        .isEqualTo(Path.of("/c"));
    assertThat(Catalog.userFolder(Map.of("XDG_CONFIG_HOME", "/x", "HOME", "/h")))
        .isEqualTo(Path.of("/x/superweight/catalog"));
    assertThat(Catalog.userFolder(Map.of("HOME", "/h")))
        .isEqualTo(Path.of("/h/.config/superweight/catalog"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "\"schema\" : \"superweight.catalog/1\" | \"schema\" : \"superweight.catalog/2\" | its schema must be",
        "\"id\" : \"llama-7b\" | \"id\" : \"../x\" | lower-case letters",
        "\"finding\" : \"super_weights\" | \"finding\" : \"many\" | super_weights, none or unlocated",
        "layers.2.mlp.down[3968,7003] | layers.2.mlp.down(3968) | is no coordinate",
        "\"layers\" : 32 | \"layers\" : \"32\" | no positive whole number",
        "\"value\" : -1.9268 | \"value\" : \"-1.9268\" | no number",
        "\"name\" : \"Llama-7B\" | \"title\" : \"Llama-7B\" | lacks the text",
        "\"weights\" : [ { | \"weight\" : [ { | lacks the list",
        "\"P\" : \"Yu | \"Q\" : \"Yu | not among its sources",
        "{ | [ | is no JSON"
      })
  void aFileThatIsNoEntryIsRefusedWithItsNameAndTheFault(String good, String bad, String why)
      throws IOException {
    String text = CatalogJson.write(entry("llama-7b"));
    assertThat(text).contains(good);
    Path file =
        Files.writeString(
            folder.resolve("own.json"),
            text.replaceFirst(
                java.util.regex.Pattern.quote(good),
                java.util.regex.Matcher.quoteReplacement(bad)));
    assertThatThrownBy(() -> BUILT_IN.with(folder))
        .isInstanceOfSatisfying(
            InputException.class,
            e -> assertThat(e.kind()).isEqualTo(InputException.Kind.MALFORMED))
        .hasMessageContaining(file.toString())
        .hasMessageContaining(why)
        .message()
        .doesNotContain("\n");
  }
}
