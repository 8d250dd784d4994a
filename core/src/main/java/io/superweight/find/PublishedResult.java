package io.superweight.find;

import io.superweight.model.Coordinate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Collects what a published rule chooses. Such a rule gives no roles: all that it chooses are
 * sources, nothing is rejected.
 */
final class PublishedResult {
  private final Rule rule;
  private final Session session;
  private final Snapshot intact;
  private final Map<Coordinate, Candidate> chosen = new LinkedHashMap<>();
  private final List<Round> rounds = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();

  PublishedResult(Rule rule, Session session, Snapshot intact) {
    this.rule = rule;
    this.session = session;
    this.intact = intact;
  }

  boolean has(Coordinate coordinate) {
    return chosen.containsKey(coordinate);
  }

  Set<Coordinate> coordinates() {
    return Set.copyOf(chosen.keySet());
  }

  int size() {
    return chosen.size();
  }

  void choose(
      Attribution.Part part, Snapshot snapshot, int sequence, int token, int round, String reason) {
    int layer = part.coordinate().layer();
    float after = snapshot.stream(layer, sequence, token)[part.coordinate().row()];
    Episode at =
        new Episode(
            sequence,
            token,
            snapshot.position(sequence, token),
            part.coordinate().row(),
            layer,
            layer,
            layer,
            layer,
            after,
            after - part.written());
    chosen.put(
        part.coordinate(),
        session.candidate(
            part,
            at,
            Optional.empty(),
            Role.SOURCE,
            round,
            part.share(),
            Double.NaN,
            after - part.written(),
            after,
            reason));
  }

  void round(Round round) {
    rounds.add(round);
  }

  FindResult result() {
    List<WeightSet> sets = new ArrayList<>();
    if (!chosen.isEmpty()) {
      List<Coordinate> members = List.copyOf(chosen.keySet());
      sets.add(
          new WeightSet(
              WeightSet.Shape.of(members),
              members,
              Optional.empty(),
              Double.NaN,
              Double.NaN,
              "All that the rule " + rule.text() + " chooses."));
    }
    FindResult.NonFinite nonFinite = session.nonFinite(intact.survey(), notes);
    return new FindResult(
        rule,
        session.prompts,
        List.of(),
        List.copyOf(chosen.values()),
        List.of(),
        sets,
        intact.survey().extremes(session.prompts),
        List.of(),
        List.of(),
        rounds,
        notes,
        nonFinite,
        session.cost());
  }
}
