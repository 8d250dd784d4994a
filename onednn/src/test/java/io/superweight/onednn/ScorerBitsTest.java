package io.superweight.onednn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.superweight.Fixtures;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.Precision;
import io.superweight.evaluate.Request;
import io.superweight.evaluate.Score;
import io.superweight.evaluate.Scorer;
import io.superweight.model.Coordinate;
import io.superweight.model.ScalarEdit;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * oneDNN sums in another order for other shapes: so the scores of a variant stay what they are
 * beside others only because products are given the same shapes.
 */
class ScorerBitsTest {
  private static final List<Variant> VARIANTS =
      List.of(
          Variant.INTACT,
          Variant.zeroed("one", List.of(Coordinate.down(3, 10, 20))),
          many(),
          Variant.zeroed("early", List.of(Coordinate.down(0, 1, 2))));

  private interface Work {
    void on(Transformer model);
  }

  private static void with(int threads, Precision precision, Work work) {
    try (Device device = new OneDnnProvider().open(threads, precision);
        Checkpoint checkpoint = Checkpoints.open(Fixtures.books12m());
        Transformer model = Transformer.load(checkpoint, device)) {
      work.on(model);
    }
  }

  private static Variant many() {
    List<ScalarEdit> edits = new ArrayList<>();
    for (int r = 0; r < 30; r++) {
      edits.add(ScalarEdit.zero(Coordinate.down(2, 7 * r, 11 * r)));
    }
    return new Variant("many", edits, List.of());
  }

  /** Questions of three choices, and a window. */
  private static List<Request> requests(Transformer model) {
    Random random = new Random(3);
    List<Request> requests = new ArrayList<>();
    for (int d = 0; d < 8; d++) {
      int[] context = random.ints(20 + d, 0, model.vocabularySize()).toArray();
      for (int c = 0; c < 3; c++) {
        int[] tokens = Arrays.copyOf(context, context.length + 2 + c);
        for (int t = context.length; t < tokens.length; t++) {
          tokens[t] = random.nextInt(model.vocabularySize());
        }
        requests.add(new Request(d, c, tokens, context.length));
      }
    }
    int[] window = random.ints(256, 0, model.vocabularySize()).toArray();
    requests.add(new Request(8, 0, window, 128));
    return requests;
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void aVariantScoresTheSameBitsAloneAndBesideOthers(Precision precision) {
    with(
        2,
        precision,
        model -> {
          List<Request> requests = requests(model);
          Score[][] together = new Scorer(model).score(requests, VARIANTS);
          for (int v = 0; v < VARIANTS.size(); v++) {
            assertThat(together[v])
                .as(VARIANTS.get(v).name())
                .isEqualTo(new Scorer(model).score(requests, List.of(VARIANTS.get(v)))[0]);
          }
          assertThat(together[2]).isNotEqualTo(together[0]);
        });
  }

  @Test
  void theBitsDoNotDependOnTheNumberOfThreads() {
    List<Score[][]> runs = new ArrayList<>();
    for (int threads : new int[] {1, 2}) {
      with(
          threads,
          Precision.F32,
          model -> runs.add(new Scorer(model).score(requests(model), VARIANTS.subList(1, 3))));
    }
    assertThat(runs.get(1)).isDeepEqualTo(runs.get(0));
  }

  @Test
  void sharedBeginningsMoveAScoreByRoundingOnly() {
    with(
        2,
        Precision.F32,
        model -> {
          List<Request> requests = requests(model);
          List<Request> apart = new ArrayList<>();
          for (Request request : requests) {
            apart.add(new Request(apart.size(), 0, request.tokens(), request.from()));
          }
          Score[] shared = new Scorer(model).score(requests, VARIANTS)[0];
          Score[] alone = new Scorer(model).score(apart, VARIANTS)[0];
          for (int r = 0; r < shared.length; r++) {
            assertThat(shared[r].logProbability())
                .isCloseTo(
                    alone[r].logProbability(), within(1e-6 * Math.abs(alone[r].logProbability())));
            assertThat(shared[r].greedy()).isEqualTo(alone[r].greedy());
          }
        });
  }
}
