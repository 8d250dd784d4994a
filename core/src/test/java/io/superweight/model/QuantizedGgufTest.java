package io.superweight.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.superweight.Fixtures;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.edit.EditedModel;
import io.superweight.quantize.Indivisible;
import io.superweight.quantize.Quantization;
import io.superweight.quantize.Quantizer;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QuantizedGgufTest {
  private static float[] logits(Transformer model, String text) {
    Variant variant =
        new Quantizer(model, List.of(), List.of())
            .apply(text, Quantization.parse(text, Indivisible.TAIL), EditedModel.ORIGINAL)
            .variant();
    int[] ids = IntStream.range(0, 30).map(i -> i * 7 % model.vocabularySize()).toArray();
    return model.forward(List.of(ids), List.of(variant), List.of(), Head.ALL_LOGITS).logits()[0][0];
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"rtn4:block=200", "rtn3:block=tensor", "rtn4:block=5x16", "rtn4:block=channel"})
  void blocksRunOverTheRowsInTheOrderOfTheOriginalWhereGgufHasThemPermuted(String text) {
    try (Checkpoint original = Checkpoints.open(Fixtures.path("hf-tiny").resolve("llama1-mha"));
        Checkpoint converted =
            Checkpoints.inMemory(
                "llama.gguf", List.of(MemorySegment.ofArray(ToGguf.convert(original))));
        Device device = CpuDevice.create();
        Transformer expected = Transformer.load(original, device);
        Transformer actual = Transformer.load(converted, device)) {
      float[] wanted = logits(expected, text);
      float[] got = logits(actual, text);
      float largest = 0;
      for (float value : wanted) {
        largest = Math.max(largest, Math.abs(value));
      }
      for (int i = 0; i < wanted.length; i++) {
        assertThat(got[i]).isCloseTo(wanted[i], within(1e-4f * largest));
      }
    }
  }
}
