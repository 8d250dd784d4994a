package io.superweight.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.Fixtures;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The same model in both formats: the same logits, and the same weight at the same coordinate. */
class GgufAgreementTest {
  /**
   * Fixtures with names or switches that {@link ToGguf} does not write; some llama.cpp does not
   * know either.
   */
  private static final Set<String> NOT_CONVERTED =
      Set.of(
          "falcon-40b-style",
          "falcon-sequential",
          "granite",
          "llama-bias-linear",
          "llama-dynamic",
          "llama-yarn",
          "opt",
          "phi-2-style",
          "phi3-longrope",
          "qwen2-moe",
          "smollm3");

  static Stream<String> fixtures() throws IOException {
    try (Stream<Path> folders = Files.list(Fixtures.path("hf-tiny"))) {
      return folders
          .map(f -> f.getFileName().toString())
          .filter(name -> !NOT_CONVERTED.contains(name))
          .sorted()
          .toList()
          .stream();
    }
  }

  @ParameterizedTest
  @MethodSource("fixtures")
  void aModelConvertedToGgufHasTheLogitsAndCoordinatesOfItsOriginal(String fixture) {
    try (Checkpoint original = Checkpoints.open(Fixtures.path("hf-tiny").resolve(fixture));
        Checkpoint converted =
            Checkpoints.inMemory(
                fixture + ".gguf", List.of(MemorySegment.ofArray(ToGguf.convert(original))));
        Device device = CpuDevice.create();
        Transformer expected = Transformer.load(original, device);
        Transformer actual = Transformer.load(converted, device)) {
      Random random = new Random(11);
      int[] ids =
          IntStream.range(0, 40).map(i -> random.nextInt(expected.vocabularySize())).toArray();

      float[] wanted = logits(expected, ids);
      float[] found = logits(actual, ids);

      double largest = 0;
      double difference = 0;
      for (int i = 0; i < wanted.length; i++) {
        largest = Math.max(largest, Math.abs(wanted[i]));
        difference = Math.max(difference, Math.abs(wanted[i] - found[i]));
      }
      assertThat(difference).isLessThanOrEqualTo(1e-5 * largest);
      assertThat(actual.matrices().keySet()).isEqualTo(expected.matrices().keySet());
      expected
          .matrices()
          .forEach((part, matrix) -> {
            if (part.endsWith("down")) {
              Coordinate coordinate =
                  new Coordinate(
                      part, random.nextInt(matrix.rows()), random.nextInt(matrix.cols()));
              assertThat(actual.weight(coordinate)).isEqualTo(expected.weight(coordinate));
            }
          });
    }
  }

  private static float[] logits(Transformer model, int[] ids) {
    return model.forward(List.of(ids), List.of(Variant.INTACT), List.of(), Head.ALL_LOGITS)
        .logits()[0][0];
  }
}
