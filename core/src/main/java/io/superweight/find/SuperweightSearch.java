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
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The rule {@link Rule#SUPERWEIGHT}.
 *
 * <ol>
 *   <li>Find the spikes of the residual stream ({@link SpikeSearch}) and how long they last.
 *   <li>Take what made each apart, over all layers that had a part in it, exactly ({@link
 *       Attribution}), and keep the few weights that stand apart ({@link Dominance}). A weight that
 *       chance would put into its matrix ({@link WeightScan.Standing#ordinary}) is an orphaned
 *       input.
 *   <li>Zero what was found and repeat, measured by the intact stream, until nothing more shows.
 *   <li>Give roles by what the writes do, and test precursors by recomputation.
 * </ol>
 */
final class SuperweightSearch implements Search {
  /** A spike is the model's super activation if its peak is at least this part of the largest. */
  private static final double MAIN = 0.1;

  /**
   * A smaller spike counts if it stands two orders of magnitude above its layer's typical value;
   * the main ones need one ({@link SpikeSearch}).
   */
  private static final double MINOR = SpikeSearch.ORDER * SpikeSearch.ORDER;

  /**
   * A spike must be carried by at least one layer in so many, and by one; gone sooner it is a blip.
   * And at least that many, and two, must be left to read it: written later it is an echo.
   */
  private static final int CARRIED = 8;

  private static final int CARRIED_AT_LEAST = 1;
  private static final int LEFT_AT_LEAST = 2;

  /** A write of the other sign erases if it is at least this part of the peak. */
  private static final double ERASES = 0.2;

  /** A weight precedes a super activation if zeroing it halves that. */
  private static final double PRECEDES = 0.5;

  /** A precursor without which next to nothing is left belongs to the set. */
  private static final double VITAL = 0.1;

  /** Writes that are looked at as possible precursors. */
  private static final int PRECURSORS = 12;

  /** A layer's largest outputs are shown if they are so many times those of the median layer. */
  private static final double SIGNATURE = 5;

  private static final int SIGNATURES_A_LAYER = 3;

  private final Session session;
  private final FindOptions options;
  private final Snapshot intact;
  private final int layers;
  private final Set<Coordinate> zeroed = new LinkedHashSet<>();
  private final Map<Coordinate, Found> found = new LinkedHashMap<>();
  private final Map<Coordinate, Candidate> rejected = new LinkedHashMap<>();
  private final List<Spike> spikes = new ArrayList<>();
  private final List<Round> rounds = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();

  /** Round, channel and writer that a note was made of: one is enough for all tokens. */
  private final Set<String> noted = new HashSet<>();

  /** The model without what was found so far. */
  private Snapshot removed;

  /** Where the numbers of a candidate's evidence are taken from. */
  private Snapshot viewed;

  private float largest;

  /** A spike with what made it. */
  private static final class Spike {
    final Episode episode;
    final SuperActivation activation;
    final int round;
    final boolean main;
    final Set<Coordinate> context;
    final List<Found> members = new ArrayList<>();
    double remaining = Double.NaN;

    Spike(
        Episode episode,
        SuperActivation activation,
        int round,
        boolean main,
        Set<Coordinate> context) {
      this.episode = episode;
      this.activation = activation;
      this.round = round;
      this.main = main;
      this.context = context;
    }
  }

  /** An accepted weight. */
  private static final class Found {
    final Part part;
    final Spike spike;
    final double share;
    final float before;
    final float after;
    Role role;
    double remaining = Double.NaN;
    String extra = "";

    Found(Part part, Spike spike, double share, float before, float after, Role role) {
      this.part = part;
      this.spike = spike;
      this.share = share;
      this.before = before;
      this.after = after;
      this.role = role;
    }
  }

  SuperweightSearch(Session session, FindOptions options) {
    this.session = session;
    this.options = options;
    this.intact = session.snapshot(Set.of(), null);
    this.layers = intact.layers();
    this.removed = intact;
    this.viewed = intact;
  }

  @Override
  public FindResult run() {
    for (int round = 0; round < options.maxRounds(); round++) {
      int before = found.size();
      round(round);
      if (found.size() == before) {
        break;
      }
      removed = session.snapshot(Set.copyOf(zeroed), intact);
      if (round == options.maxRounds() - 1) {
        notes.add(
            "Stopped after "
                + options.maxRounds()
                + " rounds of zero-and-repeat; more may follow.");
      }
    }
    if (measure()) {
      removed = session.snapshot(Set.copyOf(zeroed), intact);
    }
    signatures(intact, Set.of(), 0);
    if (!found.isEmpty()) {
      viewed = removed;
      orphans();
    }
    return result();
  }

  /** Finds the spikes of the model without what was found so far. */
  private void round(int number) {
    viewed = removed;
    List<Episode> episodes = new SpikeSearch(removed, intact).episodes();
    List<Coordinate> news = new ArrayList<>();
    float largestHere = 0;
    int persistent = 0;
    Set<Coordinate> context = Set.copyOf(zeroed);
    // What the largest spikes show is zeroed in the next round; spikes that it does not explain
    // come again then.
    if (number == 0) {
      for (Episode episode : episodes) {
        largest = carried(episode) ? Math.max(largest, episode.magnitude()) : largest;
      }
      erasers(episodes);
    }
    for (Episode episode : episodes) {
      boolean carried = carried(episode);
      boolean main = carried && main(episode);
      if (!main(episode) && (number > 0 || !carried || !minor(episode))) {
        continue;
      }
      if (carried) {
        persistent++;
        largestHere = Math.max(largestHere, episode.magnitude());
      }
      explain(episode, number, carried, main, context, news);
    }
    rounds.add(new Round(number, news, largestHere, persistent));
    zeroed.addAll(news);
  }

  private boolean main(Episode episode) {
    return episode.magnitude() >= MAIN * largest;
  }

  private boolean minor(Episode episode) {
    return episode.magnitude()
        >= MINOR * intact.survey().median(Site.Kind.RESID_POST, episode.onset());
  }

  private boolean carried(Episode episode) {
    return episode.carriers() >= Math.max(CARRIED_AT_LEAST, eighth()) && !late(episode.onset());
  }

  /** Whether too few layers are left to read what a layer writes. */
  private boolean late(int layer) {
    return layers - 1 - layer < Math.max(LEFT_AT_LEAST, eighth());
  }

  private int eighth() {
    return (layers + CARRIED - 1) / CARRIED;
  }

  private void explain(
      Episode e,
      int round,
      boolean carried,
      boolean main,
      Set<Coordinate> context,
      List<Coordinate> news) {
    double growth = Math.abs(e.peak() - e.base());
    double byMlp = 0;
    List<Part> parts = new ArrayList<>();
    double strongest = 0;
    int layer = Math.max(e.onset(), 0);
    boolean productSpikes = false;
    for (int i = Math.max(e.from(), 0); i <= e.peakLayer(); i++) {
      double written =
          session.attribution.written(removed, i, e.sequence(), e.token(), e.channel());
      byMlp += written * Math.signum(e.peak());
      if (written * e.peak() <= 0 || Math.abs(written) < 0.05 * e.magnitude()) {
        continue;
      }
      boolean spikes =
          session.attribution.productSpikes(removed, i, e.sequence(), e.token(), e.channel());
      productSpikes |= spikes;
      List<Part> of =
          session.attribution.parts(
              removed, i, e.sequence(), e.token(), e.channel(), zeroed, 0.005 * e.magnitude());
      of.removeIf(part -> part.value() * e.peak() < 0);
      if (spikes || !session.model.postNorm()) {
        parts.addAll(of);
      }
      if (Math.abs(written) > strongest) {
        strongest = Math.abs(written);
        layer = i;
      }
    }
    parts.sort(
        Comparator.comparingDouble((Part part) -> -part.magnitude())
            .thenComparing(Part::coordinate));
    SuperActivation.Writer writer = writer(e, byMlp, growth, productSpikes, strongest);
    SuperActivation activation = activation(e, writer, layer);
    List<Part> members = new ArrayList<>(Dominance.members(parts, growth));
    session.rank(members);
    List<Part> ordinary = members.stream().filter(session::ordinary).toList();
    members.removeAll(ordinary);
    // A weight is what it does most: one that erases a larger spike elsewhere is an eraser.
    boolean erasing =
        members.removeIf(part -> {
          Candidate eraser = rejected.get(part.coordinate());
          return eraser != null
              && eraser.role() == Role.ERASER
              && Math.abs(eraser.written()) > part.magnitude();
        });
    if (erasing && members.isEmpty()) {
      return;
    }
    Spike spike = new Spike(e, activation, round, main, context);
    if (writer == SuperActivation.Writer.MLP && carried && !members.isEmpty()) {
      for (Part part : members) {
        Coordinate c = part.coordinate();
        if (found.containsKey(c)) {
          // One neuron's weight may feed the same channel at several tokens.
          continue;
        }
        Found f =
            new Found(
                part,
                spike,
                part.magnitude() / growth,
                before(part, e),
                after(part, e),
                main ? Role.SOURCE : Role.MINOR_SOURCE);
        found.put(c, f);
        spike.members.add(f);
        news.add(c);
      }
      if (!spike.members.isEmpty() || round == 0) {
        spikes.add(spike);
      }
      return;
    }
    if (!carried) {
      for (Part part : members) {
        String when =
            late(e.onset()) ? lateWords(e.onset()) : "gone again after layer " + e.lastLayer();
        reject(
            part,
            e,
            Optional.empty(),
            Role.ECHO,
            round,
            part.magnitude() / growth,
            "The spike of "
                + number(e.peak())
                + " at channel "
                + e.channel()
                + " is "
                + when
                + ".");
      }
      return;
    }
    if (round > 0 && !main) {
      return;
    }
    spikes.add(spike);
    for (Part part : ordinary) {
      reject(
          part,
          e,
          Optional.of(activation),
          Role.ORPHANED_INPUT,
          round,
          part.magnitude() / growth,
          orphanWords(part));
    }
    if (main && noted.add(round + " " + e.channel() + writer)) {
      String where =
          "The "
              + (round == 0 ? "" : "remaining ")
              + "super activation at channel "
              + e.channel()
              + " of token "
              + e.position()
              + " (peak "
              + number(e.peak())
              + ")";
      switch (writer) {
        case EMBEDDING -> notes.add(where + " is in the token embedding: no MLP weight makes it.");
        case ATTENTION ->
            notes.add(
                where
                    + " is written by attention in layer "
                    + e.onset()
                    + ": no weight of a down projection makes it.");
        case POST_NORM -> {
          notes.add(
              where
                  + " is made by the norm behind the MLP of layer "
                  + layer
                  + ": the down projection's own output has no spike there.");
        }
        case MLP -> {
          if (ordinary.isEmpty()) {
            notes.add(
                where
                    + " is diffuse: no few weights of layer "
                    + layer
                    + " explain half of it"
                    + (parts.isEmpty()
                        ? "."
                        : ", the largest explains "
                            + percent(parts.getFirst().magnitude() / growth)
                            + "."));
            if (!parts.isEmpty()) {
              session.rank(parts.subList(0, 1));
              reject(
                  parts.getFirst(),
                  e,
                  Optional.of(activation),
                  Role.DIFFUSE,
                  round,
                  parts.getFirst().magnitude() / growth,
                  "It is the largest of many parts of the spike at channel "
                      + e.channel()
                      + ", and explains only "
                      + percent(parts.getFirst().magnitude() / growth)
                      + " of it.");
            }
          }
        }
      }
    }
  }

  private SuperActivation.Writer writer(
      Episode e, double byMlp, double growth, boolean productSpikes, double strongest) {
    float embedded = intact.stream(-1, e.sequence(), e.token())[e.channel()];
    if (e.from() < 0 && embedded * e.peak() > 0 && Math.abs(embedded) >= e.magnitude() / 2) {
      return SuperActivation.Writer.EMBEDDING;
    }
    if (byMlp < growth / 2) {
      return SuperActivation.Writer.ATTENTION;
    }
    return productSpikes || strongest == 0
        ? SuperActivation.Writer.MLP
        : SuperActivation.Writer.POST_NORM;
  }

  private SuperActivation activation(Episode e, SuperActivation.Writer writer, int layer) {
    long alike = 0;
    long observed = 0;
    float bar = e.magnitude() / (float) SpikeSearch.ORDER;
    for (int i = 0; i < layers; i++) {
      for (int s = 0; s < intact.sequences(); s++) {
        for (int n = 0; n < intact.tokens(s).length; n++) {
          for (float v : removed.stream(i, s, n)) {
            alike += Math.abs(v) >= bar ? 1 : 0;
            observed++;
          }
        }
      }
    }
    Prompt prompt = session.prompts.get(e.sequence());
    return new SuperActivation(
        writer == SuperActivation.Writer.EMBEDDING ? -1 : layer,
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
        writer);
  }

  /** Writes of the other sign that take a spike away. */
  private void erasers(List<Episode> episodes) {
    for (Episode e : episodes) {
      if (!carried(e) || !(main(e) || minor(e))) {
        continue;
      }
      for (int i = e.peakLayer() + 1; i < layers; i++) {
        float entering = intact.stream(i - 1, e.sequence(), e.token())[e.channel()];
        double written =
            session.attribution.written(intact, i, e.sequence(), e.token(), e.channel());
        if (entering * e.peak() <= 0 || Math.abs(entering) < e.magnitude() / SpikeSearch.ORDER) {
          break;
        }
        if (written * e.peak() >= 0 || Math.abs(written) < ERASES * e.magnitude()) {
          continue;
        }
        List<Part> parts =
            session.attribution.parts(
                intact,
                i,
                e.sequence(),
                e.token(),
                e.channel(),
                Set.of(),
                0.005 * Math.abs(written));
        parts.removeIf(part -> part.value() * written < 0);
        List<Part> members = Dominance.members(parts, Math.abs(written));
        if (members.isEmpty()) {
          members =
              parts.stream().filter(part -> part.share() >= ERASES).limit(Dominance.MOST).toList();
        }
        session.rank(members);
        float leaving = intact.stream(i, e.sequence(), e.token())[e.channel()];
        for (Part part : members) {
          reject(
              part,
              e,
              Optional.empty(),
              Role.ERASER,
              0,
              part.share(),
              eraserWords(i, written, entering, leaving));
        }
      }
    }
  }

  /**
   * What each accepted weight does alone, and which earlier writes the sources need.
   *
   * @return whether precursors were added
   */
  private boolean measure() {
    viewed = intact;
    int before = found.size();
    // Each main super activation of the intact model, the largest first; the others have nothing
    // that is measured alone.
    List<Spike> mains =
        spikes.stream().filter(s -> s.main && !s.members.isEmpty() && s.round == 0).toList();
    Set<Coordinate> tested = new HashSet<>();
    for (Spike spike : mains) {
      List<Set<Coordinate>> versions = new ArrayList<>();
      List<Coordinate> alone = new ArrayList<>();
      for (Found f : found.values()) {
        if (f.part.coordinate().layer() <= spike.episode.peakLayer()
            && (f.spike == spike || f.spike.round == 0)) {
          alone.add(f.part.coordinate());
        }
      }
      for (Candidate eraser : rejected.values()) {
        if (eraser.role() == Role.ERASER
            && eraser.coordinate().layer() <= spike.episode.peakLayer()) {
          alone.add(eraser.coordinate());
        }
      }
      Map<Coordinate, Part> earlier = precursors(spike);
      earlier.keySet().removeAll(alone);
      earlier.keySet().removeAll(tested);
      alone.addAll(earlier.keySet());
      tested.addAll(earlier.keySet());
      for (Coordinate c : alone) {
        versions.add(Set.of(c));
      }
      Set<Coordinate> members = new LinkedHashSet<>();
      spike.members.forEach(f -> members.add(f.part.coordinate()));
      versions.add(members);
      double[] values = session.at(spike.episode, versions);
      for (int v = 0; v < alone.size(); v++) {
        remaining(spike, alone.get(v), values[v] / spike.episode.peak(), earlier);
      }
      spike.remaining = values[alone.size()] / spike.episode.peak();
    }
    for (Spike spike : spikes) {
      if (spike.round > 0 && !spike.members.isEmpty()) {
        measureMasked(spike);
      }
    }
    return found.size() > before;
  }

  /** Masked weights are measured where what masks them is zeroed. */
  private void measureMasked(Spike spike) {
    List<Set<Coordinate>> versions = new ArrayList<>();
    Set<Coordinate> all = new HashSet<>(spike.context);
    for (Found f : spike.members) {
      Set<Coordinate> version = new HashSet<>(spike.context);
      version.add(f.part.coordinate());
      versions.add(version);
      all.add(f.part.coordinate());
    }
    versions.add(all);
    double[] values = session.at(spike.episode, versions);
    for (int v = 0; v < spike.members.size(); v++) {
      spike.members.get(v).remaining = values[v] / spike.episode.peak();
    }
    spike.remaining = values[spike.members.size()] / spike.episode.peak();
  }

  private void remaining(
      Spike spike, Coordinate c, double remaining, Map<Coordinate, Part> earlier) {
    Found f = found.get(c);
    if (f != null) {
      if (f.spike == spike) {
        f.remaining = remaining;
      } else if (f.part.coordinate().layer() < spike.activation.layer()
          && remaining <= PRECEDES
          && f.role == Role.MINOR_SOURCE) {
        f.role = Role.PRECURSOR;
        f.remaining = remaining;
        f.extra =
            " Without it "
                + percent(remaining)
                + " is left of the super activation at channel "
                + spike.activation.channel()
                + " that layer "
                + spike.activation.layer()
                + " makes.";
      } else if (Double.isNaN(f.remaining) && f.role == Role.MINOR_SOURCE) {
        f.extra =
            " Without it "
                + percent(remaining)
                + " is left of the later super activation at channel "
                + spike.activation.channel()
                + ".";
      }
      return;
    }
    Candidate eraser = rejected.get(c);
    if (eraser != null) {
      if (eraser.role() == Role.ERASER && remaining <= PRECEDES) {
        rejected.put(
            c,
            withReason(
                eraser,
                eraser.reason()
                    + " The later super activation at channel "
                    + spike.activation.channel()
                    + " needs that: "
                    + percent(remaining)
                    + " of it is left without this weight.",
                remaining));
      }
      if (eraser.role() == Role.ERASER || remaining > PRECEDES || !earlier.containsKey(c)) {
        return;
      }
      rejected.remove(c);
    }
    Part part = earlier.get(c);
    if (part != null && remaining <= PRECEDES) {
      Episode e = spike.episode;
      Found precursor =
          new Found(part, spike, part.share(), before(part, e), after(part, e), Role.PRECURSOR);
      precursor.remaining = remaining;
      found.put(c, precursor);
      zeroed.add(c);
    }
  }

  /**
   * The strongest writes of few weights into the same token before the super activation: what the
   * source's neuron may have read.
   */
  private Map<Coordinate, Part> precursors(Spike spike) {
    Episode e = spike.episode;
    int source =
        spike.members.stream()
            .mapToInt(f -> f.part.coordinate().layer())
            .max()
            .orElse(spike.activation.layer());
    record Write(Part part, double weight) {}
    List<Write> writes = new ArrayList<>();
    for (int i = 0; i < source; i++) {
      float[] written = intact.written(i, e.sequence(), e.token());
      float[] stream = intact.stream(i, e.sequence(), e.token());
      double norm = 0;
      for (float v : stream) {
        norm += (double) v * v;
      }
      norm = Math.sqrt(norm);
      double scale = session.model.architecture().residualScale();
      for (int c = 0; c < written.length; c++) {
        // A write that turns the stream at that token: the next layers read its direction.
        if (Math.abs(written[c] * scale) * Math.sqrt(1 / SpikeSearch.ENERGY) < norm) {
          continue;
        }
        List<Part> parts =
            session.attribution.parts(
                intact,
                i,
                e.sequence(),
                e.token(),
                c,
                Set.of(),
                0.005 * Math.abs(written[c] * scale));
        double sign = written[c];
        parts.removeIf(part -> part.value() * sign < 0);
        for (Part part : Dominance.members(parts, Math.abs(written[c] * scale))) {
          writes.add(new Write(part, part.magnitude() / norm));
        }
      }
    }
    writes.sort(
        Comparator.comparingDouble((Write w) -> -w.weight).thenComparing(w -> w.part.coordinate()));
    List<Part> kept = writes.stream().limit(PRECURSORS).map(Write::part).toList();
    session.rank(kept);
    Map<Coordinate, Part> result = new LinkedHashMap<>();
    for (Part part : kept) {
      if (!session.ordinary(part)) {
        result.put(part.coordinate(), part);
      }
    }
    return result;
  }

  /** The paper's signature where it is no super weight: each layer's largest outputs. */
  private void signatures(Snapshot snapshot, Set<Coordinate> without, int round) {
    double[] tops = new double[layers];
    for (int i = 0; i < layers; i++) {
      for (int s = 0; s < snapshot.sequences(); s++) {
        for (int n = 0; n < snapshot.tokens(s).length; n++) {
          for (float v : snapshot.written(i, s, n)) {
            tops[i] = Math.max(tops[i], Math.abs(v));
          }
        }
      }
    }
    double[] sorted = tops.clone();
    java.util.Arrays.sort(sorted);
    double bar = SIGNATURE * sorted[layers / 2];
    record Peak(int sequence, int token, int channel, float value) {}
    for (int i = 0; i < layers; i++) {
      List<Peak> peaks = new ArrayList<>();
      for (int s = 0; s < snapshot.sequences(); s++) {
        for (int n = 0; n < snapshot.tokens(s).length; n++) {
          float[] written = snapshot.written(i, s, n);
          for (int c = 0; c < written.length; c++) {
            if (Math.abs(written[c]) >= bar) {
              peaks.add(new Peak(s, n, c, written[c]));
            }
          }
        }
      }
      peaks.sort(
          Comparator.comparingDouble((Peak p) -> -Math.abs(p.value))
              .thenComparing(Peak::sequence)
              .thenComparing(Peak::token)
              .thenComparing(Peak::channel));
      for (Peak p : peaks.subList(0, Math.min(SIGNATURES_A_LAYER, peaks.size()))) {
        List<Part> parts =
            session.attribution.parts(
                snapshot, i, p.sequence, p.token, p.channel, without, 0.005 * Math.abs(p.value));
        parts.removeIf(part -> part.value() * p.value < 0);
        if (parts.isEmpty() || parts.getFirst().share() < 0.5) {
          continue;
        }
        Part part = parts.getFirst();
        if (found.containsKey(part.coordinate()) || rejected.containsKey(part.coordinate())) {
          continue;
        }
        classify(snapshot, i, p.sequence, p.token, p.channel, part, round);
      }
    }
  }

  private void classify(
      Snapshot snapshot, int layer, int sequence, int token, int channel, Part part, int round) {
    float leaving = snapshot.stream(layer, sequence, token)[channel];
    float entering = snapshot.stream(layer - 1, sequence, token)[channel];
    double square = 0;
    for (float v : snapshot.stream(layer, sequence, token)) {
      square += (double) v * v;
    }
    double energy = (double) leaving * leaving / square;
    Role role;
    String reason;
    if (part.value() * entering < 0 && Math.abs(part.written()) <= 2 * Math.abs(entering)) {
      role = Role.ERASER;
      reason = eraserWords(layer, part.written(), entering, leaving);
    } else if (session.ordinary(part)) {
      role = Role.ORPHANED_INPUT;
      reason = orphanWords(part);
    } else if (!session.attribution.productSpikes(snapshot, layer, sequence, token, channel)) {
      role = Role.NORM_MADE;
      reason =
          "The norm behind the MLP makes the "
              + number(part.written())
              + " at channel "
              + channel
              + " out of "
              + number(part.output())
              + "; the product has no spike there.";
    } else if (late(layer)) {
      role = Role.ECHO;
      reason = "The spike of " + number(leaving) + " is " + lateWords(layer) + ".";
    } else {
      role = Role.BELOW_BAR;
      reason =
          "Its channel holds "
              + percent(energy)
              + " of the stream's energy at its token; a super activation holds "
              + percent(SpikeSearch.ENERGY)
              + " and lasts.";
    }
    Episode at =
        new Episode(
            sequence,
            token,
            snapshot.position(sequence, token),
            channel,
            layer,
            layer,
            layer,
            layer,
            leaving,
            entering);
    reject(part, at, Optional.empty(), role, round, part.share(), reason);
  }

  /** Inputs that stay large when the sources are zeroed, through whatever weight comes next. */
  private void orphans() {
    for (Found f : List.copyOf(found.values())) {
      Coordinate c = f.part.coordinate();
      Episode e = f.spike.episode;
      float[] written = removed.written(c.layer(), e.sequence(), e.token());
      int top = 0;
      for (int i = 0; i < written.length; i++) {
        top = Math.abs(written[i]) > Math.abs(written[top]) ? i : top;
      }
      List<Part> parts =
          session.attribution.parts(
              removed,
              c.layer(),
              e.sequence(),
              e.token(),
              top,
              zeroed,
              0.1 * Math.abs(written[top] * session.model.architecture().residualScale()));
      double sign = written[top];
      parts.removeIf(part -> part.value() * sign < 0);
      if (parts.isEmpty()) {
        continue;
      }
      Part part = parts.getFirst();
      Coordinate p = part.coordinate();
      if (p.col() != c.col()
          || !p.part().equals(c.part())
          || Math.abs(part.input()) < Math.abs(f.part.input()) / 2
          || found.containsKey(p)
          || rejected.containsKey(p)) {
        continue;
      }
      Episode at =
          new Episode(
              e.sequence(),
              e.token(),
              e.position(),
              top,
              c.layer(),
              c.layer(),
              c.layer(),
              c.layer(),
              removed.stream(c.layer(), e.sequence(), e.token())[top],
              removed.stream(c.layer() - 1, e.sequence(), e.token())[top]);
      reject(
          part,
          at,
          Optional.empty(),
          Role.ORPHANED_INPUT,
          Math.max(1, rounds.size() - 1),
          part.share(),
          "With "
              + c
              + " zeroed, its input of "
              + number(part.input())
              + " makes this the layer's largest output ("
              + number(part.written())
              + "), which is "
              + percent(Math.abs(part.written() / f.spike.episode.peak()))
              + " of the super activation.");
    }
  }

  private static String eraserWords(int layer, double written, double entering, double leaving) {
    return "Layer "
        + layer
        + " writes "
        + number(written)
        + " against the "
        + number(entering)
        + " that enter it: "
        + number(leaving)
        + " leave it.";
  }

  private String lateWords(int layer) {
    int left = layers - 1 - layer;
    return "written in layer "
        + layer
        + " of "
        + layers
        + ", where "
        + (left == 0
            ? "only the output head can"
            : left == 1 ? "one layer is left to" : "only " + left + " layers are left to")
        + " read it";
  }

  private String orphanWords(Part part) {
    WeightScan.Standing standing = session.standing(part);
    return "An ordinary weight, rank "
        + grouped(standing.rank())
        + " of "
        + grouped(standing.size())
        + ": only its input of "
        + number(part.input())
        + " is large.";
  }

  private void reject(
      Part part,
      Episode e,
      Optional<SuperActivation> activation,
      Role role,
      int round,
      double share,
      String reason) {
    if (found.containsKey(part.coordinate()) || rejected.containsKey(part.coordinate())) {
      return;
    }
    rejected.put(
        part.coordinate(),
        session.candidate(
            part,
            e,
            activation,
            role,
            round,
            share,
            Double.NaN,
            before(part, e),
            after(part, e),
            reason));
  }

  private float before(Part part, Episode e) {
    return after(part, e) - part.written();
  }

  private float after(Part part, Episode e) {
    return viewed
        .stream(part.coordinate().layer(), e.sequence(), e.token())[part.coordinate().row()];
  }

  private static Candidate withReason(Candidate c, String reason, double remaining) {
    return new Candidate(
        c.coordinate(),
        c.value(),
        c.rank(),
        c.matrixSize(),
        c.share(),
        c.input(),
        c.output(),
        c.written(),
        c.before(),
        c.after(),
        remaining,
        c.prompt(),
        c.position(),
        c.tokenId(),
        c.token(),
        c.superActivation(),
        c.role(),
        c.round(),
        reason);
  }

  private FindResult result() {
    List<Candidate> accepted = new ArrayList<>();
    for (Found f : found.values()) {
      accepted.add(
          session.candidate(
              f.part,
              f.spike.episode,
              Optional.of(f.spike.activation),
              f.role,
              f.spike.round,
              f.part.share(),
              f.remaining,
              f.before,
              f.after,
              words(f)));
    }
    accepted.sort(
        Comparator.comparing((Candidate c) -> c.role().ordinal())
            .thenComparing(c -> -Math.abs(c.superActivation().orElseThrow().value()))
            .thenComparing(c -> c.coordinate().layer())
            .thenComparing(c -> -Math.abs(c.share()))
            .thenComparing(Candidate::coordinate));
    List<Candidate> shown = new ArrayList<>(rejected.values());
    shown.removeIf(c -> found.containsKey(c.coordinate()));
    shown.sort(
        Comparator.comparingDouble((Candidate c) -> -Math.abs(c.written()))
            .thenComparing(Candidate::coordinate));
    List<SuperActivation> activations =
        spikes.stream().filter(s -> s.round == 0 && s.main).map(s -> s.activation).toList();
    FindResult.NonFinite nonFinite = session.nonFinite(intact.survey(), notes);
    return new FindResult(
        Rule.SUPERWEIGHT,
        session.prompts,
        activations,
        accepted,
        shown.subList(0, Math.min(options.maxRejected(), shown.size())),
        sets(),
        intact.survey().extremes(session.prompts),
        trajectories(),
        List.of(),
        rounds,
        notes,
        nonFinite,
        session.cost());
  }

  private String words(Found f) {
    SuperActivation a = f.spike.activation;
    String spike =
        (f.spike.main ? "super activation " : "spike ")
            + number(a.value())
            + " at channel "
            + a.channel()
            + " of token "
            + a.position()
            + ", which lasts from layer "
            + f.spike.episode.onset()
            + " to "
            + a.lastLayer()
            + " of "
            + layers;
    String text =
        switch (f.role) {
          case SOURCE ->
              "It writes "
                  + percent(f.share)
                  + " of the "
                  + spike
                  + (f.spike.round > 0 ? "; silent until the others are zeroed." : ".");
          case MINOR_SOURCE ->
              "It writes " + percent(f.share) + " of a smaller, earlier " + spike + ".";
          case PRECURSOR ->
              f.extra.isEmpty()
                  ? "Without it " + percent(f.remaining) + " is left of the " + spike + "."
                  : "It writes " + percent(f.share) + " of a smaller " + spike + ".";
          default -> f.role.text();
        };
    return text + f.extra;
  }

  /**
   * Main spikes grouped: the same token, and the same channel or neuron, or masked by each other.
   */
  private List<WeightSet> sets() {
    List<List<Spike>> groups = new ArrayList<>();
    for (Spike spike : spikes) {
      if (!spike.main || spike.members.isEmpty()) {
        continue;
      }
      List<Spike> home = null;
      for (List<Spike> group : groups) {
        if (group.stream().anyMatch(other -> together(spike, other))) {
          home = group;
          break;
        }
      }
      if (home == null) {
        home = new ArrayList<>();
        groups.add(home);
      }
      home.add(spike);
    }
    List<WeightSet> sets = new ArrayList<>();
    for (List<Spike> group : groups) {
      sets.add(set(group));
    }
    return sets;
  }

  private static boolean together(Spike a, Spike b) {
    if (a.episode.sequence() == b.episode.sequence()
        && a.episode.position() == b.episode.position()
        && (a.round > b.round || a.episode.channel() == b.episode.channel())) {
      return true;
    }
    for (Found f : a.members) {
      for (Found g : b.members) {
        Coordinate c = f.part.coordinate();
        Coordinate d = g.part.coordinate();
        if (c.part().equals(d.part()) && (c.col() == d.col() || c.row() == d.row())) {
          return true;
        }
      }
    }
    return false;
  }

  private WeightSet set(List<Spike> group) {
    Spike first = group.getFirst();
    List<Coordinate> members = new ArrayList<>();
    List<Found> sources = new ArrayList<>();
    for (Spike spike : group) {
      for (Found f : spike.members) {
        members.add(f.part.coordinate());
        sources.add(f);
      }
    }
    List<Found> precursors = new ArrayList<>();
    for (Found f : found.values()) {
      if (f.role == Role.PRECURSOR
          && group.contains(f.spike)
          && !members.contains(f.part.coordinate())
          && f.remaining <= VITAL) {
        precursors.add(f);
        members.add(f.part.coordinate());
      }
    }
    double share =
        first.members.stream()
            .filter(f ->
                f.part.coordinate().layer() == first.members.getFirst().part.coordinate().layer())
            .mapToDouble(f -> f.part.share())
            .sum();
    return new WeightSet(
        WeightSet.Shape.of(members),
        members,
        Optional.of(first.activation),
        share,
        first.remaining,
        setWords(group, sources, precursors));
  }

  private String setWords(List<Spike> group, List<Found> sources, List<Found> precursors) {
    List<String> words = new ArrayList<>();
    for (Spike spike : group) {
      SuperActivation a = spike.activation;
      List<String> who = new ArrayList<>();
      for (Found f : spike.members) {
        who.add(f.part.coordinate() + " (" + percent(f.share) + ")");
      }
      words.add(
          String.join(", ", who)
              + (who.size() == 1 ? " writes " : " write ")
              + number(a.value())
              + " into channel "
              + a.channel()
              + " of token "
              + a.position()
              + (spike.round > 0 ? " once the others are zeroed" : "")
              + (Double.isNaN(spike.remaining)
                  ? ""
                  : "; "
                      + percent(spike.remaining)
                      + " is left without"
                      + (who.size() == 1 ? " it" : " them")));
    }
    for (Found f : precursors) {
      words.add(
          f.part.coordinate()
              + " makes the input: without it "
              + percent(f.remaining)
              + " is left");
    }
    return String.join(". ", words) + ".";
  }

  private List<Trajectory> trajectories() {
    List<Trajectory> trajectories = new ArrayList<>();
    for (Spike spike : spikes) {
      if (!spike.main || spike.round > 0) {
        continue;
      }
      trajectories.add(
          new Trajectory(
              spike.activation,
              line(intact, spike.episode),
              found.isEmpty() ? List.of() : line(removed, spike.episode)));
    }
    return trajectories;
  }

  private List<Float> line(Snapshot snapshot, Episode e) {
    List<Float> line = new ArrayList<>();
    for (int i = -1; i < layers; i++) {
      line.add(snapshot.stream(i, e.sequence(), e.token())[e.channel()]);
    }
    return line;
  }

  private static String number(double value) {
    double a = Math.abs(value);
    return String.format(Locale.ROOT, a >= 100 ? "%,.0f" : a >= 10 ? "%.1f" : "%.3g", value);
  }

  private static String grouped(long value) {
    return String.format(Locale.ROOT, "%,d", value);
  }

  private static String percent(double part) {
    double p = 100 * part;
    return String.format(Locale.ROOT, Math.abs(p) < 9.95 && p != 0 ? "%.1f %%" : "%.0f %%", p);
  }
}
