package io.superweight.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ActivationMemoryTest {
  private static final List<int[]> TEXTS =
      List.of(new int[] {3, 30, 77, 5, 8}, new int[] {60, 61, 62});
  private static final List<Variant> VERSIONS =
      List.of(Variant.INTACT, Variant.zeroed("edited", List.of(Coordinate.down(1, 3, 4))));

  @TempDir Path folder;

  private interface Work {
    void on(Transformer model);
  }

  private static void with(Work work) {
    try (Device device = CpuDevice.create(2);
        Checkpoint checkpoint = Checkpoints.open(Fixtures.path("hf-tiny/llama1-mha"));
        Transformer model = Transformer.load(checkpoint, device)) {
      work.on(model);
    }
  }

  private ActivationMemory none() {
    return new ActivationMemory(1, Optional.of(folder));
  }

  @Test
  void activationsInAFileGiveTheSameBits_andTheFileIsGone() {
    with(model -> {
      PassResult memory = model.forward(TEXTS, VERSIONS, List.of(), Head.SCORE);
      int[][] text = model.generate(VERSIONS, TEXTS.getFirst(), 6);
      model.activationMemory(none());
      PassResult file = model.forward(TEXTS, VERSIONS, List.of(), Head.SCORE);
      assertThat(file.logProbabilities()).isDeepEqualTo(memory.logProbabilities());
      assertThat(file.divergence()).isDeepEqualTo(memory.divergence());
      assertThat(model.generate(VERSIONS, TEXTS.getFirst(), 6)).isDeepEqualTo(text);
    });
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void theFileIsGoneAfterAPassThatFailed() {
    with(model -> {
      model.activationMemory(none());
      Probe failing =
          new Probe() {
            @Override
            public boolean wants(Site site) {
              return site.kind() == Site.Kind.RESID_POST;
            }

            @Override
            public void observe(Site site, SiteValues values) {
              throw new IllegalStateException("a probe that fails");
            }
          };
      assertThatThrownBy(() -> model.forward(TEXTS, VERSIONS, List.of(failing), Head.SKIP))
          .hasMessage("a probe that fails");
    });
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void aFolderThatCannotTakeTheFileIsAnErrorInOneLine() {
    with(model -> {
      model.activationMemory(
          new ActivationMemory(1, Optional.of(folder.resolve("not").resolve("there"))));
      assertThatThrownBy(() -> model.forward(TEXTS, VERSIONS, List.of(), Head.SKIP))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("activations cannot be kept in")
          .hasMessageNotContaining("\n");
    });
  }
}
