package io.superweight.tokenizer;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts a text by regular expressions: what the first one matches and what lies between the matches
 * is cut by the second, and so on.
 */
final class WordSplitter {
  private final List<Pattern> steps;

  WordSplitter(List<String> expressions) {
    // With this flag \s, \d and (?i) go by Unicode, as they do in Hugging Face's library.
    this.steps =
        expressions.stream()
            .map(expression -> Pattern.compile(expression, Pattern.UNICODE_CHARACTER_CLASS))
            .toList();
  }

  /** Receives the words in turn: text from {@code start} to {@code end}. */
  interface Words {
    void word(int start, int end);
  }

  void split(String text, Words words) {
    split(text, 0, text.length(), 0, words);
  }

  private void split(String text, int start, int end, int step, Words words) {
    if (start == end) {
      return;
    }
    if (step == steps.size()) {
      words.word(start, end);
      return;
    }
    // A region's ends are the ends of the text for look-ahead and look-behind.
    Matcher matcher = steps.get(step).matcher(text).region(start, end);
    int done = start;
    while (matcher.find()) {
      split(text, done, matcher.start(), step + 1, words);
      split(text, matcher.start(), matcher.end(), step + 1, words);
      done = matcher.end();
    }
    split(text, done, end, step + 1, words);
  }
}
