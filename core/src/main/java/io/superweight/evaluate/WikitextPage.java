package io.superweight.evaluate;

import io.superweight.python.PythonText;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A page of WikiText as published, tokenized by spaces, and what the harness makes of it: {@code
 * wikitext_detokenizer} of its task {@code wikitext}, step by step in its order, with Python's idea
 * of white space.
 */
record WikitextPage(String published) {
  private static final Pattern DIGIT = Pattern.compile("/' [0-9]/");

  /** Brackets and quotes, with the white space inside of them outside of the group. */
  private record Enclosed(Pattern pattern, String replacement) {
    static Enclosed of(String open, String close) {
      return new Enclosed(
          Pattern.compile(
              "\\"
                  + open
                  + PythonText.SPACE
                  + "*([^\\"
                  + close
                  + "]*?)"
                  + PythonText.SPACE
                  + "*\\"
                  + close),
          Matcher.quoteReplacement(open) + "$1" + Matcher.quoteReplacement(close));
    }

    String apply(String text) {
      return pattern.matcher(text).replaceAll(replacement);
    }
  }

  private static final Enclosed[] ENCLOSED = {
    Enclosed.of("(", ")"),
    Enclosed.of("[", "]"),
    Enclosed.of("{", "}"),
    Enclosed.of("\"", "\""),
    Enclosed.of("'", "'")
  };

  /** The text that is scored. */
  String detokenized() {
    String text = published.replace("s '", "s'");
    // The reference's replacement is this very text, digits and all: its slip is part of the task.
    text = DIGIT.matcher(text).replaceAll(Matcher.quoteReplacement("/'[0-9]/"));
    text = text.replace(" @-@ ", "-").replace(" @,@ ", ",").replace(" @.@ ", ".");
    text =
        text.replace(" : ", ": ")
            .replace(" ; ", "; ")
            .replace(" . ", ". ")
            .replace(" ! ", "! ")
            .replace(" ? ", "? ")
            .replace(" , ", ", ");
    for (Enclosed enclosed : ENCLOSED) {
      text = enclosed.apply(text);
    }
    return text.replace("= = = =", "====")
        .replace("= = =", "===")
        .replace("= =", "==")
        .replace(" ° ", "°")
        .replace(" \n", "\n")
        .replace("\n ", "\n")
        .replace(" N ", " 1 ")
        .replace(" 's", "'s");
  }

  /**
   * {@code len(re.split(r"\s+", page))}: white space at either end gives an empty word, which
   * counts.
   */
  int words() {
    return PythonText.splitAtSpace(published).size();
  }

  /** Of the published text in UTF-8. */
  int bytes() {
    return published.getBytes(StandardCharsets.UTF_8).length;
  }
}
