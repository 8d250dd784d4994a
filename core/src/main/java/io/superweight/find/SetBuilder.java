package io.superweight.find;

import io.superweight.model.Coordinate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/** Groups what acts together. */
final class SetBuilder {
  /** A precursor without which next to nothing is left belongs to the set that it serves. */
  private static final double VITAL = 0.1;

  private SetBuilder() {}

  /**
   * The sets of the super activations, in their order: those of one token and channel, those that
   * one neuron feeds, and those that showed only when the others were zeroed.
   */
  static List<WeightSet> sets(List<Spike> spikes, Collection<Finding> found) {
    List<List<Spike>> groups = new ArrayList<>();
    for (Spike spike : spikes) {
      if (!spike.main || spike.members.isEmpty()) {
        continue;
      }
      List<Spike> home =
          groups.stream()
              .filter(group -> group.stream().anyMatch(other -> together(spike, other)))
              .findFirst()
              .orElseGet(() -> {
                groups.add(new ArrayList<>());
                return groups.getLast();
              });
      home.add(spike);
    }
    return groups.stream().map(group -> set(group, found)).toList();
  }

  private static boolean together(Spike a, Spike b) {
    Episode e = a.episode();
    Episode f = b.episode();
    if (e.sequence() == f.sequence()
        && e.position() == f.position()
        && (a.round > b.round || e.channel() == f.channel())) {
      return true;
    }
    return a.members.stream().anyMatch(one -> b.members.stream().anyMatch(two -> touch(one, two)));
  }

  private static boolean touch(Finding one, Finding two) {
    Coordinate c = one.coordinate();
    Coordinate d = two.coordinate();
    return c.part().equals(d.part()) && (c.col() == d.col() || c.row() == d.row());
  }

  private static WeightSet set(List<Spike> group, Collection<Finding> found) {
    Spike first = group.getFirst();
    List<Coordinate> members = new ArrayList<>();
    List<String> words = new ArrayList<>();
    for (Spike spike : group) {
      spike.members.forEach(f -> members.add(f.coordinate()));
      words.add(words(spike));
    }
    for (Finding f : found) {
      if (f.role == Role.PRECURSOR
          && f.remaining <= VITAL
          && group.contains(f.spike)
          && !members.contains(f.coordinate())) {
        members.add(f.coordinate());
        words.add(
            f.coordinate()
                + " makes the input: without it "
                + Numerals.percent(f.remaining)
                + " is left");
      }
    }
    int layer = first.members.getFirst().coordinate().layer();
    double share =
        first.members.stream()
            .filter(f -> f.coordinate().layer() == layer)
            .mapToDouble(f -> f.part.share())
            .sum();
    return new WeightSet(
        WeightSet.Shape.of(members),
        members,
        Optional.of(first.activation),
        share,
        first.remaining,
        String.join(". ", words) + ".");
  }

  private static String words(Spike spike) {
    SuperActivation a = spike.activation;
    boolean one = spike.members.size() == 1;
    return String.join(
            ", ",
            spike.members.stream()
                .map(f -> f.coordinate() + " (" + Numerals.percent(f.share()) + ")")
                .toList())
        + (one ? " writes " : " write ")
        + Numerals.value(a.value())
        + " into channel "
        + a.channel()
        + " of token "
        + a.position()
        + (spike.round > 0 ? " once the others are zeroed" : "")
        + (Double.isNaN(spike.remaining)
            ? ""
            : "; "
                + Numerals.percent(spike.remaining)
                + " is left without "
                + (one ? "it" : "them"));
  }
}
