package io.superweight.cli;

import static io.superweight.cli.Run.run;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The words of the command line. */
class CommandLineTest {
  @TempDir Path folder;

  static Stream<Arguments> misuse() {
    return Stream.of(
        Arguments.of(List.of("fidn"), "unknown command fidn; did you mean find?"),
        Arguments.of(List.of("--verison"), "unknown option --verison; did you mean --version?"),
        Arguments.of(List.of("find", "--verfy"), "unknown option --verfy; did you mean --verify?"),
        Arguments.of(List.of("find", "a", "b"), "one argument too many: b"),
        Arguments.of(List.of("find", "--bos"), "--bos"),
        Arguments.of(List.of("find", "--bos", "auto", "--bos", "never"), "--bos"),
        Arguments.of(List.of("find", "--threads", "two"), "--threads"),
        Arguments.of(List.of("verify"), "COORDINATE"),
        Arguments.of(List.of("bench", "--quik"), "did you mean --quick?"),
        Arguments.of(List.of("help", "nothing"), "unknown command nothing"));
  }

  @ParameterizedTest
  @MethodSource("misuse")
  void aCommandLineThatIsNotUnderstoodIsOneLineAndTwo(List<String> arguments, String says) {
    Run run = run(arguments.toArray(String[]::new));
    assertThat(run.err().lines()).singleElement().asString().contains(says).contains("help");
    assertThat(run.out()).isEmpty();
    assertThat(run.exitCode()).isEqualTo(2);
  }

  @Test
  void twoThingsCannotBothHaveStandardOutput() {
    Run run = run("find", "--quiet", "--json");
    assertThat(run.err().lines()).singleElement().asString().contains("give --json=FILE");
    assertThat(run.exitCode()).isEqualTo(2);
  }

  @Test
  void aModelAfterJsonIsAModelAndNotAFileToWrite() {
    Run run = run("find", "--json", "./no-such-model");
    assertThat(run.err()).contains("no-such-model");
    assertThat(run.exitCode()).isEqualTo(3);
    assertThat(folder.resolve("no-such-model")).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(strings = {"--json=%s", "--json %s", "--report=%s"})
  void aFileThatCannotBeWrittenIsToldBeforeTheModelIsOpened(String form) throws IOException {
    Path there = Files.createDirectory(folder.resolve("out.json"));
    String[] arguments = ("find " + form.formatted(there) + " ./no-such-model").split(" ");
    Run run = run(arguments);
    assertThat(run.err().lines()).singleElement().asString().contains("is a folder");
    assertThat(run.exitCode()).isEqualTo(7);
  }

  @Test
  void withoutACommandItSaysWhatThereIs() {
    Run run = run();
    assertThat(run.exitCode()).isZero();
    assertThat(run.err()).isEmpty();
    Main.commandNames().forEach(name -> assertThat(run.out()).contains("  " + name + " "));
  }

  @Test
  void theHeadlinesInTheListAreThoseOfTheCommands() {
    Subcommand.wholeLine(null)
        .getSubcommands()
        .forEach((name, command) ->
            assertThat(
                    Subcommand.line(null, List.of())
                        .getSubcommands()
                        .get(name)
                        .getCommandSpec()
                        .usageMessage()
                        .header())
                .isEqualTo(command.getCommandSpec().usageMessage().header())
                .isNotEmpty());
  }

  static List<String> commands() {
    return Main.commandNames();
  }

  @ParameterizedTest
  @MethodSource("commands")
  void helpOfEachCommandFitsItsWidthAndIsTheSameEitherWay(String name) {
    Run help = run(name, "--help");
    assertThat(help.exitCode()).isZero();
    assertThat(help.err()).isEmpty();
    assertThat(help.out()).isEqualTo(run("help", name).out()).contains("Usage:");
    assertThat(help.out().lines())
        .allSatisfy(line -> assertThat(Columns.width(line)).as(line).isLessThanOrEqualTo(100));
  }

  @Test
  void helpOfFindListsTheExitCodes() {
    assertThat(run("find", "--help").out())
        .contains("Exit codes: 0 done", "2 the command line", "130 interrupted");
  }

  @ParameterizedTest
  @ValueSource(strings = {"--threads -1", "--threads 1025", "--device abacus"})
  void benchRefusesWhatItCannotMeasureWithInOneLine(String options) {
    Run run = run(("bench " + options).split(" "));
    assertThat(run.err().lines()).singleElement().asString().contains(options.split(" ")[0]);
    assertThat(run.out()).isEmpty();
    assertThat(run.exitCode()).isEqualTo(2);
  }

  @Test
  void benchSaysBeforeItMeasuresThatThereIsNoSuchFile() {
    Run run = run("bench", "./no-such-file");
    assertThat(run.err().lines()).singleElement().asString().contains("no-such-file");
    assertThat(run.out()).isEmpty();
    assertThat(run.exitCode()).isEqualTo(3);
  }

  @Test
  void debugShowsTheStackTraceOfAnError() {
    Run plain = run("find", "./no-such-model");
    Run debug = run("find", "./no-such-model", "--debug");
    assertThat(plain.err().lines()).hasSize(1);
    assertThat(debug.err()).contains("\tat io.superweight.");
    assertThat(debug.exitCode()).isEqualTo(plain.exitCode());
  }
}
