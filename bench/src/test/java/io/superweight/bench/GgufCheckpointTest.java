package io.superweight.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.checkpoint.GgufLayout;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.Head;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizers;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufCheckpointTest {
  private static final LlamaShape TINY = LlamaShape.TINY;
  private static final int[] IDS = {1, 17, 4711, 8191, 3, 300, 5000, 42};

  @TempDir Path folder;

  @Test
  void theSameSeedInAnyTypeGivesTheLogitsOfTheBfloat16Checkpoint() {
    Path safetensors = folder.resolve("bf16");
    CheckpointGenerator.generate(TINY, safetensors, 5, DType.BF16);
    float[] expected = logits(safetensors);
    double length = Math.sqrt(dot(expected, expected));
    Path float32 = folder.resolve("f32");
    CheckpointGenerator.generate(TINY, float32, 5, DType.F32);
    // How far the types may be off, as a share of the length of all logits.
    assertThat(distance(expected, logits(float32)) / length).isLessThan(1e-6);
    for (var tolerance :
        Map.of(
                DType.BF16, 1e-6,
                DType.F32, 1e-6,
                DType.F16, 1e-3,
                DType.Q8_0, 0.02,
                DType.Q4_0, 0.4)
            .entrySet()) {
      Path gguf = folder.resolve(tolerance.getKey() + ".gguf");
      CheckpointGenerator.generateGguf(TINY, gguf, 5, tolerance.getKey());
      double off = distance(expected, logits(gguf)) / length;
      assertThat(off).as(gguf.toString()).isLessThan(tolerance.getValue());
    }
  }

  @Test
  void theVocabularyHasATokenForEachIdAndABosForEachText() {
    Path gguf = folder.resolve("model.gguf");
    CheckpointGenerator.generateGguf(TINY, gguf, 1, DType.Q4_0);
    try (Checkpoint checkpoint = Checkpoints.open(gguf);
        var tokenizer = Tokenizers.of(checkpoint)) {
      assertThat(checkpoint.config().count("vocab_size")).isEqualTo(TINY.vocabulary);
      assertThat(tokenizer.encode("Any text, even Ελληνικά.", BosPolicy.AUTO))
          .startsWith(CheckpointGenerator.BOS)
          .hasSizeGreaterThan(10);
    }
  }

  @Test
  void aFileThatMissesBytesDoesNotAppearAndOneTooManyIsRefused() throws IOException {
    Path target = folder.resolve("part.gguf");
    var layout =
        new GgufLayout(
            Map.of("general.architecture", "a"),
            List.of(new GgufLayout.Entry("a", DType.F32, Shape.of(3))));
    try (Arena arena = Arena.ofConfined();
        GgufWriter writer = new GgufWriter(target, layout)) {
      writer.write(arena.allocate(8));
      assertThatThrownBy(writer::commit).hasMessageContaining("4 bytes of a miss");
      assertThatThrownBy(() -> writer.write(arena.allocate(8))).hasMessageContaining("more bytes");
    }
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).isEmpty();
    }
  }

  private static float[] logits(Path model) {
    try (Checkpoint checkpoint = Checkpoints.open(model);
        CpuDevice device = CpuDevice.create(2);
        Transformer transformer = Transformer.load(checkpoint, device)) {
      return transformer.forward(List.of(IDS), List.of(Variant.INTACT), List.of(), Head.ALL_LOGITS)
          .logits()[0][0];
    }
  }

  private static double dot(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (double) a[i] * b[i];
    }
    return sum;
  }

  private static double distance(float[] a, float[] b) {
    assertThat(b).hasSameSizeAs(a);
    float[] difference = new float[a.length];
    for (int i = 0; i < a.length; i++) {
      difference[i] = a[i] - b[i];
    }
    return Math.sqrt(dot(difference, difference));
  }
}
