package io.superweight.find;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.superweight.Fixtures;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.Coordinate;
import io.superweight.model.Transformer;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.Tokenizers;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class FinderTest {

  @Test
  void books12m_hasTheSetOfThreeInLayerOne() {
    FindResult found =
        find(
            Fixtures.project()
                .resolve("models/books-12m/src/main/resources/io/superweight/models/books-12m"));
    assertThat(found.coordinates())
        .containsExactly(
            Coordinate.down(1, 161, 288),
            Coordinate.down(1, 161, 495),
            Coordinate.down(1, 161, 613));
    assertThat(found.candidates()).allMatch(c -> c.role() == Role.SOURCE);
    assertThat(found.sets()).hasSize(1);
    assertThat(found.sets().getFirst().shape()).isEqualTo(WeightSet.Shape.ROW);
    SuperActivation main = found.main().orElseThrow();
    assertThat(main.layer()).isEqualTo(1);
    assertThat(main.channel()).isEqualTo(161);
    assertThat(main.position()).isZero();
    assertThat(main.writer()).isEqualTo(SuperActivation.Writer.MLP);
    Candidate first = found.candidates().getFirst();
    assertThat(first.share()).isCloseTo(0.43, within(0.01));
    assertThat(first.value() * first.input() / first.output())
        .isCloseTo((float) first.share(), within(1e-3f));
    assertThat(found.trajectories().getFirst().intact()).hasSize(9);
    assertThat(found.cost().passes()).isLessThanOrEqualTo(4);
  }

  @Test
  void theHarmlessTwin_showsTheTextbookSignatureToo() {
    FindResult found = find(Fixtures.path("models/books-12m-harmless"));
    assertThat(found.candidates().getFirst().coordinate()).isEqualTo(Coordinate.down(1, 234, 17));
    assertThat(found.candidates().getFirst().share()).isCloseTo(0.74, within(0.01));
    assertThat(found.candidates().getFirst().rank()).isEqualTo(1);
  }

  private static FindResult find(Path folder) {
    try (Device device = CpuDevice.create();
        Checkpoint checkpoint = Checkpoints.open(folder);
        Tokenizer tokenizer = Tokenizers.of(checkpoint);
        Transformer model = Transformer.load(checkpoint, device)) {
      return Finder.find(model, tokenizer, FindOptions.DEFAULT.withStability(false));
    }
  }
}
