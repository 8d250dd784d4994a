package io.superweight.find;

import io.superweight.compute.Matrix;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.Probe;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;

/** One search on one model: its prompts, its passes and what they cost. */
final class Session {
  /**
   * Tokens of a prompt that are looked at closely. A longer prompt costs one more pass, which picks
   * the tokens with the largest residuals, and every n-th of the others to compare with.
   */
  private static final int TOKENS = 48;

  /** Versions of the model in one pass. */
  private static final int VARIANTS = 16;

  final Transformer model;
  final List<Prompt> prompts;
  final List<int[]> sequences;
  final Attribution attribution;
  private final int[] experts;
  private final long start = System.nanoTime();
  private final Map<Coordinate, WeightScan.Standing> standings = new HashMap<>();
  private final int[][] tokens;
  private int passes;
  private long bytes;
  private long tokensRun;

  Session(Transformer model, List<Prompt> prompts) {
    this.model = model;
    this.prompts = prompts;
    this.sequences = prompts.stream().map(Prompt::idArray).toList();
    this.attribution = new Attribution(model);
    this.experts = IntStream.range(0, model.layers()).map(model::experts).toArray();
    this.tokens = tokensToHold();
  }

  /** A pass of the model with some weights zeroed. */
  Snapshot snapshot(Set<Coordinate> zeroed, Snapshot intact) {
    Snapshot snapshot = new Snapshot(sequences, tokens, intact, 0, false, experts);
    pass(sequences, List.of(Variant.zeroed("zeroed", zeroed)), snapshot);
    return snapshot;
  }

  /** A pass over other texts that keeps the residual stream only. */
  Snapshot stream(List<int[]> others) {
    int[][] all =
        others.stream().map(ids -> IntStream.range(0, ids.length).toArray()).toArray(int[][]::new);
    Snapshot snapshot = new Snapshot(others, all, null, 0, true, experts);
    pass(others, List.of(Variant.INTACT), snapshot);
    return snapshot;
  }

  private void pass(List<int[]> run, List<Variant> variants, Probe probe) {
    Routed routed = new Routed(probe);
    model.forward(run, variants, List.of(routed), Head.SKIP);
    passes++;
    int length = run.stream().mapToInt(ids -> ids.length).sum();
    tokensRun += (long) length * variants.size();
    for (Map.Entry<String, Matrix> entry : model.matrices().entrySet()) {
      if (!entry.getKey().contains(".experts.")
          || routed.parts.contains(entry.getKey().substring(0, entry.getKey().lastIndexOf('.')))) {
        bytes += entry.getValue().data().byteSize();
      }
    }
  }

  /**
   * The stream at one place under several versions of the model. Only the tokens up to that place
   * are run: the model is causal.
   *
   * @param versions weights to zero in each
   * @return {@code [versions]} the value at the episode's channel, token and peak layer
   */
  double[] at(Episode episode, List<? extends Collection<Coordinate>> versions) {
    double[] values = new double[versions.size()];
    int[] ids = sequences.get(episode.sequence());
    int[] head = java.util.Arrays.copyOf(ids, episode.position() + 1);
    for (int from = 0; from < versions.size(); from += VARIANTS) {
      int base = from;
      List<Variant> variants = new ArrayList<>();
      for (int v = from; v < Math.min(versions.size(), from + VARIANTS); v++) {
        variants.add(Variant.zeroed("version " + v, versions.get(v)));
      }
      pass(
          List.of(head),
          variants,
          new Probe() {
            @Override
            public boolean wants(Site site) {
              return site.kind() == Site.Kind.RESID_POST && site.layer() == episode.peakLayer();
            }

            @Override
            public void observe(Site site, SiteValues seen) {
              values[base + seen.variant()] = seen.get(episode.position(), episode.channel());
            }
          });
    }
    return values;
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
      WeightScan.Standing[] found = WeightScan.standings(model.device(), matrix, values);
      bytes += matrix.data().byteSize();
      for (int i = 0; i < values.length; i++) {
        standings.put(of.get(i).coordinate(), found[i]);
      }
    });
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
        bytes += entry.getValue().data().byteSize();
        long of = WeightScan.notFinite(model.device(), entry.getValue());
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
    pass(
        sequences,
        List.of(Variant.INTACT),
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
            java.util.Arrays.sort(sorted);
            float median = Math.max(sorted[sorted.length / 2], Float.MIN_NORMAL);
            for (int r = 0; r < tops.length; r++) {
              int t = values.tokens()[r];
              largest[values.sequence()][t] =
                  Math.max(largest[values.sequence()][t], tops[r] / median);
            }
          }
        });
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
    private final Set<String> parts = new HashSet<>();

    Routed(Probe inner) {
      this.inner = inner;
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
