package io.superweight.cli;

/** Text of models and files made harmless for a terminal: nothing in it can move the cursor. */
final class Shown {
  private Shown() {}

  /** Line breaks become {@code ⏎}, other control characters {@code �}. */
  static String text(String text) {
    StringBuilder shown = new StringBuilder(text.length());
    text.codePoints()
        .forEach(c -> {
          if (c == '\n') {
            shown.append('⏎');
          } else if (c == '\t') {
            shown.append('⇥');
          } else if (c != '\r') {
            shown.appendCodePoint(steers(c) ? 0xFFFD : c);
          }
        });
    return shown.toString();
  }

  /** A sentence with numbers, set as {@link io.superweight.report.Numerals} sets them. */
  static String prose(String sentence) {
    return text(sentence).replaceAll("(?<![\\w.,\\]-])-(?=\\d)", "−").replaceAll("×(?=\\d)", "× ");
  }

  /** A token in quotes, its spaces visible. */
  static String token(String token) {
    return "“" + text(token) + "”";
  }

  private static boolean steers(int c) {
    return Character.isISOControl(c)
        || (c >= 0x202A && c <= 0x202E) // bidirectional embeddings and overrides
        || (c >= 0x2066 && c <= 0x2069);
  }
}
