package io.superweight.cli;

import picocli.CommandLine.Option;

/** {@code --progress} and {@code --no-color}: how a command shows itself. */
final class ScreenOptions {
  @Option(
      names = "--progress",
      paramLabel = "HOW",
      description = "bar, plain, none, or auto (a bar on a terminal, plain lines elsewhere)")
  private Progress.Kind progress = Progress.Kind.AUTO;

  @Option(names = "--no-color", description = "No colours. The variable NO_COLOR does the same")
  private boolean noColor;

  Terminal terminal(SuperweightCommand parent) {
    Terminal terminal = parent.terminal();
    return noColor ? terminal.withoutColor() : terminal;
  }

  Progress progress(Terminal terminal) {
    return Progress.on(terminal, progress);
  }
}
