package io.superweight.edit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.Coordinate;
import io.superweight.model.Transformer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class WeightSelectorTest {
  private static final Coordinate A = Coordinate.down(1, 161, 288);
  private static final Coordinate B = Coordinate.down(1, 161, 495);

  private static Checkpoint checkpoint;
  private static Device device;
  private static Transformer model;

  @TempDir private Path folder;

  @BeforeAll
  static void open() {
    checkpoint = Checkpoints.open(Fixtures.books12m());
    device = CpuDevice.create();
    model = Transformer.load(checkpoint, device);
  }

  @AfterAll
  static void close() {
    model.close();
    device.close();
    checkpoint.close();
  }

  private static List<Coordinate> select(String text) {
    byte[] typed = (A + "\n\n" + B + "  # the second\n").getBytes(StandardCharsets.UTF_8);
    return new WeightSelector(model, () -> List.of(B), new ByteArrayInputStream(typed))
        .select(text);
  }

  private String file(String name, String content) throws IOException {
    return "@" + Files.writeString(folder.resolve(name), content);
  }

  @Test
  void severalWeightsAreSeparatedBySpacesCommasOrSemicolonsAndEachIsTakenOnce() {
    for (String between : List.of(" ", ",", ", ", ";", "\n")) {
      assertThat(select(B + between + A + between + A)).containsExactly(A, B);
    }
    assertThat(select("layers.1.mlp.down[ 161 , 288 ]")).containsExactly(A);
  }

  @Test
  void aStarIsAWholeRowColumnOrAllLayers() {
    int rows = model.matrices().get(A.part()).rows();
    int cols = model.matrices().get(A.part()).cols();
    assertThat(select("layers.1.mlp.down[161,*]")).hasSize(cols).contains(A, B);
    assertThat(select("@layers.1.mlp.down[*,288]")).hasSize(rows).contains(A).doesNotContain(B);
    assertThat(select("layers.*.mlp.down[161,288]"))
        .hasSize(model.layers())
        .contains(A)
        .allMatch(w -> w.part().endsWith(".mlp.down"));
  }

  @Test
  void aFileOfFindOrVerifyOrTheCatalogOrOfLinesNamesItsWeights() throws IOException {
    assertThat(select(file("lines", "# found\n" + A + "\n" + B + "\n"))).containsExactly(A, B);
    assertThat(select("@-")).containsExactly(A, B);
    assertThat(select("@catalog")).containsExactly(B);
    assertThat(
            select(
                file(
                    "with a space.json",
                    "{\"schema\":\"superweight.find/1\",\"headline\":{\"weights\":[\"%s\"]}}"
                        .formatted(A))))
        .containsExactly(A);
    assertThat(
            select(
                file(
                    "verify.json",
                    "{\"schema\":\"superweight.verify/1\",\"verification\":{\"superWeights\":[\"%s\",\"%s\"]}}"
                        .formatted(A, B))))
        .containsExactly(A, B);
    assertThat(
            select(
                file(
                    "catalog.json",
                    "{\"schema\":\"superweight.catalog/1\",\"weights\":[{\"weight\":\"%s\"}]}"
                        .formatted(B))))
        .containsExactly(B);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "layers.1.mlp.down | is no coordinate",
        "layers.99.mlp.down[1,1] | 8 layers",
        "layers.1.mlp.dwon[1,1] | parts like layers.0.mlp.down",
        "layers.*.mlp.dwon[1,1] | parts like layers.0.mlp.down",
        "layers.1.mlp.down[161,99999] | choose a row below",
        "layers.1.mlp.down[99999,*] | choose a row below",
        "@nowhere.txt | there is no such file",
        "@ | there is no such file",
        "'' | names no weight",
        "' , ' | names no weight"
      })
  void whatNamesNoWeightIsRefusedInOneLineThatNamesTheFix(String text, String why) {
    assertThatThrownBy(() -> select(text))
        .isInstanceOf(InputException.class)
        .hasMessageContaining(why)
        .message()
        .doesNotContain("\n");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "# nothing\n",
        "{\"schema\":\"superweight.find/1\",\"headline\":{\"weights\":[]}}",
        "{\"schema\":\"superweight.card/1\"}",
        "{\"a\":1}",
        "{ not json",
        "@other",
        "{\"schema\":\"superweight.find/1\",\"model\":{\"layers\":32,\"hiddenSize\":4096},"
            + "\"headline\":{\"weights\":[\"layers.1.mlp.down[161,288]\"]}}"
      })
  void aFileWithoutUsableWeightsIsRefused(String content) throws IOException {
    String name = file("set.json", content);
    assertThatThrownBy(() -> select(name))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("set.json");
  }
}
