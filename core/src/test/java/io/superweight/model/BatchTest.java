package io.superweight.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.superweight.Fixtures;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BatchTest {
  private static final List<int[]> TEXTS =
      List.of(new int[] {3, 30, 77, 5, 8}, new int[] {9, 2}, new int[] {60, 61, 62, 63});

  private static final List<Variant> VERSIONS =
      List.of(
          Variant.zeroed("late", List.of(new Coordinate("layers.1.attn.o", 3, 4))),
          Variant.INTACT,
          Variant.zeroed("early", List.of(new Coordinate("layers.0.attn.o", 5, 1))));

  @AfterEach
  void forgetTheInterrupt() {
    Thread.interrupted();
  }

  private interface Work {
    void on(Transformer model);
  }

  private static void with(String fixture, Work work) {
    try (Device device = CpuDevice.create(2);
        Checkpoint checkpoint = Checkpoints.open(Fixtures.path("hf-tiny/" + fixture));
        Transformer model = Transformer.load(checkpoint, device)) {
      work.on(model);
    }
  }

  /** Keeps what it sees, in order. */
  private static final class Seen implements Probe {
    final List<String> lines = new ArrayList<>();
    private final Site.Kind kind;

    Seen(Site.Kind kind) {
      this.kind = kind;
    }

    @Override
    public boolean wants(Site site) {
      return site.kind() == kind;
    }

    @Override
    public void observe(Site site, SiteValues values) {
      lines.add(
          site
              + " "
              + values.variant()
              + " "
              + values.sequence()
              + " "
              + Arrays.toString(values.tokens())
              + Arrays.hashCode(values.toArray()));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama1-mha", "gptneox-pythia", "mixtral-moe", "phi3-mini"})
  void batchesOfOnePassGiveTheBitsThatPassesOfTheirOwnGive(String fixture) {
    with(
        fixture,
        model -> {
          List<Seen> apart = List.of(new Seen(Site.Kind.RESID_POST), new Seen(Site.Kind.ATTN_OUT));
          List<Seen> together =
              List.of(new Seen(Site.Kind.RESID_POST), new Seen(Site.Kind.ATTN_OUT));
          List<Variant> one = List.of(Variant.INTACT);
          List<PassResult> expected =
              List.of(
                  model.forward(TEXTS, one, List.of(apart.get(0)), Head.SKIP),
                  model.forward(TEXTS.subList(1, 3), VERSIONS, List.of(apart.get(1)), Head.SCORE),
                  model.forward(TEXTS, VERSIONS, List.of(), Head.LAST_LOGITS));
          List<PassResult> got =
              model.forward(
                  List.of(
                      new Batch(TEXTS, one, List.of(together.get(0)), Head.SKIP),
                      new Batch(
                          TEXTS.subList(1, 3), VERSIONS, List.of(together.get(1)), Head.SCORE),
                      new Batch(TEXTS, VERSIONS, List.of(), Head.LAST_LOGITS)));
          assertThat(together.get(0).lines).isNotEmpty().isEqualTo(apart.get(0).lines);
          assertThat(together.get(1).lines).isNotEmpty().isEqualTo(apart.get(1).lines);
          assertThat(got.get(1).logProbabilities())
              .isDeepEqualTo(expected.get(1).logProbabilities());
          assertThat(got.get(1).divergence()).isDeepEqualTo(expected.get(1).divergence());
          for (int v = 0; v < VERSIONS.size(); v++) {
            assertThat(got.get(2).logits()[v]).isDeepEqualTo(expected.get(2).logits()[v]);
          }
        });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama1-mha",
        "gptneox-pythia",
        "falcon-7b-style",
        "mixtral-moe",
        "gemma2",
        "olmo2",
        "opt"
      })
  void theLastLogitsAreThoseOfAllLogits_thoughTheLastLayerComputesLess(String fixture) {
    with(
        fixture,
        model -> {
          float[][][] all = model.forward(TEXTS, VERSIONS, List.of(), Head.ALL_LOGITS).logits();
          float[][][] last = model.forward(TEXTS, VERSIONS, List.of(), Head.LAST_LOGITS).logits();
          int width = model.vocabularySize();
          for (int v = 0; v < VERSIONS.size(); v++) {
            for (int q = 0; q < TEXTS.size(); q++) {
              float[] whole = all[v][q];
              assertThat(last[v][q])
                  .containsExactly(
                      Arrays.copyOfRange(whole, whole.length - width, whole.length), within(1e-5f));
            }
          }
        });
  }

  @Test
  void scoresInBlocksAreThoseOfWholeLogits() {
    try (Device device = CpuDevice.create(2);
        Checkpoint checkpoint = Checkpoints.open(Fixtures.books12m());
        Transformer model = Transformer.load(checkpoint, device)) {
      assertThat(model.vocabularySize()).as("more than one block").isGreaterThan(2048);
      List<Variant> versions =
          List.of(
              Variant.INTACT,
              Variant.zeroed("one", List.of(Coordinate.down(1, 161, 288))),
              Variant.INTACT,
              Variant.zeroed(
                  "all", List.of(Coordinate.down(1, 161, 288), Coordinate.down(1, 161, 495))));
      Probe watcher =
          new Probe() {
            @Override
            public boolean wants(Site site) {
              return site.kind() == Site.Kind.LOGITS;
            }

            @Override
            public void observe(Site site, SiteValues values) {}
          };
      List<int[]> texts = List.of(new int[] {3}, IntStream.range(5, 405).toArray(), TEXTS.get(0));
      PassResult blocks = model.forward(texts, versions, List.of(), Head.SCORE);
      PassResult whole = model.forward(texts, versions, List.of(watcher), Head.SCORE);
      assertThat(blocks.greedy()).isDeepEqualTo(whole.greedy());
      for (int v = 0; v < versions.size(); v++) {
        for (int q = 0; q < texts.size(); q++) {
          assertThat(blocks.logProbabilities()[v][q])
              .hasSize(texts.get(q).length - 1)
              .containsExactly(whole.logProbabilities()[v][q], within(1e-9));
          assertThat(blocks.divergence()[v][q])
              .containsExactly(whole.divergence()[v][q], within(1e-9));
        }
      }
      assertThat(blocks.divergence()[2][1]).containsExactly(new double[399], within(1e-12));
      assertThat(Arrays.stream(blocks.divergence()[3][1]).sum()).isGreaterThan(0.01);
    }
  }

  @Test
  void aBatchThatEndsEarlySeesNothingOfTheLayersBehind() {
    with(
        "llama1-mha",
        model -> {
          Seen early = new Seen(Site.Kind.RESID_POST);
          Seen whole = new Seen(Site.Kind.RESID_POST);
          model.forward(
              List.of(
                  new Batch(TEXTS, List.of(Variant.INTACT), List.of(early), Head.SKIP, 1),
                  new Batch(TEXTS, List.of(Variant.INTACT), List.of(whole), Head.SKIP)));
          assertThat(early.lines).isEqualTo(whole.lines.subList(0, TEXTS.size()));
          assertThat(whole.lines).hasSize(TEXTS.size() * model.layers());
        });
  }

  @Test
  void anEarlierBatchIsAheadOfALaterOneAtEachSite() {
    with(
        "llama1-mha",
        model -> {
          List<String> order = new ArrayList<>();
          model.forward(
              List.of(
                  new Batch(TEXTS, List.of(Variant.INTACT), List.of(teller("a", order)), Head.SKIP),
                  new Batch(
                      TEXTS, List.of(Variant.INTACT), List.of(teller("b", order)), Head.SKIP)));
          for (int i = 0; i < order.size(); i += 2) {
            assertThat(order.get(i)).startsWith("a");
            assertThat(order.get(i + 1)).isEqualTo("b" + order.get(i).substring(1));
          }
        });
  }

  private static Probe teller(String name, List<String> order) {
    return new Probe() {
      @Override
      public boolean wants(Site site) {
        return site.kind() == Site.Kind.DOWN_IN;
      }

      @Override
      public void observe(Site site, SiteValues values) {
        if (values.sequence() == 0) {
          order.add(name + site);
        }
      }
    };
  }

  @Test
  void aPassEndsBetweenTwoLayersWhereItsThreadIsInterrupted() {
    with(
        "llama1-mha",
        model -> {
          List<Integer> done = new ArrayList<>();
          model.listener((layer, layers) -> {
            done.add(layer);
            if (layer == 1) {
              Thread.currentThread().interrupt();
            }
          });
          assertThatThrownBy(
                  () -> model.forward(TEXTS, List.of(Variant.INTACT), List.of(), Head.SKIP))
              .isInstanceOf(CancellationException.class)
              .hasMessageContaining("layer 1");
          assertThat(done).containsExactly(0, 1);
          assertThat(Thread.currentThread().isInterrupted()).isTrue();
          assertThatThrownBy(() -> model.generate(List.of(Variant.INTACT), TEXTS.getFirst(), 2))
              .isInstanceOf(CancellationException.class);
        });
  }
}
