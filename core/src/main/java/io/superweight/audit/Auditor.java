package io.superweight.audit;

import io.superweight.InputException;
import io.superweight.audit.Audit.Origin;
import io.superweight.audit.Audit.Predictions;
import io.superweight.audit.Audit.Protocol;
import io.superweight.audit.Audit.Verdict;
import io.superweight.audit.AuditedWeight.State;
import io.superweight.catalog.Catalog;
import io.superweight.catalog.CatalogCheck;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.compute.Matrix;
import io.superweight.find.FindOptions;
import io.superweight.find.FindResult;
import io.superweight.find.Finder;
import io.superweight.find.Prompt;
import io.superweight.find.WeightScan;
import io.superweight.find.Windows;
import io.superweight.find.Windows.Window;
import io.superweight.model.Batch;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.PassResult;
import io.superweight.model.Probe;
import io.superweight.model.ScalarEdit;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.statistics.Interval;
import io.superweight.statistics.PairedBootstrap;
import io.superweight.statistics.UnigramModel;
import io.superweight.tensor.Dequantizer;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * Compares a quantized model with the model it was made of.
 *
 * <p>Each super weight is compared by value, and by the residual stream at the channel that it
 * writes. Perplexity and KL(base ‖ quantized) on prose say what became of everything else. Where a
 * super weight changed, the quantized model is measured once more with the base's value put back: a
 * loss that this mends was the super weight's, one that it does not is that of the rest.
 */
public final class Auditor {
  /** Logits of the two models that are held at a time take no more than about this. */
  private static final long LOGIT_BYTES = 256L << 20;

  /** Stands for a probability that is no number, in nats. */
  private static final double NO_NUMBER = 700;

  private final Transformer quantized;
  private final Tokenizer tokenizer;
  private final AuditOptions options;
  private final Consumer<String> progress;

  private Auditor(
      Transformer quantized, Tokenizer tokenizer, AuditOptions options, Consumer<String> progress) {
    this.quantized = quantized;
    this.tokenizer = tokenizer;
    this.options = options;
    this.progress = progress;
  }

  /**
   * Compares with a base.
   *
   * @param tokenizer the base's
   * @param given the super weights; empty for those that the catalog has of the base, else those
   *     that a search finds on it
   * @param progress is told each stage, in a few words
   * @throws InputException of kind USAGE where the two cannot be one model before and after
   */
  public static Audit withBase(
      Transformer quantized,
      Transformer base,
      Tokenizer tokenizer,
      List<Coordinate> given,
      Catalog catalog,
      AuditOptions options,
      Consumer<String> progress) {
    mustMatch(quantized, base);
    return new Auditor(quantized, tokenizer, options, progress).compare(base, given, catalog);
  }

  /**
   * Looks at a quantized model alone: at the places that the catalog names or the caller gives, and
   * whether it predicts text at all.
   *
   * @param tokenizer its own
   */
  public static Audit alone(
      Transformer quantized,
      Tokenizer tokenizer,
      List<Coordinate> given,
      Catalog catalog,
      AuditOptions options,
      Consumer<String> progress) {
    return new Auditor(quantized, tokenizer, options, progress).alone(given, catalog);
  }

  private static void mustMatch(Transformer quantized, Transformer base) {
    String trouble = null;
    if (quantized.layers() != base.layers()) {
      trouble = quantized.layers() + " layers against " + base.layers();
    } else if (quantized.hiddenSize() != base.hiddenSize()) {
      trouble = quantized.hiddenSize() + " channels against " + base.hiddenSize();
    } else if (quantized.vocabularySize() != base.vocabularySize()) {
      trouble =
          "a vocabulary of "
              + quantized.vocabularySize()
              + " tokens against "
              + base.vocabularySize();
    } else {
      for (Map.Entry<String, Matrix> entry : base.matrices().entrySet()) {
        Matrix own = quantized.matrices().get(entry.getKey());
        Matrix other = entry.getValue();
        if (own != null && (own.rows() != other.rows() || own.cols() != other.cols())) {
          trouble =
              entry.getKey()
                  + " is "
                  + own.rows()
                  + " × "
                  + own.cols()
                  + " against "
                  + other.rows()
                  + " × "
                  + other.cols();
          break;
        }
      }
    }
    if (trouble != null) {
      throw new InputException(
          InputException.Kind.USAGE,
          quantized.checkpoint().source()
              + " was not made of "
              + base.checkpoint().source()
              + " ("
              + trouble
              + "): give --base the model that was quantized");
    }
  }

