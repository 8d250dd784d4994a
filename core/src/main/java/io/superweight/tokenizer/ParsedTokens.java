package io.superweight.tokenizer;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds the tokens that are taken as they are written ({@code <|im_start|>}) before the rest of a
 * text is split: the leftmost first, of those that start at one place the longest.
 */
final class ParsedTokens {
  /** A token's text and id; whether white space after it belongs to it. */
  record Parsed(String text, int id, boolean stripsRight) {}

  /** Receives the parts of a text in turn. */
  interface Parts {
    void text(String part);

    void token(int id);
  }

  /** By first character, the longest first. */
  private final Map<Character, List<Parsed>> byFirst = new HashMap<>();

  ParsedTokens(List<Parsed> tokens) {
    for (Parsed token : tokens) {
      byFirst.computeIfAbsent(token.text().charAt(0), c -> new ArrayList<>()).add(token);
    }
    byFirst
        .values()
        .forEach(list -> list.sort(Comparator.comparingInt(token -> -token.text().length())));
  }

  /** Cuts the text at the tokens; empty parts are left out. */
  void split(String text, Parts parts) {
    int done = 0;
    int i = 0;
    while (i < text.length()) {
      Parsed found = at(text, i);
      if (found == null) {
        i++;
        continue;
      }
      if (i > done) {
        parts.text(text.substring(done, i));
      }
      parts.token(found.id());
      i += found.text().length();
      while (found.stripsRight() && i < text.length() && isWhiteSpace(text.charAt(i))) {
        i++;
      }
      done = i;
    }
    if (done < text.length()) {
      parts.text(text.substring(done));
    }
  }

  /** Unicode's White_Space property. */
  private static boolean isWhiteSpace(char c) {
    return c >= '\t' && c <= '\r' || c == '\u0085' || Character.isSpaceChar(c);
  }

  private Parsed at(String text, int i) {
    List<Parsed> candidates = byFirst.get(text.charAt(i));
    if (candidates != null) {
      for (Parsed token : candidates) {
        if (text.startsWith(token.text(), i)) {
          return token;
        }
      }
    }
    return null;
  }
}
