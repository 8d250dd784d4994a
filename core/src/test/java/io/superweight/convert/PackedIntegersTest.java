package io.superweight.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.convert.GgufContent.Element;
import io.superweight.model.Coordinate;
import io.superweight.tensor.DType;
import io.superweight.tensor.Dequantizer;
import io.superweight.tensor.Shape;
import io.superweight.tokenizer.TokenizerFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class PackedIntegersTest {
  @TempDir Path folder;

  private static final String NAME = "model.layers.0.mlp.down_proj.weight";

  /** A model of one matrix of noise with outliers, {@code [rows, cols]}. */
  private static FolderContent content(DType type, int rows, int cols) {
    OutputTensor tensor =
        OutputTensor.of(
            NAME,
            type,
            Shape.of(rows, cols),
            (row, out, at) -> {
              Random random = new Random(row);
              for (int i = 0; i < cols; i++) {
                float value = (float) (random.nextGaussian() * (i % 37 == 5 ? 3 : 0.1));
                out[at + i] =
                    row == 1 ? 0 : type == DType.BF16 ? bfloat16(value) : value; // a row of zeros
              }
            });
    Map<String, GgufContent.Place> places =
        Map.of("layers.0.mlp.down", new GgufContent.Place(NAME, row -> row));
    return new FolderContent(
        "test",
        "test",
        Map.of("model_type", "llama"),
        Map.of(),
        List.of(tensor),
        places,
        new LinkedHashSet<>(List.of(NAME)),
        Set.of(),
        List.of("lm_head.weight"),
        List.of());
  }

  private static float bfloat16(float value) {
    return Float.intBitsToFloat(Float.floatToRawIntBits(value) & 0xffff0000);
  }

  private Checkpoint write(
      FolderContent content, PackedChoice choice, Map<Coordinate, Element> held)
      throws IOException {
    Path target = folder.resolve("packed");
    SafetensorsExport.packed(content, choice, null, held).write(target, 2, (b, t, n) -> {});
    return Checkpoints.open(target);
  }

  private static PackedChoice choice(int bits, OptionalInt group) {
    return new PackedChoice(bits, group, List.of(), Set.of());
  }

  @ParameterizedTest
  @CsvSource({
    "4, 32, BF16, 7, 96",
    "4, 128, F32, 5, 256",
    "4, 64, F16, 33, 192",
    "4, 0, BF16, 3, 101",
    "8, 0, F32, 9, 77",
    "8, 32, BF16, 4, 64"
  })
  void whatIsReadBackIsTheCodeTimesTheScale(int bits, int group, DType type, int rows, int cols)
      throws IOException {
    FolderContent content = content(type, rows, cols);

    try (Checkpoint read = write(content, choice(bits, OptionalInt.of(group)), Map.of())) {
      assertThat(read.packing()).contains("compressed-tensors INT" + bits);
      float[] found = Dequantizer.decode(read.require(NAME));
      PackedIntegers form = new PackedIntegers(bits, group, type, List.of());
      float[] row = new float[cols];
      float[] scales = new float[form.groups(cols)];
      for (int r = 0; r < rows; r++) {
        content.tensor(NAME).read(r, row, 0);
        form.scales(r, row, cols, scales, 0);
        for (int c = 0; c < cols; c++) {
          float scale = scales[group == 0 ? 0 : c / group];
          assertThat(found[r * cols + c])
              .as("[%d,%d]", r, c)
              .isEqualTo(form.decoded(row[c], scale));
          // The shrunk scale cuts off at 0.7 of the largest at most.
          assertThat(Math.abs(found[r * cols + c] - row[c]))
              .isLessThanOrEqualTo(
                  Math.max(0.51f * scale, 0.32f * Math.abs(row[c])) + 0.005f * Math.abs(row[c]));
        }
      }
    }
  }

  @Test
  void theScaleOfAGroupIsNeverWorseThanTheLibrarysOwn() {
    PackedIntegers form = new PackedIntegers(4, 32, DType.F32, List.of());
    Random random = new Random(3);
    int better = 0;
    for (int trial = 0; trial < 200; trial++) {
      float[] values = new float[32];
      float largest = 0;
      for (int i = 0; i < 32; i++) {
        values[i] = (float) random.nextGaussian();
        largest = Math.max(largest, Math.abs(values[i]));
      }
      float[] scale = new float[1];
      form.scales(0, values, 32, scale, 0);
      double chosen = error(form, values, scale[0]);
      double usual = error(form, values, largest / 7.5f);
      assertThat(chosen).isLessThanOrEqualTo(usual * 1.000001);
      better += chosen < 0.999 * usual ? 1 : 0;
    }
    assertThat(better).isGreaterThan(100);
  }

  private static double error(PackedIntegers form, float[] values, float scale) {
    double sum = 0;
    for (float value : values) {
      double difference = (double) form.decoded(value, scale) - value;
      sum += difference * difference;
    }
    return sum;
  }

  @ParameterizedTest
  @CsvSource({"4, 32", "4, 0", "8, 0"})
  void bfloat16WeightsThatAreHeldComeBackToTheBit(int bits, int group) throws IOException {
    FolderContent content = content(DType.BF16, 12, 96);
    Map<Coordinate, Element> held = new LinkedHashMap<>();
    for (int row = 2; row < 12; row++) {
      held.put(Coordinate.down(0, row, 42), new Element(NAME, row, 42)); // an outlier
    }
    float[] row = new float[96];

    try (Checkpoint read = write(content, choice(bits, OptionalInt.of(group)), held)) {
      float[] found = Dequantizer.decode(read.require(NAME));
      for (int r = 2; r < 12; r++) {
        content.tensor(NAME).read(r, row, 0);
        assertThat(found[r * 96 + 42]).isEqualTo(row[42]);
      }
    }
    assertThat(folder.resolve("packed").resolve(HeldFile.NAME)).doesNotExist();
  }

  @Test
  void heldWeightsThatCannotComeBackExactlyAreInAFileBeside() throws IOException {
    FolderContent content = content(DType.F32, 3, 64);
    Map<Coordinate, Element> held = new LinkedHashMap<>();
    // Two of one group: no scale gives both back.
    held.put(Coordinate.down(0, 2, 5), new Element(NAME, 2, 5));
    held.put(Coordinate.down(0, 2, 6), new Element(NAME, 2, 6));
    write(content, choice(4, OptionalInt.of(32)), held).close();

    JsonNode file =
        JsonMapper.shared().readTree(folder.resolve("packed").resolve(HeldFile.NAME).toFile());
    float[] row = new float[64];
    content.tensor(NAME).read(2, row, 0);
    JsonNode last = file.get("held").get(file.get("held").size() - 1);
    assertThat(last.get("weight").asString()).isEqualTo("layers.0.mlp.down[2,6]");
    assertThat(last.get("tensor").asString()).isEqualTo(NAME);
    assertThat((float) last.get("value").asDouble()).isEqualTo(row[6]);
    assertThat((float) last.get("stored").asDouble()).isNotEqualTo(row[6]);
    assertThat(HeldFile.read(folder.resolve("packed").resolve(HeldFile.NAME)))
        .containsEntry(Coordinate.down(0, 2, 6), row[6]);
  }

  @Test
  void whatAnAttemptWithOtherOptionsLeftIsNotInTheFolder() throws IOException {
    FolderContent content = content(DType.BF16, 4, 64);
    Path draft = Files.createDirectory(folder.resolve(".packed.draft"));
    Files.writeString(draft.resolve(HeldFile.NAME), "{}");

    write(content, choice(8, OptionalInt.empty()), Map.of()).close();

    try (Stream<Path> files = Files.list(folder.resolve("packed"))) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("config.json", "model.safetensors");
    }
    assertThat(draft).doesNotExist();
  }

  @Test
  void aFileThatNamesNoHeldWeightsIsRefused() throws IOException {
    Path file = folder.resolve("a.json");
    for (String text : List.of("{}", "[", "{\"held\":[{\"weight\":3}]}")) {
      Files.writeString(file, text);
      assertThatThrownBy(() -> HeldFile.read(file))
          .isInstanceOf(InputException.class)
          .hasMessage(
              file + " names no held weights; name a superweight-held.json that quantize wrote");
    }
  }

  @Test
  void aGroupThatDoesNotDivideARowIsRefusedAndTheDefaultFits() throws IOException {
    FolderContent content = content(DType.BF16, 4, 96);

    assertThatThrownBy(
            () -> SafetensorsExport.packed(content, choice(4, OptionalInt.of(64)), null, Map.of()))
        .isInstanceOf(InputException.class)
        .hasMessage(
            "64 does not divide the rows of "
                + NAME
                + ", which have 96 elements; take --group channel, or leave --group out for the largest that fits");
    write(content, choice(4, OptionalInt.empty()), Map.of()).close();
    assertThat(scheme().at("/weights/group_size").asInt()).isEqualTo(32);
    assertThat(scheme().at("/weights/strategy").asString()).isEqualTo("group");
  }

  private JsonNode scheme() {
    return JsonMapper.shared()
        .readTree(folder.resolve("packed").resolve("config.json").toFile())
        .at("/quantization_config/config_groups/group_0");
  }

  static Stream<String> fixtures() {
    return Stream.of("llama1-mha", "phi3-mini", "gptneox-pythia", "qwen2-moe", "falcon-40b-style");
  }

  @ParameterizedTest
  @MethodSource("fixtures")
  void everyMatrixIsEitherPackedOrIgnoredByName(String fixture) throws IOException {
    Path model = Fixtures.path("hf-tiny").resolve(fixture);
    Path target = folder.resolve("packed");
    try (Checkpoint original = Checkpoints.open(model)) {
      FolderContent content = FolderContent.of(original, Optional.of(TokenizerFiles.in(model)));
      SafetensorsExport.packed(content, choice(8, OptionalInt.empty()), null, Map.of())
          .write(target, 1, (b, t, n) -> {});
      JsonNode config = JsonMapper.shared().readTree(target.resolve("config.json").toFile());
      List<String> ignored = new ArrayList<>();
      config.at("/quantization_config/ignore").forEach(name -> ignored.add(name.asString()));
      try (Checkpoint written = Checkpoints.open(target)) {
        assertThat(ignored).contains("lm_head");
        for (String name : original.names()) {
          float[] before = Dequantizer.decode(original.require(name));
          float[] after = Dequantizer.decode(written.require(name));
          boolean matrix =
              original.require(name).shape().rank() == 2
                  && !name.contains("embed_")
                  && !name.contains("word_embeddings");
          boolean packed = written.packedElement(name, 0, 0).isPresent();
          if (matrix && name.endsWith("weight")) {
            assertThat(packed).as(name).isNotEqualTo(ignored.contains(name.replace(".weight", "")));
          }
          if (!packed) {
            assertThat(after).as(name).isEqualTo(before);
          }
        }
      }
    }
    assertThat(Files.exists(target.resolve("model.safetensors"))).isTrue();
  }

  @Test
  void allExpertsOfALayerStayAsTheyAreWhereOneDoes() throws IOException {
    Path model = Fixtures.path("hf-tiny").resolve("qwen3-moe");
    String name = "model.layers.1.mlp.experts.3.down_proj.weight";
    try (Checkpoint original = Checkpoints.open(model)) {
      FolderContent content = FolderContent.of(original, Optional.of(TokenizerFiles.in(model)));
      PackedChoice one = new PackedChoice(8, OptionalInt.empty(), List.of(), Set.of(name));
      assertThat(SafetensorsExport.packed(content, one, null, Map.of()).notices())
          .singleElement()
          .asString()
          .contains("does not load experts");
      assertThat(
              SafetensorsExport.packed(content, choice(8, OptionalInt.empty()), null, Map.of())
                  .notices())
          .isEmpty();
      try (Checkpoint written = write(content, one, Map.of())) {
        for (String matrix : content.linear()) {
          assertThat(written.packedElement(matrix, 0, 0).isPresent())
              .as(matrix)
              .isNotEqualTo(matrix.startsWith("model.layers.1.mlp.experts."));
        }
      }
    }
  }

  @Test
  void whatIsNoLinearModuleIsRefused() {
    Path model = Fixtures.path("hf-tiny").resolve("gpt2");
    try (Checkpoint original = Checkpoints.open(model)) {
      FolderContent content = FolderContent.of(original, Optional.of(TokenizerFiles.in(model)));
      assertThatThrownBy(() ->
              SafetensorsExport.packed(content, choice(4, OptionalInt.empty()), null, Map.of()))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("no Linear modules");
    }
  }
}
