package io.superweight.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.tensor.Dequantizer;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.TokenizerFiles;
import io.superweight.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class GgufConversionTest {
  /** llama.cpp does not know these. */
  private static final Set<String> REFUSED =
      Set.of("falcon-sequential", "llama-dynamic", "olmoe", "opt", "qwen2-moe", "smollm3");

  @TempDir Path folder;

  static Stream<String> fixtures() throws IOException {
    try (Stream<Path> folders = Files.list(Fixtures.path("hf-tiny"))) {
      return folders
          .map(f -> f.getFileName().toString())
          .filter(name -> !REFUSED.contains(name))
          .sorted()
          .toList()
          .stream();
    }
  }

  private Path convert(Checkpoint original, Optional<TokenizerFiles> tokenizer) {
    Path file = folder.resolve("converted.gguf");
    GgufContent content = GgufContent.of(original, tokenizer);
    new GgufExport(
            content,
            new TypeChoice(null, List.of(), Set.of(), null),
            original.digest(),
            HeldWeights.NONE)
        .write(file, 2, (b, t, n) -> {});
    return file;
  }

  @ParameterizedTest
  @MethodSource("fixtures")
  void aConvertedModelHasTheLogitsAndCoordinatesOfItsOriginal(String fixture) {
    try (Checkpoint original = Checkpoints.open(Fixtures.path("hf-tiny").resolve(fixture));
        Checkpoint converted = Checkpoints.open(convert(original, Optional.empty()));
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
      GgufContent content = GgufContent.of(original, Optional.empty());
      expected
          .matrices()
          .forEach((part, matrix) -> {
            Coordinate weight =
                new Coordinate(part, random.nextInt(matrix.rows()), random.nextInt(matrix.cols()));
            GgufContent.Element element = content.element(weight);
            float[] values = Dequantizer.decode(converted.require(element.tensor()));
            int cols = content.tensor(element.tensor()).cols();
            assertThat(values[(int) element.row() * cols + element.col()])
                .as("%s", weight)
                .isEqualTo(expected.weight(weight));
          });
    }
  }

  private static float[] logits(Transformer model, int[] ids) {
    return model.forward(List.of(ids), List.of(Variant.INTACT), List.of(), Head.ALL_LOGITS)
        .logits()[0][0];
  }

  @ParameterizedTest
  @CsvSource({
    "opt,llama.cpp has no architecture for \"opt\"",
    "llama-dynamic,llama.cpp has no rotary scaling \"dynamic\"",
    "olmoe,llama.cpp knows OLMoE with a key-value head for each head only",
    "qwen2-moe,llama.cpp has experts in every layer",
    "smollm3,llama.cpp leaves every fourth layer without rotary embedding",
    "falcon-sequential,llama.cpp knows Falcon with a parallel residual only"
  })
  void whatTheReferenceDoesNotKnowIsOneLine(String fixture, String line) {
    try (Checkpoint original = Checkpoints.open(Fixtures.path("hf-tiny").resolve(fixture))) {
      assertThatThrownBy(() -> GgufContent.of(original, Optional.empty()))
          .isInstanceOf(InputException.class)
          .hasMessageContaining(line);
    }
  }

  @Test
  void theTokenizerOfAConvertedModelGivesTheIdsOfItsOriginal() {
    Path model = Fixtures.books12m();
    String text =
        "It was the best of times — 1859, it's said: “naïve” résumé\n\n  \tof the 3rd age.";
    try (Checkpoint original = Checkpoints.open(model);
        Checkpoint converted =
            Checkpoints.open(convert(original, Optional.of(TokenizerFiles.in(model))));
        Tokenizer expected = Tokenizers.of(original);
        Tokenizer actual = Tokenizers.of(converted)) {
      assertThat(actual.encode(text)).isEqualTo(expected.encode(text));
      assertThat(actual.bos()).isEqualTo(expected.bos());
      assertThat(actual.eos()).isEqualTo(expected.eos());
    }
  }
}
