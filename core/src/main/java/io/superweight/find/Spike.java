package io.superweight.find;

import io.superweight.model.Coordinate;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** A spike that lasts, and the accepted weights that make it. */
final class Spike {
  final Explanation explanation;
  final SuperActivation activation;

  /** The round of zero-and-repeat that showed it. */
  final int round;

  /** Whether it is a super activation of the model, not one of the smaller spikes. */
  final boolean main;

  /** What was zeroed when it showed. */
  final Set<Coordinate> context;

  final List<Finding> members = new ArrayList<>();

  /** What is left with all members zeroed, as a fraction of the peak; NaN before it is measured. */
  double remaining = Double.NaN;

  Spike(
      Explanation explanation,
      SuperActivation activation,
      int round,
      boolean main,
      Set<Coordinate> context) {
    this.explanation = explanation;
    this.activation = activation;
    this.round = round;
    this.main = main;
    this.context = context;
  }

  Episode episode() {
    return explanation.episode();
  }
}
