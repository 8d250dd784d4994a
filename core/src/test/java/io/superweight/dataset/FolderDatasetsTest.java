package io.superweight.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.Fixtures;
import io.superweight.InputException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Parquet, JSON Lines and the authors' own forms give the same rows. */
class FolderDatasetsTest {
  private static final DatasetName EASY = new DatasetName("allenai/ai2_arc", "ARC-Easy", "test");
  private static final DatasetName SCIQ = new DatasetName("allenai/sciq", "", "validation");
  private static final DatasetName PIQA = new DatasetName("baber/piqa", "", "validation");
  private static final DatasetName WINOGRANDE =
      new DatasetName("allenai/winogrande", "winogrande_xl", "validation");
  private static final DatasetName HELLASWAG = new DatasetName("Rowan/hellaswag", "", "validation");
  private static final DatasetName PAGES =
      new DatasetName("EleutherAI/wikitext_document_level", "wikitext-2-raw-v1", "test");
  private static final DatasetName LINES =
      new DatasetName("Salesforce/wikitext", "wikitext-2-raw-v1", "test");

  @TempDir private Path folder;

  private static Dataset parquet(DatasetName name) {
    return new FolderDatasets(Fixtures.path("data/hub")).open(name);
  }

  private Dataset open(DatasetName name) {
    return new FolderDatasets(folder).open(name);
  }

