package io.superweight.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.Head;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import io.superweight.tensor.Tensor;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizers;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
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

  /** Expected: what the package gguf 0.19.0 makes of them, which follows ggml to the bit. */
  @Test
  void blocksAreThoseOfTheReferenceQuantizer() {
    float[] values = new float[32];
    float[] negated = new float[32];
    for (int i = 0; i < 32; i++) {
      values[i] = (i * 37 % 64 - 31) / 16f;
      negated[i] = -values[i];
    }
    assertThat(encoded(values, DType.Q8_0))
        .isEqualTo("08248518ad40d467fc9124b94be073089d30c457ec7f14a93cd063f88d20b547dc6f");
    assertThat(encoded(negated, DType.Q8_0))
        .isEqualTo("08247be853c02c99046fdc47b5208df863d03ca91481ec57c4309d0873e04bb92491");
    assertThat(encoded(values, DType.Q4_0)).isEqualTo("00b4cf379d047be248bf269df36ad148ae15");
    assertThat(encoded(negated, DType.Q4_0)).isEqualTo("0034cf379d047be248bf269df36ad148ae15");
    assertThat(encoded(new float[32], DType.Q8_0)).isEqualTo("00".repeat(34));
    assertThat(encoded(new float[32], DType.Q4_0)).isEqualTo("0080" + "88".repeat(16));
  }

  @Test
  void aValueComesBackWithinHalfAStepOfItsBlock() {
    Random random = new Random(3);
    int count = 32 * 50;
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = bfloat16((float) (random.nextGaussian() * Math.pow(2, i / 32 % 9 - 6)));
    }
    for (DType dtype : List.of(DType.Q8_0, DType.Q4_0)) {
      float[] decoded = decoded(values, dtype);
      for (int block = 0; block < count; block += 32) {
        float most = 0;
        for (int i = block; i < block + 32; i++) {
          most = Math.max(most, Math.abs(values[i]));
        }
        // Q4_0 reaches 8 steps on one side and 7 on the other, where it may be off by a whole one.
        double step = dtype == DType.Q8_0 ? most / 127 * 0.5 : most / 8;
        for (int i = block; i < block + 32; i++) {
          // The scale is rounded to float16: a part in 2,048.
          assertThat((double) Math.abs(decoded[i] - values[i]))
              .isLessThanOrEqualTo(step + most / 2000);
        }
      }
    }
  }

  @Test
  void aFileThatMissesBytesDoesNotAppearAndOneTooManyIsRefused() throws IOException {
    Path target = folder.resolve("part.gguf");
    var entries = List.of(new GgufWriter.Entry("a", DType.F32, Shape.of(3)));
    try (Arena arena = Arena.ofConfined();
        GgufWriter writer = new GgufWriter(target, Map.of("general.architecture", "a"), entries)) {
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

  private static float bfloat16(float value) {
    return Float.intBitsToFloat(Noise.bfloat16(value) << 16);
  }

  private static MemorySegment encode(float[] values, DType dtype, Arena arena) {
    MemorySegment bfloats = arena.allocate(2L * values.length);
    for (int i = 0; i < values.length; i++) {
      bfloats.setAtIndex(ValueLayout.JAVA_SHORT, i, Noise.bfloat16(values[i]));
    }
    MemorySegment out = arena.allocate(dtype.bytes(values.length));
    BlockEncoder.encode(bfloats, values.length, dtype, out);
    return out;
  }

  private static String encoded(float[] values, DType dtype) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = encode(values, dtype, arena);
      return HexFormat.of().formatHex(out.toArray(ValueLayout.JAVA_BYTE));
    }
  }

  private static float[] decoded(float[] values, DType dtype) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = encode(values, dtype, arena);
      return io.superweight.tensor.Dequantizer.decode(
          new Tensor("values", dtype, Shape.of(values.length), out));
    }
  }
}
