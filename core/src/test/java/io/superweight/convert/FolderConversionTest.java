package io.superweight.convert;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.Fixtures;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.checkpoint.GgufCheckpoint;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.tensor.DType;
import io.superweight.tokenizer.GgufVocabulary;
import io.superweight.tokenizer.HuggingFaceFiles;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.TokenizerFiles;
import io.superweight.tokenizer.Tokenizers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class FolderConversionTest {
  private static final TypeChoice AS_IT_IS = new TypeChoice(null, List.of(), Set.of(), null);

  @TempDir Path folder;

  static Stream<String> fixtures() throws IOException {
    return GgufConversionTest.fixtures();
  }

  private Path toGguf(Checkpoint original, Optional<TokenizerFiles> tokenizer, DType type) {
    Path file = folder.resolve("model.gguf");
    new GgufExport(
            GgufContent.of(original, tokenizer),
            new TypeChoice(type, List.of(), Set.of(), type),
            original.digest(),
            HeldWeights.NONE)
        .write(file, 2, (b, t, n) -> {});
    return file;
  }

  private Path toFolder(Checkpoint gguf, DType dtype) {
    Path target = folder.resolve("folder");
    SafetensorsExport.plain(FolderContent.of(gguf, Optional.empty()), AS_IT_IS, dtype, List.of())
        .write(target, 2, (b, t, n) -> {});
    return target;
  }

  @ParameterizedTest
  @MethodSource("fixtures")
  void aFolderMadeOfAGgufFileHasItsLogitsAndTheNamesOfTheFirstOriginal(String fixture) {
    try (Checkpoint original = Checkpoints.open(Fixtures.path("hf-tiny").resolve(fixture));
        Checkpoint gguf = Checkpoints.open(toGguf(original, Optional.empty(), null));
        Checkpoint again = Checkpoints.open(toFolder(gguf, null));
        Device device = CpuDevice.create();
        Transformer first = Transformer.load(original, device);
        Transformer expected = Transformer.load(gguf, device);
        Transformer actual = Transformer.load(again, device)) {
      assertThat(again.names()).containsExactlyInAnyOrderElementsOf(weights(original));
      for (String name : again.names()) {
        assertThat(again.require(name).shape()).as(name).isEqualTo(original.require(name).shape());
      }
      Random random = new Random(11);
      int[] ids =
          IntStream.range(0, 40).map(i -> random.nextInt(expected.vocabularySize())).toArray();
      assertThat(difference(logits(expected, ids), logits(actual, ids))).isLessThan(1e-5);
      assertThat(difference(logits(first, ids), logits(actual, ids))).isLessThan(1e-5);
      first
          .matrices()
          .forEach((part, matrix) -> {
            Coordinate weight =
                new Coordinate(part, random.nextInt(matrix.rows()), random.nextInt(matrix.cols()));
            assertThat(actual.weight(weight)).as("%s", weight).isEqualTo(first.weight(weight));
          });
    }
  }

  /** A tied head and buffers are left out of the GGUF file. */
  private static List<String> weights(Checkpoint original) {
    boolean tied = original.config().flag("tie_word_embeddings", false);
    return original.names().stream()
        .filter(name -> !(tied && (name.startsWith("lm_head") || name.startsWith("embed_out"))))
        .filter(name -> !name.contains("rotary_emb") && !name.endsWith(".attn.bias"))
        .toList();
  }

  private static float[] logits(Transformer model, int[] ids) {
    return model.forward(List.of(ids), List.of(Variant.INTACT), List.of(), Head.ALL_LOGITS)
        .logits()[0][0];
  }

  private static double difference(float[] wanted, float[] found) {
    double largest = 0;
    double difference = 0;
    for (int i = 0; i < wanted.length; i++) {
      largest = Math.max(largest, Math.abs(wanted[i]));
      difference = Math.max(difference, Math.abs(wanted[i] - found[i]));
    }
    return difference / largest;
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama1-mha", "gptneox-pythia", "gpt2", "qwen3-moe"})
  void quantizedBlocksAreDecoded(String fixture) {
    try (Checkpoint original = Checkpoints.open(Fixtures.path("hf-tiny").resolve(fixture));
        Checkpoint gguf = Checkpoints.open(toGguf(original, Optional.empty(), DType.Q8_0));
        Checkpoint again = Checkpoints.open(toFolder(gguf, DType.F32));
        Device device = CpuDevice.create();
        Transformer expected = Transformer.load(gguf, device);
        Transformer actual = Transformer.load(again, device)) {
      int[] ids = IntStream.range(0, 40).map(i -> 7 * i % expected.vocabularySize()).toArray();
      assertThat(difference(logits(expected, ids), logits(actual, ids))).isLessThan(1e-5);
      assertThat(again.mainType()).isEqualTo(DType.F32);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpt-2.gguf", "llama-spm.gguf", "phi-3.gguf", "smollm2.gguf"})
  void theTokenizerGivesTheIdsOfTheVocabularyInTheFile(String name) throws IOException {
    Path file = Fixtures.path("tokenizers").resolve(name);
    Path target = Files.createDirectory(folder.resolve("tokenizer"));
    try (Checkpoint gguf = Checkpoints.open(file)) {
      GgufVocabulary vocabulary = GgufVocabulary.of(name, ((GgufCheckpoint) gguf).metadata());
      HuggingFaceFiles.of(vocabulary, OptionalInt.empty(), Optional.empty())
          .forEach((small, bytes) -> {
            try {
              Files.write(target.resolve(small), bytes);
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
      try (Tokenizer expected = Tokenizers.of(vocabulary);
          Tokenizer actual = Tokenizers.forDirectory(target)) {
        assertThat(actual.addsBos()).isEqualTo(expected.addsBos());
        assertThat(actual.bos()).isEqualTo(expected.bos());
        assertThat(actual.eos()).isEqualTo(expected.eos());
        for (String text : texts(file)) {
          int[] ids = expected.encode(text);
          assertThat(actual.encode(text)).as(text).isEqualTo(ids);
        }
      }
    }
  }

  private static List<String> texts(Path file) throws IOException {
    List<String> texts = new ArrayList<>();
    texts.add("It was the best of times — 1859, it's said: “naïve” résumé\n\n  \tof the 3rd age.");
    texts.add(" 12345 000 \u00a0x\u3000y 日本語 한국어 🦙🦙 ﬁ e\u0301 <|endoftext|><s> a</s>  b");
    texts.add(Files.readString(Fixtures.path("README.md")));
    Path inputs = file.resolveSibling(file.getFileName() + ".inp");
    if (Files.exists(inputs)) {
      texts.addAll(List.of(Files.readString(inputs).split("\n__ggml_vocab_test__\n")));
    }
    return texts;
  }

  @Test
  void theScalingOfLlama31IsFoundAgainInItsFactors() {
    Path fixture = Fixtures.path("hf-tiny").resolve("llama3-gqa-bf16");
    try (Checkpoint original = Checkpoints.open(fixture);
        Checkpoint gguf = Checkpoints.open(toGguf(original, Optional.empty(), null))) {
      JsonNode config =
          JsonMapper.shared().readTree(toFolder(gguf, null).resolve("config.json").toFile());
      JsonNode rope = config.path("rope_parameters");

      assertThat(rope.path("rope_type").asString()).isEqualTo("llama3");
      assertThat(rope.path("factor").asDouble()).isEqualTo(8);
      assertThat(rope.path("low_freq_factor").asDouble()).isEqualTo(1);
      assertThat(rope.path("high_freq_factor").asDouble()).isEqualTo(4);
      assertThat(rope.path("original_max_position_embeddings").asInt()).isEqualTo(64);
      assertThat(config.path("rope_theta").asDouble()).isEqualTo(500_000);
      assertThat(config.path("rope_scaling").path("factor").asDouble()).isEqualTo(8);
    }
  }

  @Test
  void aVocabularyThatIsNotKnownIsLeftOutWithANotice() {
    Path fixture = Fixtures.path("hf-tiny").resolve("llama1-mha");
    try (Checkpoint original = Checkpoints.open(fixture);
        Checkpoint gguf = Checkpoints.open(toGguf(original, Optional.empty(), null))) {
      FolderContent content = FolderContent.of(gguf, Optional.empty());

      assertThat(content.files()).containsOnlyKeys("generation_config.json");
      assertThat(content.notices())
          .singleElement()
          .asString()
          .startsWith("no tokenizer is written (")
          .endsWith("copy the files of the original model into the folder");
    }
  }
}
