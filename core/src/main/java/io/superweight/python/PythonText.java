package io.superweight.python;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Text as Python's {@code str} treats it, where Java differs: the reference tools are written in
 * it, and a blank more or less is another number.
 *
 * <p>All of it is over code points, as Python is.
 */
public final class PythonText {
  /** What {@code \s} matches in Python's {@code re}, as a class of Java's regular expressions. */
  public static final String SPACE =
      "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";

  private PythonText() {}

  /**
   * {@code str.isspace} of one character, which strip, split and {@code \s} go by. Java's {@code
   * isWhitespace} lacks U+0085, U+00A0, U+2007 and U+202F, its {@code \s} nearly all.
   */
  public static boolean isSpace(int c) {
    return (c >= 0x09 && c <= 0x0d)
        || (c >= 0x1c && c <= 0x20)
        || c == 0x85
        || c == 0xa0
        || c == 0x1680
        || (c >= 0x2000 && c <= 0x200a)
        || c == 0x2028
        || c == 0x2029
        || c == 0x202f
        || c == 0x205f
        || c == 0x3000;
  }

  /** {@code text.strip()}. */
  public static String strip(String text) {
    return lstrip(rstrip(text));
  }

  /** {@code text.lstrip()}. */
  public static String lstrip(String text) {
    int from = 0;
    while (from < text.length() && isSpace(text.charAt(from))) { // all of them are one char
      from++;
    }
    return text.substring(from);
  }

  /** {@code text.rstrip()}. */
  public static String rstrip(String text) {
    int to = text.length();
    while (to > 0 && isSpace(text.charAt(to - 1))) {
      to--;
    }
    return text.substring(0, to);
  }

  /** {@code text.split()}: the words, no empty ones. */
  public static List<String> split(String text) {
    return splitAtSpace(text).stream().filter(word -> !word.isEmpty()).toList();
  }

  /**
   * {@code re.split(r"\s+", text)}: white space at the start or the end leaves an empty string
   * there.
   */
  public static List<String> splitAtSpace(String text) {
    List<String> parts = new ArrayList<>();
    int from = 0;
    int i = 0;
    while (i < text.length()) {
      if (isSpace(text.charAt(i))) {
        parts.add(text.substring(from, i));
        while (i < text.length() && isSpace(text.charAt(i))) {
          i++;
        }
        from = i;
      } else {
        i++;
      }
    }
    parts.add(text.substring(from));
    return parts;
  }

  /** {@code len(text)}. */
  public static int length(String text) {
    return text.codePointCount(0, text.length());
  }

  /**
   * {@code text.capitalize()}: the first character in title case, all others in lower case.
   *
   * <p>Unlike Java's, Python's title case is the full one: one character may become several.
   */
  public static String capitalize(String text) {
    if (text.isEmpty()) {
      return text;
    }
    int first = text.codePointAt(0);
    // Lower-cased as a whole: whether a sigma is the last letter depends on those before it.
    String lower = text.toLowerCase(Locale.ROOT);
    int ofFirst = Character.toString(first).toLowerCase(Locale.ROOT).length();
    return title(first) + lower.substring(ofFirst);
  }

  /** The full title case of Unicode's SpecialCasing.txt, from the upper case where it is longer. */
  private static String title(int c) {
    String upper = Character.toString(c).toUpperCase(Locale.ROOT);
    if (c == 0x149) { // ŉ, whose second letter stays a capital
      return upper;
    }
    if (length(upper) == 1
        || Character.toTitleCase(c) != c
        || Character.getType(c) == Character.TITLECASE_LETTER) {
      return Character.toString(Character.toTitleCase(c));
    }
    int head = upper.codePointAt(0);
    StringBuilder title = new StringBuilder().appendCodePoint(head);
    upper
        .codePoints()
        .skip(1)
        .map(d -> d == 0x399 && c >= 0x1f80 ? 0x345 : Character.toLowerCase(d))
        .forEach(title::appendCodePoint);
    return title.toString();
  }
}
