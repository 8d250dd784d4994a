package io.superweight.tokenizer;

/**
 * Half characters: a Java string may hold one half of a surrogate pair alone, which no UTF-8 text
 * can. Tokenizers see U+FFFD in its place.
 */
final class UnpairedSurrogates {
  private UnpairedSurrogates() {}

  /** The text itself where it has none, which is nearly always. */
  static String replaceIn(String text) {
    int length = text.length();
    for (int i = 0; i < length; i++) {
      char c = text.charAt(i);
      if (!Character.isSurrogate(c)) {
        continue;
      }
      if (Character.isHighSurrogate(c)
          && i + 1 < length
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
        continue;
      }
      StringBuilder sound = new StringBuilder(text);
      sound.setCharAt(i, '\uFFFD');
      return replaceFrom(sound, i + 1);
    }
    return text;
  }

  private static String replaceFrom(StringBuilder text, int start) {
    for (int i = start; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
      } else if (Character.isSurrogate(c)) {
        text.setCharAt(i, '\uFFFD');
      }
    }
    return text.toString();
  }
}
