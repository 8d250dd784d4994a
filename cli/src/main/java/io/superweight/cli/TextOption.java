package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.find.VerificationText;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/** {@code --text}: what a command measures on. */
final class TextOption {
  @Option(
      names = "--text",
      paramLabel = "FILE",
      description =
          "Text to measure on, documents separated by two or more blank lines. Default: built-in "
              + "public-domain prose")
  private Path file;

  /**
   * Reads the text; empty where none is named.
   *
   * @throws InputException where it cannot be used
   */
  Optional<VerificationText> read() {
    return Optional.ofNullable(file).map(VerificationText::of);
  }
}
