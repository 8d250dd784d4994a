package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.tokenizer.BosPolicy;
import picocli.CommandLine.Option;

/** What each command that runs a model asks for. */
final class ModelOptions {
  /** What computes. */
  enum DeviceChoice {
    AUTO,
    JAVA
  }

  @Option(
      names = "--bos",
      paramLabel = "POLICY",
      description =
          "Beginning-of-sequence token before a text: auto (as the model's tokenizer does), always, never. Default: auto")
  private BosPolicy bos = BosPolicy.AUTO;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads that compute. The result does not depend on it. Default: all cores")
  private int threads;

  @Option(names = "--device", paramLabel = "DEVICE", description = "auto or java. Default: auto")
  private DeviceChoice device = DeviceChoice.AUTO;

  @Option(
      names = "--progress",
      paramLabel = "HOW",
      description = "bar, plain, none, or auto (a bar on a terminal, plain lines elsewhere)")
  private Progress.Kind progress = Progress.Kind.AUTO;

  @Option(names = "--no-color", description = "No colours. The variable NO_COLOR does the same")
  private boolean noColor;

  BosPolicy bos() {
    return bos;
  }

  int threads() {
    if (threads < 0 || threads > 1024) {
      throw new InputException(
          InputException.Kind.USAGE, "--threads must be between 1 and 1024, or left out");
    }
    return threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
  }

  Terminal terminal(SuperweightCommand parent) {
    Terminal terminal = parent.terminal();
    return noColor ? terminal.withoutColor() : terminal;
  }

  Progress progress(Terminal terminal, boolean quiet) {
    return Progress.on(terminal, quiet ? Progress.Kind.NONE : progress);
  }
}
