package io.superweight.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.edit.EditedModel;
import io.superweight.evaluate.Evaluation;
import io.superweight.evaluate.Metric;
import io.superweight.evaluate.Protocol;
import io.superweight.evaluate.Request;
import io.superweight.evaluate.Score;
import io.superweight.evaluate.Scorer;
import io.superweight.model.Coordinate;
import io.superweight.model.ScalarEdit;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import java.util.concurrent.CancellationException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SweepTest {
  @TempDir Path folder;
  private Device device;
  private Checkpoint checkpoint;
  private Transformer model;
  private int layersRun;

  @BeforeEach
  void aTinyModel() {
    device = CpuDevice.create(2);
    checkpoint = Checkpoints.open(Fixtures.path("hf-tiny/llama1-mha"));
    model = Transformer.load(checkpoint, device);
    model.listener((layer, layers) -> layersRun++);
  }

  @AfterEach
  void close() {
    Thread.interrupted();
    model.close();
    checkpoint.close();
    device.close();
  }

  private static EditedModel edited(double factor) {
    Coordinate weight = Coordinate.down(0, 3, 4);
    return new EditedModel(
        "× " + factor,
        weight + "×" + factor,
        new Variant("edited", List.of(new ScalarEdit(weight, (float) factor)), List.of()));
  }

  private static final List<EditedModel> MODELS =
      List.of(EditedModel.ORIGINAL, edited(0), edited(40), edited(-7));

  /** Random tokens: two choices a document, the first of which is right; or their perplexity. */
  private record Made(String name, int documents, boolean choices) implements Evaluation {
    @Override
    public Protocol protocol() {
      return new Protocol(
          "made", "", "random tokens", List.of(), List.of(), "none", 9, documents, documents);
    }

    @Override
    public List<Request> requests() {
      SplittableRandom random = new SplittableRandom(name.hashCode());
      List<Request> requests = new ArrayList<>();
      for (int d = 0; d < documents; d++) {
        for (int part = 0; part < 2; part++) {
          requests.add(new Request(d, part, random.ints(random.nextInt(3, 9), 3, 60).toArray(), 2));
        }
      }
      return requests;
    }

    @Override
    public List<Metric> metrics(List<Score> scores) {
      double[] sums = new double[documents];
      double[] weights = new double[documents];
      List<Request> requests = requests();
      for (int d = 0; d < documents; d++) {
        double a = scores.get(2 * d).logProbability();
        double b = scores.get(2 * d + 1).logProbability();
        sums[d] = !choices ? -a - b : a > b ? 1 : 0;
        weights[d] = choices ? 1 : requests.get(2 * d).scored() + requests.get(2 * d + 1).scored();
      }
      return List.of(
          new Metric(
              choices ? "acc" : "perplexity",
              choices ? Metric.Link.IDENTITY : Metric.Link.EXP,
              sums,
              weights,
              OptionalDouble.empty(),
              OptionalDouble.empty(),
              choices));
    }
  }

  private static final List<Evaluation> EVALUATIONS =
      List.of(new Made("choices", 50, true), new Made("text", 35, false));

  private SweepResult run(Sweep sweep, Path at) {
    layersRun = 0;
    try (ScoreStore store = ScoreStore.open(at)) {
      return sweep.run(model, store, SweepListener.NONE);
    }
  }

  /** All that it says, to the bit. */
  private static String text(SweepResult result) {
    StringBuilder text = new StringBuilder();
    for (SweepResult.Part part : result.parts()) {
      for (SweepResult.Row row : part.rows()) {
        text.append(part.name()).append(' ').append(row.model().label()).append(' ');
        text.append(row.metrics().stream().map(Metric::value).toList());
        text.append(row.comparisons()).append(row.scores()).append('\n');
      }
    }
    return text.toString();
  }

  @Test
  void whereverASweepEndedTheNextOneGivesTheSameToTheBit() throws IOException {
    Sweep sweep = new Sweep(MODELS, EVALUATIONS);
    String once = text(run(sweep, folder.resolve("once")));
    byte[] whole = Files.readAllBytes(folder.resolve("once/scores.txt"));
    SplittableRandom random = new SplittableRandom(4);
    for (int trial = 0; trial < 6; trial++) {
      Path at = Files.createDirectories(folder.resolve("trial" + trial));
      Files.write(at.resolve("scores.txt"), Arrays.copyOf(whole, random.nextInt(whole.length)));
      assertThat(text(run(sweep, at))).isEqualTo(once);
      try (ScoreStore store = ScoreStore.open(at)) {
        assertThat(store.size()).isEqualTo(4 * (100 + 70));
      }
    }
  }

  @Test
  void whatIsStoredIsNotComputedAgain() {
    Sweep sweep = new Sweep(MODELS, EVALUATIONS);
    String once = text(run(sweep, folder));
    assertThat(layersRun).isPositive();
    assertThat(text(run(sweep, folder))).isEqualTo(once);
    assertThat(layersRun).isZero();
    run(new Sweep(List.of(EditedModel.ORIGINAL, edited(3)), EVALUATIONS), folder);
    assertThat(layersRun).isPositive();
  }

  @Test
  void aThreadThatIsInterruptedLeavesAStoreThatIsGoneOnWith() {
    Sweep sweep = new Sweep(MODELS, EVALUATIONS);
    String once = text(run(sweep, folder.resolve("once")));
    Path at = folder.resolve("interrupted");
    try (ScoreStore store = ScoreStore.open(at)) {
      assertThatThrownBy(() ->
              sweep.run(
                  model,
                  store,
                  progress -> {
                    if (progress.scores() > 150) {
                      Thread.currentThread().interrupt();
                    }
                  }))
          .isInstanceOf(CancellationException.class);
      assertThat(store.size()).isBetween(150L, 679L);
    }
    Thread.interrupted();
    assertThat(text(run(sweep, at))).isEqualTo(once);
  }

  @Test
  void modelsScoredOneByOneOrTogetherGiveTheSameBits() {
    String together = text(run(new Sweep(MODELS, EVALUATIONS), folder.resolve("together")));
    assertThat(text(run(new Sweep(MODELS, EVALUATIONS, 1), folder.resolve("alone"))))
        .isEqualTo(together);
  }

  @Test
  void aStoredScoreThatThisMachineDoesNotRepeatIsAnErrorThatSaysSo() throws IOException {
    Sweep sweep = new Sweep(List.of(EditedModel.ORIGINAL), EVALUATIONS);
    run(sweep, folder.resolve("here"));
    // One score of the first batch, otherwise in its last digit.
    Path there = folder.resolve("there");
    try (ScoreStore here = ScoreStore.open(folder.resolve("here"));
        ScoreStore store = ScoreStore.open(there)) {
      Series series =
          here.series().stream()
              .filter(s -> s.evaluation().equals("choices"))
              .findFirst()
              .orElseThrow();
      List<Request> requests = EVALUATIONS.getFirst().requests();
      ScoreStore.Place place =
          ScoreStore.Place.of(requests, new Scorer(model).batches(requests).getFirst()).get(5);
      Score score = here.find(series, place).orElseThrow();
      store.append(
          List.of(
              new ScoreStore.Entry(
                  series,
                  place,
                  new Score(
                      Math.nextUp(score.logProbability()), score.squares(), score.greedy()))));
    }
    assertThatThrownBy(() -> run(sweep, there))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("document 2 of choices")
        .hasMessageContaining("computes otherwise");
  }

  @Test
  void differencesStandBesideTheOriginalOfTheSameDocuments() {
    SweepResult result = run(new Sweep(MODELS, EVALUATIONS), folder);
    SweepResult.Part text = result.part("text").orElseThrow();
    assertThat(text.rows().getFirst().comparisons()).allMatch(java.util.Optional::isEmpty);
    double original = text.rows().getFirst().metrics().getFirst().value();
    for (SweepResult.Row row : text.rows().subList(1, 4)) {
      Comparison comparison = row.comparisons().getFirst().orElseThrow();
      assertThat(comparison.kind()).isEqualTo(Comparison.Kind.RATIO);
      assertThat(comparison.estimate())
          .isCloseTo(row.metrics().getFirst().value() / original, within(1e-12));
      assertThat(comparison.interval().orElseThrow().contains(comparison.estimate())).isTrue();
      assertThat(comparison.better() + comparison.worse()).isLessThanOrEqualTo(35);
    }
    Comparison accuracy =
        result.part("choices").orElseThrow().rows().get(2).comparisons().getFirst().orElseThrow();
    assertThat(accuracy.kind()).isEqualTo(Comparison.Kind.DIFFERENCE);
    assertThat(accuracy.estimate())
        .isCloseTo((accuracy.better() - accuracy.worse()) / 50.0, within(1e-12));
  }

  @Test
  void anInfiniteScoreLeavesTheOtherNumbersAlone() {
    Evaluation evaluation = new Made("text", 4, false);
    List<Score> finite = IntStream.range(0, 8).mapToObj(i -> new Score(-1 - i, 1, false)).toList();
    List<Score> infinite = new ArrayList<>(finite);
    infinite.set(3, new Score(Double.NEGATIVE_INFINITY, 1, false));
    List<Score> none = new ArrayList<>(finite);
    none.set(3, new Score(Double.NaN, 1, false));
    SweepResult.Part part =
        SweepResult.Part.of(
            evaluation,
            List.of(EditedModel.ORIGINAL, edited(1), edited(2)),
            List.of(finite, infinite, none));
    Comparison comparison = part.rows().get(1).comparisons().getFirst().orElseThrow();
    assertThat(comparison.estimate()).isInfinite();
    assertThat(comparison.interval().orElseThrow().high()).isInfinite();
    assertThat(comparison.worse()).isEqualTo(1);
    assertThat(part.rows().get(2).comparisons().getFirst().orElseThrow().interval()).isEmpty();
  }

  @Test
  void moreDocumentsOfAnEvaluationComputeOnlyTheBatchesThatAreNew() {
    // 9,000 tokens of one request each: a batch of the tiny model takes 4,096.
    record Long(int documents) implements Evaluation {
      @Override
      public String name() {
        return "long";
      }

      @Override
      public Protocol protocol() {
        return new Protocol("made", "", "", List.of(), List.of(), "", 9, documents, 99);
      }

      @Override
      public List<Request> requests() {
        return IntStream.range(0, documents)
            .mapToObj(d -> new Request(d, 0, new SplittableRandom(d).ints(30, 3, 60).toArray(), 1))
            .toList();
      }

      @Override
      public List<Metric> metrics(List<Score> scores) {
        return List.of();
      }
    }
    run(new Sweep(List.of(EditedModel.ORIGINAL), List.of(new Long(300))), folder);
    int first = layersRun;
    run(new Sweep(List.of(EditedModel.ORIGINAL), List.of(new Long(310))), folder);
    assertThat(layersRun).isLessThan(first).isPositive();
    try (ScoreStore store = ScoreStore.open(folder)) {
      assertThat(store.size()).as("of the last batch again").isBetween(310L, 310L + 4096 / 29);
    }
  }

  @Test
  void anotherModelHasItsOwnSeries() {
    Sweep sweep = new Sweep(List.of(EditedModel.ORIGINAL), EVALUATIONS);
    run(sweep, folder);
    try (Checkpoint other = Checkpoints.open(Fixtures.path("hf-tiny/llama-f16"));
        Transformer transformer = Transformer.load(other, device);
        ScoreStore store = ScoreStore.open(folder)) {
      long before = store.size();
      sweep.run(transformer, store, SweepListener.NONE);
      assertThat(store.size()).isEqualTo(2 * before);
    }
  }

  @Test
  void onlyScoresThatAreKeptCostAReadOfTheWholeModel() {
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.path("hf-tiny/llama-f16"));
        ScoreStore kept = ScoreStore.open(folder);
        ScoreStore forgotten = ScoreStore.inMemory()) {
      assertThat(kept.modelOf(checkpoint)).isEqualTo(checkpoint.contents());
      assertThat(forgotten.modelOf(checkpoint)).isEqualTo(checkpoint.digest());
    }
  }

  @Test
  void progressEndsWithAllScoresAndNothingLeft() {
    List<SweepProgress> seen = new ArrayList<>();
    try (ScoreStore store = ScoreStore.inMemory()) {
      new Sweep(MODELS, EVALUATIONS).run(model, store, seen::add);
    }
    assertThat(seen.getFirst().scores()).isZero();
    assertThat(seen.getFirst().secondsLeft()).isEmpty();
    assertThat(seen).isSortedAccordingTo(java.util.Comparator.comparingLong(SweepProgress::scores));
    SweepProgress last = seen.getLast();
    assertThat(last.scores()).isEqualTo(last.ofScores()).isEqualTo(680);
    assertThat(last.tokens()).isEqualTo(last.ofTokens());
    assertThat(last.secondsLeft().orElseThrow()).isZero();
  }
}
