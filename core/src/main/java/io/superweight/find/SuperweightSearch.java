package io.superweight.find;

import io.superweight.find.Attribution.Part;
import io.superweight.model.Coordinate;
import io.superweight.model.Site;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The rule {@link Rule#SUPERWEIGHT}.
 *
 * <ol>
 *   <li>Find the spikes of the residual stream ({@link SpikeSearch}) and whether enough layers read
 *       them ({@link Persistence}).
 *   <li>Take what made each apart, over all layers that had a part in it, exactly ({@link
 *       Explanation}), and keep the few weights that stand apart ({@link Dominance}). A weight that
 *       chance would put into its matrix ({@link WeightScan.Standing#ordinary}) is an orphaned
 *       input; one that erases a larger spike elsewhere is an eraser ({@link ErasureScan}).
 *   <li>Zero what was found and repeat, measured by the intact stream, until nothing more shows.
 *   <li>Measure what each does alone and test by recomputation what precedes it ({@link
 *       Precursors}).
 *   <li>Show what looks alike and is none ({@link SignatureScan}).
 * </ol>
 */
final class SuperweightSearch implements Search {
  /** A spike is a super activation of the model if its peak is this part of the largest. */
  private static final double MAIN = 0.1;

  /**
   * A smaller spike counts if it stands two orders of magnitude above its layer's typical value;
   * the main ones need one ({@link SpikeSearch}).
   */
  private static final double MINOR = SpikeSearch.ORDER * SpikeSearch.ORDER;

  /** Smaller spikes that are taken apart, the largest first. */
  private static final int MINOR_MOST = 16;

  private final Session session;
  private final FindOptions options;
  private final Snapshot intact;
  private final Persistence persistence;
  private final Rejections rejections;
  private final Precursors precursors;
  private final Set<Coordinate> zeroed = new LinkedHashSet<>();
  private final Map<Coordinate, Finding> found = new LinkedHashMap<>();
  private final List<Spike> spikes = new ArrayList<>();
  private final List<Round> rounds = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();

  /** Round, channel and writer that a note was made of: one is enough for all tokens. */
  private final Set<String> noted = new HashSet<>();

  /** The model without what was found before its pass. */
  private Snapshot removed;

  /** What that is. */
  private Set<Coordinate> absent = Set.of();

  /** Peak of the largest spike of the intact model that lasts. */
  private float largest;

  SuperweightSearch(Session session, FindOptions options) {
    this.session = session;
    this.options = options;
    this.intact = session.snapshot(Set.of(), null);
    this.persistence = new Persistence(intact.layers());
    this.rejections = new Rejections(session);
    this.precursors = new Precursors(session, intact, found, rejections);
    this.removed = intact;
  }

  @Override
  public FindResult run() {
    while (round(rounds.size())) {
      if (rounds.size() == options.maxRounds()) {
        notes.add(
            "Stopped after "
                + options.maxRounds()
                + (options.maxRounds() == 1 ? " round" : " rounds")
                + " of zero-and-repeat; more may follow. What the weights of the last round do to"
                + " their super activations, and what precedes them, takes one more pass and was"
                + " not measured.");
        break;
      }
      ask();
      pass();
    }
    measure();
    SignatureScan signatures = new SignatureScan(session, intact, persistence, rejections);
    signatures.outputs(found.keySet());
    for (Finding f : List.copyOf(found.values())) {
      if (absent.contains(f.coordinate())) {
        signatures.orphan(f, removed, absent, Math.max(1, rounds.size() - 1));
      }
    }
    return result();
  }

  /** One pass over the weights with all zeroed that was found. */
  private void pass() {
    absent = Set.copyOf(zeroed);
    removed = session.snapshot(absent, intact);
  }

  /** Has the next pass measure what the last round found. */
  private void ask() {
    int last = rounds.size() - 1;
    List<Spike> news =
        spikes.stream()
            .filter(spike -> spike.round == last && !spike.members.isEmpty())
            .filter(spike -> spike.main || last > 0)
            .toList();
    if (last > 0) {
      precursors.askMasked(news);
    } else {
      precursors.ask(news);
    }
  }

  /**
   * Finds the spikes of the model without what was found so far, and what made them.
   *
   * @return whether anything new was found
   */
  private boolean round(int number) {
    List<Episode> episodes = new SpikeSearch(removed, intact).episodes();
    if (number == 0) {
      for (Episode e : episodes) {
        largest = persistence.carried(e) ? Math.max(largest, e.magnitude()) : largest;
      }
    }
    List<Episode> counted = new ArrayList<>();
    int minor = 0;
    for (Episode e : episodes) {
      if (main(e)) {
        counted.add(e);
      } else if (number == 0 && minor(e) && minor++ < MINOR_MOST) {
        counted.add(e);
      }
    }
    if (number == 0) {
      ErasureScan erasure = new ErasureScan(session, intact, rejections);
      // Also of spikes that do not last: what takes them away may leave small ones at other tokens.
      counted.forEach(erasure::follow);
    }
    List<Coordinate> news = new ArrayList<>();
    Set<Coordinate> context = Set.copyOf(zeroed);
    for (Episode e : counted) {
      explain(e, number, context, news);
    }
    List<Episode> lasting = counted.stream().filter(persistence::carried).toList();
    rounds.add(
        new Round(
            number, news, lasting.isEmpty() ? 0 : lasting.getFirst().magnitude(), lasting.size()));
    if (news.isEmpty()) {
      return false;
    }
    zeroed.addAll(news);
    return true;
  }

  private boolean main(Episode e) {
    return e.magnitude() >= MAIN * largest;
  }

  private boolean minor(Episode e) {
    return persistence.carried(e)
        && e.magnitude() >= MINOR * intact.survey().median(Site.Kind.RESID_POST, e.onset());
  }

  private void explain(Episode e, int round, Set<Coordinate> context, List<Coordinate> news) {
    Explanation x = Explanation.of(session, removed, e, zeroed);
    if (!persistence.carried(e)) {
      for (Part part : x.members()) {
        if (!found.containsKey(part.coordinate())) {
          rejections.add(
              part,
              e,
              removed,
              Optional.empty(),
              Role.ECHO,
              round,
              x.share(part),
              "The spike of "
                  + Numerals.value(e.peak())
                  + " at channel "
                  + e.channel()
                  + " is "
                  + persistence.words(e)
                  + ".");
        }
      }
      return;
    }
    // A weight is what it does most: one that erases a larger spike elsewhere is an eraser.
    List<Part> members =
        x.members().stream()
            .filter(part ->
                rejections
                    .find(part.coordinate())
                    .filter(r -> r.role() == Role.ERASER)
                    .filter(r -> Math.abs(r.written()) > part.magnitude())
                    .isEmpty())
            .toList();
    if (members.isEmpty() && !x.members().isEmpty()) {
      return;
    }
    boolean main = main(e);
    Spike spike = new Spike(x, activation(x), round, main, context);
    if (x.writer() == SuperActivation.Writer.MLP && !members.isEmpty()) {
      for (Part part : members) {
        // A weight may feed its channel at several tokens.
        if (!found.containsKey(part.coordinate())) {
          Finding f = new Finding(part, spike, removed, main ? Role.SOURCE : Role.MINOR_SOURCE);
          rejections.remove(f.coordinate());
          found.put(f.coordinate(), f);
          spike.members.add(f);
          news.add(f.coordinate());
        }
      }
      if (round == 0 || !spike.members.isEmpty()) {
        spikes.add(spike);
      }
      return;
    }
    spikes.add(spike);
    unexplained(x, spike);
  }

  /** Says why a spike that lasts has no super weight. */
  private void unexplained(Explanation x, Spike spike) {
    Episode e = x.episode();
    for (Part part : x.ordinary()) {
      rejections.add(
          part,
          e,
          removed,
          Optional.of(spike.activation),
          Role.ORPHANED_INPUT,
          spike.round,
          x.share(part),
          rejections.orphanWords(part));
    }
    boolean diffuse = x.writer() == SuperActivation.Writer.MLP;
    if (!spike.main
        || (diffuse && !x.ordinary().isEmpty())
        || !noted.add(spike.round + " " + e.channel() + " " + x.writer())) {
      return;
    }
    notes.add(
        x.words(
            "The "
                + (spike.round == 0 ? "" : "remaining ")
                + "super activation at channel "
                + e.channel()
                + " of token "
                + e.position()
                + " (peak "
                + Numerals.value(e.peak())
                + ")"));
    if (diffuse && !x.parts().isEmpty()) {
      Part first = x.parts().getFirst();
      rejections.add(
          first,
          e,
          removed,
          Optional.of(spike.activation),
          Role.DIFFUSE,
          spike.round,
          x.share(first),
          "It is the largest of many parts of the spike at channel "
              + e.channel()
              + ", and explains only "
              + Numerals.percent(x.share(first))
              + " of it.");
    }
  }

  private SuperActivation activation(Explanation x) {
    Episode e = x.episode();
    long alike = 0;
    long observed = 0;
    float bar = e.magnitude() / (float) SpikeSearch.ORDER;
    for (int i = 0; i < removed.layers(); i++) {
      for (int s = 0; s < removed.sequences(); s++) {
        for (int n = 0; n < removed.tokens(s).length; n++) {
          for (float v : removed.stream(i, s, n)) {
            alike += Math.abs(v) >= bar ? 1 : 0;
            observed++;
          }
        }
      }
    }
    Prompt prompt = session.prompts.get(e.sequence());
    return new SuperActivation(
        x.writer() == SuperActivation.Writer.EMBEDDING ? -1 : x.layer(),
        e.channel(),
        e.sequence(),
        e.position(),
        prompt.ids().get(e.position()),
        prompt.tokens().get(e.position()),
        e.peak(),
        e.peakLayer(),
        e.lastLayer(),
        alike,
        observed,
        intact.survey().median(Site.Kind.RESID_POST, e.peakLayer()),
        x.writer());
  }

  private void measure() {
    for (Spike spike : spikes) {
      if (!precursors.asked(spike)) {
        continue;
      }
      if (spike.round > 0) {
        precursors.measureMasked(spike);
      } else {
        precursors.measure(spike);
      }
    }
    // A precursor is known only now. The curves without all candidates take a pass of their own.
    if (zeroed.addAll(found.keySet()) && rounds.size() < options.maxRounds()) {
      pass();
    }
  }

  private FindResult result() {
    List<Candidate> accepted = new ArrayList<>();
    for (Finding f : found.values()) {
      accepted.add(
          session.candidate(
              f.part,
              f.spike.episode(),
              Optional.of(f.spike.activation),
              f.role,
              f.spike.round,
              f.part.share(),
              f.remaining,
              f.before,
              f.after,
              f.reason(intact.layers())));
    }
    accepted.sort(
        Comparator.comparing(Candidate::role)
            .thenComparing(c -> -Math.abs(c.superActivation().orElseThrow().value()))
            .thenComparing(c -> c.coordinate().layer())
            .thenComparing(c -> -Math.abs(c.share()))
            .thenComparing(Candidate::coordinate));
    FindResult.NonFinite nonFinite = session.nonFinite(intact.survey(), notes);
    return new FindResult(
        Rule.SUPERWEIGHT,
        session.prompts,
        spikes.stream().filter(s -> s.round == 0 && s.main).map(s -> s.activation).toList(),
        accepted,
        rejections.strongest(options.maxRejected()),
        SetBuilder.sets(spikes, found.values()),
        intact.survey().extremes(session.prompts),
        trajectories(),
        List.of(),
        rounds,
        notes,
        nonFinite,
        session.cost());
  }

  private List<Trajectory> trajectories() {
    return spikes.stream()
        .filter(spike -> spike.main && spike.round == 0)
        .map(spike ->
            new Trajectory(
                spike.activation,
                line(intact, spike.episode()),
                absent.isEmpty() ? List.of() : line(removed, spike.episode())))
        .toList();
  }

  private static List<Float> line(Snapshot snapshot, Episode e) {
    List<Float> line = new ArrayList<>();
    for (int i = -1; i < snapshot.layers(); i++) {
      line.add(snapshot.stream(i, e.sequence(), e.token())[e.channel()]);
    }
    return line;
  }
}