  private Audit compare(Transformer base, List<Coordinate> given, Catalog catalog) {
    Origin origin = Origin.GIVEN;
    String entry = "";
    List<Coordinate> weights = given;
    if (given.isEmpty()) {
      Optional<CatalogCheck> known = catalog.check(base).filter(Auditor::speaks);
      if (known.isPresent()) {
        origin = Origin.CATALOG;
        entry = known.get().entry().id();
        weights = known.get().entry().coordinates();
      } else {
        progress.accept("looking for super weights of the base");
        FindResult found =
            Finder.find(
                base,
                tokenizer,
                FindOptions.DEFAULT
                    .withPrompts(List.of(options.prompt()), options.bos())
                    .withStability(false));
        weights = found.coordinates();
        origin = weights.isEmpty() ? Origin.NONE : Origin.FOUND;
      }
    }
    weights.forEach(base::weight); // an error for one that it does not have
    progress.accept("reading super activations");
    Activations activations = new Activations(weights);
    activations.read(base, true);
    activations.read(quantized, false);
    List<AuditedWeight> audited = new ArrayList<>();
    List<ScalarEdit> restore = new ArrayList<>();
    for (int i = 0; i < weights.size(); i++) {
      Coordinate weight = weights.get(i);
      float before = base.weight(weight);
      audited.add(audited(weight, OptionalDouble.of(before), activations, i));
      if (audited.getLast().state() != State.NO_SUCH_PLACE && audited.getLast().after() != before) {
        restore.add(new ScalarEdit(weight, before));
      }
    }
    List<Variant> variants = new ArrayList<>(List.of(Variant.INTACT));
    if (!restore.isEmpty()) {
      variants.add(new Variant("super weights put back", restore, List.of()));
    }
    List<Window> windows = windows();
    Scores scores = new Scores(windows, variants.size());
    long each = 4L * options.windowTokens() * base.vocabularySize() * (1 + variants.size());
    int together = Math.clamp(LOGIT_BYTES / each, 1, windows.size());
    for (int from = 0; from < windows.size(); from += together) {
      progress.accept("comparing predictions, window " + (from + 1) + " of " + windows.size());
      List<int[]> ids =
          windows.subList(from, Math.min(from + together, windows.size())).stream()
              .map(Window::ids)
              .toList();
      PassResult ofBase = base.forward(ids, List.of(Variant.INTACT), List.of(), Head.ALL_LOGITS);
      PassResult own = quantized.forward(ids, variants, List.of(), Head.ALL_LOGITS);
      for (int w = 0; w < ids.size(); w++) {
        scores.take(from + w, ofBase.logits()[0][w], own, w);
      }
    }
    Predictions predictions = scores.predictions();
    return new Audit(
        origin, entry, audited, predictions, protocol(windows), verdict(audited, predictions));
  }

  /** Whether a model carries an entry's weights, so that they are its super weights. */
  private static boolean speaks(CatalogCheck check) {
    return switch (check.verdict()) {
      case SAME, PROMINENT, OTHER_VALUES -> !check.weights().isEmpty();
      case PARTLY, ABSENT, NOTHING_TO_CHECK -> false;
    };
  }

  private Verdict verdict(List<AuditedWeight> weights, Predictions predictions) {
    boolean destroyed =
        destroyed(
            predictions.divergence().orElseThrow().estimate(),
            predictions.perplexity() / predictions.basePerplexity());
    boolean mended =
        predictions.restoredDivergence().isPresent()
            && !destroyed(
                predictions.restoredDivergence().get().estimate(),
                predictions.restoredPerplexity() / predictions.basePerplexity());
    if (weights.stream().anyMatch(Auditor::gone)) {
      return destroyed && !mended
          ? Verdict.SUPER_WEIGHT_LOST_AND_REST_DESTROYED
          : Verdict.SUPER_WEIGHT_LOST;
    }
    if (!destroyed) {
      return Verdict.FINE;
    }
    boolean moved = weights.stream().anyMatch(w -> w.state() == State.MOVED);
    return moved && mended ? Verdict.SUPER_WEIGHT_LOST : Verdict.REST_DESTROYED;
  }

