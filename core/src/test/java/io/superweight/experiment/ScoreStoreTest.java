package io.superweight.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.InputException;
import io.superweight.evaluate.Request;
import io.superweight.evaluate.Score;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScoreStoreTest {
  private static final Series INTACT =
      new Series("12ab", "", "java, f32", "arc_easy", "lm-eval; \"none\"");
  private static final Series EDITED =
      new Series("12ab", "layers.1.mlp.down[2,3]=0", "java, f32", "arc_easy", "ünï\n");

  @TempDir Path temporary;
  private Path folder;

  @BeforeEach
  void aFolder() {
    folder = temporary.resolve("store");
  }

  private Path file() {
    return folder.resolve("scores.txt");
  }

  private static ScoreStore.Entry entry(Series series, int document, Score score) {
    return new ScoreStore.Entry(
        series,
        new ScoreStore.Place(document, document % 3, -document * 0x9E3779B97F4A7C15L),
        score);
  }

  /** Batches of both series, as a sweep adds them. */
  private static List<List<ScoreStore.Entry>> batches() {
    SplittableRandom random = new SplittableRandom(3);
    List<List<ScoreStore.Entry>> batches = new ArrayList<>();
    for (int b = 0; b < 3; b++) {
      List<ScoreStore.Entry> batch = new ArrayList<>();
      for (Series series : List.of(INTACT, EDITED)) {
        for (int i = 0; i < 3; i++) {
          batch.add(
              entry(
                  series,
                  3 * b + i,
                  new Score(-random.nextDouble(900), random.nextDouble(), random.nextBoolean())));
        }
      }
      batches.add(batch);
    }
    return batches;
  }

  private byte[] written() throws IOException {
    try (ScoreStore store = ScoreStore.open(folder)) {
      batches().forEach(store::append);
    }
    return Files.readAllBytes(file());
  }

  @Test
  void everyDoubleComesBackAsItWas() {
    double[] awkward = {
      0.0,
      -0.0,
      Double.NaN,
      Double.NEGATIVE_INFINITY,
      Double.POSITIVE_INFINITY,
      Double.MIN_VALUE,
      -Double.MAX_VALUE,
      0.1 + 0.2,
      -1e22,
      1 / 3.0
    };
    SplittableRandom random = new SplittableRandom(1);
    double[] any = random.longs(500).mapToDouble(Double::longBitsToDouble).toArray();
    List<ScoreStore.Entry> entries = new ArrayList<>();
    for (double value : awkward) {
      entries.add(entry(INTACT, entries.size(), new Score(value, -value, value > 0)));
    }
    for (double value : any) {
      entries.add(entry(INTACT, entries.size(), new Score(value, 1, true)));
    }
    try (ScoreStore store = ScoreStore.open(folder)) {
      store.append(entries);
    }
    try (ScoreStore store = ScoreStore.open(folder)) {
      assertThat(store.size()).isEqualTo(entries.size());
      // Score is a record: its doubles are compared as Double.compare does, −0 apart from 0.
      entries.forEach(e -> assertThat(store.find(INTACT, e.place())).contains(e.score()));
    }
  }

  @Test
  void aSeriesHasItsOwnScores() {
    try (ScoreStore store = ScoreStore.open(folder)) {
      store.append(List.of(entry(INTACT, 0, new Score(-1, 1, true))));
      store.append(List.of(entry(EDITED, 0, new Score(-9, 9, false))));
    }
    try (ScoreStore store = ScoreStore.open(folder)) {
      assertThat(store.series()).containsExactlyInAnyOrder(INTACT, EDITED);
      assertThat(store.find(EDITED, entry(EDITED, 0, null).place()))
          .contains(new Score(-9, 9, false));
      assertThat(store.find(EDITED, entry(EDITED, 1, null).place())).isEmpty();
    }
  }

  private static List<ScoreStore.Place> places(int token, int from, int... batch) {
    return ScoreStore.Place.of(
        List.of(
            new Request(4, 0, new int[] {1, 2, 3}, 1),
            new Request(4, 1, new int[] {1, 2, token}, from)),
        batch);
  }

  @Test
  void aPlaceChangesWithAnyTokenOfItsBatch() {
    ScoreStore.Place place = places(7, 1, 0, 1).getFirst();
    assertThat(places(7, 1, 0, 1).getFirst()).isEqualTo(place);
    assertThat(places(8, 1, 0, 1).getFirst()).isNotEqualTo(place);
    assertThat(places(7, 2, 0, 1).getFirst()).isNotEqualTo(place);
    assertThat(places(7, 1, 0).getFirst()).isNotEqualTo(place);
    assertThat(places(7, 1, 1, 0).getLast()).isNotEqualTo(place);
    assertThat(places(7, 1, 0, 1).getLast()).isNotEqualTo(place);
  }

  @Test
  void aFileCutOffAtAnyByteKeepsItsWholeLinesAndIsCompletedToTheSameBytes() throws IOException {
    byte[] whole = written();
    SplittableRandom random = new SplittableRandom(2);
    for (int length = 0; length <= whole.length; length += random.nextInt(1, 5)) {
      Files.write(file(), Arrays.copyOf(whole, length));
      int lines =
          (int)
              new String(whole, 0, length, StandardCharsets.UTF_8)
                  .lines()
                  .filter(l -> l.startsWith("R", 9))
                  .count();
      boolean torn = length > 0 && whole[length - 1] != '\n';
      try (ScoreStore store = ScoreStore.open(folder)) {
        // A last line without its line feed may be counted by lines() above; it does not count.
        assertThat(store.size())
            .as("%d bytes", length)
            .isBetween(lines - (torn ? 1L : 0), (long) lines);
        for (List<ScoreStore.Entry> batch : batches()) {
          store.append(
              batch.stream().filter(e -> store.find(e.series(), e.place()).isEmpty()).toList());
        }
        assertThat(store.size()).isEqualTo(18);
      }
      assertThat(Files.readAllBytes(file())).as("%d bytes", length).isEqualTo(whole);
    }
  }

  @Test
  void aDamagedByteCostsItsLineAndNeverChangesAScore() throws IOException {
    byte[] whole = written();
    int header = new String(whole, StandardCharsets.UTF_8).indexOf('\n') + 1;
    SplittableRandom random = new SplittableRandom(8);
    for (int trial = 0; trial < 80; trial++) {
      byte[] damaged = whole.clone();
      int at = random.nextInt(header, whole.length);
      damaged[at] ^= (byte) (1 << random.nextInt(8));
      Files.write(file(), damaged);
      try (ScoreStore store = ScoreStore.open(folder)) {
        assertThat(store.damaged() + store.cutOff()).isPositive();
        batches().stream()
            .flatMap(List::stream)
            .forEach(e ->
                store
                    .find(e.series(), e.place())
                    .ifPresent(score -> assertThat(score).isEqualTo(e.score())));
        for (List<ScoreStore.Entry> batch : batches()) {
          store.append(
              batch.stream().filter(e -> store.find(e.series(), e.place()).isEmpty()).toList());
        }
      }
      try (ScoreStore store = ScoreStore.open(folder)) {
        assertThat(store.size()).isEqualTo(18);
        batches().stream()
            .flatMap(List::stream)
            .forEach(e -> assertThat(store.find(e.series(), e.place())).contains(e.score()));
      }
    }
  }

  @Test
  void zerosAfterTheLastLineAsALossOfPowerLeavesThemAreCutOff() throws IOException {
    byte[] whole = written();
    Files.write(file(), Arrays.copyOf(whole, whole.length + 4096));
    try (ScoreStore store = ScoreStore.open(folder)) {
      assertThat(store.size()).isEqualTo(18);
      assertThat(store.cutOff()).isEqualTo(4096);
    }
    assertThat(Files.readAllBytes(file())).isEqualTo(whole);
  }

  @Test
  void aSecondScoreOfAPlaceIsRefusedAndNothingOfItsBatchIsKept() throws IOException {
    byte[] whole = written();
    try (ScoreStore store = ScoreStore.open(folder)) {
      ScoreStore.Entry added = entry(INTACT, 99, new Score(-1, 1, true));
      assertThatThrownBy(() -> store.append(List.of(added, batches().getFirst().getFirst())))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> store.append(List.of(added, added)))
          .isInstanceOf(IllegalArgumentException.class);
      assertThat(store.find(INTACT, added.place())).isEmpty();
    }
    assertThat(Files.readAllBytes(file())).isEqualTo(whole);
  }

  @Test
  void twoScoresOfAPlaceInTheFileAreAnErrorInOneLine() throws IOException {
    byte[] whole = written();
    String line =
        new String(whole, StandardCharsets.UTF_8)
            .lines()
            .filter(l -> l.startsWith("R", 9))
            .findFirst()
            .orElseThrow();
    Files.writeString(file(), new String(whole, StandardCharsets.UTF_8) + line + "\n");
    refused(InputException.Kind.MALFORMED, "two scores");
  }

  @Test
  void aSecondOpenerIsRefusedUntilTheFirstHasClosed() {
    try (ScoreStore first = ScoreStore.open(folder)) {
      refused(InputException.Kind.OUTPUT, "another superweight works on the store");
      assertThat(first.size()).isZero();
    }
    try (ScoreStore second = ScoreStore.open(folder)) {
      assertThat(second.size()).isZero();
    }
  }

  @Test
  void whatIsNoStoreIsLeftAsItIs() throws IOException {
    Files.createDirectories(folder);
    for (String content : List.of("notes", "These are my notes, and no store of scores.\n")) {
      Files.writeString(file(), content);
      refused(InputException.Kind.MALFORMED, "is no store of scores");
      assertThat(file()).hasContent(content);
    }
    Files.writeString(file(), "superweight-scores 1\n");
    refused(InputException.Kind.UNSUPPORTED, "another version");
    assertThat(file()).hasContent("superweight-scores 1\n");
  }

  @Test
  void aFolderThatCannotBeMadeIsOneLine() throws IOException {
    folder = Files.writeString(temporary.resolve("a file"), "x").resolve("store");
    refused(InputException.Kind.OUTPUT, "cannot be written");
  }

  private void refused(InputException.Kind kind, String words) {
    assertThatThrownBy(() -> ScoreStore.open(folder).close())
        .isInstanceOfSatisfying(InputException.class, e -> assertThat(e.kind()).isEqualTo(kind))
        .hasMessageContaining(words)
        .hasMessageNotContaining("\n");
  }
}
