package io.superweight.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.checkpoint.DraftFile;
import io.superweight.checkpoint.GgufCheckpoint;
import io.superweight.tensor.BlockEncoder;
import io.superweight.tensor.DType;
import io.superweight.tensor.Dequantizer;
import io.superweight.tensor.Shape;
import io.superweight.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class GgufExportTest {
  @TempDir Path folder;

  private static OutputTensor noise(String name, long seed, long... dimensions) {
    Shape shape = Shape.of(dimensions);
    int cols = (int) shape.dimension(shape.rank() - 1);
    return OutputTensor.of(
        name,
        DType.F32,
        shape,
        (row, out, at) -> {
          Random random = new Random(31 * seed + row);
          for (int i = 0; i < cols; i++) {
            out[at + i] = (float) random.nextGaussian();
          }
        });
  }

  private static GgufContent content() {
    Map<String, Object> metadata = new LinkedHashMap<>();
    metadata.put("general.architecture", "llama");
    metadata.put("general.name", "a model");
    metadata.put("llama.block_count", 1);
    metadata.put("llama.embedding_length", 256);
    metadata.put("llama.attention.head_count", 4);
    metadata.put("llama.rope.freq_base", 10_000f);
    metadata.put("tokenizer.ggml.tokens", List.of("a", "b", "ü"));
    metadata.put("tokenizer.ggml.scores", new float[] {1, 2, 3});
    metadata.put("tokenizer.ggml.token_type", new int[] {1, 1, 3});
    return new GgufContent(
        metadata,
        List.of(
            noise("token_embd.weight", 1, 3, 256),
            noise("output_norm.weight", 2, 256),
            noise("blk.0.attn_norm.weight", 3, 256),
            noise("blk.0.attn_q.weight", 4, 9000, 256),
            noise("blk.0.ffn_gate.weight", 5, 288, 256),
            noise("blk.0.ffn_gate_inp.weight", 6, 4, 256),
            noise("blk.0.ffn_down_exps.weight", 7, 2, 256, 288),
            noise("blk.0.narrow.weight", 8, 5, 40)),
        Map.of(),
        List.of());
  }

  private static TypeChoice all(DType type) {
    return new TypeChoice(type, List.of(), Set.of(), type);
  }

  private Path write(GgufContent content, TypeChoice types, String name, int threads) {
    Path file = folder.resolve(name);
    new GgufExport(content, types, "test", HeldWeights.NONE).write(file, threads, (b, t, n) -> {});
    return file;
  }

  private static DType type(Path file, String tensor) {
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      return checkpoint.require(tensor).dtype();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_0", "Q5_1", "Q4_K", "Q6_K", "F16"})
  void aWrittenFileHoldsWhatTheEncoderMakesOfEachRow(DType dtype) {
    GgufContent content = content();
    Path file = write(content, all(dtype), "a.gguf", 2);

    try (Checkpoint written = Checkpoints.open(file)) {
      assertThat(written.names())
          .containsExactlyElementsOf(content.tensors().stream().map(OutputTensor::name).toList());
      for (OutputTensor tensor : content.tensors()) {
        Tensor read = written.require(tensor.name());
        assertThat(read.shape()).isEqualTo(tensor.shape());
        BlockEncoder encoder = new BlockEncoder(read.dtype());
        float[] row = new float[tensor.cols()];
        byte[] bytes = new byte[(int) read.dtype().bytes(row.length)];
        for (long r = 0; r < tensor.rowCount(); r += 7) {
          tensor.read(r, row, 0);
          encoder.encode(row, 0, row.length, MemorySegment.ofArray(bytes), 0);
          assertThat(
                  read.data()
                      .asSlice(r * bytes.length, bytes.length)
                      .mismatch(MemorySegment.ofArray(bytes)))
              .as("%s, row %s", tensor.name(), r)
              .isEqualTo(-1);
        }
      }
    }
  }

  @Test
  void metadataComesThroughASecondWritingToTheByte() throws IOException {
    Path first = write(content(), all(DType.F32), "first.gguf", 1);

    try (Checkpoint read = Checkpoints.open(first)) {
      GgufContent again = GgufContent.of(read, Optional.empty());
      Path second = write(again, new TypeChoice(null, List.of(), Set.of(), null), "second.gguf", 2);
      assertThat(second).hasSameBinaryContentAs(first);
      assertThat(((GgufCheckpoint) read).metadata().texts("tokenizer.ggml.tokens"))
          .containsExactly("a", "b", "ü");
    }
  }

  @Test
  void theNumberOfThreadsLeavesTheFileAsItIs() {
    assertThat(write(content(), all(DType.Q4_K), "one.gguf", 1))
        .hasSameBinaryContentAs(write(content(), all(DType.Q4_K), "five.gguf", 5));
  }

  /** The fallback types of llama.cpp (llama-quant.cpp), the head's type, and what stays. */
  @ParameterizedTest
  @CsvSource({
    "Q4_K,Q5_0,Q6_K,F16",
    "Q5_K,Q5_1,Q6_K,F16",
    "Q6_K,Q8_0,Q6_K,F16",
    "Q4_0,Q4_0,Q6_K,F16",
    "Q8_0,Q8_0,Q8_0,F16"
  })
  void rowsThatABlockDoesNotDivideTakeTheReferencesFallback(
      DType type, DType rowsOf288, DType embedding, DType rowsOf40) {
    Path file = write(content(), all(type), "a.gguf", 2);

    assertThat(type(file, "blk.0.ffn_gate.weight")).isEqualTo(type);
    assertThat(type(file, "blk.0.ffn_down_exps.weight")).isEqualTo(rowsOf288);
    assertThat(type(file, "token_embd.weight")).isEqualTo(embedding);
    assertThat(type(file, "blk.0.narrow.weight")).isEqualTo(rowsOf40);
    assertThat(type(file, "blk.0.attn_norm.weight")).isEqualTo(DType.F32);
    assertThat(type(file, "blk.0.ffn_gate_inp.weight")).isEqualTo(DType.F32);
  }

  @Test
  void theFirstPatternThatFitsDecides() {
    TypeChoice types =
        new TypeChoice(
            DType.Q4_0,
            List.of(
                TypeChoice.NamePattern.parse("ffn_(gate|up)=q8_0"),
                TypeChoice.NamePattern.parse("blk=Q5_0")),
            Set.of(),
            DType.Q4_0);
    Path file = write(content(), types, "a.gguf", 2);

    assertThat(type(file, "blk.0.ffn_gate.weight")).isEqualTo(DType.Q8_0);
    assertThat(type(file, "blk.0.attn_q.weight")).isEqualTo(DType.Q5_0);
  }

  @Test
  void whatWasInterruptedGoesOnAndGivesTheSameBytes() throws IOException {
    Path whole = write(content(), all(DType.Q8_0), "whole.gguf", 2);
    Path target = folder.resolve("broken.gguf");
    GgufExport export = new GgufExport(content(), all(DType.Q8_0), "test", HeldWeights.NONE);

    assertThatThrownBy(() ->
            export.write(
                target,
                1,
                (bytes, total, tensor) -> {
                  if (bytes > total / 2) {
                    throw new IllegalStateException("the lights go out");
                  }
                }))
        .hasMessage("the lights go out");
    assertThat(target).doesNotExist();

    long resumed = export.write(target, 2, (b, t, n) -> {});

    assertThat(resumed).isGreaterThan(Files.size(whole) / 4);
    assertThat(target).hasSameBinaryContentAs(whole);
    try (var files = Files.list(folder)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("whole.gguf", "broken.gguf");
    }
  }

  @Test
  void aDamagedDraftIsRepairedAndOneOfAnotherPlanDropped() throws IOException {
    Path whole = write(content(), all(DType.Q8_0), "whole.gguf", 2);
    for (String source : List.of("test", "another model")) {
      Path target = folder.resolve("broken.gguf");
      Files.deleteIfExists(target);
      GgufExport interrupted = new GgufExport(content(), all(DType.Q8_0), source, HeldWeights.NONE);
      assertThatThrownBy(() ->
              interrupted.write(
                  target,
                  1,
                  (bytes, total, tensor) -> {
                    if (bytes > total / 2) {
                      throw new IllegalStateException("the lights go out");
                    }
                  }))
          .isInstanceOf(IllegalStateException.class);
      Path draft = DraftFile.draftOf(target);
      byte[] bytes = Files.readAllBytes(draft);
      bytes[bytes.length / 3] ^= 4;
      bytes[30] ^= 1;
      Files.write(draft, bytes);
      Path journal = draft.resolveSibling(draft.getFileName() + ".journal");
      Files.writeString(journal, Files.readString(journal) + "12 3"); // cut off within a line

      new GgufExport(content(), all(DType.Q8_0), "test", HeldWeights.NONE)
          .write(target, 2, (b, t, n) -> {});

      assertThat(target).as(source).hasSameBinaryContentAs(whole);
    }
  }

  @Test
  void valuesThatAreNotFiniteAreRefusedByName() {
    OutputTensor bad =
        OutputTensor.of(
            "blk.0.ffn_up.weight",
            DType.F32,
            Shape.of(2, 32),
            (row, out, at) -> out[at + 3] = Float.NaN);
    GgufContent content =
        new GgufContent(Map.of("general.architecture", "llama"), List.of(bad), Map.of(), List.of());

    assertThatThrownBy(() -> write(content, all(DType.Q8_0), "a.gguf", 1))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("blk.0.ffn_up.weight has a value in row 0 that is not finite");
  }

  @Test
  void quantizedTensorsOfTheWantedTypeAreCopiedAndOthersDecoded() {
    Path first = write(content(), all(DType.Q5_0), "first.gguf", 1);

    try (Checkpoint read = Checkpoints.open(first)) {
      Tensor before = read.require("blk.0.ffn_gate.weight");
      Path same = write(GgufContent.of(read, Optional.empty()), all(DType.Q5_0), "same.gguf", 2);
      Path other = write(GgufContent.of(read, Optional.empty()), all(DType.F32), "other.gguf", 2);
      try (Checkpoint again = Checkpoints.open(same);
          Checkpoint decoded = Checkpoints.open(other)) {
        assertThat(again.require(before.name()).data().mismatch(before.data())).isEqualTo(-1);
        assertThat(Dequantizer.decode(decoded.require(before.name())))
            .isEqualTo(Dequantizer.decode(before));
      }
    }
  }
}