  private static boolean gone(AuditedWeight weight) {
    return weight.state() == State.LOST || weight.state() == State.NO_SUCH_PLACE;
  }

  /** Also where a number is none. */
  private boolean destroyed(double divergence, double ratio) {
    return !(divergence <= options.mostDivergence()) || !(ratio <= options.mostRatio());
  }

  private Audit alone(List<Coordinate> given, Catalog catalog) {
    Optional<CatalogCheck> check = given.isEmpty() ? catalog.check(quantized) : Optional.empty();
    // Of several models of the same sizes, one whose name does not fit cannot be said to be lost.
    check = check.filter(c -> c.match().likeness() != Catalog.Likeness.SHAPE || speaks(c));
    List<Coordinate> weights = check.isPresent() ? check.get().entry().coordinates() : given;
    weights.stream().filter(w -> given.contains(w)).forEach(quantized::weight);
    progress.accept("reading super activations");
    Activations activations = new Activations(weights);
    activations.read(quantized, true);
    List<AuditedWeight> audited = new ArrayList<>();
    for (int i = 0; i < weights.size(); i++) {
      OptionalDouble published =
          check.isPresent() ? check.get().entry().weights().get(i).value() : OptionalDouble.empty();
      audited.add(audited(weights.get(i), published, activations, i));
    }
    List<Window> windows = windows();
    progress.accept("predicting " + windows.size() + " windows");
    PassResult result =
        quantized.forward(
            windows.stream().map(Window::ids).toList(),
            List.of(Variant.INTACT),
            List.of(),
            Head.SCORE);
    double nats = 0;
    for (double[] window : result.logProbabilities()[0]) {
      for (double p : window) {
        nats -= Double.isNaN(p) ? -NO_NUMBER : p;
      }
    }
    Protocol protocol = protocol(windows);
    Predictions predictions =
        new Predictions(
            Double.NaN,
            Math.exp(nats / protocol.tokens()),
            unigram(windows),
            Optional.empty(),
            Optional.empty(),
            Double.NaN,
            Optional.empty());
    boolean destroyed = !(predictions.perplexity() < predictions.unigramPerplexity());
    Verdict verdict;
    if (audited.stream().anyMatch(Auditor::gone)) {
      verdict =
          destroyed ? Verdict.SUPER_WEIGHT_LOST_AND_REST_DESTROYED : Verdict.SUPER_WEIGHT_LOST;
    } else if (destroyed) {
      verdict = Verdict.REST_DESTROYED;
    } else {
      verdict = audited.isEmpty() ? Verdict.NOTHING_TO_CHECK : Verdict.FINE;
    }
    return new Audit(
        check.isPresent() ? Origin.CATALOG : given.isEmpty() ? Origin.NONE : Origin.GIVEN,
        check.map(c -> c.entry().id()).orElse(""),
        audited,
        predictions,
        protocol,
        verdict);
  }

  private AuditedWeight audited(
      Coordinate weight, OptionalDouble known, Activations activations, int i) {
    double before = known.orElse(Double.NaN);
    Matrix matrix = quantized.matrices().get(weight.part());
    if (matrix == null || weight.row() >= matrix.rows() || weight.col() >= matrix.cols()) {
      return new AuditedWeight(
          weight,
          before,
          Double.NaN,
          Double.NaN,
          "",
          Double.NaN,
          0,
          activations.before[i],
          Double.NaN,
          activations.position[i],
          State.NO_SUCH_PLACE);
    }
    float after = quantized.weight(weight);
    double error = Math.abs(after - before) / Math.abs(before);
    long rank = new WeightScan(matrix).standings(after)[0].rank();
    long element = (long) weight.row() * matrix.cols() + weight.col();
    Optional<Checkpoint.PackedElement> packed = packed(weight);
    State state;
    if (known.isPresent()) {
      state = after == before ? State.KEPT : State.of(error);
    } else {
      state = after != 0 && rank <= CatalogCheck.PROMINENT ? State.PROMINENT : State.LOST;
    }
    return new AuditedWeight(
        weight,
        before,
        after,
        after == before ? 0 : error,
        packed.map(Checkpoint.PackedElement::format).orElse(matrix.dtype().name()),
        Math.abs(
            packed
                .map(Checkpoint.PackedElement::step)
                .or(() -> Dequantizer.step(matrix.dtype(), matrix.data(), element))
                .orElse(Float.NaN)),
        rank,
        activations.before[i],
        activations.after[i],
        activations.position[i],
        state);
  }

