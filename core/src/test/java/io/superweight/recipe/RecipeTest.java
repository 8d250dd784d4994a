package io.superweight.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.find.VerificationText;
import io.superweight.model.Coordinate;
import io.superweight.model.Transformer;
import io.superweight.tensor.DType;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.Tokenizers;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RecipeTest {
  private static final List<Coordinate> SUPER_WEIGHTS =
      List.of(
          Coordinate.down(1, 161, 288), Coordinate.down(1, 161, 495), Coordinate.down(1, 161, 613));

  private static Recipe recipe(Tool tool, String budget) {
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.books12m());
        Device device = CpuDevice.create();
        Transformer model = Transformer.load(checkpoint, device);
        Tokenizer tokenizer = Tokenizers.of(checkpoint)) {
      return RecipeSearch.search(
          model,
          tokenizer,
          tool,
          new Budget(budget),
          SUPER_WEIGHTS,
          VerificationText.builtIn(),
          BosPolicy.AUTO,
          10,
          32,
          stage -> {});
    }
  }

  @Test
  void theMixTakesNoMoreThanTheStockMixWhoseSizeItWasGivenAndBeatsIt() {
    Recipe recipe = recipe(Tool.LLAMA_CPP, "Q4_K_M");
    assertThat(recipe.stock()).isEqualTo("Q4_K_M");
    assertThat(recipe.bytes()).isLessThanOrEqualTo(recipe.stockBytes());
    assertThat(recipe.verdict()).isEqualTo(Recipe.Verdict.GAIN);
    assertThat(recipe.difference().high()).isNegative();
    assertThat(recipe.lines())
        .allMatch(
            line -> line.text().matches("--tensor-type 'blk\\\\\\..*\\\\\\.\\w+\\\\\\.=\\w+'"))
        .anyMatch(line -> line.why().contains("super weights"));
    assertThat(recipe.modules()).hasSize(56).allMatch(m -> m.cost() >= 0);
    assertThat(recipe.modules().stream().mapToLong(Recipe.Module::bytes).sum())
        .isEqualTo(recipe.bytes());
  }

  @Test
  void whereNothingCanBeLiftedItSaysNoGain() {
    Recipe recipe = recipe(Tool.LLAMA_CPP, "Q4_0");
    assertThat(recipe.verdict()).isEqualTo(Recipe.Verdict.NO_GAIN);
    assertThat(recipe.difference().estimate()).isZero();
    assertThat(recipe.lines()).isEmpty();
  }

  @Test
  void projectionsThatAreFusedWhenRunAreLiftedTogether() {
    Recipe recipe = recipe(Tool.LLM_COMPRESSOR, "5.5");
    assertThat(recipe.modules()).hasSize(32);
    assertThat(recipe.modules().getFirst().parts()).hasSize(3).allMatch(p -> p.contains("attn."));
    assertThat(recipe.lines()).isNotEmpty().allMatch(l -> l.text().startsWith("ignore: \"re:"));
    assertThat(recipe.bits()).isLessThanOrEqualTo(5.5);
  }

  @Test
  void llamaCppLiftsTheLayersThatItsOwnQuantizerLifts() {
    // llama_model_quantize of SmolLM2-135M to Q4_K_M: ffn_down in Q6_K, attn_v in Q8_0 (Q6_K does
    // not divide its rows)
    List<Integer> lifted = List.of(0, 1, 2, 5, 8, 11, 14, 17, 20, 23, 26, 27, 28, 29);
    StockMix mix = StockMix.LlamaCpp.ALL.get(1);
    for (int i = 0; i < 30; i++) {
      boolean more = lifted.contains(i);
      assertThat(mix.coding("layers." + i + ".mlp.down", 30, 1536))
          .hasValue(new Coding.Gguf(more ? DType.Q6_K : DType.Q4_K));
      assertThat(mix.coding("layers." + i + ".attn.v", 30, 576))
          .hasValue(new Coding.Gguf(more ? DType.Q8_0 : DType.Q5_0));
      assertThat(mix.coding("layers." + i + ".attn.q", 30, 576))
          .hasValue(new Coding.Gguf(DType.Q5_0));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "4.5, 562",
    "90M, 90000000",
    "90 MB, 90000000",
    "1.5k, 1500",
    "100000, 100000",
    "2G, 2000000000",
    "32, 4000"
  })
  void aBudgetIsBitsAWeightOrBytes(String text, long bytes) {
    assertThat(new Budget(text).bytes(1000, name -> -1)).isEqualTo(bytes);
  }

  @ParameterizedTest
  @ValueSource(strings = {"2", "Q9_9", "-1", ""})
  void aBudgetThatCannotBeMetIsRefusedInOneLine(String budget) {
    assertThatThrownBy(() -> recipe(Tool.LLAMA_CPP, budget))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("--budget")
        .message()
        .doesNotContain("\n");
  }

  @Test
  void codingsReadBackWhatTheyStoreAgainTheSame() {
    Random random = new Random(8);
    float[] values = new float[3 * 256];
    IntStream.range(0, values.length).forEach(i -> values[i] = (float) random.nextGaussian());
    for (Coding coding :
        List.of(
            new Coding.Gguf(DType.Q4_0),
            new Coding.Gguf(DType.Q8_0),
            new Coding.Groups(4, 128),
            new Coding.Groups(8, 32),
            new Coding.Sixteen())) {
      float[] once = values.clone();
      coding.round(once, 256);
      double error =
          IntStream.range(0, values.length)
              .mapToDouble(i -> Math.abs(once[i] - values[i]))
              .max()
              .orElse(0);
      assertThat(error).isLessThan(coding.rowBytes(256) < 200 ? 0.4 : 0.02);
      assertThat(once).isEqualTo(rounded(coding, values));
    }
    assertThat(new Coding.Groups(4, 128).rowBytes(256)).isEqualTo(132);
    assertThat(new Coding.Gguf(DType.Q4_K).fits(320)).isFalse();
  }

  private static float[] rounded(Coding coding, float[] values) {
    float[] copy = values.clone();
    coding.round(copy, 256);
    return copy;
  }
}
