package io.superweight.find;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.model.Coordinate;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;

class SubsetSearchTest {
  private static final Coordinate A = Coordinate.down(1, 0, 0);
  private static final Coordinate B = Coordinate.down(1, 0, 1);
  private static final Coordinate C = Coordinate.down(1, 0, 2);
  private static final Coordinate D = Coordinate.down(1, 0, 3);

  /** A model whose perplexity ratio is a function of what is zeroed. */
  private static SubsetSearch.Oracle oracle(
      double joint, ToDoubleFunction<List<Coordinate>> ratio) {
    return subsets ->
        subsets.stream()
            .map(s -> ratio.applyAsDouble(s))
            .map(r -> new SubsetSearch.Answer(joint / r < 1.01, r))
            .toList();
  }

  @Test
  void membersThatStandInForEachOtherAreListedAsEquivalents() {
    SubsetSearch.Result result =
        SubsetSearch.smallest(
            List.of(A, B, C),
            List.of(),
            oracle(1000, s -> s.contains(A) || s.contains(B) ? 1000 : 1));
    assertThat(result.smallest()).containsExactly(A);
    assertThat(result.equivalents()).containsExactly(List.of(B));
  }

  @Test
  void neededMembersAreInEverySubset() {
    // C is needed; A and B stand in for each other; D does nothing.
    SubsetSearch.Result result =
        SubsetSearch.smallest(
            List.of(A, B, C, D),
            List.of(C),
            oracle(50, s -> s.contains(C) && (s.contains(A) || s.contains(B)) ? 50 : 2));
    assertThat(result.smallest()).containsExactly(A, C);
    assertThat(result.equivalents()).containsExactly(List.of(B, C));
  }

  @Test
  void theNeededMembersAloneAreEnoughWhereTheRestDoesNothing() {
    SubsetSearch.Result result =
        SubsetSearch.smallest(
            List.of(A, B, C),
            List.of(A, B),
            oracle(9, s -> s.contains(A) && s.contains(B) ? 9 : 1));
    assertThat(result.smallest()).containsExactly(A, B);
    assertThat(result.equivalents()).isEmpty();
  }

  @Test
  void withoutASmallerSubsetTheWholeSetIsTheSmallest() {
    SubsetSearch.Result result =
        SubsetSearch.smallest(List.of(A, B, C), List.of(), oracle(9, s -> s.size() == 3 ? 9 : 1));
    assertThat(result.smallest()).containsExactly(A, B, C);
    assertThat(result.complete()).isTrue();
  }

  @Test
  void theSearchStopsBeforeItExplodes() {
    List<Coordinate> many = new ArrayList<>();
    for (int i = 0; i < 14; i++) {
      many.add(Coordinate.down(2, 3, i));
    }
    SubsetSearch.Result result =
        SubsetSearch.smallest(many, List.of(), oracle(9, s -> s.size() == 14 ? 9 : 1));
    assertThat(result.smallest()).isEqualTo(many);
    assertThat(result.complete()).isFalse();
  }
}
