package io.superweight.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.InputException;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.edit.EditedModel;
import io.superweight.edit.Edits;
import io.superweight.edit.WeightSelector;
import io.superweight.model.Coordinate;
import io.superweight.model.ScalarEdit;
import io.superweight.model.Transformer;
import io.superweight.models.Books12m;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

class EditOptionsTest {
  private static final Coordinate A = Coordinate.down(1, 161, 288);
  private static final Coordinate B = Coordinate.down(1, 161, 495);

  private static io.superweight.checkpoint.Checkpoint checkpoint;
  private static Device device;
  private static Transformer model;

  @BeforeAll
  static void open() {
    checkpoint = Books12m.checkpoint();
    device = CpuDevice.create();
    model = Transformer.load(checkpoint, device);
  }

  @AfterAll
  static void close() {
    model.close();
    device.close();
    checkpoint.close();
  }

  @CommandLine.Command
  private static final class Host {
    @CommandLine.Mixin private EditOptions edits;
  }

  private static List<EditedModel> models(String... arguments) {
    Host host = new Host();
    new CommandLine(host).setExpandAtFiles(false).parseArgs(arguments);
    return host.edits.models(
        new Edits(model),
        new WeightSelector(model, () -> List.of(A, B), InputStream.nullInputStream()));
  }

  @Test
  void withoutAnOptionThereIsTheOriginalAlone() {
    assertThat(models()).containsExactly(EditedModel.ORIGINAL);
  }

  @Test
  void oneLineGivesTheFourRowsOfTableOne() {
    List<EditedModel> models =
        models("--zero", "@catalog", "--restore-activation", "--prune-top", "1e-4");
    assertThat(models)
        .extracting(EditedModel::label)
        .containsExactly(
            "Original", "2 weights zeroed", "2 weights zeroed, +SA", "largest 1e-4 zeroed");
    assertThat(models.get(2).variant().transforms()).hasSize(1);
    assertThat(models.get(3).variant().edits())
        .hasSizeGreaterThan(500)
        .noneMatch(e -> e.coordinate().equals(A) || e.coordinate().equals(B));
  }

  @Test
  void valuesThatQuantizeKeptAreGivenBack(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("superweight-held.json");
    Files.writeString(file, "{\"held\":[{\"weight\":\"" + A + "\",\"value\":0.75}]}");

    List<EditedModel> models = models("--put-back", file.toString());

    assertThat(models.getLast().label()).isEqualTo(A + " put back");
    assertThat(models.getLast().variant().edits()).containsExactly(new ScalarEdit(A, 0.75f));
  }

  @Test
  void changesOfSingleWeightsMakeOneVersionAndFactorsOneEach() {
    List<EditedModel> models =
        models(
            "--zero", A.toString(), "--scale", B + "=0.5", "--scale", "0,2", "--weights", "" + A);
    assertThat(models)
        .extracting(EditedModel::label)
        .containsExactly("Original", A + " zeroed, " + B + " × 0.5", A + " × 0", A + " × 2");
    assertThat(models.get(1).variant().edits()).hasSize(2);
    assertThat(models.get(3).variant().edits().getFirst().value()).isEqualTo(2 * model.weight(A));
  }

  @Test
  void aValueIsSetAsItIsWritten() {
    List<EditedModel> models = models("--set", A + "=-1.5e-1");
    assertThat(models.get(1).variant().edits().getFirst().value()).isEqualTo(-0.15f);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--zero layers.1.mlp.down[161,288] --set layers.1.mlp.down[161,288]=1 | changed twice",
        "--scale 0.5 | says not what to scale",
        "--scale layers.1.mlp.down[161,288]=half | no number",
        "--scale layers.1.mlp.down[161,288]= | no number",
        "--set layers.1.mlp.down[161,288] | takes WEIGHTS=VALUE",
        "--set layers.1.mlp.down[161,288]=NaN | no number",
        "--prune-top 2 | between 0 and 1",
        "--prune-top some | no number",
        "--restore-activation | add --zero",
        "--weights @catalog | alone changes nothing",
        "--zero layers.1.attn.q[1,1] --restore-activation | down projections",
        "--zero nothing | no coordinate"
      })
  void whatCannotBeUnderstoodIsRefusedInOneLine(String line, String why) {
    assertThatThrownBy(() -> models(line.split(" ")))
        .isInstanceOf(InputException.class)
        .hasMessageContaining(why);
  }
}
