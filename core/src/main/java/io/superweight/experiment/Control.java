package io.superweight.experiment;

import io.superweight.edit.EditedModel;
import io.superweight.edit.Edits;
import io.superweight.model.Coordinate;
import io.superweight.model.ScalarEdit;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Set;

/**
 * The paper's control: the largest weights that are no super weights, zeroed. In a small model the
 * paper's fraction selects none; the first of ten, a hundred, … times as much that does is taken.
 *
 * @param asked the paper's fraction of each matrix
 * @param taken the fraction that selects some
 * @param model with these zeroed, the super weights as they are
 */
record Control(Subject subject, double asked, double taken, EditedModel model) {
  /** Beyond, what is removed are no longer a few. */
  private static final double MOST = 1e-3;

  static Control of(Subject subject, double asked) {
    Edits edits = new Edits(subject.model());
    double fraction = asked;
    while (true) {
      EditedModel model =
          edits.pruneTop("Prune non-SW, " + text(fraction), fraction, subject.weights());
      if (!model.variant().edits().isEmpty() || fraction * 10 > MOST) {
        return new Control(subject, asked, fraction, model);
      }
      fraction *= 10;
    }
  }

  /** {@code 1e-6}. */
  static String text(double fraction) {
    int exponent = (int) Math.floor(Math.log10(fraction) + 1e-9);
    String mantissa =
        String.format(Locale.ROOT, "%.1f", fraction / Math.pow(10, exponent)).replace(".0", "");
    return mantissa + "e" + exponent;
  }

  int weights() {
    return model.variant().edits().size();
  }

  /** With the super weights zeroed as well. */
  EditedModel withSuperWeights(String label) {
    Set<Coordinate> all = new LinkedHashSet<>(subject.weights());
    model.variant().edits().stream().map(ScalarEdit::coordinate).forEach(all::add);
    return new Edits(subject.model()).zero(label, all);
  }

  /** What was removed, and why so many. */
  String sentence() {
    return taken == asked
        ? "The largest others are "
            + text(asked)
            + " of each matrix: "
            + Phrases.counted(weights(), "weight")
            + "."
        : "The paper’s fraction of "
            + text(asked)
            + " of each matrix selects no weight of a model this small; taken is "
            + text(taken)
            + ", "
            + Phrases.counted(weights(), "weight")
            + ".";
  }
}
