package io.superweight.find;

import io.superweight.find.MeanReplacement.Constant;
import io.superweight.find.Scoreboard.Version;
import io.superweight.model.Coordinate;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A target with all the versions that it is judged by. */
final class Trial {
  /** In sets of this size alone, left out and pairs are all subsets: no second pass is needed. */
  private static final int ALL_SUBSETS = 4;

  final VerifyTarget target;
  final Version joint;
  final List<Version> alone = new ArrayList<>();
  final List<Version> leftOut = new ArrayList<>();
  final List<Version> swaps = new ArrayList<>();
  final List<Version> random = new ArrayList<>();
  final List<Version> pairs = new ArrayList<>();
  Optional<Version> largest = Optional.empty();
  Optional<Version> mean = Optional.empty();
  List<Constant> constants = List.of();

  /** Logits of the word after the paper's sentence, without the whole set. */
  float[] next;

  Optional<LoopRate> loops = Optional.empty();
  Optional<ContinuationCase> continuation = Optional.empty();

  Trial(VerifyTarget target) {
    this.target = target;
    List<Coordinate> members = target.members();
    this.joint = Version.zeroing(target.name(), members);
    if (members.size() == 1) {
      alone.add(joint);
      return;
    }
    for (Coordinate member : members) {
      alone.add(Version.zeroing(member + " alone", List.of(member)));
      leftOut.add(
          Version.zeroing(
              "all but " + member, members.stream().filter(m -> !m.equals(member)).toList()));
    }
    if (members.size() == ALL_SUBSETS) {
      for (int i = 0; i < members.size(); i++) {
        for (int j = i + 1; j < members.size(); j++) {
          pairs.add(Version.zeroing(List.of(members.get(i), members.get(j))));
        }
      }
    }
  }

  boolean collapses() {
    return loops.map(VerdictRule::collapses).orElse(false);
  }

  /** All that a verdict needs; the first are the set's own. */
  List<Version> versions() {
    List<Version> all = new ArrayList<>(List.of(joint));
    all.addAll(alone);
    all.addAll(leftOut);
    all.addAll(pairs);
    all.addAll(swaps);
    all.addAll(random);
    largest.ifPresent(all::add);
    mean.ifPresent(all::add);
    return all;
  }
}