  /** How a weight lies in a packed checkpoint. */
  private Optional<Checkpoint.PackedElement> packed(Coordinate weight) {
    String part =
        weight.part().replaceAll("^layers\\.\\d+\\.", "").replaceAll("experts\\.\\d+", "experts");
    for (String template : quantized.architecture().parts().getOrDefault(part, List.of())) {
      String name =
          template
              .replace("{i}", String.valueOf(weight.layer()))
              .replace("{e}", String.valueOf(weight.expert().orElse(-1)));
      Optional<Checkpoint.PackedElement> found =
          quantized.checkpoint().packedElement(name, weight.row(), weight.col());
      if (found.isPresent()) {
        return found;
      }
    }
    return Optional.empty();
  }

  private List<Window> windows() {
    List<Window> all =
        Windows.of(options.text(), tokenizer, options.bos(), options.windowTokens()).scored();
    return all.subList(0, Math.min(options.windows(), all.size()));
  }

  private Protocol protocol(List<Window> windows) {
    return new Protocol(
        options.text().name(),
        windows.size(),
        windows.stream().mapToInt(Window::predicted).sum(),
        tokenizer.bos().isPresent()
            && (options.bos() == BosPolicy.ALWAYS
                || options.bos() == BosPolicy.AUTO && tokenizer.addsBos()),
        options.prompt(),
        options.mostDivergence(),
        options.mostRatio(),
        options.confidence(),
        options.resamples(),
        options.seed());
  }

  private double unigram(List<Window> windows) {
    return UnigramModel.perplexity(
        windows.stream().map(w -> Arrays.copyOfRange(w.ids(), 1, w.ids().length)).toList(),
        quantized.vocabularySize());
  }

  /** The residual stream behind each weight's layer, at the channel that it writes. */
  private final class Activations {
    private final List<Coordinate> weights;
    final double[] before;
    final double[] after;
    final int[] position;

    Activations(List<Coordinate> weights) {
      this.weights = weights;
      this.before = new double[weights.size()];
      this.after = new double[weights.size()];
      this.position = new int[weights.size()];
      Arrays.fill(before, Double.NaN);
      Arrays.fill(after, Double.NaN);
      Arrays.fill(position, -1);
    }

    /** Only down projections write a channel of the stream. */
    private boolean writes(Coordinate weight) {
      return weight.part().endsWith(".down") || weight.part().endsWith("attn.o");
    }

    /**
     * @param first the model whose largest values choose the tokens
     */
    void read(Transformer model, boolean first) {
      int deepest =
          weights.stream().filter(this::writes).mapToInt(Coordinate::layer).max().orElse(-1);
      if (deepest < 0) {
        return;
      }
      Prompt prompt = Prompt.of(options.prompt(), tokenizer, options.bos());
      int[] ids = prompt.ids().stream().mapToInt(Integer::intValue).toArray();
      Probe probe =
          new Probe() {
            @Override
            public boolean wants(Site site) {
              return site.kind() == Site.Kind.RESID_POST
                  && weights.stream().anyMatch(w -> writes(w) && w.layer() == site.layer());
            }

            @Override
            public void observe(Site site, SiteValues values) {
              for (int i = 0; i < weights.size(); i++) {
                Coordinate weight = weights.get(i);
                if (!writes(weight)
                    || weight.layer() != site.layer()
                    || weight.row() >= values.cols()) {
                  continue;
                }
                if (first) {
                  int at =
                      IntStream.range(0, values.rows())
                          .reduce((a, b) ->
                              Math.abs(values.get(b, weight.row()))
                                      > Math.abs(values.get(a, weight.row()))
                                  ? b
                                  : a)
                          .orElseThrow();
                  position[i] = at;
                  before[i] = values.get(at, weight.row());
                } else {
                  after[i] = values.get(position[i], weight.row());
                }
              }
            }
          };
      model.forward(
          List.of(
              new Batch(
                  List.of(ids), List.of(Variant.INTACT), List.of(probe), Head.SKIP, deepest + 1)));
      if (first && model == quantized) { // there is no base
        System.arraycopy(before, 0, after, 0, after.length);
        Arrays.fill(before, Double.NaN);
      }
    }
  }

