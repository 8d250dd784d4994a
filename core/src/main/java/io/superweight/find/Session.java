package io.superweight.find;

import io.superweight.compute.Matrix;
import io.superweight.model.Batch;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.Probe;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** One search on one model: its prompts, its passes and what they cost. */
final class Session {
  /**
   * Tokens of a prompt that are looked at closely. A longer prompt costs one more pass, which picks
   * the tokens with the largest residuals, and every n-th of the others to compare with.
   */
  private static final int TOKENS = 48;

  final Transformer model;
  final List<Prompt> prompts;
  final List<int[]> sequences;
  final Attribution attribution;
  private final int[] experts;
  private final long start = System.nanoTime();
  private final Map<Coordinate, WeightScan.Standing> standings = new HashMap<>();
  private final Map<String, WeightScan> scans = new HashMap<>();
  private int[][] tokens;
  private final List<Batch> riders = new ArrayList<>();
  private int passes;
  private long bytes;
  private long tokensRun;

  Session(Transformer model, List<Prompt> prompts) {
    this.model = model;
    this.prompts = prompts;
    this.sequences = prompts.stream().map(Prompt::idArray).toList();
    this.attribution = new Attribution(model);
    this.experts = IntStream.range(0, model.layers()).map(model::experts).toArray();
  }

  /** A pass of the model with some weights zeroed, and with all that waited to ride along. */
  Snapshot snapshot(Set<Coordinate> zeroed, Snapshot intact) {
    if (tokens == null) {
      tokens = tokensToHold();
    }
    Snapshot snapshot = new Snapshot(sequences, tokens, intact, 0, false, experts);
    List<Batch> batches = new ArrayList<>();
    batches.add(
        new Batch(
            sequences,
            List.of(zeroed.isEmpty() ? Variant.INTACT : Variant.zeroed("zeroed", zeroed)),
            List.of(snapshot),
            Head.SKIP));
    batches.addAll(riders);
    riders.clear();
    pass(batches);
    return snapshot;
  }

  /**
   * Has other texts go along with the next pass.
   *
   * @return their residual stream, to be filled by that pass
   */
  Snapshot ride(List<int[]> others) {
    int[][] all =
        others.stream().map(ids -> IntStream.range(0, ids.length).toArray()).toArray(int[][]::new);
    Snapshot snapshot = new Snapshot(others, all, null, 0, true, experts);
    riders.add(new Batch(others, List.of(Variant.INTACT), List.of(snapshot), Head.SKIP));
    return snapshot;
  }

  private void pass(List<Batch> batches) {
    Set<String> routed = new HashSet<>();
    model.forward(
        batches.stream()
            .map(batch ->
                new Batch(
                    batch.sequences(),
                    batch.variants(),
                    batch.probes().stream().map(probe -> new Routed(probe, routed)).toList(),
                    batch.head(),
                    batch.layers()))
            .toList());
    passes++;
    tokensRun += batches.stream().mapToLong(Batch::tokens).sum();
    for (Map.Entry<String, Matrix> entry : model.matrices().entrySet()) {
      if (!entry.getKey().contains(".experts.")
          || routed.contains(entry.getKey().substring(0, entry.getKey().lastIndexOf('.')))) {
        bytes += entry.getValue().data().byteSize();
      }
    }
  }

  /** A place of the stream whose value is wanted, under several versions of the model. */
  record Question(Episode episode, Collection<? extends Set<Coordinate>> versions) {}

  /** What the next pass finds out: version by version the stream at an episode's peak. */
  static final class Answers {
    private final Map<Episode, Map<Set<Coordinate>, Double>> values = new HashMap<>();

    /** The value at the episode's channel, token and peak layer with some weights zeroed. */
    double at(Episode episode, Set<Coordinate> zeroed) {
      return values.get(episode).get(zeroed);
    }
  }

