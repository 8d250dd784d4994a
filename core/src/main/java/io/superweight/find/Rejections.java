package io.superweight.find;

import io.superweight.find.Attribution.Part;
import io.superweight.model.Coordinate;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Spikes with the signature of a super weight that are none, each with its reason. */
final class Rejections {
  private final Session session;
  private final Map<Coordinate, Candidate> all = new LinkedHashMap<>();

  /** Matrix and column of each orphaned input: one of its weights is enough. */
  private final Set<String> orphans = new HashSet<>();

  Rejections(Session session) {
    this.session = session;
  }

  boolean contains(Coordinate coordinate) {
    return all.containsKey(coordinate);
  }

  Optional<Candidate> find(Coordinate coordinate) {
    return Optional.ofNullable(all.get(coordinate));
  }

  void remove(Coordinate coordinate) {
    all.remove(coordinate);
  }

  /** The weights in one role. */
  List<Coordinate> in(Role role) {
    return all.values().stream().filter(c -> c.role() == role).map(Candidate::coordinate).toList();
  }

  /**
   * Adds one, unless it is there: the first reason counts.
   *
   * @param at its token and channel
   * @param snapshot where its numbers are from
   */
  void add(
      Part part,
      Episode at,
      Snapshot snapshot,
      Optional<SuperActivation> activation,
      Role role,
      int round,
      double share,
      String reason) {
    Coordinate c = part.coordinate();
    if (all.containsKey(c)
        || (role == Role.ORPHANED_INPUT && !orphans.add(c.part() + " " + c.col()))) {
      return;
    }
    float after = snapshot.stream(c.layer(), at.sequence(), at.token())[c.row()];
    all.put(
        c,
        session.candidate(
            part,
            at,
            activation,
            role,
            round,
            share,
            Double.NaN,
            after - part.written(),
            after,
            reason));
  }

  /** Adds a sentence and a measurement to the reason of one. */
  void amend(Coordinate coordinate, String sentence, double remaining) {
    all.computeIfPresent(
        coordinate,
        (c, old) ->
            new Candidate(
                old.coordinate(),
                old.value(),
                old.rank(),
                old.matrixSize(),
                old.share(),
                old.input(),
                old.output(),
                old.written(),
                old.before(),
                old.after(),
                remaining,
                old.prompt(),
                old.position(),
                old.tokenId(),
                old.token(),
                old.superActivation(),
                old.role(),
                old.round(),
                old.reason() + " " + sentence));
  }

  /** The strongest by what they write. */
  List<Candidate> strongest(int most) {
    List<Candidate> sorted = new ArrayList<>(all.values());
    sorted.sort(
        Comparator.comparingDouble((Candidate c) -> -Math.abs(c.written()))
            .thenComparing(Candidate::coordinate));
    return sorted.subList(0, Math.min(most, sorted.size()));
  }

  String orphanWords(Part part) {
    WeightScan.Standing standing = session.standing(part);
    return "An ordinary weight, rank "
        + Numerals.count(standing.rank())
        + " of "
        + Numerals.count(standing.size())
        + ": only its input of "
        + Numerals.value(part.input())
        + " is large.";
  }

  static String eraserWords(int layer, double written, double entering, double leaving) {
    return "Layer "
        + layer
        + " writes "
        + Numerals.value(written)
        + " against the "
        + Numerals.value(entering)
        + " that enter it: "
        + Numerals.value(leaving)
        + " leave it.";
  }
}
