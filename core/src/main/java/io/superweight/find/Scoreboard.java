package io.superweight.find;

import io.superweight.find.Windows.Window;
import io.superweight.model.Batch;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.PassResult;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.statistics.Interval;
import io.superweight.statistics.PairedBootstrap;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * How well each version of the model predicts each window, gathered pass by pass: all versions of a
 * pass go over the weights together, beside the intact model.
 */
final class Scoreboard implements Judge.Effects {
  /**
   * Stands for a probability that is not a number: the model predicts nothing. Nats; exp of it is
   * still finite.
   */
  private static final double LOST = 700;

  private final Transformer model;
  private final List<Window> windows;
  private final int resamples;
  private final double confidence;
  private final long seed;
  private final List<double[]> intact = new ArrayList<>();
  private final Map<Object, Scores> scores = new HashMap<>();
  private final Map<Integer, PairedBootstrap> bootstraps = new HashMap<>();
  private int passes;

  /** A version of the model: zeroed weights, and perhaps what is put in their place. */
  record Version(String name, List<Coordinate> zeroed, Optional<ConstantReplacement> constants) {
    static Version zeroing(String name, Collection<Coordinate> weights) {
      return new Version(name, weights.stream().sorted().toList(), Optional.empty());
    }

    /** A subset, named after its weights. */
    static Version zeroing(Collection<Coordinate> weights) {
      return zeroing(
          weights.stream().map(Coordinate::toString).collect(Collectors.joining(" ")), weights);
    }

    Object key() {
      return List.of(zeroed, constants.isPresent());
    }

    Variant variant() {
      return new Variant(
          name,
          Variant.zeroed(name, zeroed).edits(),
          constants
              .<List<io.superweight.model.ActivationTransform>>map(List::of)
              .orElse(List.of()));
    }
  }

  /** {@code [windows][0]} nats of all predicted tokens, {@code [1]} divergence of all. */
  private record Scores(List<double[]> byWindow) {}

  Scoreboard(Transformer model, List<Window> windows, VerifyOptions options) {
    this.model = model;
    this.windows = windows;
    this.resamples = options.resamples();
    this.confidence = options.confidence();
    this.seed = options.seed();
  }

  int passes() {
    return passes;
  }

  /** Windows that the intact model was scored on. */
  int scored() {
    return intact.size();
  }

  @Override
  public void also(Collection<Version> versions, Version asFarAs) {
    List<Version> missing =
        versions.stream().filter(version -> !scores.containsKey(version.key())).toList();
    if (!missing.isEmpty()) {
      score(missing, scores.get(asFarAs.key()).byWindow().size());
    }
  }

  /** A part of a pass that scores versions. */
  final class Scoring {
    private final Map<Object, Version> distinct;
    private final int from;
    private final Batch batch;

    private Scoring(Map<Object, Version> distinct, int from, int count) {
      this.distinct = distinct;
      this.from = from;
      List<Variant> variants = new ArrayList<>();
      variants.add(Variant.INTACT);
      distinct.values().forEach(version -> variants.add(version.variant()));
      this.batch =
          new Batch(
              windows.subList(from, count).stream().map(Window::ids).toList(),
              variants,
              List.of(),
              Head.SCORE);
    }

    /** The intact model and the versions. */
    Batch batch() {
      return batch;
    }

    /** Takes what a pass gave. */
    void take(PassResult result) {
      passes++;
      int count = batch.sequences().size();
      for (int w = Math.max(0, intact.size() - from); w < count; w++) {
        intact.add(sums(result, 0, w));
      }
      int v = 1;
      for (Object key : distinct.keySet()) {
        List<double[]> own =
            scores.computeIfAbsent(key, k -> new Scores(new ArrayList<>())).byWindow;
        for (int w = own.size() - from; w < count; w++) {
          own.add(sums(result, v, w));
        }
        v++;
      }
    }
  }

