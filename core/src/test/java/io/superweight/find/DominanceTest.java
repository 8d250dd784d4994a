package io.superweight.find;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.find.Attribution.Part;
import io.superweight.model.Coordinate;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class DominanceTest {

  @Test
  void publishedSharesAreCutWhereTheyFallMostSteeply() {
    // books-12m, SmolLM2-135M, Llama-13B, Llama-7B (paper section 1.2: 0.82), SmolLM2's layer 28.
    assertThat(members(0.43, 0.27, 0.23, 0.04, 0.01)).isEqualTo(3);
    assertThat(members(0.73, 0.26, 0.003)).isEqualTo(2);
    assertThat(members(0.593, 0.407)).isEqualTo(2);
    assertThat(members(0.82, 0.03, 0.02)).isEqualTo(1);
    assertThat(members(0.96, 0.02)).isEqualTo(1);
  }

  @Test
  void aSmoothTailHasNoMembers() {
    double[] tail = new double[40];
    for (int i = 0; i < tail.length; i++) {
      tail[i] = 0.08 * Math.pow(0.9, i);
    }
    assertThat(members(tail)).isZero();
    assertThat(members(0.25, 0.2, 0.15, 0.12, 0.1, 0.08, 0.06, 0.04)).isZero();
  }

  @Test
  void aFewLargePartsThatExplainLessThanHalfAreNoMembers() {
    assertThat(members(0.3, 0.15, 0.01, 0.01)).isZero();
  }

  @Test
  void moreThanSixEqualPartsAreDiffuse() {
    assertThat(members(0.16, 0.16, 0.16, 0.16, 0.16, 0.16)).isEqualTo(6);
    assertThat(members(0.14, 0.14, 0.14, 0.14, 0.14, 0.14, 0.14)).isZero();
  }

  @Test
  void nothingHasNoMembers() {
    assertThat(Dominance.members(List.of(), 1)).isEmpty();
  }

  private static int members(double... shares) {
    List<Part> parts = new ArrayList<>();
    for (double share : shares) {
      parts.add(new Part(Coordinate.down(0, 0, parts.size()), share * 7, share, 1, 1, 1, 7));
    }
    return Dominance.members(parts, 7).size();
  }
}
