package io.superweight.cli;

import java.util.ArrayList;
import java.util.List;

/** Text measured and cut in columns of a terminal. */
final class Columns {
  private Columns() {}

  /** Columns that the text takes: wide characters take two, combining ones none. */
  static int width(String text) {
    return text.codePoints().map(Columns::width).sum();
  }

  private static int width(int c) {
    int type = Character.getType(c);
    if (type == Character.NON_SPACING_MARK
        || type == Character.ENCLOSING_MARK
        || type == Character.FORMAT) {
      return 0;
    }
    Character.UnicodeScript script = Character.UnicodeScript.of(c);
    boolean wide =
        switch (script) {
          case HAN, HIRAGANA, KATAKANA, HANGUL, YI, BOPOMOFO -> true;
          default -> (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0xFF01 && c <= 0xFF60);
        };
    return wide ? 2 : 1;
  }

  /** The text with spaces up to that width. */
  static String left(String text, int width) {
    return text + " ".repeat(Math.max(0, width - width(text)));
  }

  /** Spaces up to that width, then the text. */
  static String right(String text, int width) {
    return " ".repeat(Math.max(0, width - width(text))) + text;
  }

  /** The text, or its beginning and an ellipsis, in at most that width. */
  static String cut(String text, int width) {
    if (width(text) <= width) {
      return text;
    }
    StringBuilder kept = new StringBuilder();
    int used = 1;
    for (int c : text.codePoints().toArray()) {
      if (used + width(c) > width) {
        break;
      }
      used += width(c);
      kept.appendCodePoint(c);
    }
    return kept.append('…').toString();
  }

  /** The words in lines of at most that width; a longer word has a line of its own. */
  static List<String> wrap(String text, int width) {
    List<String> lines = new ArrayList<>();
    StringBuilder line = new StringBuilder();
    for (String word : text.split(" ")) {
      if (!line.isEmpty() && width(line.toString()) + 1 + width(word) > width) {
        lines.add(line.toString());
        line.setLength(0);
      }
      if (!line.isEmpty()) {
        line.append(' ');
      }
      line.append(word);
    }
    lines.add(line.toString());
    return lines;
  }
}
