package io.superweight.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.checkpoint.SafetensorsWriter.Entry;
import io.superweight.tensor.BlockEncoder;
import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import io.superweight.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsWriterTest {
  @TempDir Path folder;

  private SafetensorsHeader read(Path file) throws IOException {
    return SafetensorsHeader.read(file.toString(), MemorySegment.ofArray(Files.readAllBytes(file)));
  }

  @Test
  void floatsComeBackInEveryPlainType() throws IOException {
    Path file = folder.resolve("out.safetensors");
    float[] values = {1, -2.5f, 0, 1e-3f, Float.POSITIVE_INFINITY, 65_504};
    List<Entry> entries =
        List.of(
            Entry.of("a", DType.F32, Shape.of(2, 3)),
            Entry.of("nothing", DType.F32, Shape.of(0, 5)),
            Entry.of("b \"quoted\" é", DType.F16, Shape.of(6)),
            Entry.of("c", DType.BF16, Shape.of(3, 2)));
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(file, entries, Map.of("format", "pt"))) {
      writer.write(values, 0, 4);
      writer.write(values, 4, 2);
      writer.write(values, 0, 6);
      writer.write(values, 0, 6);
      writer.commit();
    }
    SafetensorsHeader header = read(file);
    assertThat(header.metadata()).containsExactly(Map.entry("format", "pt"));
    assertThat(header.tensors().keySet()).containsExactly("a", "nothing", "b \"quoted\" é", "c");
    Tensor a = header.tensors().get("a");
    Tensor b = header.tensors().get("b \"quoted\" é");
    Tensor c = header.tensors().get("c");
    for (int i = 0; i < 6; i++) {
      assertThat(a.data().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i)).isEqualTo(values[i]);
      assertThat(b.data().getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i))
          .isEqualTo(Float.floatToFloat16(values[i]));
      assertThat(
              Float.intBitsToFloat(c.data().getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i) << 16))
          .isEqualTo(values[i], org.assertj.core.api.Assertions.withPrecision(257f));
    }
  }

  @Test
  void bfloat16RoundsToNearestTiesToEven() {
    assertThat(BlockEncoder.bfloat16(Float.intBitsToFloat(0x3f80_8000))).isEqualTo((short) 0x3f80);
    assertThat(BlockEncoder.bfloat16(Float.intBitsToFloat(0x3f81_8000))).isEqualTo((short) 0x3f82);
    assertThat(BlockEncoder.bfloat16(Float.intBitsToFloat(0x3f80_8001))).isEqualTo((short) 0x3f81);
    assertThat(BlockEncoder.bfloat16(Float.MAX_VALUE)).isEqualTo((short) 0x7f80);
    assertThat(BlockEncoder.bfloat16(Float.intBitsToFloat(0x7f80_0001)) & 0x7fc0).isEqualTo(0x7fc0);
  }

  @Test
  void aCopyOfACheckpointHasItsDigest() throws IOException {
    Files.copy(Fixtures.path("hf-tiny/llama1-mha/config.json"), folder.resolve("config.json"));
    try (Checkpoint original = Checkpoints.open(Fixtures.path("hf-tiny/llama1-mha"))) {
      SafetensorsWriter.writeAll(
          folder.resolve("model.safetensors"),
          original.names().stream().map(original::require).toList(),
          Map.of());
      try (Checkpoint copy = Checkpoints.open(folder)) {
        assertThat(copy.digest()).isEqualTo(original.digest());
      }
    }
  }

  @Test
  void aModelThatDiffersInOneWeightHasOtherContents() throws IOException {
    Files.copy(Fixtures.path("hf-tiny/llama1-mha/config.json"), folder.resolve("config.json"));
    int elements = 1 << 20; // more than the digest reads
    String[] contents = new String[2];
    String[] digests = new String[2];
    for (int version = 0; version < 2; version++) {
      float[] values = new float[elements];
      values[12_345] = version;
      try (SafetensorsWriter writer =
          SafetensorsWriter.create(
              folder.resolve("model.safetensors"),
              List.of(Entry.of("a", DType.F32, Shape.of(elements))),
              Map.of())) {
        writer.write(values, 0, elements);
        writer.commit();
      }
      try (Checkpoint checkpoint = Checkpoints.open(folder)) {
        contents[version] = checkpoint.contents();
        digests[version] = checkpoint.digest();
      }
    }
    assertThat(digests[0]).as("the digest reads samples").isEqualTo(digests[1]);
    assertThat(contents[0]).startsWith(digests[0]).isNotEqualTo(contents[1]);
  }

  @Test
  void nothingStaysOfAFileThatWasNotCommitted() throws IOException {
    Path file = folder.resolve("out.safetensors");
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(file, List.of(Entry.of("a", DType.F32, Shape.of(2))), Map.of())) {
      writer.write(new float[] {1}, 0, 1);
      assertThatThrownBy(writer::commit).hasMessageContaining("4 bytes of \"a\" are missing");
    }
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).isEmpty();
    }
  }

  @Test
  void anUnwritableTargetIsAnOutputError() {
    Path file = folder.resolve("no-such-folder/out.safetensors");
    assertThatThrownBy(() -> SafetensorsWriter.create(file, List.of(), Map.of()).close())
        .isInstanceOfSatisfying(
            InputException.class, e -> assertThat(e.kind()).isEqualTo(InputException.Kind.OUTPUT));
  }
}
