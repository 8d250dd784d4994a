package io.superweight.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.superweight.Fixtures;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.ActivationTransform;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.PassResult;
import io.superweight.model.ScalarEdit;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.model.WeightTransform;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ScorerTest {
  /** Nats; how far a shared beginning may move the sum of a request. */
  private static final double TOLERANCE = 1e-4;

  static Stream<String> fixtures() throws IOException {
    try (Stream<Path> folders = Files.list(Fixtures.path("hf-tiny"))) {
      return folders.map(f -> f.getFileName().toString()).sorted().toList().stream();
    }
  }

  @AfterEach
  void forgetTheInterrupt() {
    Thread.interrupted();
  }

  private interface Work {
    void on(Transformer model);
  }

  private static void with(String fixture, int threads, Work work) {
    try (Device device = CpuDevice.create(threads);
        Checkpoint checkpoint = Checkpoints.open(Fixtures.path("hf-tiny/" + fixture));
        Transformer model = Transformer.load(checkpoint, device)) {
      work.on(model);
    }
  }

  /** Questions with choices, sentences that differ in the middle, windows, single tokens. */
  private static List<Request> requests(int vocabulary, int documents) {
    Random random = new Random(17);
    List<Request> requests = new ArrayList<>();
    for (int d = 0; d < documents; d++) {
      int[] context = random.ints(5 + random.nextInt(18), 0, vocabulary).toArray();
      int choices = d % 5 == 4 ? 1 : 2 + random.nextInt(3);
      for (int c = 0; c < choices; c++) {
        int[] own = random.ints(1 + random.nextInt(7), 0, vocabulary).toArray();
        int[] tokens = Arrays.copyOf(context, context.length + own.length);
        System.arraycopy(own, 0, tokens, context.length, own.length);
        // Some are scored from within what follows the beginning that they share, some from before.
        int from =
            switch (d % 3) {
              case 0 -> context.length;
              case 1 -> Math.min(tokens.length, context.length + 1);
              default -> context.length - 2;
            };
        requests.add(new Request(d, c, tokens, from));
      }
    }
    return requests;
  }

  private static Score[][] score(
      Transformer model, List<Request> requests, List<Variant> variants) {
    Scorer scorer = new Scorer(model);
    return score(scorer, requests, scorer.batches(requests), variants);
  }

  private static Score[][] score(
      Scorer scorer, List<Request> requests, List<int[]> batches, List<Variant> variants) {
    Score[][] all = new Score[variants.size()][requests.size()];
    scorer.score(
        requests,
        batches,
        variants,
        (batch, scores) -> {
          for (int v = 0; v < all.length; v++) {
            for (int i = 0; i < batch.length; i++) {
              assertThat(all[v][batch[i]]).as("scored once").isNull();
              all[v][batch[i]] = scores[v][i];
            }
          }
        });
    return all;
  }

  private static List<Variant> variants(Transformer model) {
    return List.of(
        Variant.INTACT,
        Variant.zeroed("late", List.of(new Coordinate(lastOutput(model), 3, 4))),
        many(model, 20),
        Variant.zeroed("early", List.of(new Coordinate("layers.0.attn.o", 5, 1))),
        new Variant("transformed", List.of(), List.of(firstTokenScaled())),
        new Variant("rounded", List.of(), List.of(), List.of(rounded())));
  }

  private static String lastOutput(Transformer model) {
    return "layers." + (model.layers() - 1) + ".attn.o";
  }

  /** So many rows of two matrices, two weights each. */
  private static Variant many(Transformer model, int rows) {
    List<ScalarEdit> edits = new ArrayList<>();
    for (String part : List.of("layers.1.attn.o", "layers.0.attn.o")) {
      for (int r = 0; r < rows; r++) {
        edits.add(new ScalarEdit(new Coordinate(part, 2 * r, r), 0));
        edits.add(new ScalarEdit(new Coordinate(part, 2 * r, 30 - r), 0.37f));
      }
    }
    return new Variant("many", edits, List.of());
  }

  private static ActivationTransform firstTokenScaled() {
    return new ActivationTransform() {
      @Override
      public boolean wants(Site site) {
        return site.kind() == Site.Kind.RESID_POST && site.layer() == 0;
      }

      @Override
      public void transform(Site site, SiteValues values) {
        // Depends on the whole sequence: what is shared would not see it.
        for (int c = 0; c < values.cols(); c++) {
          values.set(0, c, values.get(values.rows() - 1, c) * 0.5f);
        }
      }
    };
  }

  private static WeightTransform rounded() {
    return new WeightTransform() {
      @Override
      public boolean wants(String part) {
        return part.equals("layers.1.attn.o");
      }

      @Override
      public void transform(String part, Buffer weights, Device device) {
        for (int r = 0; r < weights.rows(); r++) {
          for (int c = 0; c < weights.cols(); c++) {
            device.put(weights, r, c, Math.round(8 * ((r * 31 + c * 17) % 7 - 3)) / 64f);
          }
        }
      }
    };
  }

  private static Score expected(Request request, PassResult pass, int variant) {
    double sum = 0;
    double squares = 0;
    boolean greedy = true;
    for (int t = request.from(); t < request.tokens().length; t++) {
      double nats = pass.logProbabilities()[variant][0][t - 1];
      sum += nats;
      squares += nats * nats;
      greedy &= pass.greedy()[variant][0][t - 1] == request.tokens()[t];
    }
    return new Score(sum, squares, greedy);
  }

  @ParameterizedTest
  @MethodSource("fixtures")
  void sharedBeginningsGiveTheScoresOfRequestsOnTheirOwn_inEveryArchitecture(String fixture) {
    with(
        fixture,
        2,
        model -> {
          List<Request> requests = requests(model.vocabularySize(), 9);
          List<Variant> variants =
              variants(model).stream()
                  .filter(v -> v.transforms().isEmpty()) // whose last token is none of a request's
                  .toList();
          Score[][] scores = score(model, requests, variants);
          double worst = 0;
          for (int r = 0; r < requests.size(); r++) {
            Request request = requests.get(r);
            int length = request.tokens().length;
            if (!model.sharesPrefix(length - 1, length)) {
              continue; // the model reads all tokens but the last, and one more changes its ropes
            }
            PassResult alone =
                model.forward(List.of(request.tokens()), variants, List.of(), Head.SCORE);
            for (int v = 0; v < variants.size(); v++) {
              Score score = scores[v][r];
              Score own = expected(request, alone, v);
              worst = Math.max(worst, Math.abs(score.logProbability() - own.logProbability()));
              assertThat(score.squares())
                  .isCloseTo(own.squares(), within(TOLERANCE * (1 + own.squares())));
              assertThat(score.greedy()).isEqualTo(own.greedy());
            }
          }
          System.out.printf(Locale.ROOT, "%-18s shared − alone %.1e nats%n", fixture, worst);
          assertThat(worst).isLessThanOrEqualTo(TOLERANCE);
        });
  }

  @Test
  void aVariantScoresTheSameBitsAloneAndBesideOthers() {
    with(
        "llama3-gqa-bf16",
        2,
        model -> {
          List<Request> requests = requests(model.vocabularySize(), 12);
          List<Variant> variants = variants(model);
          Score[][] together = score(model, requests, variants);
          for (int v = 0; v < variants.size(); v++) {
            Score[][] alone = score(model, requests, List.of(variants.get(v)));
            assertThat(together[v]).as(variants.get(v).name()).isEqualTo(alone[0]);
            if (v > 0) {
              assertThat(together[v]).as("changes").isNotEqualTo(together[0]);
            }
          }
        });
  }

  @Test
  void theBitsDoNotDependOnTheNumberOfThreads() {
    List<Score[][]> runs = new ArrayList<>();
    for (int threads : new int[] {1, 2, 3}) {
      with(
          "gemma2",
          threads,
          model -> {
            runs.add(score(model, requests(model.vocabularySize(), 12), variants(model)));
          });
    }
    assertThat(runs.get(1)).isDeepEqualTo(runs.get(0));
    assertThat(runs.get(2)).isDeepEqualTo(runs.get(0));
  }

  @Test
  void whatAnInterruptedRunLeftOutGetsTheScoresOfAnUninterruptedOne() {
    with(
        "qwen3",
        2,
        model -> {
          List<Request> requests = requests(model.vocabularySize(), 400);
          List<Variant> variants = List.of(Variant.INTACT, many(model, 20));
          Scorer scorer = new Scorer(model);
          List<int[]> batches = scorer.batches(requests);
          assertThat(batches).hasSizeGreaterThan(2);
          Score[][] whole = score(scorer, requests, batches, variants);

          Score[][] pieces = new Score[variants.size()][requests.size()];
          List<int[]> done = new ArrayList<>();
          Scorer.Sink sink =
              (batch, scores) -> {
                done.add(batch);
                for (int v = 0; v < variants.size(); v++) {
                  for (int i = 0; i < batch.length; i++) {
                    pieces[v][batch[i]] = scores[v][i];
                  }
                }
                if (done.size() == 1) {
                  Thread.currentThread().interrupt();
                }
              };
          assertThatThrownBy(() -> scorer.score(requests, batches, variants, sink))
              .isInstanceOf(CancellationException.class);
          Thread.interrupted();
          assertThat(done).hasSize(1);
          // Another scorer takes up what is left, in another order and with the variants one by
          // one.
          List<int[]> left = new ArrayList<>(batches.subList(1, batches.size())).reversed();
          for (int v : new int[] {1, 0}) {
            Score[][] own = score(new Scorer(model), requests, left, List.of(variants.get(v)));
            for (int[] batch : left) {
              for (int r : batch) {
                pieces[v][r] = own[0][r];
              }
            }
          }
          assertThat(pieces).isDeepEqualTo(whole);
        });
  }

  @Test
  void batchesAreMadeOfConsecutiveRequests_soThatMoreDocumentsChangeNoneButTheLast() {
    with(
        "llama1-mha",
        1,
        model -> {
          Scorer scorer = new Scorer(model);
          List<Request> all = requests(model.vocabularySize(), 900);
          List<Request> limited = all.stream().filter(r -> r.document() < 500).toList();
          List<int[]> batches = scorer.batches(all);
          List<int[]> ofLimited = scorer.batches(limited);
          assertThat(batches.stream().flatMapToInt(Arrays::stream))
              .containsExactlyElementsOf(IntStream.range(0, all.size()).boxed().toList());
          assertThat(ofLimited.size()).isGreaterThan(2);
          for (int b = 0; b < ofLimited.size() - 1; b++) {
            assertThat(ofLimited.get(b)).isEqualTo(batches.get(b));
          }
        });
  }

  @Test
  void windowsThatBeginWithTheSameTokenAreNotHeldTogether() {
    with(
        "llama1-mha",
        2,
        model -> {
          Random random = new Random(4);
          List<Request> windows = new ArrayList<>();
          for (int w = 0; w < 30; w++) {
            int[] tokens = random.ints(500, 0, model.vocabularySize()).toArray();
            tokens[0] = 1;
            windows.add(new Request(0, w, tokens, 250));
          }
          List<int[]> batches = new Scorer(model).batches(windows);
          assertThat(batches).hasSize(4);
          Score[] scores = score(model, windows, List.of(Variant.INTACT))[0];
          for (int w : new int[] {0, 29}) {
            PassResult alone =
                model.forward(
                    List.of(windows.get(w).tokens()),
                    List.of(Variant.INTACT),
                    List.of(),
                    Head.SCORE);
            assertThat(scores[w].logProbability())
                .isCloseTo(expected(windows.get(w), alone, 0).logProbability(), within(1e-3));
          }
        });
  }

  @Test
  void aWindowOfAllPositionsHasOneMoreTokenThanTheModelReads() {
    with(
        "opt",
        2,
        model -> {
          int[] tokens = new int[model.maxPositions() + 1];
          Arrays.setAll(tokens, t -> t % model.vocabularySize());
          List<Request> longest = List.of(new Request(0, 0, tokens, 1));
          assertThat(score(model, longest, List.of(Variant.INTACT))[0][0].logProbability())
              .isNegative();
          Request longer = new Request(0, 0, Arrays.copyOf(tokens, tokens.length + 1), 1);
          assertThatThrownBy(() -> score(model, List.of(longer), List.of(Variant.INTACT)))
              .hasMessageContaining("give a shorter text");
        });
  }

  @Test
  void aRequestOfWhichNothingIsScoredCostsNoPass() {
    with(
        "llama1-mha",
        2,
        model -> {
          List<Request> requests =
              List.of(
                  new Request(0, 0, new int[] {5}, 1), new Request(1, 0, new int[] {5, 6, 7}, 3));
          assertThat(score(model, requests, List.of(Variant.INTACT))[0])
              .containsExactly(new Score(0, 0, true), new Score(0, 0, true));
        });
  }

  @Test
  void manyEditsOfAMatrixGiveWhatFewAtATimeGive_forStoredTypesAndPrecisions() {
    // Ten rows in 50 tokens are computed again one by one, the same rows in 100 with a copy.
    for (String fixture : List.of("llama1-mha", "llama-f16", "llama3-gqa-bf16", "gpt2")) {
      with(
          fixture,
          2,
          model -> {
            int[] tokens = new Random(8).ints(100, 0, model.vocabularySize()).toArray();
            List<ScalarEdit> edits = new ArrayList<>();
            for (int r = 0; r < 10; r++) {
              edits.add(new ScalarEdit(new Coordinate("layers.1.mlp.down", 5 * r, 7 * r), 3.3f));
            }
            Variant variant = new Variant("ten rows", edits, List.of());
            Request longer = new Request(0, 0, tokens, 1);
            Request shorter = new Request(0, 0, Arrays.copyOf(tokens, 50), 1);
            Request same = new Request(0, 0, tokens, 1);
            double ofLonger = 0;
            PassResult pass =
                model.forward(List.of(tokens), List.of(variant), List.of(), Head.SCORE);
            for (int t = 1; t < 50; t++) {
              ofLonger += pass.logProbabilities()[0][0][t - 1];
            }
            Score few = score(model, List.of(shorter), List.of(variant))[0][0];
            assertThat(few.logProbability()).isCloseTo(ofLonger, within(TOLERANCE));
            Score intact = score(model, List.of(shorter), List.of(Variant.INTACT))[0][0];
            assertThat(Math.abs(intact.logProbability() - few.logProbability()))
                .isGreaterThan(1e-2);
            assertThat(score(model, List.of(longer), List.of(variant)))
                .isDeepEqualTo(score(model, List.of(same), List.of(variant)));
          });
    }
  }
}
