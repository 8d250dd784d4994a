package io.superweight.find;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LoopDetectorTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7, 12, 20, 25})
  void repeatingAPhraseIsALoop(int period) {
    int[] ids = IntStream.range(0, 60).map(i -> i % period).toArray();
    assertThat(LoopDetector.loops(ids)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 5, 30, 60, 128})
  void newWordsAreNoLoop(int length) {
    assertThat(LoopDetector.loops(IntStream.range(0, length).toArray())).isFalse();
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5})
  void manyCommonWordsInVaryingOrderAreNoLoop(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] ids = IntStream.range(0, 120).map(i -> random.nextInt(12)).toArray();
    assertThat(LoopDetector.loops(ids)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3, 4})
  void aTextOfAFewTokensIsNoLoop(int length) {
    assertThat(LoopDetector.loops(new int[length])).isFalse();
  }

  @ParameterizedTest
  @ValueSource(ints = {5, 10})
  void aPhraseThatComesBackOnceIsNoLoop(int phrase) {
    int[] ids = IntStream.range(0, 60).toArray();
    for (int i = 0; i < phrase; i++) {
      ids[40 + i] = i;
    }
    assertThat(LoopDetector.loops(ids)).isFalse();
  }
}
