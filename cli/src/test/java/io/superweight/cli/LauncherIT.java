package io.superweight.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The packaged command as a user starts it. Runs in Maven's integration-test phase, when the jars
 * are there.
 */
class LauncherIT {
  private static final long MINUTES = 5;

  @TempDir Path folder;
  private Path elsewhere;

  @BeforeEach
  void aFolderWhoseNameIsAwkward() throws IOException {
    elsewhere = Files.createDirectory(folder.resolve("a folder; with 'quotes'"));
  }

  private static Path launcher() {
    return Run.project().resolve("superweight");
  }

  private Run run(List<String> command, Map<String, String> environment)
      throws IOException, InterruptedException {
    Path out = folder.resolve("out.txt");
    Path err = folder.resolve("err.txt");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(elsewhere.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile());
    builder.environment().remove("SUPERWEIGHT_JAVA_OPTS");
    builder.environment().put("SUPERWEIGHT_NO_BUILD", "1"); // Maven is at it right now
    builder.environment().putAll(environment);
    Process process = builder.start();
    if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
      process.destroyForcibly();
      throw new AssertionError(command + " did not end");
    }
    return new Run(
        process.exitValue(),
        Files.readString(out, StandardCharsets.UTF_8),
        Files.readString(err, StandardCharsets.UTF_8));
  }

  private Run run(String... arguments) throws IOException, InterruptedException {
    return run(
        java.util.stream.Stream.concat(
                java.util.stream.Stream.of(launcher().toString()),
                java.util.stream.Stream.of(arguments))
            .toList(),
        Map.of());
  }

  @Test
  void startsThroughALinkFromAnotherFolder() throws Exception {
    Path link = Files.createSymbolicLink(elsewhere.resolve("sw link"), launcher());
    Run run = run(List.of(link.toString(), "--version"), Map.of());
    Files.delete(link); // JUnit warns of links that lead out of its folder
    assertThat(run.err()).isEmpty();
    assertThat(run.out()).startsWith("superweight ").contains("JDK ");
    assertThat(run.exitCode()).isZero();
  }

  @Test
  void passesByAJavaOnThePathThatIsTooOld() throws Exception {
    Path old = Files.createDirectories(elsewhere.resolve("jdk-17/bin"));
    Path java =
        Files.writeString(old.resolve("java"), "#!/bin/sh\necho 'this is Java 17' >&2\nexit 9\n");
    assertThat(java.toFile().setExecutable(true)).isTrue();
    Files.writeString(old.resolveSibling("release"), "JAVA_VERSION=\"17.0.15\"\n");
    Run run =
        run(
            List.of(launcher().toString(), "--version"),
            Map.of("PATH", old + ":" + System.getenv("PATH")));
    assertThat(run.err()).isEmpty();
    assertThat(run.exitCode()).isZero();
  }

  @Test
  void findPrintsNothingButTheCoordinates() throws Exception {
    Run run = run("find", "--quiet", "--no-verify");
    assertThat(run.err()).as("not even the JVM's warning of the incubating module").isEmpty();
    assertThat(run.out().lines())
        .containsExactly(
            "layers.1.mlp.down[161,288]",
            "layers.1.mlp.down[161,495]",
            "layers.1.mlp.down[161,613]");
    assertThat(run.exitCode()).isZero();
  }

  @Test
  void aModelThatIsNotThereIsOneLine() throws Exception {
    Run run = run("find", "./no model");
    assertThat(run.out()).isEmpty();
    assertThat(run.err().lines()).singleElement().asString().contains("no model");
    assertThat(run.exitCode()).isEqualTo(3);
  }

  @Test
  void promptsOutsideOfAsciiArriveWholeInAPlainLocale() throws Exception {
    // The bytes of "数" spelt out: this JVM may run in a locale that cannot pass them on.
    Run run =
        run(
            List.of(
                "bash",
                "-c",
                "\"$0\" card --json --prompt $'\\xe6\\x95\\xb0'",
                launcher().toString()),
            Map.of("LC_ALL", "C", "LANG", "C"));
    assertThat(run.err()).isEmpty();
    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).contains("\"text\" : \"数\"");
  }

  @Test
  void aReaderThatGoesAwayEndsItQuietly() throws Exception {
    Run run =
        run(
            List.of(
                "bash", "-c", "\"$0\" --help | true; exit ${PIPESTATUS[0]}", launcher().toString()),
            Map.of());
    assertThat(run.err()).isEmpty();
    assertThat(run.exitCode()).isIn(0, 141); // 0 where the pipe took it all before it closed
  }

  @Test
  void aFullDiskIsOneLine() throws Exception {
    assumeTrue(Files.exists(Path.of("/dev/full")), "skipped: this system has no /dev/full");
    Run run =
        run(List.of("bash", "-c", "\"$0\" doctor >/dev/full", launcher().toString()), Map.of());
    assertThat(run.err().lines()).singleElement().asString().contains("standard output");
    assertThat(run.exitCode()).isEqualTo(7);
  }

  private static void waitFor(Path folder, String glob) throws Exception {
    for (int tenths = 0; tenths < 10 * 60 * MINUTES; tenths++) {
      if (Files.isDirectory(folder)) {
        try (var found = Files.newDirectoryStream(folder, glob)) {
          if (found.iterator().hasNext()) {
            return;
          }
        }
      }
      Thread.sleep(100);
    }
    throw new AssertionError("no " + glob + " in " + folder);
  }

  @Test
  void cachesForAQuickStartAreMadeOnTheSideAndADamagedOneIsPassedBy() throws Exception {
    Path cache = elsewhere.resolve("cache");
    Map<String, String> environment = Map.of("SUPERWEIGHT_CACHE", cache.toString());
    List<String> help = List.of(launcher().toString(), "help", "find");
    Run first = run(help, environment);
    assertThat(first.err()).isEmpty();
    Path start = cache.resolve("start");
    waitFor(start, "light-*.aot");
    waitFor(start, "full-*.jsa");
    waitFor(start, "short-*.aot"); // the last one
    Run doctor = run(List.of(launcher().toString(), "doctor"), environment);
    assertThat(doctor.out()).contains("AOT cache", "light-", "class archive", "full-");
    assertThat(doctor.err()).isEmpty();

    List<Path> files = new ArrayList<>();
    try (var found = Files.newDirectoryStream(start, "{light,full,short}-*")) {
      found.forEach(files::add);
    }
    assertThat(files).hasSize(3);
    for (Path file : files) {
      Files.writeString(file, "not what it was");
    }
    assertThat(run(help, environment)).isEqualTo(first);
    Run none = run(List.of(launcher().toString(), "find", "./none"), environment);
    assertThat(none.err().lines()).singleElement().asString().contains("./none");
    Run found = run(List.of(launcher().toString(), "find", "--quiet", "--no-verify"), environment);
    assertThat(found.err()).isEmpty();
    assertThat(found.out().lines()).hasSize(3);
  }

  @Test
  void withoutAFolderForCachesItWorksAsWell() throws Exception {
    Run run =
        run(
            List.of(launcher().toString(), "help", "find"),
            Map.of("SUPERWEIGHT_CACHE", "/dev/null/none"));
    assertThat(run.err()).isEmpty();
    assertThat(run.out()).contains("Usage: superweight find");
    assertThat(run.exitCode()).isZero();
  }

  @Test
  void aJdkThatIsNamedLaterIsUsedThoughAnotherIsRemembered() throws Exception {
    run("--version");
    Path other = Files.createDirectories(elsewhere.resolve("jdk-99/bin"));
    Path java = Files.writeString(other.resolve("java"), "#!/bin/sh\necho 'the other one'\n");
    assertThat(java.toFile().setExecutable(true)).isTrue();
    Files.writeString(other.resolveSibling("release"), "JAVA_VERSION=\"99\"\n");
    Run run =
        run(
            List.of(launcher().toString(), "--version"),
            Map.of(
                "SUPERWEIGHT_JAVA_HOME",
                other.getParent().toString(),
                "SUPERWEIGHT_CACHE",
                "/dev/null/none"));
    assertThat(run.out()).isEqualTo("the other one\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"find --verify", "verify layers.1.mlp.down[161,288]", "bench --quick"})
  void anInterruptLeavesOneLineTheExitCodeAndNoFile(String command) throws Exception {
    // A build in the background ignores interrupts, and so would what it starts.
    assumeTrue(
        run(List.of("env", "--default-signal=INT", "true"), Map.of()).exitCode() == 0,
        "skipped: this system's env cannot reset signals");
    Path temporary = Files.createDirectory(folder.resolve("temporary"));
    Path out = folder.resolve("interrupted.out");
    Path err = folder.resolve("interrupted.err");
    List<String> arguments =
        new ArrayList<>(List.of("env", "--default-signal=INT", launcher().toString()));
    arguments.addAll(List.of(command.split(" ")));
    arguments.addAll(List.of("--progress", "bar", "--json=document.json"));
    ProcessBuilder builder =
        new ProcessBuilder(arguments)
            .directory(elsewhere.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile());
    builder.environment().put("SUPERWEIGHT_NO_BUILD", "1");
    builder.environment().put("SUPERWEIGHT_JAVA_OPTS", "-Djava.io.tmpdir=" + temporary);
    Process process = builder.start();
    while (process.isAlive() && !Files.readString(err).contains("\r")) {
      Thread.sleep(20);
    }
    assertThat(process.isAlive()).as(Files.readString(err)).isTrue();
    new ProcessBuilder("kill", "-INT", String.valueOf(process.pid())).start().waitFor();
    assertThat(process.waitFor(MINUTES, TimeUnit.MINUTES)).isTrue();

    assertThat(process.exitValue()).isEqualTo(130);
    assertThat(Files.readString(err)).endsWith("\r\u001B[Ksuperweight: interrupted\n");
    assertThat(Files.readString(out)).isEmpty();
    assertThat(elsewhere.toFile().list()).as("nothing half-written").isEmpty();
    assertThat(temporary.toFile().list((at, name) -> name.startsWith("superweight-bench")))
        .as("temporary files are gone")
        .isEmpty();
  }
}
