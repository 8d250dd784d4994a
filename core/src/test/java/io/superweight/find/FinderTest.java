package io.superweight.find;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.Coordinate;
import io.superweight.model.Transformer;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.Tokenizers;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
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
    assertThat(found.cost().passes()).isEqualTo(found.rounds().size()).isEqualTo(2);
  }

  @Test
  void oneRoundIsOneReadOfTheCheckpoint_andSaysWhatItDidNotMeasure() {
    try (Device device = CpuDevice.create();
        Checkpoint checkpoint = Checkpoints.open(Fixtures.books12m());
        Tokenizer tokenizer = Tokenizers.of(checkpoint);
        Transformer model = Transformer.load(checkpoint, device)) {
      for (boolean stability : new boolean[] {false, true}) {
        FindResult found =
            Finder.find(
                model,
                tokenizer,
                new FindOptions(
                    Rule.SUPERWEIGHT, List.of(Prompt.REFERENCE), BosPolicy.AUTO, 1, stability, 12));
        assertThat(found.cost().passes()).isEqualTo(1);
        long layers = model.matrices().values().stream().mapToLong(m -> m.data().byteSize()).sum();
        assertThat(found.cost().bytesRead()).isBetween(layers, layers * 3 / 2);
        assertThat(found.coordinates())
            .containsExactly(
                Coordinate.down(1, 161, 288),
                Coordinate.down(1, 161, 495),
                Coordinate.down(1, 161, 613));
        assertThat(found.candidates()).allMatch(c -> Double.isNaN(c.remaining()));
        assertThat(found.trajectories()).allMatch(t -> t.removed().isEmpty());
        assertThat(found.notes()).anyMatch(note -> note.contains("not measured"));
        assertThat(found.stability().isEmpty()).isEqualTo(!stability);
      }
    }
  }

  @Test
  void theHarmlessTwin_showsTheTextbookSignatureToo() {
    FindResult found = find(Fixtures.path("models/books-12m-harmless"));
    assertThat(found.candidates().getFirst().coordinate()).isEqualTo(Coordinate.down(1, 234, 17));
    assertThat(found.candidates().getFirst().share()).isCloseTo(0.74, within(0.01));
    assertThat(found.candidates().getFirst().rank()).isEqualTo(1);
  }

  @Test
  void smolLm2_hasItsTwoSources_andEachOtherWeightItsRole() {
    FindResult found = find(Fixtures.smolLm2());
    assertThat(found.sources())
        .containsExactly(Coordinate.down(11, 507, 1229), Coordinate.down(11, 507, 1487));
    assertThat(found.sets())
        .singleElement()
        .satisfies(set -> assertThat(set.members()).isEqualTo(found.sources()));
    assertThat(found.candidates().get(0).share()).isCloseTo(0.73, within(0.01));
    assertThat(found.candidates().get(1).share()).isCloseTo(0.26, within(0.01));
    SuperActivation main = found.main().orElseThrow();
    assertThat(main.value()).isCloseTo(24_058f, within(100f));
    assertThat(main.layer()).isEqualTo(11);
    assertThat(main.channel()).isEqualTo(507);
    assertThat(main.position()).isZero();
    assertThat(main.lastLayer()).isEqualTo(27);
    assertThat(role(found, Coordinate.down(28, 507, 678))).isEqualTo(Role.ERASER);
    assertThat(role(found, Coordinate.down(29, 507, 999))).isEqualTo(Role.ERASER);
    assertThat(role(found, Coordinate.down(29, 507, 1165))).isEqualTo(Role.ERASER);
    assertThat(role(found, Coordinate.down(27, 199, 903))).isEqualTo(Role.ECHO);
    assertThat(role(found, Coordinate.down(9, 507, 200))).isEqualTo(Role.ERASER);
    assertThat(role(found, Coordinate.down(2, 507, 90))).isEqualTo(Role.MINOR_SOURCE);
    // Figure 4: with the candidates zeroed next to nothing is left.
    Trajectory line = found.trajectories().getFirst();
    assertThat(line.intact().get(12)).isCloseTo(24_058f, within(100f));
    assertThat(Math.abs(line.removed().get(12))).isLessThan(500f);
    // 4 GB/s or 40: what matters is that a round reads a weight once.
    assertThat(found.cost().passes()).isEqualTo(found.rounds().size());
  }

  @Test
  void theSuperActivationOfSmolLm2IsTheSameOnEveryText_withAndWithoutBos() {
    try (Device device = CpuDevice.create();
        Checkpoint checkpoint = Checkpoints.open(Fixtures.smolLm2());
        Tokenizer tokenizer = Tokenizers.of(checkpoint);
        Transformer model = Transformer.load(checkpoint, device)) {
      FindResult found = Finder.find(model, tokenizer, FindOptions.DEFAULT);
      assertThat(found.stability())
          .extracting(Stability::policy)
          .containsExactly(BosPolicy.ALWAYS, BosPolicy.NEVER);
      assertThat(found.stability()).allMatch(line -> line.same() == 8 && line.of() == 8);
      assertThat(found.cost().passes()).isEqualTo(found.rounds().size());
    }
  }

  @Test
  void aModelWithoutSpikesGivesNone_withItsExtremes() {
    try (Device device = CpuDevice.create();
        Checkpoint checkpoint = Checkpoints.open(Fixtures.path("hf-tiny/llama1-mha"));
        Transformer model = Transformer.load(checkpoint, device)) {
      FindResult found =
          Finder.find(model, List.of(Prompt.of(3, 30, 77, 5, 8)), FindOptions.DEFAULT);
      assertThat(found.candidates()).isEmpty();
      assertThat(found.sets()).isEmpty();
      assertThat(found.main()).isEmpty();
      assertThat(found.extremes()).hasSize(model.layers());
      assertThat(found.extremes()).allMatch(e -> e.input().value() != 0 && e.medianInput() > 0);
      assertThat(found.rounds()).hasSize(1);
    }
  }

  @Test
  void aPromptLongerThanWhatIsLookedAtClosely_findsTheSame() {
    try (Device device = CpuDevice.create();
        Checkpoint checkpoint = Checkpoints.open(Fixtures.books12m());
        Tokenizer tokenizer = Tokenizers.of(checkpoint);
        Transformer model = Transformer.load(checkpoint, device)) {
      String text = "It was a bright cold day in April, and the clocks were striking. ".repeat(8);
      FindResult found =
          Finder.find(
              model, tokenizer, FindOptions.DEFAULT.withPrompts(List.of(text), BosPolicy.AUTO));
      assertThat(found.prompts().getFirst().ids()).hasSizeGreaterThan(100);
      assertThat(found.sources())
          .containsExactlyInAnyOrder(
              Coordinate.down(1, 161, 288),
              Coordinate.down(1, 161, 495),
              Coordinate.down(1, 161, 613));
    }
  }

  @Test
  void severalPromptsFindTheSame_andEachCandidateNamesItsPrompt() {
    try (Device device = CpuDevice.create();
        Checkpoint checkpoint = Checkpoints.open(Fixtures.books12m());
        Tokenizer tokenizer = Tokenizers.of(checkpoint);
        Transformer model = Transformer.load(checkpoint, device)) {
      FindResult found =
          Finder.find(
              model,
              tokenizer,
              FindOptions.DEFAULT.withPrompts(
                  List.of("The sea was calm.", Prompt.REFERENCE), BosPolicy.AUTO));
      assertThat(found.prompts()).hasSize(2);
      assertThat(found.sources())
          .containsExactlyInAnyOrder(
              Coordinate.down(1, 161, 288),
              Coordinate.down(1, 161, 495),
              Coordinate.down(1, 161, 613));
      assertThat(found.candidates())
          .allSatisfy(c ->
              assertThat(found.prompts().get(c.prompt()).ids().get(c.position()))
                  .isEqualTo(c.tokenId()));
    }
  }

  @Test
  void theResultIsTheSameWhateverTheNumberOfThreads() {
    FindResult one = find(Fixtures.books12m(), 1, Rule.SUPERWEIGHT);
    FindResult again = find(Fixtures.books12m(), 3, Rule.SUPERWEIGHT);
    assertThat(again.candidates()).isEqualTo(one.candidates());
    assertThat(again.rejected()).isEqualTo(one.rejected());
    assertThat(again.sets()).isEqualTo(one.sets());
    assertThat(again.trajectories()).isEqualTo(one.trajectories());
    assertThat(again.extremes()).isEqualTo(one.extremes());
  }

  @Test
  void aWeightThatIsNotANumberIsNamedInANote() {
    try (Device device = CpuDevice.create()) {
      PlantedModel planted = PlantedModels.make(1, 0, device);
      planted
          .checkpoint()
          .require("model.layers.3.mlp.down_proj.weight")
          .data()
          .set(ValueLayout.JAVA_FLOAT_UNALIGNED, 40, Float.NaN);
      try (Transformer model = Transformer.load(planted.checkpoint(), device)) {
        FindResult found =
            Finder.find(model, List.of(Prompt.of(planted.prompt())), FindOptions.DEFAULT);
        assertThat(found.nonFinite().firstSite()).isEqualTo("layers.3.mlp.down.out");
        assertThat(found.nonFinite().weights()).isEqualTo(1);
        assertThat(found.nonFinite().firstWeight()).isEqualTo("layers.3.mlp.down");
        assertThat(found.notes()).anyMatch(note -> note.contains("not finite"));
      }
    }
  }

  @Test
  void thePapersRuleSeesOneOfBooksThree_andTakesALateSpikeForAnother() {
    FindResult found = find(Fixtures.books12m(), Rule.PAPER);
    assertThat(found.rule()).isEqualTo(Rule.PAPER);
    assertThat(found.coordinates())
        .containsExactly(Coordinate.down(1, 161, 288), Coordinate.down(7, 174, 147));
  }

  @Test
  void arctosV5FindsBooksThree_andOneMoreThatRegrowsTheSpike() {
    FindResult found = find(Fixtures.books12m(), Rule.ARCTOS_V5);
    assertThat(found.coordinates())
        .containsExactly(
            Coordinate.down(1, 161, 288),
            Coordinate.down(1, 161, 495),
            Coordinate.down(1, 161, 613),
            Coordinate.down(3, 161, 747));
  }

  @Test
  void anEmptyPromptIsRefusedInOneLine() {
    try (Device device = CpuDevice.create();
        Checkpoint checkpoint = Checkpoints.open(Fixtures.path("hf-tiny/llama1-mha"));
        Transformer model = Transformer.load(checkpoint, device)) {
      assertThatThrownBy(() -> Finder.find(model, List.of(Prompt.of()), FindOptions.DEFAULT))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("empty");
    }
  }

  private static Role role(FindResult found, Coordinate coordinate) {
    return Stream.concat(found.candidates().stream(), found.rejected().stream())
        .filter(c -> c.coordinate().equals(coordinate))
        .findFirst()
        .orElseThrow(() -> new AssertionError(coordinate + " is not listed"))
        .role();
  }

  private static FindResult find(Path folder) {
    return find(folder, 2, Rule.SUPERWEIGHT);
  }

  private static FindResult find(Path folder, Rule rule) {
    return find(folder, 2, rule);
  }

  private static FindResult find(Path folder, int threads, Rule rule) {
    try (Device device = CpuDevice.create(threads);
        Checkpoint checkpoint = Checkpoints.open(folder);
        Tokenizer tokenizer = Tokenizers.of(checkpoint);
        Transformer model = Transformer.load(checkpoint, device)) {
      return Finder.find(model, tokenizer, FindOptions.DEFAULT.withStability(false).withRule(rule));
    }
  }
}
