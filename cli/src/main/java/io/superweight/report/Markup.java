package io.superweight.report;

import io.superweight.model.Coordinate;

/**
 * Text made into HTML and SVG. Texts of models, tokens and files are hostile: every one goes
 * through here.
 */
final class Markup {
  private Markup() {}

  /**
   * Text in which no character is markup, steers a terminal or turns the reading direction: control
   * characters become their pictures (U+2400 and on), direction overrides and half surrogate pairs
   * the replacement character. Line ends and tabs stay.
   */
  static String text(String raw) {
    StringBuilder safe = new StringBuilder(raw.length() + 16);
    raw.codePoints()
        .forEach(c -> {
          switch (c) {
            case '&' -> safe.append("&amp;");
            case '<' -> safe.append("&lt;");
            case '>' -> safe.append("&gt;");
            case '"' -> safe.append("&quot;");
            case '\'' -> safe.append("&#39;");
            case '\n', '\t' -> safe.append((char) c);
            case 0x7F -> safe.append('\u2421');
            default -> {
              if (c < 0x20) {
                safe.append((char) (0x2400 + c));
              } else {
                safe.appendCodePoint(shown(c) ? c : 0xFFFD);
              }
            }
          }
        });
    return safe.toString();
  }

  private static boolean shown(int c) {
    boolean control = c >= 0x80 && c < 0xA0;
    boolean turns =
        (c >= 0x202A && c <= 0x202E)
            || (c >= 0x2066 && c <= 0x2069)
            || c == 0x200E
            || c == 0x200F
            || c == 0x061C;
    boolean halfPair = c >= 0xD800 && c <= 0xDFFF;
    boolean noCharacter = (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF);
    boolean breaksLine = c == 0x2028 || c == 0x2029;
    return !(control || turns || halfPair || noCharacter || breaksLine);
  }

  /** A token on one line, its spaces kept and its end visible; apart from the text around it. */
  static String token(String raw) {
    return "<bdi class=\"token\">" + text(oneLine(raw)) + "</bdi>";
  }

  /** A token for a label in a chart: short, in quotes, not yet escaped. */
  static String quoted(String raw, int codePoints) {
    String line = oneLine(raw);
    int length = line.codePointCount(0, line.length());
    return "“"
        + (length <= codePoints
            ? line
            : line.substring(0, line.offsetByCodePoints(0, codePoints - 1)) + "…")
        + "”";
  }

  private static String oneLine(String raw) {
    return raw.replace("\r\n", "⏎").replace('\n', '⏎').replace('\r', '⏎').replace('\t', '⇥');
  }

  /** A coordinate that may break before its bracket. */
  static String weight(Coordinate weight) {
    return "<code class=\"weight\">" + breakable(weight.toString()) + "</code>";
  }

  /** A sentence in which coordinates may break before their brackets. */
  static String breakable(String raw) {
    return text(raw).replace("[", "<wbr>[");
  }
}
