package io.superweight.cli;

import io.superweight.InputException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;

/** Entry point of the {@code superweight} command. */
public final class Main {

  private Main() {}

  /** Runs the command and ends the JVM with its exit code. */
  public static void main(String[] args) {
    Terminal.Checked out = new Terminal.Checked(new FileOutputStream(FileDescriptor.out));
    Terminal terminal = Terminal.ofProcess(out);
    System.setErr(terminal.err());
    int exitCode = run(terminal, args);
    terminal.out().flush();
    if (out.failure() != null) {
      exitCode = writingFailed(out.failure(), terminal.err());
    }
    terminal.err().flush();
    System.exit(exitCode);
  }

  /**
   * Runs the command within this process.
   *
   * @param out gets results, UTF-8
   * @param err gets progress and errors, UTF-8
   * @return the exit code
   */
  public static int run(String[] args, PrintStream out, PrintStream err) {
    return run(Terminal.plain(out, err), args);
  }

  static int run(Terminal terminal, String... args) {
    // Asked for before parsing, so that errors of the command line itself obey it.
    List<String> arguments = Arrays.asList(args);
    boolean debug = arguments.contains("--debug");
    CommandLine commandLine = Subcommand.line(terminal, arguments);
    commandLine.setOut(new PrintWriter(terminal.out(), false, StandardCharsets.UTF_8));
    commandLine.setErr(new PrintWriter(terminal.err(), true, StandardCharsets.UTF_8));
    commandLine.setColorScheme(Look.colorScheme(terminal.color() ? Ansi.ON : Ansi.OFF));
    commandLine.setUsageHelpWidth(Math.clamp(terminal.columns(), 80, 110));
    commandLine.setUsageHelpLongOptionsMaxWidth(26);
    commandLine.setCaseInsensitiveEnumValuesAllowed(true);
    HelpSections.install(commandLine);
    commandLine.setOverwrittenOptionsAllowed(false);
    commandLine.setAbbreviatedOptionsAllowed(false);
    commandLine.setExpandAtFiles(false); // a prompt may begin with @
    commandLine.setParameterExceptionHandler((e, unused) ->
        report(
            new Failure(Misuse.line(e), InputException.Kind.USAGE.exitCode()), e, debug, terminal));
    commandLine.setExecutionExceptionHandler(
        (e, unused, parsed) -> report(Failure.of(e), e, debug, terminal));
    int exitCode;
    try {
      exitCode = commandLine.execute(args);
    } catch (Throwable e) { // errors of the JVM pass picocli by
      exitCode = report(Failure.of(e), e, debug, terminal);
    }
    commandLine.getOut().flush();
    terminal.out().flush();
    return exitCode;
  }

  private static int report(Failure failure, Throwable thrown, boolean debug, Terminal terminal) {
    terminal.err().println("superweight: " + failure.line());
    if (debug) {
      thrown.printStackTrace(terminal.err());
    }
    return failure.exitCode();
  }

  private static int writingFailed(IOException failure, PrintStream err) {
    String reason = String.valueOf(failure.getMessage());
    if (reason.contains("Broken pipe")) {
      return ExitCode.BROKEN_PIPE; // as if SIGPIPE had ended it: `superweight find | head`
    }
    err.println("superweight: standard output cannot be written: " + Failure.oneLine(reason));
    return InputException.Kind.OUTPUT.exitCode();
  }

  /** All commands, for the tests of the documentation. */
  static List<String> commandNames() {
    return List.copyOf(Subcommand.wholeLine(null).getSubcommands().keySet());
  }
}
