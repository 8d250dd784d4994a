package io.superweight.cli;

import io.superweight.InputException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code superweight help find}. */
@Command(name = "help", header = HelpCommand.HEADER)
final class HelpCommand implements Runnable {
  /** The line of it in the list of commands. */
  static final String HEADER = "Say what a command does, and with which options.";

  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "COMMAND",
      arity = "0..1",
      description = "The command; without it, the list of them.")
  private String command;

  @Override
  public void run() {
    CommandLine top = spec.parent().commandLine();
    CommandLine shown = command == null ? top : top.getSubcommands().get(command);
    if (shown == null) {
      throw new InputException(
          InputException.Kind.USAGE,
          "unknown command " + command + " (superweight help lists them)");
    }
    shown.usage(top.getOut());
  }
}
