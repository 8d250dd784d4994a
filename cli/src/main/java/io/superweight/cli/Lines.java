package io.superweight.cli;

import io.superweight.report.ModelFacts;
import java.io.PrintStream;

/** What the commands' texts have in common. */
final class Lines {
  /** Longer ones are hard to read. */
  private static final int LONGEST = 110;

  private Lines() {}

  /** Two lines that say which model it is about. */
  static void title(ModelFacts facts, Look look, int width, PrintStream out) {
    out.println(look.strong(Columns.cut(Shown.text(facts.name()), width)));
    out.println(look.faint(Columns.cut(Shown.text(facts.summary()), width)));
  }

  /** A text in lines of a readable length. */
  static void paragraph(String text, int width, PrintStream out) {
    Columns.wrap(text, Math.min(width, LONGEST)).forEach(out::println);
  }
}
