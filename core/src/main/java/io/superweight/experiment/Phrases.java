package io.superweight.experiment;

import io.superweight.find.Prompt;
import io.superweight.model.Coordinate;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Numbers and lists in the sentences of an exhibit. */
final class Phrases {
  private Phrases() {}

  /** {@code −14,217}, {@code 3.52}, {@code 0.0047}. */
  static String value(double v) {
    double size = Math.abs(v);
    String digits =
        !Double.isFinite(v)
            ? "∞"
            : size >= 1e7
                ? String.format(Locale.ROOT, "%.1e", size)
                : size >= 100
                    ? String.format(Locale.ROOT, "%,.0f", size)
                    : size >= 10
                        ? String.format(Locale.ROOT, "%.1f", size)
                        : size >= 1 || size == 0
                            ? String.format(Locale.ROOT, "%.2f", size)
                            : String.format(Locale.ROOT, "%.3g", size);
    return Double.isNaN(v) ? "not a number" : v < 0 ? "−" + digits : digits;
  }

  /** A part of one as hundredths: {@code 76 %}. */
  static String percent(double part) {
    double hundredths = part * 100;
    return String.format(Locale.ROOT, Math.abs(hundredths) < 10 ? "%.1f %%" : "%.0f %%", hundredths)
        .replace('-', '−');
  }

  /** {@code × 31,137}, {@code × 0.9999}. */
  static String ratio(double r) {
    return "× "
        + (r >= 1000
            ? value(r)
            : r >= 10
                ? String.format(Locale.ROOT, "%.1f", r)
                : r < 0.1
                    ? value(r)
                    : String.format(Locale.ROOT, Math.abs(r - 1) < 0.01 ? "%.4f" : "%.2f", r));
  }

  /** {@code 1 token}, {@code 1,200 tokens}. */
  static String counted(long n, String noun) {
    return String.format(Locale.ROOT, "%,d %s%s", n, noun, n == 1 ? "" : "s");
  }

  /** {@code a}, {@code a and b}, {@code a, b and c}. */
  static String joined(List<String> texts) {
    return texts.size() < 2
        ? String.join("", texts)
        : String.join(", ", texts.subList(0, texts.size() - 1)) + " and " + texts.getLast();
  }

  /** Coordinates, a part that repeats named once. */
  static String weights(List<Coordinate> coordinates) {
    List<String> texts = new ArrayList<>();
    String part = "";
    for (Coordinate c : coordinates) {
      texts.add(c.part().equals(part) ? "[" + c.row() + "," + c.col() + "]" : c.toString());
      part = c.part();
    }
    return joined(texts);
  }

  /** A token for a sentence or a cell: in quotes, on one line. */
  static String token(String raw) {
    return "“" + raw.replace("\r", "").replace('\n', '⏎').replace('\t', '⇥') + "”";
  }

  /** The lines of a protocol that name a prompt. */
  static List<Exhibit.Fact> prompt(Prompt prompt) {
    return List.of(
        new Exhibit.Fact("prompt", "“" + prompt.text() + "”"),
        new Exhibit.Fact(
            "token ids",
            String.join(" ", prompt.ids().stream().map(String::valueOf).toList())
                + (prompt.startsWithBos() ? ", BOS first" : ", no BOS")));
  }
}
