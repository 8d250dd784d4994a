package io.superweight.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.edit.EditedModel;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.models.Books12m;
import io.superweight.quantize.Indivisible;
import io.superweight.quantize.Quantization;
import io.superweight.quantize.Quantizer;
import io.superweight.tensor.DType;
import io.superweight.tensor.Dequantizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QuantizeCommandTest {
  @TempDir Path folder;

  private static Run run(Object... args) {
    return Run.run(Arrays.stream(args).map(Object::toString).toArray(String[]::new));
  }

  @Test
  void theEmbeddedModelQuantizedHasItsSuperWeightsAtTheSameCoordinates() {
    Path file = folder.resolve("q8.gguf");

    Run written = run("quantize", "--type", "q8_0", "--out", file);
    Run found = run("find", file, "--no-verify", "--quiet");

    assertThat(written.exitCode()).as(written.err()).isZero();
    assertThat(written.out()).startsWith("Wrote " + file);
    assertThat(found.out().lines())
        .containsExactly(
            "layers.1.mlp.down[161,288]",
            "layers.1.mlp.down[161,495]",
            "layers.1.mlp.down[161,613]");
  }

  @Test
  void heldWeightsAreNamedWithWhatBecomesOfThem() {
    Path file = folder.resolve("q4.gguf");

    Run exact = run("quantize", "--type", "Q4_0", "--keep-super-weights=exact", "--out", file);

    assertThat(exact.exitCode()).as(exact.err()).isZero();
    assertThat(exact.out())
        .contains(
            "layers.1.mlp.down[161,288]  Q4_0 of blk.1.ffn_down.weight: 0.4218750 is stored as 0.4218750, exact");
    Run lifted =
        run(
            "quantize",
            "--type",
            "Q4_0",
            "--keep-super-weights",
            "--super-weights",
            "layers.3.mlp.down[1,2]",
            "--out",
            file,
            "--force");
    assertThat(lifted.exitCode()).as(lifted.err()).isZero();
    try (Checkpoint written = Checkpoints.open(file)) {
      assertThat(written.require("blk.3.ffn_down.weight").dtype()).isEqualTo(DType.Q8_0);
      assertThat(written.require("blk.1.ffn_down.weight").dtype()).isEqualTo(DType.Q4_0);
    }
  }

  @Test
  void aFolderOfRoundedWeightsGivesTheValuesOfTheQuantizedFile() {
    Path folderOut = this.folder.resolve("rounded");
    Path file = this.folder.resolve("same.gguf");

    Run run =
        run(
            "quantize",
            "--type",
            "Q8_0",
            "--format",
            "safetensors",
            "--dtype",
            "F32",
            "--keep-super-weights=exact",
            "--out",
            folderOut);
    run("quantize", "--type", "Q8_0", "--out", file);

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(folderOut.resolve("config.json")).exists();
    assertThat(folderOut.resolve("tokenizer.json")).exists();
    try (Checkpoint rounded = Checkpoints.open(folderOut);
        Checkpoint quantized = Checkpoints.open(file)) {
      float[] down = Dequantizer.decode(rounded.require("model.layers.1.mlp.down_proj.weight"));
      float[] same = Dequantizer.decode(quantized.require("blk.1.ffn_down.weight"));
      int held = 161 * (down.length / 320) + 288;
      assertThat(down[held]).isEqualTo(0.421875f);
      assertThat(same[held]).isNotEqualTo(0.421875f);
      down[held] = same[held];
      for (int col : new int[] {495, 613}) {
        down[held - 288 + col] = same[held - 288 + col];
      }
      assertThat(down).isEqualTo(same);
    }
  }

  @Test
  void aSimulatedQuantizationWrittenToAFolderIsTheOneThatIsMeasured() {
    Path target = folder.resolve("rounded");
    String how = "rtn3:block=64,clip=z:9,hold";
    String held = "layers.1.mlp.down[161,288]";

    Run written =
        run(
            "quantize",
            "--quantize",
            how,
            "--super-weights",
            held,
            "--format",
            "safetensors",
            "--dtype",
            "F32",
            "--out",
            target);

    assertThat(written.exitCode()).as(written.err()).isZero();
    try (Checkpoint file = Checkpoints.open(target);
        Checkpoint original = Books12m.checkpoint();
        Device device = CpuDevice.create();
        Transformer rounded = Transformer.load(file, device);
        Transformer model = Transformer.load(original, device)) {
      Variant measured =
          new Quantizer(model, List.of(Coordinate.parse(held)), List.of())
              .apply(how, Quantization.parse(how, Indivisible.ERROR), EditedModel.ORIGINAL)
              .variant();
      int[] ids = {1, 17, 230, 45, 99, 4000, 12};
      assertThat(
              rounded.forward(List.of(ids), List.of(Variant.INTACT), List.of(), Head.ALL_LOGITS)
                  .logits()[0][0])
          .isEqualTo(
              model.forward(List.of(ids), List.of(measured), List.of(), Head.ALL_LOGITS)
                  .logits()[0][0]);
    }
  }

  @Test
  void compressedTensorsLeaveTheMatrixOfTheSuperWeightsAsItIs() {
    Path target = folder.resolve("packed");

    Run run =
        run(
            "quantize",
            "--type",
            "INT4",
            "--format",
            "compressed-tensors",
            "--keep-super-weights",
            "--out",
            target);

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains("INT4     55 tensors")
        .contains("layers.1.mlp.down[161,288]  BF16 of model.layers.1.mlp.down_proj.weight");
    try (Checkpoint written = Checkpoints.open(target)) {
      assertThat(written.packing()).contains("compressed-tensors INT4");
      assertThat(written.packedElement("model.layers.0.mlp.down_proj.weight", 0, 0)).isPresent();
      assertThat(written.packedElement("model.layers.1.mlp.down_proj.weight", 0, 0)).isEmpty();
    }
    assertThat(run("find", target, "--no-verify", "--quiet").out())
        .isEqualTo(run("find", "--no-verify", "--quiet").out());
  }

  @Test
  void aDryRunSaysSizeTimeAndDiskAndWritesNothing() throws IOException {
    Run run = run("quantize", "--type", "Q4_0", "--out", folder.resolve("a.gguf"), "--dry-run");

    assertThat(run.exitCode()).isZero();
    assertThat(run.out())
        .contains("would be 8.7 MB")
        .contains("Q4_0")
        .contains("It would take about")
        .contains("The disk has");
    try (var files = Files.list(folder)) {
      assertThat(files).isEmpty();
    }
  }

  @Test
  void aFileThatIsThereIsNotReplacedUnasked() throws IOException {
    Path file = folder.resolve("a.gguf");
    Files.writeString(file, "precious");

    Run refused = run("quantize", "--type", "Q8_0", "--out", file);

    assertThat(refused.exitCode()).isEqualTo(7);
    assertThat(refused.err()).contains("exists; add --force to replace it");
    assertThat(file).hasContent("precious");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--type Q3_X|2|the type \"Q3_X\" cannot be written",
        "--type Q8_0 --tensor-type nonsense|2|--tensor-type takes REGEX=TYPE",
        "--type Q8_0 --tensor-type (=Q4_0|2|is no regular expression",
        "--type Q8_0 --keep-super-weights=maybe|2|takes lift or exact",
        "--type Q8_0 --super-weights @catalog|2|add that one",
        "--format safetensors|2|--type is missing",
        "--type Q8_0 --quantize rtn4|2|exclude each other",
        "--quantize rtn4|2|--quantize takes --format safetensors",
        "--quantize rtn4:act=token --format safetensors|2|a file holds rounded weights only",
        "--quantize rtn9 --format safetensors|2|rtn9",
        "--quantize rtn4 --super-weights @catalog --format safetensors|2|write hold into --quantize",
        "--quantize rtn4:block=7 --format safetensors|2|7",
        "--type Q8_0 --indivisible tail|2|--indivisible belongs to --quantize",
        "--type Q8_0 --format zip|2|--format takes gguf, safetensors or compressed-tensors",
        "--type Q8_0 --format compressed-tensors|2|takes --type INT4 or INT8",
        "--type INT4|2|the type \"INT4\" cannot be written",
        "--type Q8_0 --group 32|2|--group belongs to --format compressed-tensors",
        "--type Q8_0 --dtype F16|2|--dtype belongs to --format safetensors",
        "--type INT4 --format compressed-tensors --group 48|2|--group takes 32, 64, 128 or channel",
        "--type INT4 --format compressed-tensors --group 128|2|128 does not divide the rows of",
        "--type INT4 --format compressed-tensors --tensor-type down=Q8_0|2|has one type for all that is packed",
        "--type Q8_0 --keep-super-weights --super-weights layers.99.mlp.down[1,2]|2|layers.99.mlp.down",
      })
  void whatCannotBeIsOneLine(String options, int exitCode, String line) {
    String[] words = ("quantize " + options + " --out " + folder.resolve("a.gguf")).split(" ");

    Run run = run((Object[]) words);

    assertThat(run.exitCode()).isEqualTo(exitCode);
    assertThat(run.err()).contains(line);
    assertThat(run.err().lines()).hasSize(1);
  }

  @Test
  void aConvertedModelAnswersAsItsOriginal() {
    Path file = folder.resolve("books.gguf");

    Run converted = run("convert", "--out", file);

    assertThat(converted.exitCode()).as(converted.err()).isZero();
    Run original = run("find", "--no-verify", "--quiet");
    assertThat(run("find", file, "--no-verify", "--quiet").out()).isEqualTo(original.out());
  }

  @Test
  void aGgufFileWrittenAsAFolderAnswersAsItsOriginal() {
    Path file = folder.resolve("books.gguf");
    Path target = folder.resolve("books");
    run("convert", "--out", file);

    Run converted = run("convert", file, "--out", target);

    assertThat(converted.exitCode()).as(converted.err()).isZero();
    assertThat(target.resolve("tokenizer.json")).exists();
    assertThat(target.resolve("generation_config.json")).exists();
    assertThat(run("find", target, "--no-verify", "--quiet").out())
        .isEqualTo(run("find", "--no-verify", "--quiet").out());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--format zip|--format takes gguf or safetensors",
        "--dtype Q4_0|--dtype takes F32, F16 or BF16",
        "--dtype F16|--dtype is for folders; quantize --type F16",
      })
  void whatCannotBeConvertedIsOneLine(String options, String line) {
    String[] words = ("convert " + options + " --out " + folder.resolve("a.gguf")).split(" ");

    Run run = run((Object[]) words);

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains(line);
    assertThat(run.err().lines()).hasSize(1);
  }
}
