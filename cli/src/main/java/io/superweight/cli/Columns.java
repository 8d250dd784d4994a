package io.superweight.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** Text measured and cut in columns of a terminal. */
final class Columns {
  private Columns() {}

  /** What {@link Look} puts around a text. */
  private static final Pattern COLOR = Pattern.compile("\u001B\\[[0-9;]*m");

  /** Columns that the text takes: wide characters take two, combining ones and colours none. */
  static int width(String text) {
    String bare = text.indexOf('\u001B') < 0 ? text : COLOR.matcher(text).replaceAll("");
    return bare.codePoints().map(Columns::width).sum();
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

  /** Spaces at which a line would part a number from its sign or its unit. */
  private static final Pattern TIED =
      Pattern.compile("(?<=×) (?=[\\d∞])|(?<=\\d) (?=(?:%|nats|GB|MB|kB|GiB|MiB|s|ms)(?![\\w]))");

  /**
   * The words in lines of at most that width; a longer word is broken, a number and its unit stay
   * together.
   */
  static List<String> wrap(String text, int width) {
    List<String> lines = new ArrayList<>();
    StringBuilder line = new StringBuilder();
    for (String word : TIED.matcher(text).replaceAll("\u00A0").split(" ")) {
      if (!line.isEmpty() && width(line.toString()) + 1 + width(word) > width) {
        lines.add(untied(line));
        line.setLength(0);
      }
      if (!line.isEmpty()) {
        line.append(' ');
      }
      line.append(word);
      while (width(line.toString()) > width && line.codePointCount(0, line.length()) > 1) {
        int fits = fitting(line, width);
        lines.add(untied(line.substring(0, fits)));
        line.delete(0, fits);
      }
    }
    lines.add(untied(line));
    return lines;
  }

  private static String untied(CharSequence line) {
    return line.toString().replace('\u00A0', ' ');
  }

  /** How many chars fit into that width, one character at least. */
  private static int fitting(CharSequence text, int width) {
    int used = 0;
    int end = 0;
    while (end < text.length()) {
      int c = Character.codePointAt(text, end);
      used += width(c);
      if (used > width && end > 0) {
        break;
      }
      end += Character.charCount(c);
    }
    return end;
  }
}