  /** Nats of each window: of the base, and of each version of the quantized model. */
  private final class Scores {
    private final List<Window> windows;
    private final double[] base;
    private final double[][] nats;
    private final double[][] divergence;

    Scores(List<Window> windows, int versions) {
      this.windows = windows;
      this.base = new double[windows.size()];
      this.nats = new double[versions][windows.size()];
      this.divergence = new double[versions][windows.size()];
    }

    void take(int window, float[] ofBase, PassResult own, int w) {
      int[] ids = windows.get(window).ids();
      int vocabulary = quantized.vocabularySize();
      double[] p = new double[vocabulary];
      double[] q = new double[vocabulary];
      for (int t = 0; t + 1 < ids.length; t++) {
        logSoftmax(ofBase, t * vocabulary, p);
        base[window] += sayable(-p[ids[t + 1]]);
        for (int v = 0; v < nats.length; v++) {
          logSoftmax(own.logits()[v][w], t * vocabulary, q);
          nats[v][window] += sayable(-q[ids[t + 1]]);
          double kl = 0;
          for (int i = 0; i < vocabulary; i++) {
            double share = Math.exp(p[i]);
            kl += share == 0 ? 0 : share * (p[i] - q[i]);
          }
          divergence[v][window] += sayable(Math.max(0, kl));
        }
      }
    }

    private static double sayable(double nats) {
      return Double.isNaN(nats) ? NO_NUMBER : Math.min(nats, NO_NUMBER);
    }

    private static void logSoftmax(float[] logits, int from, double[] out) {
      double largest = Double.NEGATIVE_INFINITY;
      for (int i = 0; i < out.length; i++) {
        largest = Math.max(largest, logits[from + i]);
      }
      double sum = 0;
      for (int i = 0; i < out.length; i++) {
        sum += Math.exp(logits[from + i] - largest);
      }
      double shift = largest + Math.log(sum);
      for (int i = 0; i < out.length; i++) {
        out[i] = logits[from + i] - shift;
      }
    }

    Predictions predictions() {
      Map<Integer, Integer> index = new HashMap<>();
      for (Window window : windows) {
        index.putIfAbsent(window.unit(), index.size());
      }
      int[] tokens = new int[index.size()];
      double[] baseSums = new double[index.size()];
      double[][] sums = new double[nats.length][index.size()];
      double[][] divergences = new double[nats.length][index.size()];
      for (int w = 0; w < windows.size(); w++) {
        int unit = index.get(windows.get(w).unit());
        tokens[unit] += windows.get(w).predicted();
        baseSums[unit] += base[w];
        for (int v = 0; v < nats.length; v++) {
          sums[v][unit] += nats[v][w];
          divergences[v][unit] += divergence[v][w];
        }
      }
      int all = Arrays.stream(tokens).sum();
      PairedBootstrap bootstrap =
          new PairedBootstrap(
              tokens.length, options.resamples(), options.confidence(), options.seed());
      Interval kl = bootstrap.mean(divergences[0], tokens);
      boolean restored = nats.length > 1;
      return new Predictions(
          Math.exp(Arrays.stream(base).sum() / all),
          Math.exp(Arrays.stream(nats[0]).sum() / all),
          unigram(windows),
          Optional.of(bootstrap.perplexityRatio(sums[0], baseSums, tokens)),
          Optional.of(kl),
          restored ? Math.exp(Arrays.stream(nats[1]).sum() / all) : Double.NaN,
          restored ? Optional.of(bootstrap.mean(divergences[1], tokens)) : Optional.empty());
    }
  }
}
