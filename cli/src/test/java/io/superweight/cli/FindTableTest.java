package io.superweight.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.report.FindReport;
import io.superweight.report.Samples;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a person reads at the terminal. */
class FindTableTest {
  private static String print(FindReport report, int columns, boolean color) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    PrintStream stream = new PrintStream(out, false, StandardCharsets.UTF_8);
    FindTable.print(report, new Terminal(stream, stream, color, color, columns, color));
    stream.flush();
    return out.toString(StandardCharsets.UTF_8);
  }

  private static List<FindReport> all() {
    return List.of(
        Samples.smol(),
        Samples.unverified(),
        Samples.none(),
        Samples.harmless(),
        Samples.refused());
  }

  @Test
  void theVerdictComesFirst() {
    assertThat(print(Samples.smol(), 100, false).lines().skip(3).findFirst())
        .contains("2 super weights: layers.11.mlp.down[507,1229] and [507,1487].");
  }

  @ParameterizedTest
  @ValueSource(ints = {80, 100, 132})
  void noLineIsWiderThanTheTerminal(int columns) {
    for (FindReport report : all()) {
      assertThat(print(report, columns, false).lines())
          .allSatisfy(
              line -> assertThat(Columns.width(line)).as(line).isLessThanOrEqualTo(columns));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {40, 60})
  void aNarrowTerminalKeepsCoordinatesWhole(int columns) {
    assertThat(print(Samples.smol(), columns, false))
        .contains("layers.11.mlp.down[507,1229]")
        .contains("layers.28.mlp.down[507,678]");
  }

  @Test
  void coloursAreForTerminalsOnly() {
    assertThat(print(Samples.smol(), 100, false)).doesNotContain("\u001B");
    assertThat(print(Samples.smol(), 100, true)).contains("\u001B[1;31m");
  }

  @Test
  void coloursDoNotMoveColumns() {
    assertThat(print(Samples.smol(), 100, true).replaceAll("\u001B\\[[0-9;]*m", ""))
        .isEqualTo(print(Samples.smol(), 100, false));
  }

  @Test
  void textOfTheModelCannotSteerTheTerminal() {
    for (FindReport report : all()) {
      assertThat(print(report, 100, false).chars().filter(c -> c < ' ' && c != '\n'))
          .as("control characters")
          .isEmpty();
    }
  }

  @Test
  void eachRejectedWeightHasItsReasonUnderIt() {
    String text = print(Samples.smol(), 100, false);
    assertThat(text)
        .containsSubsequence(
            "Rejected",
            "layers.28.mlp.down[507,678]",
            "eraser",
            "prominent but harmless",
            "carries 10,263 afterwards");
  }

  @Test
  void withoutProofItSaysThatItIsACandidate() {
    assertThat(print(Samples.unverified(), 100, false))
        .contains("2 candidates that are sources")
        .contains("Nothing was zeroed")
        .doesNotContain("super weights:");
  }

  @Test
  void noneFoundAndNotJudgedAreSaidInWords() {
    assertThat(print(Samples.none(), 100, false)).contains("No super weight found.");
    assertThat(print(Samples.refused(), 100, false)).contains("Not judged:");
    assertThat(print(Samples.harmless(), 100, false))
        .contains("No super weight.")
        .contains("prominent but harmless");
  }

  @Test
  void everyNumberStandsBesideItsProtocol() {
    assertThat(print(Samples.smol(), 100, false).replaceAll("\\s+", " "))
        .containsSubsequence(
            "How it was measured",
            "digest",
            "39080 5829 30 314 253",
            "no BOS, policy auto",
            "24,528 tokens",
            "2,000 resamples, seed 1");
  }
}
