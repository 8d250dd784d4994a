package io.superweight.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.InputException;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Where a context ends, what is scored, what is cut off, and what stands first. */
class ContinuationRequestsTest {
  private static final int BOS = 1;
  private static final int EOS = 2;

  /** A character is a token, but "ab" and "abc" are one: 1000 and 1001. */
  private record Letters(boolean addsBos, boolean hasBos) implements Tokenizer {
    @Override
    public String description() {
      return "letters";
    }

    @Override
    public int vocabularySize() {
      return 2000;
    }

    @Override
    public int[] encode(String text) {
      List<Integer> ids = new ArrayList<>();
      for (int i = 0; i < text.length(); i++) {
        if (text.startsWith("abc", i)) {
          ids.add(1001);
          i += 2;
        } else if (text.startsWith("ab", i)) {
          ids.add(1000);
          i++;
        } else {
          ids.add((int) text.charAt(i));
        }
      }
      return ids.stream().mapToInt(Integer::intValue).toArray();
    }

    @Override
    public OptionalInt bos() {
      return hasBos ? OptionalInt.of(BOS) : OptionalInt.empty();
    }

    @Override
    public OptionalInt eos() {
      return OptionalInt.of(EOS);
    }

    @Override
    public String decode(int... ids) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void close() {}
  }

  private static EvaluationSettings settings(boolean addsBos, int maxLength) {
    return EvaluationSettings.of(new Letters(addsBos, true), "llama", maxLength);
  }

  private static Request of(EvaluationSettings settings, String context, String continuation) {
    return new ContinuationRequests(settings).of(0, 0, context, continuation);
  }

  @Test
  void whiteSpaceAtTheContextsEndIsScoredWithTheContinuation() {
    Request request = of(settings(false, 99), "x \u00a0", "y");

    assertThat(request.tokens()).containsExactly('x', ' ', 0xa0, 'y');
    assertThat(request.from()).isEqualTo(1);
  }

  @Test
  void theContinuationIsWhatBothHaveBeyondTheContextsTokensAlsoWhereTheContextIsNoPrefix() {
    // "xab" alone is x, ab; "xabc" is x, abc; so nothing but the rest is left to be scored.
    Request request = of(settings(false, 99), "xab", "cd");

    assertThat(request.tokens()).containsExactly('x', 1000, 'd');
    assertThat(request.from()).isEqualTo(2);
  }

  @Test
  void whereTheTokensTogetherAreNoMoreThanTheContextsNothingIsLeftAndItIsRefused() {
    assertThatThrownBy(() -> of(settings(false, 99), "xab", "c"))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("document 0 has a continuation of no tokens");
  }

  @Test
  void anEmptyContextIsBosElseEos() {
    assertThat(of(settings(false, 99), "", " y").tokens()).containsExactly(BOS, ' ', 'y');
    EvaluationSettings none = EvaluationSettings.of(new Letters(false, false), "llama", 99);
    assertThat(of(none, "", " y").tokens()).containsExactly(EOS, ' ', 'y');
  }

  @Test
  void anEmptyContextsBosIsNotDoubledWhereTheTokenizerAddsOne() {
    assertThat(of(settings(true, 99), "", " y").tokens()).containsExactly(BOS, ' ', 'y');
  }

  @Test
  void aContextOfWhiteSpaceAloneIsRefused() {
    assertThatThrownBy(() -> of(settings(false, 99), " ", "y"))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("white space alone");
  }

  @ParameterizedTest
  @ValueSource(ints = {3, 4, 5, 9, 10, 11})
  void whatIsTooLongLosesItsBeginning_theLastTokenNeedsNoPlace(int maxLength) {
    String text = "0123456789";
    Request request = of(settings(true, maxLength), text.substring(0, 8), text.substring(8));
    int[] all = IntStream.concat(IntStream.of(BOS), text.chars()).toArray();

    assertThat(request.tokens())
        .containsExactly(
            IntStream.of(all).skip(Math.max(0, all.length - (maxLength + 1))).toArray());
    assertThat(request.scored()).isEqualTo(2);
  }

  @Test
  void aContinuationLongerThanTheContextOfTheModelIsRefused() {
    assertThat(of(settings(false, 3), "x", "012").tokens()).containsExactly('x', '0', '1', '2');
    assertThatThrownBy(() -> of(settings(false, 3), "x", "0123"))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("continuation of 4 tokens");
  }

  @ParameterizedTest
  @CsvSource({
    "LM_EVAL_0_4_4, AUTO, llama, true, false",
    "LM_EVAL_0_4_4, AUTO, gemma2, true, true",
    "LM_EVAL_0_4_4, ALWAYS, llama, false, true",
    "LM_EVAL_0_4_12, AUTO, llama, true, true",
    "LM_EVAL_0_4_12, AUTO, llama, false, false",
    "LM_EVAL_0_4_12, AUTO, gemma, false, false",
    "LM_EVAL_0_4_12, NEVER, llama, true, false",
    "LM_EVAL_0_4_12, ALWAYS, llama, false, true"
  })
  void bosFollowsTheUserThenThePreset(
      Preset preset, BosPolicy asked, String family, boolean tokenizerAdds, boolean expected) {
    EvaluationSettings settings =
        EvaluationSettings.of(new Letters(tokenizerAdds, true), family, 99)
            .withPreset(preset)
            .withBos(asked);
    ContinuationRequests requests = new ContinuationRequests(settings);
    Request request = requests.of(0, 0, "x", "y");

    assertThat(request.tokens()[0] == BOS).isEqualTo(expected);
    assertThat(request.scored()).isEqualTo(1);
    assertThat(requests.bosInWords()).startsWith(expected ? "first token" : "none");
  }
}
