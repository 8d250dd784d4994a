package io.superweight.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.superweight.Fixtures;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.tensor.DType;
import io.superweight.tensor.Dequantizer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class QuantizedInputTest {
  static Stream<String> folders() throws IOException {
    try (Stream<Path> folders = Files.list(Fixtures.path("quantized"))) {
      return folders.map(f -> f.getFileName().toString()).sorted().toList().stream();
    }
  }

  private static JsonNode golden(String folder) throws IOException {
    return JsonMapper.shared()
        .readTree(Files.readString(Fixtures.path("quantized/" + folder + "/golden.json")));
  }

  @ParameterizedTest
  @MethodSource("folders")
  void packedWeightsAreWhatTheirOwnLibraryReadsToTheBit(String folder)
      throws IOException, NoSuchAlgorithmException {
    JsonNode hashes = golden(folder).get("sha256");
    assertThat(hashes.size()).isEqualTo(7);
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.path("quantized/" + folder))) {
      assertThat(checkpoint.names()).containsAll(hashes.propertyNames()).hasSize(11);
      for (String name : hashes.propertyNames()) {
        float[] values = Dequantizer.decode(checkpoint.require(name));
        ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        String sha =
            HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes.array()));
        assertThat(sha).as(name).isEqualTo(hashes.get(name).asString());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("folders")
  void aPackedModelComputesWhatItsUnpackedOneDoes(String folder) throws IOException {
    JsonNode golden = golden(folder);
    int[] ids = new int[golden.get("ids").size()];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = golden.get("ids").get(i).asInt();
    }
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.path("quantized/" + folder));
        Device device = CpuDevice.create();
        Transformer model = Transformer.load(checkpoint, device)) {
      float[] logits =
          model.forward(List.of(ids), List.of(Variant.INTACT), List.of(), Head.ALL_LOGITS)
              .logits()[0][0];
      JsonNode rows = golden.get("logits");
      for (int r = 0; r < ids.length; r++) {
        for (int c = 0; c < 64; c++) {
          assertThat((double) logits[64 * r + c])
              .isCloseTo(rows.get(r).get(c).asDouble(), within(2e-4));
        }
      }
    }
  }

  @Test
  void aPackedModelSaysHowItIsPackedAndHowLargeItsFileIs() {
    try (Checkpoint packed = Checkpoints.open(Fixtures.path("quantized/gptq-4-order"))) {
      assertThat(packed.packing()).hasValue("GPTQ 4-bit");
      assertThat(packed.mainType()).isEqualTo(DType.F16);
      assertThat(packed.tensorBytes()).isLessThan(110_000);
      assertThat(packed.names()).noneMatch(name -> name.contains("qweight"));
    }
    try (Checkpoint plain = Checkpoints.open(Fixtures.path("hf-tiny/llama-f16"))) {
      assertThat(plain.packing()).isEmpty();
    }
  }

  @ParameterizedTest
  @MethodSource("folders")
  void neighbouringValuesAreStepsApart(String folder) {
    if (folder.contains("fp") || folder.contains("nf4")) {
      return; // floats: their steps differ
    }
    String name = "model.layers.0.mlp.down_proj.weight";
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.path("quantized/" + folder))) {
      float[] values = Dequantizer.decode(checkpoint.require(name));
      for (int i = 0; i < 2000; i++) {
        int row = i * 7 % 128;
        int col = i * 13 % 256;
        Checkpoint.PackedElement element = checkpoint.packedElement(name, row, col).orElseThrow();
        double steps = values[256 * row + col] / element.step();
        assertThat(steps).isCloseTo(Math.rint(steps), within(0.02 * Math.max(1, Math.abs(steps))));
      }
    }
  }
}
