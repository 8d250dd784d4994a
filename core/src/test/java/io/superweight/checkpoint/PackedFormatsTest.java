package io.superweight.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import io.superweight.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PackedFormatsTest {
  private record Parts(
      ModelConfig config, Map<String, Tensor> tensors, Map<String, RawTensor> others) {}

  private static Parts read(String folder) throws IOException {
    Path path = Fixtures.path("quantized/" + folder);
    Path file = path.resolve("model.safetensors");
    SafetensorsHeader header =
        SafetensorsHeader.read(folder, MemorySegment.ofArray(Files.readAllBytes(file)));
    ModelConfig config =
        HuggingFaceConfig.normalize(
            folder, Json.object(folder, Files.readAllBytes(path.resolve("config.json"))));
    return new Parts(
        config, new LinkedHashMap<>(header.tensors()), new LinkedHashMap<>(header.others()));
  }

  private static final String DOWN = "model.layers.0.mlp.down_proj";

  @ParameterizedTest
  @CsvSource({
    "ct-int4-group, weight_scale",
    "ct-int4-group, weight_shape",
    "gptq-4, scales",
    "gptq-4, qzeros",
    "awq-4, scales",
    "bnb-nf4-nested, weight.quant_map",
    "bnb-nf4-nested, weight.nested_absmax",
    "bnb-nf4-nested, weight"
  })
  void aMissingPartIsNamed(String folder, String part) throws IOException {
    Parts parts = read(folder);
    parts.tensors.remove(DOWN + "." + part);
    parts.others.remove(DOWN + "." + part);
    assertThatThrownBy(() -> PackedFormats.of("here", parts.config, parts.tensors, parts.others))
        .isInstanceOf(InputException.class)
        .hasMessageContaining(DOWN)
        .hasMessageContaining("missing")
        .hasMessageContaining("fetch the model again");
  }

  /** Every tensor of each format cut to other shapes: an error of one line, never another. */
  @ParameterizedTest
  @CsvSource({
    "ct-int4-group",
    "ct-int4-asymmetric",
    "ct-int8-channel",
    "ct-fp8-block",
    "ct-naive-int8",
    "gptq-4-order",
    "gptq-8",
    "awq-4",
    "fp8-block",
    "bnb-nf4-nested",
    "bnb-int8"
  })
  void shapesThatDoNotFitAreRefusedAndNeverReadBeyondTheEnd(String folder) throws IOException {
    Parts whole = read(folder);
    int refused = 0;
    int tried = 0;
    for (String name : new java.util.TreeSet<>(all(whole))) {
      if (!name.startsWith(DOWN)) {
        continue;
      }
      for (int divisor : new int[] {2, 3, 1 << 20}) {
        Parts parts = read(folder);
        cut(parts, name, divisor);
        tried++;
        try {
          PackedFormats.Packed packed =
              PackedFormats.of("here", parts.config, parts.tensors, parts.others);
          PackedMatrix matrix = packed.matrices().get(DOWN + ".weight");
          if (matrix != null) {
            float[] out = new float[matrix.rows() * matrix.cols()];
            matrix.rowsDecoder().decode(0, matrix.rows(), out);
          }
        } catch (InputException e) {
          refused++;
          assertThat(e.getMessage()).doesNotContain("\n");
        }
      }
    }
    assertThat(refused).isPositive().isLessThanOrEqualTo(tried);
  }

  private static java.util.Set<String> all(Parts parts) {
    Map<String, Object> names = new HashMap<>(parts.tensors);
    names.putAll(parts.others);
    return names.keySet();
  }

  private static void cut(Parts parts, String name, int divisor) {
    Tensor tensor = parts.tensors.get(name);
    if (tensor != null) {
      long rows = tensor.shape().rank() == 0 ? 1 : tensor.shape().dimension(0) / divisor;
      Shape shape =
          tensor.shape().rank() == 2 ? Shape.of(rows, tensor.shape().dimension(1)) : Shape.of(rows);
      long bytes = tensor.dtype().bytes(shape.elements());
      parts.tensors.put(
          name, new Tensor(name, tensor.dtype(), shape, tensor.data().asSlice(0, bytes)));
      return;
    }
    RawTensor raw = parts.others.get(name);
    long rows = raw.shape().rank() == 0 ? 1 : raw.shape().dimension(0) / divisor;
    long each =
        raw.shape().rank() == 0
            ? raw.data().byteSize()
            : raw.data().byteSize() / raw.shape().dimension(0);
    Shape shape =
        raw.shape().rank() == 2 ? Shape.of(rows, raw.shape().dimension(1)) : Shape.of(rows);
    parts.others.put(
        name, new RawTensor(name, raw.type(), shape, raw.data().asSlice(0, rows * each)));
  }

  @Test
  void anAwqLayoutThatIsNotKnownIsSaid() throws IOException {
    Parts parts = read("awq-4");
    Map<String, Object> values = new HashMap<>(parts.config.values());
    values.put("quantization_config", Map.of("quant_method", "awq", "version", "gemv"));
    assertThatThrownBy(() ->
            PackedFormats.of("here", new ModelConfig("here", values), parts.tensors, parts.others))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("gemv");
  }

  @Test
  void beyondTheBoundUnpackedWeightsLieInAFileThatIsGoneAfterwards(@TempDir Path folder)
      throws IOException {
    PackedMatrix matrix =
        new PackedMatrix(
            DType.BF16,
            70,
            33,
            0,
            "test",
            (from, count, out) -> {
              for (int i = 0; i < count * 33; i++) {
                out[i] = from * 33 + i;
              }
            },
            (row, col) -> 1);
    byte[] inMemory;
    try (DecodedMatrices small = new DecodedMatrices(Map.of("w", matrix), 1 << 20, folder)) {
      inMemory = small.get("w").data().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
      assertThat(small.get("w").data().isMapped()).isFalse();
    }
    try (DecodedMatrices large = new DecodedMatrices(Map.of("w", matrix), 100, folder)) {
      assertThat(large.get("w").data().isMapped()).isTrue();
      assertThat(large.get("w").data().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE))
          .isEqualTo(inMemory);
    }
    assertThat(folder).isEmptyDirectory();
  }
}
