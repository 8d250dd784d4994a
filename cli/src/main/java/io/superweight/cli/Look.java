package io.superweight.cli;

import picocli.CommandLine.Help;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Help.Ansi.Style;

/** The few colours of the terminal output, or none. */
final class Look {
  private static final String RESET = "\u001B[0m";

  private final boolean color;

  Look(boolean color) {
    this.color = color;
  }

  /** What matters most. */
  String strong(String text) {
    return paint("1", text);
  }

  /** What may be skipped. */
  String faint(String text) {
    return paint("2", text);
  }

  /** A super weight. */
  String alarm(String text) {
    return paint("1;31", text);
  }

  String good(String text) {
    return paint("32", text);
  }

  String warning(String text) {
    return paint("33", text);
  }

  String accent(String text) {
    return paint("36", text);
  }

  private String paint(String code, String text) {
    return color && !text.isEmpty() ? "\u001B[" + code + "m" + text + RESET : text;
  }

  /** Colours of picocli's help. */
  static Help.ColorScheme colorScheme(Ansi ansi) {
    return new Help.ColorScheme.Builder(ansi)
        .commands(Style.bold)
        .options(Style.fg_cyan)
        .parameters(Style.fg_cyan)
        .optionParams(Style.italic)
        .build();
  }
}