  /**
   * Has edited versions of the model go along with the next pass, to see what becomes of spikes.
   * Only the tokens up to the last of them are run, and only the layers: the model is causal.
   */
  Answers ride(Collection<Question> questions) {
    Answers answers = new Answers();
    Map<Integer, List<Question>> bySequence = new TreeMap<>();
    for (Question question : questions) {
      bySequence
          .computeIfAbsent(question.episode().sequence(), s -> new ArrayList<>())
          .add(question);
    }
    bySequence.forEach((sequence, of) -> {
      List<Set<Coordinate>> versions =
          of.stream()
              .flatMap(q -> q.versions().stream())
              .<Set<Coordinate>>map(Set::copyOf)
              .distinct()
              .toList();
      Set<Episode> episodes = of.stream().map(Question::episode).collect(Collectors.toSet());
      int end = episodes.stream().mapToInt(Episode::position).max().orElseThrow();
      int layers = episodes.stream().mapToInt(Episode::peakLayer).max().orElseThrow() + 1;
      Probe probe =
          new Probe() {
            @Override
            public boolean wants(Site site) {
              return site.kind() == Site.Kind.RESID_POST
                  && episodes.stream().anyMatch(e -> e.peakLayer() == site.layer());
            }

            @Override
            public void observe(Site site, SiteValues seen) {
              for (Episode e : episodes) {
                if (e.peakLayer() == site.layer()) {
                  answers
                      .values
                      .computeIfAbsent(e, x -> new HashMap<>())
                      .put(
                          versions.get(seen.variant()),
                          (double) seen.get(e.position(), e.channel()));
                }
              }
            }
          };
      riders.add(
          new Batch(
              List.of(Arrays.copyOf(sequences.get(sequence), end + 1)),
              versions.stream().map(version -> Variant.zeroed("version", version)).toList(),
              List.of(probe),
              Head.SKIP,
              layers));
    });
    return answers;
  }

  /** Where weights stand in their matrices; each matrix is read once for all of them. */
  void rank(Collection<Attribution.Part> parts) {
    Map<String, List<Attribution.Part>> byMatrix = new HashMap<>();
    for (Attribution.Part part : parts) {
      if (!standings.containsKey(part.coordinate())) {
        byMatrix.computeIfAbsent(part.coordinate().part(), p -> new ArrayList<>()).add(part);
      }
    }
    byMatrix.forEach((name, of) -> {
      Matrix matrix = model.matrices().get(name);
      float[] values = new float[of.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = of.get(i).weight();
      }
      WeightScan scan = scan(name, matrix);
      bytes += scan.bytesToRead();
      WeightScan.Standing[] found = scan.standings(values);
      for (int i = 0; i < values.length; i++) {
        standings.put(of.get(i).coordinate(), found[i]);
      }
    });
  }

  private WeightScan scan(String name, Matrix matrix) {
    return scans.computeIfAbsent(name, n -> new WeightScan(matrix));
  }

  WeightScan.Standing standing(Attribution.Part part) {
    if (!standings.containsKey(part.coordinate())) {
      rank(List.of(part));
    }
    return standings.get(part.coordinate());
  }

  /** Whether chance would put a weight of that size into its matrix. */
  boolean ordinary(Attribution.Part part) {
    return Math.abs(part.weight()) < standing(part).ordinary();
  }

  Cost cost() {
    return new Cost(
        passes, bytes + attribution.bytes(), tokensRun, (System.nanoTime() - start) / 1e9);
  }

  /** A candidate with its evidence. */
  Candidate candidate(
      Attribution.Part part,
      Episode at,
      Optional<SuperActivation> activation,
      Role role,
      int round,
      double share,
      double remaining,
      float before,
      float after,
      String reason) {
    WeightScan.Standing standing = standing(part);
    Prompt prompt = prompts.get(at.sequence());
    return new Candidate(
        part.coordinate(),
        part.weight(),
        standing.rank(),
        standing.size(),
        share,
        part.input(),
        part.output(),
        part.written(),
        before,
        after,
        remaining,
        at.sequence(),
        at.position(),
        prompt.ids().get(at.position()),
        prompt.tokens().get(at.position()),
        activation,
        role,
        round,
        reason);
  }