  /**
   * Prepares to score versions on the first {@code count} windows. Versions that were scored on a
   * shorter prefix go on where they were; all of a call must be equally far.
   *
   * @return empty where all is known
   */
  Optional<Scoring> prepare(Collection<Version> versions, int count) {
    Map<Object, Version> distinct = new LinkedHashMap<>();
    for (Version version : versions) {
      Scores known = scores.get(version.key());
      if (known == null || known.byWindow().size() < count) {
        distinct.putIfAbsent(version.key(), version);
      }
    }
    if (distinct.isEmpty() && intact.size() >= count) {
      return Optional.empty();
    }
    int from =
        distinct.keySet().stream()
            .mapToInt(key -> scores.containsKey(key) ? scores.get(key).byWindow().size() : 0)
            .min()
            .orElse(intact.size());
    return Optional.of(new Scoring(distinct, from, count));
  }

  /** Scores versions in a pass of their own. */
  void score(Collection<Version> versions, int count) {
    prepare(versions, count)
        .ifPresent(scoring -> scoring.take(model.forward(List.of(scoring.batch())).getFirst()));
  }

  private static double[] sums(PassResult result, int variant, int window) {
    double nats = 0;
    for (double logProbability : result.logProbabilities()[variant][window]) {
      nats += Double.isFinite(logProbability) ? Math.min(-logProbability, LOST) : LOST;
    }
    double divergence = 0;
    for (double d : result.divergence()[variant][window]) {
      divergence += Double.isFinite(d) ? Math.min(d, LOST) : LOST;
    }
    return new double[] {nats, divergence};
  }

  /** Perplexity of the intact model on all windows that it was scored on. */
  double intactPerplexity() {
    double nats = intact.stream().mapToDouble(s -> s[0]).sum();
    long tokens = windows.subList(0, intact.size()).stream().mapToLong(Window::predicted).sum();
    return Math.exp(nats / tokens);
  }

  @Override
  public Effect effect(Version version) {
    List<double[]> own = scores.get(version.key()).byWindow();
    Units units = new Units(own.size());
    PairedBootstrap bootstrap = bootstrap(units.count);
    return new Effect(
        version.name(),
        version.zeroed(),
        bootstrap.perplexityRatio(units.sum(own, 0), units.sum(intact, 0), units.tokens),
        bootstrap.mean(units.sum(own, 1), units.tokens),
        Optional.empty(),
        false);
  }

  @Override
  public Interval change(Version version, Version base) {
    List<double[]> own = scores.get(version.key()).byWindow();
    List<double[]> other = scores.get(base.key()).byWindow();
    Units units = new Units(Math.min(own.size(), other.size()));
    return bootstrap(units.count)
        .perplexityRatio(units.sum(own, 0), units.sum(other, 0), units.tokens);
  }

  private PairedBootstrap bootstrap(int units) {
    return bootstraps.computeIfAbsent(
        units, n -> new PairedBootstrap(n, resamples, confidence, seed));
  }

  /** Units of the first windows, numbered anew. */
  private final class Units {
    private final int[] unitOf;
    private final int[] tokens;
    private final int count;

    Units(int prefix) {
      Map<Integer, Integer> numbers = new HashMap<>();
      unitOf = new int[prefix];
      for (int w = 0; w < prefix; w++) {
        int next = numbers.size();
        unitOf[w] = numbers.computeIfAbsent(windows.get(w).unit(), u -> next);
      }
      count = numbers.size();
      tokens = new int[count];
      for (int w = 0; w < prefix; w++) {
        tokens[unitOf[w]] += windows.get(w).predicted();
      }
    }

    double[] sum(List<double[]> byWindow, int what) {
      double[] sums = new double[count];
      Arrays.fill(sums, 0);
      for (int w = 0; w < unitOf.length; w++) {
        sums[unitOf[w]] += byWindow.get(w)[what];
      }
      return sums;
    }
  }
}
