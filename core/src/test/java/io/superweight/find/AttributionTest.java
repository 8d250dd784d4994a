package io.superweight.find;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.superweight.Fixtures;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.Transformer;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AttributionTest {

  /** Also with experts, a shared expert, norms behind the MLP, fused and transposed storage. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama1-mha",
        "gemma2",
        "gemma3",
        "olmo2",
        "mixtral-moe",
        "qwen3-moe",
        "qwen2-moe",
        "olmoe",
        "phi3-mini",
        "granite",
        "gpt2",
        "falcon-7b-style",
        "gptneox-pythia"
      })
  void thePartsOfAllWeightsAddUpToWhatTheMlpWrites(String fixture) {
    try (Device device = CpuDevice.create();
        Checkpoint checkpoint = Checkpoints.open(Fixtures.path("hf-tiny/" + fixture));
        Transformer model = Transformer.load(checkpoint, device)) {
      Session session = new Session(model, List.of(Prompt.of(5, 17, 42, 99, 7)));
      Snapshot snapshot = session.snapshot(Set.of(), null);
      for (int layer = 0; layer < model.layers(); layer++) {
        for (int channel = 0; channel < model.hiddenSize(); channel += 13) {
          // A bias is the same at every token: the difference of two tokens has none.
          double parts = sum(session, snapshot, layer, 1, channel);
          double others = sum(session, snapshot, layer, 3, channel);
          double written = session.attribution.written(snapshot, layer, 0, 1, channel);
          double other = session.attribution.written(snapshot, layer, 0, 3, channel);
          assertThat(parts - others)
              .as("layer %d channel %d", layer, channel)
              .isCloseTo(
                  written - other, within(1e-5 + 1e-4 * (Math.abs(written) + Math.abs(other))));
        }
      }
    }
  }

  private static double sum(Session session, Snapshot snapshot, int layer, int token, int channel) {
    return session.attribution.parts(snapshot, layer, 0, token, channel, Set.of(), 0).stream()
        .mapToDouble(Attribution.Part::value)
        .sum();
  }
}
