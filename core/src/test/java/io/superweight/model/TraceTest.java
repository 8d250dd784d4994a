package io.superweight.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class TraceTest {
  private static final JsonMapper JSON = JsonMapper.shared();

  @TempDir Path folder;

  private static void with(String name, Consumer<Transformer> use) {
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.path("hf-tiny/" + name));
        Device device = CpuDevice.create();
        Transformer model = Transformer.load(checkpoint, device)) {
      use.accept(model);
    }
  }

  /** A safetensors file: header and data. */
  private record File(JsonNode header, ByteBuffer data) {
    static File read(Path path) throws Exception {
      ByteBuffer all = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
      int length = (int) all.getLong();
      byte[] header = new byte[length];
      all.get(header);
      return new File(JSON.readTree(header), all.slice().order(ByteOrder.LITTLE_ENDIAN));
    }

    float[] floats(String name) {
      JsonNode entry = header.get(name);
      assertThat(entry.get("dtype").asString()).isEqualTo("F32");
      int from = entry.get("data_offsets").get(0).asInt();
      float[] values = new float[(entry.get("data_offsets").get(1).asInt() - from) / 4];
      for (int i = 0; i < values.length; i++) {
        values[i] = data.getFloat(from + 4 * i);
      }
      return values;
    }

    int[] shape(String name) {
      return JSON.treeToValue(header.get(name).get("shape"), int[].class);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"mistral-sliding", "gpt2"})
  void theWrittenLogitsAndResidualsAreThoseOfTheReference(String name) throws Exception {
    File golden = File.read(Fixtures.path("hf-tiny/" + name + "/golden.safetensors"));
    int[] ids =
        JSON.treeToValue(
            JSON.readTree(Fixtures.path("hf-tiny/" + name + "/golden.json")).get("prompts").get(1),
            int[].class);
    Path out = folder.resolve(name + ".safetensors");
    with(
        name,
        model ->
            Trace.record(model, List.of(ids), List.of("logits", "layers.0.resid.p*"))
                .writeSafetensors(out, Map.of("model", name)));
    File written = File.read(out);
    assertThat(written.header().get("__metadata__").get("model").asString()).isEqualTo(name);
    for (Map.Entry<String, String> pair :
        Map.of(
                "logits",
                "logits.1",
                "layers.0.resid.pre",
                "hidden.1.0",
                "layers.0.resid.post",
                "hidden.1.1")
            .entrySet()) {
      float[] expected = golden.floats(pair.getValue());
      float[] actual = written.floats(pair.getKey());
      assertThat(written.shape(pair.getKey())).isEqualTo(golden.shape(pair.getValue()));
      float largest = 0;
      for (float value : expected) {
        largest = Math.max(largest, Math.abs(value));
      }
      for (int i = 0; i < expected.length; i++) {
        assertThat(actual[i])
            .as(pair.getKey() + " " + i)
            .isCloseTo(expected[i], within(1e-4f * largest));
      }
    }
    JsonNode idsEntry = written.header().get("ids");
    assertThat(idsEntry.get("dtype").asString()).isEqualTo("I64");
    int from = idsEntry.get("data_offsets").get(0).asInt();
    for (int i = 0; i < ids.length; i++) {
      assertThat(written.data().getLong(from + 8 * i)).isEqualTo(ids[i]);
    }
  }

  @Test
  void expertsAreTracedWithThePositionsOfTheirRows() throws Exception {
    Path out = folder.resolve("moe.safetensors");
    with(
        "mixtral-moe",
        model -> {
          Trace trace =
              Trace.record(
                  model, List.of(new int[] {1, 5, 9, 13}, new int[] {1, 2}), List.of("*.down.in"));
          assertThat(trace.recordings()).isNotEmpty();
          assertThat(trace.recordings())
              .allSatisfy(r -> {
                assertThat(r.site().kind()).isEqualTo(Site.Kind.EXPERT_DOWN_IN);
                assertThat(r.tokens()).hasSize(r.rows()).isSorted();
              });
          trace.writeSafetensors(out, Map.of());
        });
    File written = File.read(out);
    List<String> names = written.header().properties().stream().map(Map.Entry::getKey).toList();
    assertThat(names).contains("sequence.0.ids", "sequence.1.ids");
    List<String> sites = names.stream().filter(n -> n.endsWith(".down.in")).toList();
    assertThat(sites)
        .allMatch(
            n -> n.matches("sequence\\.[01]\\.layers\\.\\d+\\.mlp\\.experts\\.\\d+\\.down\\.in"));
    for (String site : sites) {
      assertThat(written.shape(site + ".tokens")[0]).isEqualTo(written.shape(site)[0]);
    }
  }

  @Test
  void theLargestValuesComeFirstOneJsonObjectALine() {
    with(
        "llama3-gqa-bf16",
        model -> {
          Trace trace =
              Trace.record(model, List.of(new int[] {1, 229, 152}), List.of("layers.1.mlp.down.*"));
          StringBuilder lines = new StringBuilder();
          trace.writeJsonLines(lines, 3);
          List<JsonNode> values = lines.toString().lines().map(JSON::readTree).toList();
          assertThat(values).hasSize(6);
          assertThat(values.stream().map(v -> v.get("site").asString()).distinct())
              .containsExactly("layers.1.mlp.down.in", "layers.1.mlp.down.out");
          Trace.Recording in = trace.recordings().getFirst();
          float[] sorted = in.values().clone();
          for (int i = 0; i < sorted.length; i++) {
            sorted[i] = -Math.abs(sorted[i]);
          }
          Arrays.sort(sorted);
          for (int i = 0; i < 3; i++) {
            JsonNode v = values.get(i);
            float value = (float) v.get("value").asDouble();
            assertThat(Math.abs(value)).isEqualTo(-sorted[i]);
            int at = v.get("token").asInt() * in.cols() + v.get("channel").asInt();
            assertThat(in.values()[at]).isEqualTo(value);
          }
        });
  }

  @Test
  void valuesThatAreNoNumbersAreStillJson() {
    String line = new Trace.Value(Site.of(Site.Kind.LOGITS), 0, 1, 2, 3, Float.NaN).toJson();
    assertThat(JSON.readTree(line).get("value").asString()).isEqualTo("NaN");
  }

  @Test
  void aGlobThatMatchesNothingIsAnErrorThatListsTheSites() {
    with(
        "gpt2",
        model ->
            assertThatThrownBy(
                    () -> Trace.record(model, List.of(new int[] {1}), List.of("layers.*.mlp.up")))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("layers.*.mlp.up")
                .hasMessageContaining("layers.*.mlp.down.in")
                .hasMessageContaining("logits"));
  }
}