  /**
   * NaN and infinite numbers; reads the matrices of the layer where they begin.
   *
   * @param notes is given a sentence where there are any
   */
  FindResult.NonFinite nonFinite(Survey survey, List<String> notes) {
    if (survey.notFinite() == 0) {
      return FindResult.NonFinite.NONE;
    }
    Site site = survey.firstNotFinite();
    long count = 0;
    String first = "";
    for (Map.Entry<String, Matrix> entry : model.matrices().entrySet()) {
      if (site.layer() < 0 || entry.getKey().startsWith("layers." + site.layer() + ".")) {
        WeightScan scan = scan(entry.getKey(), entry.getValue());
        bytes += scan.bytesToRead();
        long of = scan.notFinite();
        first = of > 0 && first.isEmpty() ? entry.getKey() : first;
        count += of;
      }
    }
    notes.add(
        survey.notFinite()
            + " activations are not finite, first at "
            + site.name()
            + (count > 0
                ? "; " + count + " weights are not, first in " + first
                : "; the weights of that layer are finite")
            + ". What follows them cannot be searched.");
    return new FindResult.NonFinite(survey.notFinite(), site.name(), count, first);
  }

  private int[][] tokensToHold() {
    int[][] hold = new int[sequences.size()][];
    boolean all = true;
    for (int s = 0; s < hold.length; s++) {
      hold[s] = IntStream.range(0, sequences.get(s).length).toArray();
      all &= hold[s].length <= TOKENS;
    }
    if (all) {
      return hold;
    }
    // The largest residual of each token, in units of its layer's median.
    double[][] largest = new double[hold.length][];
    for (int s = 0; s < hold.length; s++) {
      largest[s] = new double[hold[s].length];
    }
    Probe probe =
        new Probe() {
          @Override
          public boolean wants(Site site) {
            return site.kind() == Site.Kind.RESID_POST;
          }

          @Override
          public void observe(Site site, SiteValues values) {
            float[] tops = new float[values.rows()];
            for (int r = 0; r < tops.length; r++) {
              for (int c = 0; c < values.cols(); c++) {
                tops[r] = Math.max(tops[r], Math.abs(values.get(r, c)));
              }
            }
            float[] sorted = tops.clone();
            Arrays.sort(sorted);
            float median = Math.max(sorted[sorted.length / 2], Float.MIN_NORMAL);
            for (int r = 0; r < tops.length; r++) {
              int t = values.tokens()[r];
              largest[values.sequence()][t] =
                  Math.max(largest[values.sequence()][t], tops[r] / median);
            }
          }
        };
    pass(List.of(new Batch(sequences, List.of(Variant.INTACT), List.of(probe), Head.SKIP)));
    for (int s = 0; s < hold.length; s++) {
      if (hold[s].length <= TOKENS) {
        continue;
      }
      double[] of = largest[s];
      Set<Integer> chosen = new HashSet<>();
      IntStream.range(0, of.length)
          .boxed()
          .sorted(java.util.Comparator.comparingDouble((Integer t) -> -of[t]))
          .limit(TOKENS / 2)
          .forEach(chosen::add);
      for (int i = 0; i < TOKENS / 2; i++) {
        chosen.add((int) ((long) i * of.length / (TOKENS / 2)));
      }
      hold[s] = chosen.stream().mapToInt(Integer::intValue).sorted().toArray();
    }
    return hold;
  }

  /** Notes which experts had work, for the account of bytes. */
  private static final class Routed implements Probe {
    private final Probe inner;
    private final Set<String> parts;

    Routed(Probe inner, Set<String> parts) {
      this.inner = inner;
      this.parts = parts;
    }

    @Override
    public boolean wants(Site site) {
      return site.kind() == Site.Kind.EXPERT_DOWN_IN || inner.wants(site);
    }

    @Override
    public void observe(Site site, SiteValues values) {
      if (site.kind() == Site.Kind.EXPERT_DOWN_IN) {
        parts.add("layers." + site.layer() + ".mlp.experts." + site.expert());
      }
      if (inner.wants(site)) {
        inner.observe(site, values);
      }
    }
  }
}
