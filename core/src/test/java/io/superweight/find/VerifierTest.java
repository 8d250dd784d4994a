package io.superweight.find;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class VerifierTest {
  private static final Coordinate A = Coordinate.down(1, 161, 288);
  private static final Coordinate B = Coordinate.down(1, 161, 495);
  private static final Coordinate C = Coordinate.down(1, 161, 613);

  /** Little text, so that the test is quick; the defaults are for {@code find}. */
  private static final VerifyOptions QUICK =
      VerifyOptions.defaults().withEffort(0.01).withLoopPrompts(0);

  /** Text that is written as numbers is its own token ids. */
  private record Numbers(int vocabularySize) implements Tokenizer {
    @Override
    public String description() {
      return "numbers";
    }

    @Override
    public int[] encode(String text) {
      return Arrays.stream(text.split("\\D+"))
          .filter(s -> !s.isEmpty())
          .mapToInt(s -> Integer.parseInt(s) % vocabularySize)
          .toArray();
    }

    @Override
    public OptionalInt bos() {
      return OptionalInt.empty();
    }

    @Override
    public boolean addsBos() {
      return false;
    }

    @Override
    public String decode(int... ids) {
      return Arrays.stream(ids).mapToObj(String::valueOf).collect(Collectors.joining(" "));
    }

    @Override
    public void close() {}
  }

  private static void with(Path folder, BiConsumer<Transformer, Tokenizer> use) {
    try (Checkpoint checkpoint = Checkpoints.open(folder);
        Device device = CpuDevice.create();
        Transformer model = Transformer.load(checkpoint, device);
        Tokenizer tokenizer = Tokenizers.forDirectory(folder)) {
      use.accept(model, tokenizer);
    }
  }

  private static Path books() {
    return Fixtures.project()
        .resolve("models/books-12m/src/main/resources/io/superweight/models/books-12m");
  }

  @Test
  void threeWeightsThatAreSlightAloneAreASuperWeightTogether() {
    Coordinate other = Coordinate.down(6, 161, 3);
    with(
        books(),
        (model, tokenizer) -> {
          AtomicInteger reads = new AtomicInteger();
          model.listener((layer, layers) -> reads.addAndGet(layer == 0 ? 1 : 0));
          Verification v =
              Verifier.verify(
                  model,
                  tokenizer,
                  List.of(
                      new VerifyTarget("the set", List.of(A, B, C), true),
                      new VerifyTarget("an ordinary weight", List.of(other), false)),
                  QUICK);
          assertThat(v.refusal()).isEmpty();
          assertThat(v.intact().perplexity()).isLessThan(v.intact().unigramPerplexity() / 5);
          SetVerdict set = v.sets().getFirst();
          assertThat(set.verdict()).isEqualTo(Verdict.SUPER_WEIGHT);
          assertThat(set.joint().perplexityRatio().low()).isGreaterThan(2.3);
          assertThat(set.joint().divergence().low()).isGreaterThan(0.5);
          assertThat(set.needed()).containsExactly(A, B, C);
          for (MemberVerdict member : set.memberVerdicts()) {
            assertThat(member.verdict()).isEqualTo(Verdict.SUPER_WEIGHT);
            assertThat(member.alone().perplexityRatio().high()).isLessThan(1.5);
            assertThat(member.needed()).isTrue();
            assertThat(member.sentence()).contains("part of the super weight");
          }
          ControlSummary random = set.controls().getFirst();
          assertThat(random.kind()).isEqualTo(ControlSummary.Kind.RANDOM);
          assertThat(random.zeroedAtOnce()).isEqualTo(3);
          assertThat(random.effects()).hasSizeGreaterThanOrEqualTo(3);
          assertThat(random.highestRatio()).isLessThanOrEqualTo(1.01);
          assertThat(random.effects())
              .allSatisfy(e -> assertThat(e.zeroed()).doesNotContain(A, B, C, other).hasSize(3));

          // A constant in its place is as good: it annotates, the verdict stays.
          MeanReplacement mean = set.meanReplacement().orElseThrow();
          assertThat(mean.constantBias()).isTrue();
          assertThat(mean.effect().perplexityRatio().high()).isLessThan(1.02);
          assertThat(mean.constants())
              .allSatisfy(c ->
                  assertThat(Math.abs(c.atSinks())).isGreaterThan(50 * Math.abs(c.elsewhere())));

          ContinuationCase text = set.continuation().orElseThrow();
          assertThat(text.prompt()).isEqualTo("Summer is hot. Winter is");
          assertThat(text.promptIds().getFirst()).isEqualTo(1); // BOS
          assertThat(text.intactTop()).hasSize(5).isNotEqualTo(text.zeroedTop());
          assertThat(text.intactText()).isNotBlank().isNotEqualTo(text.zeroedText());

          SetVerdict ordinary = v.sets().getLast();
          assertThat(ordinary.verdict()).isEqualTo(Verdict.PROMINENT_BUT_HARMLESS);
          assertThat(ordinary.continuation()).isEmpty();
          assertThat(v.superWeights()).containsExactly(A, B, C);

          // Without BOS this model has no super activation: shown, and no verdict of its own.
          assertThat(v.protocol().bosAdded()).isTrue();
          Verification.OtherPolicy without = v.otherPolicy().orElseThrow();
          assertThat(without.bosAdded()).isFalse();
          assertThat(without.intact().perplexity()).isGreaterThan(v.intact().perplexity());
          assertThat(without.joint().getFirst().perplexityRatio().high()).isLessThan(1.1);
          assertThat(v.protocol().passes()).isEqualTo(1);
          // Means, both BOS policies and the next word go along; greedy text is counted apart.
          assertThat(reads).hasValue(1);
        });
  }

  @Test
  void aSearchTellsHowLongAProofTakesAtLeast() {
    with(
        books(),
        (model, tokenizer) -> {
          FindResult found =
              Finder.find(model, List.of(Prompt.of(1, 35, 431)), FindOptions.DEFAULT);
          FindResult slow = found.withCost(new Cost(2, 52_000_000_000L, 32, 48));
          assertThat(Verifier.leastSeconds(slow)).isEqualTo(60 * 24 / 8.0);
        });
  }

  @Test
  void theTextbookSignatureOfTheHarmlessTwinIsHarmless() {
    Coordinate prominent = Coordinate.down(1, 234, 17);
    with(
        Fixtures.path("models/books-12m-harmless"),
        (model, tokenizer) -> {
          List<VerifyTarget> targets =
              List.of(new VerifyTarget("the candidate", List.of(prominent), true));
          Verification v = Verifier.verify(model, tokenizer, targets, QUICK.withOtherPolicy(false));
          assertThat(v.sets().getFirst().verdict()).isEqualTo(Verdict.PROMINENT_BUT_HARMLESS);
          assertThat(v.sets().getFirst().joint().perplexityRatio().estimate()).isBetween(1.0, 1.08);
          assertThat(v.superWeights()).isEmpty();
          assertThat(v.otherPolicy()).isEmpty();
          // The same question has the same answer, to the bit.
          Verification again =
              Verifier.verify(model, tokenizer, targets, QUICK.withOtherPolicy(false));
          assertThat(again.sets()).isEqualTo(v.sets());
        });
  }

  @Test
  void aModelThatKnowsNothingOfTheTextIsNotJudged() {
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.path("hf-tiny/qwen2"));
        Device device = CpuDevice.create();
        Transformer model = Transformer.load(checkpoint, device)) {
      SplittableRandom random = new SplittableRandom(1);
      List<String> documents =
          IntStream.range(0, 20)
              .mapToObj(d ->
                  random.ints(60, 0, 20).mapToObj(String::valueOf).collect(Collectors.joining(" ")))
              .toList();
      Verification v =
          Verifier.verify(
              model,
              new Numbers(model.vocabularySize()),
              List.of(new VerifyTarget("a weight", List.of(Coordinate.down(0, 1, 2)), true)),
              VerifyOptions.defaults().withText(new VerificationText("numbers", documents)));
      assertThat(v.refusal().orElseThrow()).contains("no better than plain token frequencies");
      assertThat(v.sets().getFirst().verdict()).isEqualTo(Verdict.REFUSED);
      assertThat(v.superWeights()).isEmpty();
    }
  }

  @Test
  void textThatIsTooShortAndWeightsThatAreNotThereAreErrors() {
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.path("hf-tiny/qwen2"));
        Device device = CpuDevice.create();
        Transformer model = Transformer.load(checkpoint, device)) {
      Tokenizer tokenizer = new Numbers(model.vocabularySize());
      List<VerifyTarget> targets =
          List.of(new VerifyTarget("a weight", List.of(Coordinate.down(0, 1, 2)), true));
      assertThatThrownBy(() ->
              Verifier.verify(
                  model,
                  tokenizer,
                  targets,
                  VerifyOptions.defaults()
                      .withText(new VerificationText("short.txt", List.of("1 2 3")))))
          .isInstanceOfSatisfying(
              InputException.class, e -> assertThat(e.kind()).isEqualTo(InputException.Kind.TEXT))
          .hasMessageContaining("short.txt is too short");
      assertThatThrownBy(() ->
              Verifier.verify(
                  model, tokenizer, targets, VerifyOptions.defaults().withBos(BosPolicy.ALWAYS)))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("no BOS token");
      assertThatThrownBy(() ->
              Verifier.verify(
                  model,
                  tokenizer,
                  List.of(new VerifyTarget("none", List.of(Coordinate.down(99, 0, 0)), false)),
                  VerifyOptions.defaults()))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("layers.99");
    }
  }

  @Test
  void windowsTakeTheFirstStretchOfEachDocumentBeforeTheSecondAndHoldSomeOut() {
    List<String> documents =
        IntStream.range(0, 24)
            .mapToObj(d ->
                IntStream.range(0, 70)
                    .mapToObj(i -> String.valueOf(100 * d + i))
                    .collect(Collectors.joining(" ")))
            .toList();
    Windows windows =
        Windows.of(
            new VerificationText("numbers", documents), new Numbers(1 << 20), BosPolicy.AUTO, 32);
    assertThat(windows.heldOut()).hasSize(6).allMatch(w -> w.unit() % 8 == 7);
    assertThat(windows.scored()).hasSize(42); // 21 documents, two windows each; the rest too short
    assertThat(windows.scored().stream().limit(21).map(Windows.Window::unit))
        .doesNotHaveDuplicates();
    assertThat(windows.scored().get(21).ids()[0]).isEqualTo(32);
  }

  @Test
  void thePlanDependsOnModelAndQuestionAloneAndShrinksWithTheEffort() {
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.path("hf-tiny/mixtral-moe"));
        Device device = CpuDevice.create();
        Transformer model = Transformer.load(checkpoint, device)) {
      VerifyTarget early =
          new VerifyTarget("early", List.of(Coordinate.expertDown(0, 0, 1, 2)), true);
      VerifyTarget late =
          new VerifyTarget(
              "late", List.of(Coordinate.expertDown(model.layers() - 1, 0, 1, 2)), true);
      VerifyOptions options = VerifyOptions.defaults();
      VerifyPlan rich = VerifyPlan.of(model, List.of(early), options);
      assertThat(VerifyPlan.of(model, List.of(early), options)).isEqualTo(rich);
      assertThat(rich.controlDraws()).isEqualTo(8);
      assertThat(VerifyPlan.of(model, List.of(late), options).multiplyAdds())
          .isLessThan(rich.multiplyAdds());
      VerifyPlan poor = VerifyPlan.of(model, List.of(early), options.withEffort(1e-9));
      assertThat(poor.controlDraws()).isEqualTo(3);
      assertThat(poor.windows()).isLessThan(rich.windows());
      assertThat(poor.seconds(poor.multiplyAdds() / 7)).isEqualTo(7);
      assertThat(Verifier.speed(model)).isPositive();
    }
  }
}