  private void write(String file, String content) throws IOException {
    Path path = folder.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, content);
  }

  private static String lines(List<? extends JsonNode> rows) {
    return rows.stream().map(JsonNode::toString).collect(Collectors.joining("\n", "", "\n"));
  }

  @Test
  void parquetWithNestedListsIsReadWithItsDigest() {
    Dataset data = parquet(EASY);

    assertThat(data.rows()).hasSize(200);
    JsonNode first = data.rows().getFirst();
    assertThat(first.propertyNames()).containsExactly("id", "question", "choices", "answerKey");
    assertThat(first.at("/choices/text/0").asString())
        .isEqualTo("Sunlight is the source of energy for nearly all ecosystems.");
    assertThat(first.at("/choices/label")).hasSize(4);
    assertThat(data.files())
        .containsExactly(
            new Dataset.File(
                "test-00000-of-00001.parquet",
                "00cb5e96f39899720c006ae0be6a60ad077215d6661e703b897c2eb4200a740a"));
  }

  @Test
  void numbersInParquetStayNumbers() {
    assertThat(parquet(PIQA).rows().getFirst().get("label").isNumber()).isTrue();
    JsonNode swag = parquet(HELLASWAG).rows().getFirst();
    assertThat(swag.get("endings")).hasSize(4);
    assertThat(swag.get("label").isString()).as("HellaSwag's own labels are texts").isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "allenai/sciq/data/validation-00000-of-00001.jsonl",
        "allenai/sciq/validation.jsonl",
        "sciq/validation.json",
        "sciq/sciq_validation.jsonl",
        "sciq/valid.json",
        "sciq_validation.jsonl"
      })
  void jsonLinesOfTheHubsFieldNamesGiveTheRowsOfTheParquetFile(String file) throws IOException {
    write(file, lines(parquet(SCIQ).rows()));

    assertThat(open(SCIQ).rows()).isEqualTo(parquet(SCIQ).rows());
  }

  @Test
  void anArrayAndACompressedFileGiveThemToo() throws IOException {
    List<JsonNode> rows = parquet(SCIQ).rows();
    write("sciq/valid.json", JsonNodeFactory.instance.arrayNode().addAll(rows).toString());
    assertThat(open(SCIQ).rows()).isEqualTo(rows);

    Path zipped = folder.resolve("allenai/sciq/validation.jsonl.gz");
    Files.createDirectories(zipped.getParent());
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(zipped))) {
      out.write(lines(rows).getBytes(StandardCharsets.UTF_8));
    }
    assertThat(open(SCIQ).files().getFirst().name()).isEqualTo("validation.jsonl.gz");
    assertThat(open(SCIQ).rows()).isEqualTo(rows);
  }

  @Test
  void theFolderOfTheSetItselfWillDo() throws IOException {
    write("sciq/validation.jsonl", lines(parquet(SCIQ).rows()));

    assertThat(new FolderDatasets(folder.resolve("sciq")).open(SCIQ).rows()).hasSize(200);
  }

  @ParameterizedTest
  @ValueSource(strings = {"arc", "ARC-Easy", "ARC-V1-Feb2018-2/ARC-Easy"})
  void arcAsItsAuthorsPublishItGivesTheRowsOfTheHub(String place) throws IOException {
    List<ObjectNode> published =
        parquet(EASY).rows().stream()
            .map(row -> {
              ObjectNode question = JsonNodeFactory.instance.objectNode();
              question.set("stem", row.get("question"));
              var choices = question.putArray("choices");
              for (int i = 0; i < row.at("/choices/text").size(); i++) {
                choices
                    .addObject()
                    .put("text", row.at("/choices/text/" + i).asString())
                    .put("label", row.at("/choices/label/" + i).asString());
              }
              ObjectNode whole = JsonNodeFactory.instance.objectNode();
              whole.set("id", row.get("id"));
              whole.set("question", question);
              whole.set("answerKey", row.get("answerKey"));
              return whole;
            })
            .toList();
    write(place + "/ARC-Easy-Test.jsonl", lines(published));

    assertThat(open(EASY).rows()).isEqualTo(parquet(EASY).rows());
  }

  @ParameterizedTest
  @ValueSource(strings = {"valid", "dev"})
  void piqasLabelsComeFromTheFileBesideIt(String name) throws IOException {
    List<ObjectNode> rows =
        parquet(PIQA).rows().stream().map(row -> (ObjectNode) row.deepCopy()).toList();
    rows.forEach(row -> row.remove("label"));
    write("piqa/" + name + ".jsonl", lines(rows));
    write(
        "piqa/" + name + "-labels.lst",
        parquet(PIQA).rows().stream()
            .map(r -> r.get("label").asString())
            .collect(Collectors.joining("\n")));
    Dataset data = open(PIQA);

    assertThat(data.files())
        .extracting(Dataset.File::name)
        .containsExactly(name + ".jsonl", name + "-labels.lst");
    assertThat(data.rows())
        .extracting(r -> r.get("label").asString())
        .isEqualTo(parquet(PIQA).rows().stream().map(r -> r.get("label").asString()).toList());
  }

  @Test
  void labelsThatAreFewerThanTheRowsOrContradictThemAreRefused() throws IOException {
    write("winogrande/dev.jsonl", lines(parquet(WINOGRANDE).rows()));
    assertThat(open(WINOGRANDE).rows()).isEqualTo(parquet(WINOGRANDE).rows());

    write("winogrande/dev-labels.lst", "1\n2\n");
    assertThatThrownBy(() -> open(WINOGRANDE)).hasMessageContaining("200 rows, but 2 labels");

    write("winogrande/dev-labels.lst", "3\n".repeat(200));
    assertThatThrownBy(() -> open(WINOGRANDE)).hasMessageContaining("the labels beside it say 3");
  }

  @Test
  void wikitextsRawFileIsCutIntoPagesAndLinesFromWhichItCanBePutTogetherAgain() throws IOException {
    String raw = Files.readString(Fixtures.path("data/wikitext-2-raw/wiki.test.raw"));
    FolderDatasets data = new FolderDatasets(Fixtures.path("data"));
    List<String> pages =
        data.open(PAGES).rows().stream().map(r -> r.get("page").asString()).toList();
    List<String> lines =
        data.open(LINES).rows().stream().map(r -> r.get("text").asString()).toList();

    assertThat(pages).hasSize(62);
    assertThat(pages.getFirst()).startsWith(" \n = Robert Boulter = \n \n");
    assertThat(pages.get(1)).startsWith(" = Du Fu = \n");
    assertThat(String.join("\n", pages)).isEqualTo(raw);
    assertThat(lines).hasSize(4358);
    assertThat(lines.stream().map(l -> l.isEmpty() ? " \n" : l).collect(Collectors.joining()))
        .isEqualTo(raw);
  }

  @Test
  void whatIsNotThereIsNamedWithWhereItShouldLie() {
    assertThatThrownBy(() -> open(EASY))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("allenai/ai2_arc, ARC-Easy, test is not in " + folder)
        .hasMessageContaining("allenai/ai2_arc/ARC-Easy/test-00000-of-00001.parquet")
        .hasMessageContaining("arc/ARC-Easy-Test.jsonl");
    assertThatThrownBy(() -> new FolderDatasets(folder.resolve("none")))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("there is no folder");
  }

  @Test
  void aFileOfAnotherSetThatMerelyHasTheNameOfASplitIsLeftAlone() throws IOException {
    write("validation.jsonl", lines(parquet(SCIQ).rows()));
    write("dev.jsonl", lines(parquet(WINOGRANDE).rows()));

    assertThatThrownBy(() -> open(SCIQ)).hasMessageContaining("is not in");
    assertThatThrownBy(() -> open(WINOGRANDE)).hasMessageContaining("is not in");
  }

  @Test
  void brokenLinesAreNamedByNumber() throws IOException {
    write("allenai/sciq/validation.jsonl", "{\"support\":\"\"}\n\n{oops}\n");
    assertThatThrownBy(() -> open(SCIQ))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("no JSON in line 3");

    write("allenai/sciq/validation.jsonl", "{}\n7\n");
    assertThatThrownBy(() -> open(SCIQ)).hasMessageContaining("no JSON object in line 2");

    Files.write(folder.resolve("allenai/sciq/validation.jsonl"), new byte[] {'{', (byte) 0xff});
    assertThatThrownBy(() -> open(SCIQ)).hasMessageContaining("not UTF-8");
  }

  @Test
  void aDamagedParquetFileIsAnErrorOfOneLineNeverACrash() throws IOException {
    byte[] whole =
        Files.readAllBytes(Fixtures.path("data/hub/baber/piqa/validation-00000-of-00001.parquet"));
    Path file = folder.resolve("baber/piqa/validation-00000-of-00001.parquet");
    Files.createDirectories(file.getParent());
    Random random = new Random(5);
    int refused = 0;
    for (int trial = 0; trial < 60; trial++) {
      byte[] broken = whole.clone();
      if (trial < 20) {
        broken = Arrays.copyOf(broken, random.nextInt(broken.length));
      } else {
        for (int i = 0; i < 4; i++) {
          broken[random.nextInt(broken.length)] ^= (byte) (1 << random.nextInt(8));
        }
      }
      Files.write(file, broken);
      try {
        open(PIQA);
      } catch (InputException e) {
        assertThat(e.kind()).isEqualTo(InputException.Kind.MALFORMED);
        assertThat(e.getMessage()).contains("Parquet").doesNotContain("\n");
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(20);
  }

  @Test
  void placesAreAskedInOrder() throws IOException {
    write("sciq/validation.jsonl", lines(parquet(SCIQ).rows().subList(0, 1)));
    FolderDatasets own = new FolderDatasets(folder);
    FolderDatasets hub = new FolderDatasets(Fixtures.path("data/hub"));

    assertThat(Datasets.inOrder(List.of(own, hub)).open(SCIQ).rows()).hasSize(1);
    assertThat(Datasets.inOrder(List.of(hub, own)).open(SCIQ).rows()).hasSize(200);
    assertThat(Datasets.inOrder(List.of(own, hub)).open(EASY).rows()).hasSize(200);
    assertThatThrownBy(() -> Datasets.inOrder(List.of(own, own)).open(EASY))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("is not in");
  }

  @Test
  void readingParquetSaysNothing() {
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    java.io.PrintStream before = System.err;
    System.setErr(new java.io.PrintStream(said, true, StandardCharsets.UTF_8));
    try {
      parquet(EASY);
    } finally {
      System.setErr(before);
    }
    assertThat(said.toString(StandardCharsets.UTF_8)).isEmpty();
  }
}
