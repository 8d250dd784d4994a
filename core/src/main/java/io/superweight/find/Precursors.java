package io.superweight.find;

import io.superweight.find.Attribution.Part;
import io.superweight.model.Coordinate;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Measures by recomputation what each accepted weight does to the super activations, and finds the
 * earlier weights that make a source's input.
 */
final class Precursors {
  /** A weight precedes a super activation if zeroing it halves that. */
  private static final double PRECEDES = 0.5;

  /** Writes that are tried for one super activation. */
  private static final int MOST = 12;

  private static final double PART = 0.005;

  private final Session session;
  private final Snapshot intact;
  private final Map<Coordinate, Finding> found;
  private final Rejections rejections;
  private final Set<Coordinate> tried = new HashSet<>();
  private final Map<Spike, Map<Coordinate, Part>> earlier = new HashMap<>();
  private final Map<Spike, Session.Answers> maskedAnswers = new HashMap<>();
  private Session.Answers answers;

  Precursors(
      Session session, Snapshot intact, Map<Coordinate, Finding> found, Rejections rejections) {
    this.session = session;
    this.intact = intact;
    this.found = found;
    this.rejections = rejections;
  }

  /**
   * Has the next pass find out what the super activations of the intact model are without each
   * weight that may have a part in them.
   *
   * @param main those that have members
   */
  void ask(List<Spike> main) {
    Set<Coordinate> alone = new LinkedHashSet<>(found.keySet());
    alone.addAll(rejections.in(Role.ERASER));
    for (Spike spike : main) {
      Map<Coordinate, Part> writes = earlierWrites(spike);
      earlier.put(spike, writes);
      alone.addAll(writes.keySet());
    }
    List<Session.Question> questions = new ArrayList<>();
    for (Spike spike : main) {
      Set<Set<Coordinate>> versions = new LinkedHashSet<>();
      alone.stream()
          .filter(c -> c.layer() <= spike.episode().peakLayer())
          .forEach(c -> versions.add(Set.of(c)));
      versions.add(members(spike));
      questions.add(new Session.Question(spike.episode(), versions));
    }
    answers = session.ride(questions);
  }

  /** Has the next pass measure masked ones, where what masks them is zeroed. */
  void askMasked(List<Spike> masked) {
    List<Session.Question> questions = new ArrayList<>();
    for (Spike spike : masked) {
      Set<Set<Coordinate>> versions = new LinkedHashSet<>();
      spike.members.forEach(f -> versions.add(masked(spike, Set.of(f.coordinate()))));
      versions.add(masked(spike, members(spike)));
      questions.add(new Session.Question(spike.episode(), versions));
    }
    Session.Answers to = session.ride(questions);
    masked.forEach(spike -> maskedAnswers.put(spike, to));
  }

  private static Set<Coordinate> members(Spike spike) {
    return spike.members.stream().map(Finding::coordinate).collect(Collectors.toSet());
  }

  private static Set<Coordinate> masked(Spike spike, Set<Coordinate> more) {
    Set<Coordinate> version = new HashSet<>(spike.context);
    version.addAll(more);
    return version;
  }

  /** Whether {@link #ask} was called and a pass has answered. */
  boolean asked(Spike spike) {
    return earlier.containsKey(spike) || maskedAnswers.containsKey(spike);
  }

  /** Takes the answer of a super activation of the intact model; precursors join what was found. */
  void measure(Spike spike) {
    Map<Coordinate, Part> writes = earlier.get(spike);
    Set<Coordinate> alone = new LinkedHashSet<>();
    found.values().stream()
        .filter(f -> f.spike == spike || f.spike.round == 0)
        .map(Finding::coordinate)
        .forEach(alone::add);
    alone.addAll(rejections.in(Role.ERASER));
    for (Coordinate c : writes.keySet()) {
      if (!alone.contains(c) && tried.add(c)) {
        alone.add(c);
      }
    }
    alone.removeIf(c -> c.layer() > spike.episode().peakLayer());
    for (Coordinate c : alone) {
      remaining(spike, c, left(answers, spike, Set.of(c)), writes.get(c));
    }
    spike.remaining = left(answers, spike, members(spike));
  }

  /** Takes the answer of a masked one. */
  void measureMasked(Spike spike) {
    Session.Answers to = maskedAnswers.get(spike);
    for (Finding f : spike.members) {
      f.remaining = left(to, spike, masked(spike, Set.of(f.coordinate())));
    }
    spike.remaining = left(to, spike, masked(spike, members(spike)));
  }

  private static double left(Session.Answers answers, Spike spike, Set<Coordinate> zeroed) {
    return answers.at(spike.episode(), zeroed) / spike.episode().peak();
  }

  private void remaining(Spike spike, Coordinate c, double remaining, Part earlier) {
    Finding f = found.get(c);
    if (f != null) {
      known(f, spike, remaining);
      return;
    }
    boolean eraser = rejections.find(c).map(r -> r.role() == Role.ERASER).orElse(false);
    if (remaining > PRECEDES) {
      return;
    }
    if (eraser) {
      rejections.amend(
          c,
          "The later super activation at channel "
              + spike.activation.channel()
              + " needs that: "
              + Numerals.percent(remaining)
              + " of it is left without this weight.",
          remaining);
    } else if (earlier != null && !session.ordinary(earlier)) {
      rejections.remove(c);
      Finding precursor = new Finding(earlier, spike, intact, Role.PRECURSOR);
      precursor.remaining = remaining;
      found.put(c, precursor);
    }
  }

  private static void known(Finding f, Spike spike, double remaining) {
    if (f.spike == spike) {
      f.remaining = remaining;
    } else if (f.role == Role.MINOR_SOURCE) {
      if (remaining <= PRECEDES && f.coordinate().layer() < spike.activation.layer()) {
        f.role = Role.PRECURSOR;
        f.remaining = remaining;
      }
      f.extra =
          " Without it "
              + Numerals.percent(remaining)
              + " is left of the super activation at channel "
              + spike.activation.channel()
              + " that layer "
              + spike.activation.layer()
              + " makes.";
    }
  }

  private record Write(Part part, double weight) {}

  /**
   * The strongest writes of few weights into the same token before the last source: what its neuron
   * may have read. A write counts if it turns the stream at that token, because what follows reads
   * the stream's direction.
   */
  private Map<Coordinate, Part> earlierWrites(Spike spike) {
    Episode e = spike.episode();
    int source = spike.members.stream().mapToInt(f -> f.coordinate().layer()).max().orElse(0);
    List<Write> writes = new ArrayList<>();
    for (int i = 0; i < source; i++) {
      double square = 0;
      for (float v : intact.stream(i, e.sequence(), e.token())) {
        square += (double) v * v;
      }
      for (int c = 0; c < session.model.hiddenSize(); c++) {
        double written = session.attribution.written(intact, i, e.sequence(), e.token(), c);
        if (written * written < SpikeSearch.ENERGY * square) {
          continue;
        }
        List<Part> parts =
            session.attribution.partsOfSign(
                intact, i, e.sequence(), e.token(), c, Set.of(), PART * Math.abs(written), written);
        for (Part part : Dominance.members(parts, Math.abs(written))) {
          writes.add(new Write(part, part.magnitude() / Math.sqrt(square)));
        }
      }
    }
    writes.sort(
        Comparator.comparingDouble((Write w) -> -w.weight).thenComparing(w -> w.part.coordinate()));
    Map<Coordinate, Part> strongest = new LinkedHashMap<>();
    writes.stream().limit(MOST).forEach(w -> strongest.put(w.part.coordinate(), w.part));
    return strongest;
  }
}
