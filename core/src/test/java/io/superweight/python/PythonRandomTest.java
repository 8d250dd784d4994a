package io.superweight.python;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Every expected value was printed by CPython 3.11. */
class PythonRandomTest {
  private static long[] bits(PythonRandom random, int k, int draws) {
    return LongStream.range(0, draws).map(i -> random.getrandbits(k)).toArray();
  }

  private static int[] integers(PythonRandom random, int low, int high, int draws) {
    return IntStream.range(0, draws).map(i -> random.randint(low, high)).toArray();
  }

  @Test
  void bitsOfSeedsOfOneAndTwoWordsAreCPythons() {
    assertThat(bits(new PythonRandom(0), 32, 4))
        .containsExactly(3626764237L, 1654615998L, 3255389356L, 3823568514L);
    assertThat(bits(new PythonRandom(-7), 17, 3)).containsExactly(42445, 124238, 19772);
    assertThat(bits(new PythonRandom(1L << 40), 32, 3))
        .containsExactly(445128065L, 1517081360L, 2880015531L);
    PythonRandom random = new PythonRandom(3122306864379792082L);
    assertThat(bits(random, 32, 3)).containsExactly(1664633270L, 2636666144L, 1389956964L);
    assertThat(random.random()).isEqualTo(0.8206112313300616);
    assertThat(random.random()).isEqualTo(0.6251178952855273);
  }

  @Test
  void drawsStayCPythonsBeyondOneStateOf624Words() {
    PythonRandom random = new PythonRandom(0);
    for (int i = 0; i < 2000; i++) {
      random.random();
    }
    assertThat(random.random()).isEqualTo(0.20861483268890268);
    assertThat(random.getrandbits(1)).isEqualTo(1);
  }

  @Test
  void randintsAreCPythonsAlsoOverAllIntegersAndOverOne() {
    assertThat(integers(new PythonRandom(0), 0, 45575, 8))
        .containsExactly(25247, 27562, 2653, 16968, 33506, 31845, 26537, 19877);
    PythonRandom random = new PythonRandom(5);
    assertThat(integers(random, Integer.MIN_VALUE, Integer.MAX_VALUE, 5))
        .containsExactly(527858757, 1038467225, 1904202612, 639840853, 1721854523);
    assertThat(integers(random, 3, 3, 2)).containsExactly(3, 3);
    assertThat(random.getrandbits(32)).isEqualTo(2014636194);
    assertThatThrownBy(() -> random.randint(3, 2)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void choicesAreCPythons() {
    assertThat(new PythonRandom(0).choices(5153, 6))
        .containsExactly(4351, 3905, 2167, 1334, 2634, 2086);
    assertThat(new PythonRandom(1).choices(5153, 6))
        .containsExactly(692, 4366, 3935, 1314, 2552, 2316);
  }

  @Test
  void shufflesAreCPythons() {
    int[] values = IntStream.range(0, 10).toArray();
    new PythonRandom(3).shuffle(values);
    assertThat(values).containsExactly(1, 5, 6, 0, 9, 4, 7, 2, 8, 3);
  }

  @Test
  void samplesAreCPythonsOnBothSidesOfItsChoiceBetweenPoolAndSet() {
    assertThat(new PythonRandom(106).sample(100, 6)).containsExactly(90, 61, 2, 71, 67, 60);
    assertThat(new PythonRandom(50).sample(30, 20))
        .containsExactly(15, 27, 8, 11, 20, 7, 22, 29, 10, 2, 17, 21, 24, 25, 4, 5, 13, 1, 14, 26);
    assertThat(new PythonRandom(90).sample(85, 5)).containsExactly(26, 11, 61, 84, 73);
    assertThat(new PythonRandom(92).sample(86, 6)).containsExactly(53, 66, 72, 70, 71, 75);
    assertThat(new PythonRandom(90).sample(84, 6)).containsExactly(26, 11, 61, 73, 75, 39);
    assertThat(new PythonRandom(297).sample(277, 20))
        .containsExactly(
            269, 188, 206, 20, 164, 56, 49, 85, 11, 87, 230, 201, 149, 232, 202, 253, 169, 187, 26,
            97);
    assertThat(new PythonRandom(1006).sample(1000, 6)).containsExactly(354, 57, 234, 454, 12, 210);
  }

  @Test
  void sumsAreThoseOfPython312() {
    assertThat(PythonSum.of(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)).isEqualTo(1.0);
    assertThat(PythonSum.of(1e16, 1.0, -1e16)).isEqualTo(1.0);
    assertThat(PythonSum.of(Double.POSITIVE_INFINITY, 1.0)).isEqualTo(Double.POSITIVE_INFINITY);
    assertThat(PythonSum.of()).isEqualTo(0);
  }
}
