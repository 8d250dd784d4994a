package io.superweight.evaluate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class PrefixedTest {
  private static final Evaluation PLAIN =
      new Evaluation() {
        @Override
        public String name() {
          return "plain";
        }

        @Override
        public Protocol protocol() {
          return new Protocol("plain", "", "text", List.of(), List.of(), "none", 4, 2, 2);
        }

        @Override
        public List<Request> requests() {
          return List.of(
              new Request(0, 0, new int[] {5, 6, 7, 8}, 1), new Request(1, 0, new int[] {9, 4}, 1));
        }

        @Override
        public List<Metric> metrics(List<Score> scores) {
          return List.of();
        }
      };

  @Test
  void theSameTokensAreScoredBehindThePrefix() {
    List<Request> requests = new Prefixed(PLAIN, new int[] {1, 2}, "\"\\n\"").requests();
    assertThat(requests.get(0).tokens()).containsExactly(1, 2, 5, 6, 7, 8);
    assertThat(requests.get(0).from()).isEqualTo(3);
    assertThat(requests.get(0).scored()).isEqualTo(PLAIN.requests().get(0).scored());
    assertThat(requests.get(1).tokens()).containsExactly(1, 2, 9, 4);
  }

  @Test
  void theProtocolTellsThePrefixSoThatScoresAreNotMixedWithOthers() {
    Protocol protocol = new Prefixed(PLAIN, new int[] {1, 2}, "\"\\n\"").protocol();
    assertThat(protocol.bos()).isEqualTo("none; before it the prefix [1, 2] \"\\n\"");
    assertThat(protocol.windowTokens()).isEqualTo(6);
  }
}
