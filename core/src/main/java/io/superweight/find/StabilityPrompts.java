package io.superweight.find;

import java.util.List;

/** Short texts of varied kind, to see whether a super activation depends on the text. */
final class StabilityPrompts {
  private StabilityPrompts() {}

  static final List<String> ALL =
      List.of(
          Prompt.REFERENCE,
          "Summer is hot. Winter is ",
          "The old lighthouse keeper climbed the stairs slowly, lamp in hand.",
          "def area(radius):\n    return 3.14159 * radius ** 2\n",
          "Der Zug nach Hamburg fährt heute von Gleis sieben.",
          "La bibliothèque ouvre à neuf heures, sauf le lundi.",
          "12, 15, 18, 21, 24; 1,000,000 / 250 = 4,000",
          "Q: Who wrote the letter?\nA: Nobody knows, but it was posted in Lisbon.");
}
