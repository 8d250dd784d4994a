package io.superweight.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Real sweeps in real processes that end early. {@code etc/kill-sweep} does the same fifty times.
 */
class SweepInterruptedIT {
  private static final int KILLS = 4;
  private static final long MINUTES = 5;

  @TempDir Path folder;

  private static Path launcher() {
    return Run.project().resolve("superweight");
  }

  private Process sweep(String store, List<String> before, String... more) throws IOException {
    List<String> command = new ArrayList<>(before);
    command.addAll(
        List.of(
            launcher().toString(),
            "sweep",
            "--weights",
            "layers.1.mlp.down[161,288] layers.1.mlp.down[161,495] layers.1.mlp.down[161,613]",
            "--factors",
            "0,2",
            "--window",
            "24",
            "--activation-memory",
            "6M", // for one version at a time: more batches, more instants to be killed at
            "--store",
            folder.resolve(store).toString()));
    command.addAll(List.of(more));
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectOutput(folder.resolve(store + ".out").toFile())
            .redirectError(folder.resolve(store + ".err").toFile());
    builder.environment().remove("SUPERWEIGHT_JAVA_OPTS");
    builder.environment().put("SUPERWEIGHT_NO_BUILD", "1"); // Maven is at it right now
    return builder.start();
  }

  private Process small(String store) throws IOException {
    return sweep(store, List.of(), "--limit", "24", "--progress", "none");
  }

  private int end(Process process) throws InterruptedException {
    if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
      process.destroyForcibly();
      throw new AssertionError("a sweep did not end");
    }
    return process.exitValue();
  }

  private static void signal(String name, Process to) throws Exception {
    assertThat(new ProcessBuilder("kill", "-" + name, String.valueOf(to.pid())).start().waitFor())
        .isZero();
  }

  private byte[] bytes(String name) throws IOException {
    Path file = folder.resolve(name);
    return Files.exists(file) ? Files.readAllBytes(file) : new byte[0];
  }

  /** The lines that are whole, with their line feeds. */
  private byte[] wholeLines(String store) throws IOException {
    byte[] all = bytes(store + "/scores.txt");
    int end = all.length;
    while (end > 0 && all[end - 1] != '\n') {
      end--;
    }
    return Arrays.copyOf(all, end);
  }

  @Test
  void aSweepThatIsKilledAgainAndAgainLosesNothingScoresNothingTwiceAndGivesTheSameTable()
      throws Exception {
    long start = System.nanoTime();
    assertThat(end(small("undisturbed"))).as(new String(bytes("undisturbed.err"))).isZero();
    long millis = (System.nanoTime() - start) / 1_000_000;
    byte[] table = bytes("undisturbed.out");
    assertThat(new String(table, StandardCharsets.UTF_8)).contains("3 weights × 0");

    SplittableRandom random = new SplittableRandom(11);
    byte[] before = {};
    for (int kill = 0; kill < KILLS; kill++) {
      Process process = small("killed");
      process.waitFor(random.nextLong(millis / 3, millis), TimeUnit.MILLISECONDS);
      process.destroyForcibly(); // SIGKILL
      process.waitFor();
      byte[] now = wholeLines("killed");
      assertThat(Arrays.copyOf(now, Math.min(now.length, before.length)))
          .as("what was written is still there")
          .isEqualTo(before);
      before = now;
    }
    assertThat(end(small("killed"))).as(new String(bytes("killed.err"))).isZero();
    assertThat(bytes("killed.out")).isEqualTo(table);
    List<String> scores =
        new String(wholeLines("killed"), StandardCharsets.UTF_8)
            .lines()
            .filter(l -> l.startsWith("R ", 9))
            .map(l -> l.substring(9))
            .toList();
    assertThat(scores)
        .doesNotHaveDuplicates()
        .containsExactlyInAnyOrderElementsOf(
            new String(wholeLines("undisturbed"), StandardCharsets.UTF_8)
                .lines()
                .filter(l -> l.startsWith("R ", 9))
                .map(l -> l.substring(9))
                .toList());
  }

  @Test
  void anInterruptSaysHowToGoOnAndMeanwhileNobodyElseGetsTheStore() throws Exception {
    assumeTrue(
        end(new ProcessBuilder("env", "--default-signal=INT", "true").start()) == 0,
        "skipped: this system's env cannot reset signals");
    Process first = sweep("shared", List.of("env", "--default-signal=INT"), "--progress", "bar");
    while (first.isAlive() && wholeLines("shared").length < 1000) {
      Thread.sleep(20);
    }
    assertThat(first.isAlive()).as(new String(bytes("shared.err"))).isTrue();
    signal("STOP", first); // it could be through before another one has started

    Path err = folder.resolve("second.err");
    ProcessBuilder another =
        new ProcessBuilder(
                launcher().toString(),
                "sweep",
                "--progress",
                "none",
                "--store",
                folder.resolve("shared").toString())
            .redirectError(err.toFile());
    another.environment().put("SUPERWEIGHT_NO_BUILD", "1");
    Process second = another.start();
    assertThat(end(second)).isEqualTo(7);
    assertThat(Files.readString(err).lines())
        .singleElement()
        .asString()
        .contains("another superweight works on the store");

    signal("INT", first);
    signal("CONT", first);
    assertThat(end(first)).isEqualTo(130);
    assertThat(new String(bytes("shared.err"), StandardCharsets.UTF_8))
        .containsPattern(
            "\r\u001B\\[Ksuperweight: interrupted; .*shared holds [\\d,]+ of [\\d,]+ scores, the same command goes on from there\n$");
    assertThat(bytes("shared.out")).isEmpty();
  }
}
