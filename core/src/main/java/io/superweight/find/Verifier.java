package io.superweight.find;

import io.superweight.find.Scoreboard.Version;
import io.superweight.find.Windows.Window;
import io.superweight.model.Batch;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.PassResult;
import io.superweight.model.ScalarEdit;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.statistics.UnigramModel;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The causal proof: candidates are zeroed together, alone and left out, beside random weights of
 * the same matrices, and what becomes of the model's predictions and of its text is measured
 * (paper, section 3 and Table 1; joint and leave-one-out ablation after the replications in
 * paper.md 2.2).
 *
 * <p>All versions of the model go over the weights in one pass, the held-out text that means are
 * estimated on, the other BOS policy and the next word of the paper's sentence along with them.
 * Further passes are few and said in the protocol: more text where a verdict is open, subsets where
 * members can stand in for each other, and greedy text, which reads the weights once a token.
 */
public final class Verifier {
  /** The paper's case. */
  public static final String CASE = "Summer is hot. Winter is";

  /** Random weights added to a whole set, to see what one weight more or less does there. */
  static final int SWAPS = 2;

  /** Weights outside of sets that are verified, the strongest first. */
  public static final int MOST_SINGLES = 12;

  /** Multiply-adds of the pass that {@link #speed} times, and its most tokens. */
  private static final double CALIBRATION = 2e10;

  private static final int CALIBRATION_TOKENS = 256;

  private static final int TOP = 5;
  private static final int MEAN_WINDOWS = 8;

  private final Transformer model;
  private final Tokenizer tokenizer;
  private final VerifyOptions options;
  private final Judge judge;
  private final Consumer<String> progress;
  private final int[] reference;
  private final VerifyPlan plan;
  private final Controls controls;
  private final boolean bosAdded;
  private final Windows windows;
  private final Scoreboard board;
  private final List<Trial> cases = new ArrayList<>();
  private ContributionProbe contributions;

  /** Logits of the word after the paper's sentence. */
  private float[] intactNext;

  private Verifier(
      Transformer model,
      Tokenizer tokenizer,
      List<VerifyTarget> targets,
      VerifyOptions options,
      Consumer<String> progress) {
    this.progress = progress;
    this.model = model;
    this.tokenizer = tokenizer;
    this.options = options;
    this.plan = VerifyPlan.of(model, targets, options);
    Set<Coordinate> excluded = new HashSet<>();
    targets.forEach(target -> excluded.addAll(target.members()));
    excluded.forEach(model::weight); // an error for one that the model does not have
    this.reference = tokenizer.encode(CASE, options.bos()); // an error where there is no BOS
    this.controls = new Controls(model, excluded, options.seed());
    this.bosAdded = addsBos(options.bos());
    this.windows = Windows.of(options.text(), tokenizer, options.bos(), plan.windowTokens());
    this.board = new Scoreboard(model, windows.scored(), options);
    this.judge = new Judge(new VerdictRule(options.importance()), board);
    targets.forEach(target -> cases.add(new Trial(target)));
  }

  /**
   * Proves what some weights do.
   *
   * @param targets sets and single weights; the verdicts come in this order
   * @throws io.superweight.InputException of kind TEXT where the text is too short, of kind USAGE
   *     for a weight that the model does not have
   */
  public static Verification verify(
      Transformer model, Tokenizer tokenizer, List<VerifyTarget> targets, VerifyOptions options) {
    return verify(model, tokenizer, targets, options, stage -> {});
  }

  /**
   * Proves what some weights do, and says what it is doing.
   *
   * @param progress is told each stage as it begins, in a few words
   */
  public static Verification verify(
      Transformer model,
      Tokenizer tokenizer,
      List<VerifyTarget> targets,
      VerifyOptions options,
      Consumer<String> progress) {
    return new Verifier(model, tokenizer, targets, options, progress).run();
  }

  /**
   * What a search calls for: its sets, then the other weights with the signature by themselves, at
   * most {@link #MOST_SINGLES} of them. Ordinary weights that only see a large input come last.
   */
  public static List<VerifyTarget> targets(FindResult found) {
    List<VerifyTarget> targets = new ArrayList<>();
    Set<Coordinate> seen = new HashSet<>();
    for (WeightSet set : found.sets()) {
      String name =
          set.superActivation()
              .map(sa ->
                  "what makes the super activation at channel "
                      + sa.channel()
                      + " from layer "
                      + sa.layer()
                      + " on")
              .orElse("set of " + set.members().getFirst());
      targets.add(new VerifyTarget(name, set.members(), true));
      seen.addAll(set.members());
    }
    List<Candidate> others = new ArrayList<>(found.candidates());
    others.addAll(found.rejected());
    others.sort(Comparator.comparing(c -> c.role() == Role.ORPHANED_INPUT));
    for (Candidate candidate : others) {
      if (targets.size() < found.sets().size() + MOST_SINGLES && seen.add(candidate.coordinate())) {
        targets.add(
            new VerifyTarget(
                candidate.role().text() + " " + candidate.coordinate(),
                List.of(candidate.coordinate()),
                false));
      }
    }
    return targets;
  }

  /** A pass of a search may take so many times what later ones take: the JVM has just started. */
  private static final double FIRST_PASSES = 8;

  /**
   * Seconds that a proof takes at least, as the search before it tells: greedy text reads the
   * weights once a token. Where that is too long there is no need for {@link #speed}, which reads
   * them, too.
   */
  public static double leastSeconds(FindResult found) {
    Cost cost = found.cost();
    return VerifyPlan.CASE_TOKENS * cost.seconds() / Math.max(1, cost.passes()) / FIRST_PASSES;
  }

  /**
   * Passes are timed for so long, so that the first ones, which the JIT slows down, do not count.
   */
  private static final double SPEED_SECONDS = 1.5;

  /**
   * How fast the model runs here, in multiply-adds per second: the best of short passes. For {@link
   * VerifyPlan#seconds}; it has no part in any verdict.
   */
  public static double speed(Transformer model) {
    int tokens =
        (int) Math.clamp(CALIBRATION / VerifyPlan.workPerToken(model), 8, CALIBRATION_TOKENS);
    tokens = Math.min(tokens, model.maxPositions());
    int[] ids = IntStream.range(0, tokens).map(i -> i % model.vocabularySize()).toArray();
    long begin = System.nanoTime();
    double best = Double.POSITIVE_INFINITY;
    do {
      long start = System.nanoTime();
      model.forward(List.of(ids), List.of(Variant.INTACT), List.of(), Head.SCORE);
      best = Math.min(best, (System.nanoTime() - start) * 1e-9);
    } while ((System.nanoTime() - begin) * 1e-9 < SPEED_SECONDS);
    return tokens * VerifyPlan.workPerToken(model) / best;
  }

  private boolean addsBos(BosPolicy policy) {
    return switch (policy) {
      case AUTO -> tokenizer.addsBos() && tokenizer.bos().isPresent();
      case ALWAYS -> true;
      case NEVER -> false;
    };
  }

  private Verification run() {
    long start = System.nanoTime();
    prepare();
    int count = Math.min(plan.windows(), windows.scored().size());
    int cap = Math.min(plan.maxWindows(), windows.scored().size());
    List<Version> versions = cases.stream().flatMap(c -> c.versions().stream()).toList();
    progress.accept(
        "predicting "
            + count
            + " windows with "
            + versions.stream().map(Version::key).distinct().count()
            + " edited versions of the model");
    Optional<OtherPolicy> other =
        options.otherPolicy() && tokenizer.bos().isPresent()
            ? Optional.of(new OtherPolicy())
            : Optional.empty();
    int variants = firstPass(board.prepare(versions, count).orElseThrow(), other);
    Verification.Baseline intact = baseline(board, windows.scored());
    Optional<String> refusal = refusal(intact);
    int doublings = 0;
    List<SetVerdict> verdicts = new ArrayList<>();
    if (refusal.isEmpty()) {
      write();
      double work = plan.multiplyAdds();
      while (count < cap) {
        List<Trial> open = cases.stream().filter(judge::open).toList();
        if (open.isEmpty()) {
          break;
        }
        List<Version> more = open.stream().flatMap(c -> c.versions().stream()).distinct().toList();
        int next = Math.min(2 * count, cap);
        int tokens =
            windows.scored().subList(count, next).stream().mapToInt(w -> w.ids().length).sum();
        work +=
            VerifyPlan.workPerToken(model)
                * tokens
                * (1 + more.stream().mapToDouble(v -> VerifyPlan.share(model, v.zeroed())).sum());
        if (work > plan.mostMultiplyAdds()) {
          break;
        }
        count = next;
        doublings++;
        progress.accept("a verdict is open: predicting " + count + " windows");
        board.score(more, count);
      }
      for (Trial one : cases) {
        verdicts.add(judge.verdict(one));
      }
    } else {
      for (Trial one : cases) {
        verdicts.add(judge.refused(one, refusal.get()));
      }
    }
    List<Window> used = windows.scored().subList(0, board.scored());
    return new Verification(
        new Verification.Protocol(
            options.text().name(),
            (int) used.stream().map(Window::unit).distinct().count(),
            used.size(),
            plan.windowTokens(),
            used.stream().mapToInt(Window::predicted).sum(),
            doublings,
            options.bos(),
            bosAdded,
            options.importance(),
            options.confidence(),
            options.resamples(),
            options.seed(),
            plan.controlDraws(),
            board.passes(),
            variants,
            model.device().description(),
            cases.stream()
                .flatMap(c -> c.target.members().stream())
                .map(w -> model.matrices().get(w.part()).dtype().name())
                .distinct()
                .collect(Collectors.joining(", ")),
            LoopDetector.RULE,
            (System.nanoTime() - start) * 1e-9),
        baseline(board, windows.scored()),
        verdicts,
        other.map(OtherPolicy::result),
        refusal);
  }

  /**
   * All that is known to be needed, in one read of the weights.
   *
   * @return how many versions of the model were scored, the intact one among them
   */
  private int firstPass(Scoreboard.Scoring scoring, Optional<OtherPolicy> other) {
    List<Batch> batches = new ArrayList<>();
    // First, because the means are asked for in each layer behind it.
    List<int[]> heldOut = windows.heldOut().stream().limit(MEAN_WINDOWS).map(Window::ids).toList();
    OptionalInt deepest =
        cases.stream()
            .filter(one -> one.mean.isPresent())
            .flatMap(one -> one.target.members().stream())
            .mapToInt(Coordinate::layer)
            .max();
    if (deepest.isPresent()) {
      batches.add(
          new Batch(
              heldOut,
              List.of(Variant.INTACT),
              List.of(contributions),
              Head.SKIP,
              deepest.getAsInt() + 1));
    }
    int scored = batches.size();
    batches.add(scoring.batch());
    other.ifPresent(o -> batches.add(o.scoring.batch()));
    int next = batches.size();
    if (textTokens() > 0) {
      List<Variant> variants = new ArrayList<>(List.of(Variant.INTACT));
      cases.forEach(one -> variants.add(one.joint.variant()));
      batches.add(new Batch(List.of(reference), variants, List.of(), Head.LAST_LOGITS));
    }
    List<PassResult> results = model.forward(batches);
    scoring.take(results.get(scored));
    other.ifPresent(o -> o.scoring.take(results.get(scored + 1)));
    if (next < batches.size()) {
      intactNext = results.get(next).logits()[0][0];
      for (int c = 0; c < cases.size(); c++) {
        cases.get(c).next = results.get(next).logits()[c + 1][0];
      }
    }
    for (Trial one : cases) {
      if (one.mean.isPresent()) {
        one.constants =
            one.target.members().stream()
                .flatMap(w -> contributions.of(w).stream())
                .map(ConstantReplacement.Contribution::mean)
                .toList();
        // An expert may have seen none of the text.
        if (one.constants.size() < one.target.members().size()) {
          one.constants = List.of();
          one.mean = Optional.empty();
        }
      }
    }
    return scoring.batch().variants().size();
  }

  /** Tokens of greedy text; 0 where it cannot be written. */
  private int textTokens() {
    return reference.length == 0
        ? 0
        : Math.max(0, Math.min(VerifyPlan.CASE_TOKENS, model.maxPositions() - reference.length));
  }

  /** Chooses all versions. */
  private void prepare() {
    Map<Coordinate, Float> sources = new LinkedHashMap<>();
    for (Trial one : cases) {
      if (one.target.source()) {
        one.target.members().stream()
            .filter(ConstantReplacement::possible)
            .forEach(w -> sources.put(w, model.weight(w)));
      }
    }
    contributions = new ContributionProbe(sources);
    for (Trial one : cases) {
      List<Coordinate> members = one.target.members();
      List<String> parts = Controls.parts(members);
      for (int draw = 0; draw < VerifyPlan.draws(one.target, plan.controlDraws()); draw++) {
        List<Coordinate> weights = controls.random(parts, draw);
        one.random.add(Version.zeroing("random weights, draw " + (draw + 1), weights));
      }
      if (one.target.source()) {
        one.largest =
            Optional.of(
                Version.zeroing("largest weights that are no candidates", controls.largest(parts)));
        if (sources.keySet().containsAll(members) && !windows.heldOut().isEmpty()) {
          one.mean =
              Optional.of(
                  new Version(
                      "mean contribution in place of " + one.target.name(),
                      one.joint.zeroed(),
                      Optional.of(new ConstantReplacement(members, contributions::of))));
        }
      }
      if (members.size() > 1) {
        for (int draw = 0; draw < SWAPS; draw++) {
          List<Coordinate> more = new ArrayList<>(members);
          more.addAll(controls.random(List.of(members.getLast().part()), 1000 + draw));
          one.swaps.add(Version.zeroing("one random weight more, draw " + (draw + 1), more));
        }
      }
    }
  }

  private Verification.Baseline baseline(Scoreboard scoreboard, List<Window> scored) {
    Map<Integer, List<int[]>> byUnit = new TreeMap<>();
    for (Window window : scored.subList(0, scoreboard.scored())) {
      byUnit
          .computeIfAbsent(window.unit(), u -> new ArrayList<>())
          .add(Arrays.copyOfRange(window.ids(), 1, window.ids().length));
    }
    List<int[]> documents =
        byUnit.values().stream()
            .map(parts -> parts.stream().flatMapToInt(Arrays::stream).toArray())
            .toList();
    return new Verification.Baseline(
        scoreboard.intactPerplexity(), UnigramModel.perplexity(documents, model.vocabularySize()));
  }

  private static Optional<String> refusal(Verification.Baseline intact) {
    if (intact.perplexity() < intact.unigramPerplexity()) {
      return Optional.empty();
    }
    return Optional.of(
        "the intact model predicts this text no better than plain token frequencies do (perplexity "
            + Wording.number(intact.perplexity())
            + " against "
            + Wording.number(intact.unigramPerplexity())
            + "), so that zeroing weights has nothing to damage; give --text in the model's language,"
            + " or check the checkpoint and its tokenizer");
  }

  /** Greedy text of what might be a super weight. */
  private void write() {
    List<Trial> chosen =
        cases.stream()
            .filter(c ->
                c.target.source()
                    || switch (judge.decide(c)) {
                      case SUPER_WEIGHT, MINOR, UNDECIDED -> true;
                      default -> false;
                    })
            .toList();
    if (chosen.isEmpty()) {
      return;
    }
    List<Variant> variants = new ArrayList<>(List.of(Variant.INTACT));
    chosen.forEach(c -> variants.add(c.joint.variant()));
    int[] prompt = reference;
    int tokens = textTokens();
    if (tokens == 0) {
      return;
    }
    // As long as the reference sentence, so that all continuations go through together.
    List<int[]> starts =
        Stream.concat(windows.heldOut().stream(), windows.scored().stream())
            .map(Window::ids)
            .filter(ids -> ids.length >= prompt.length)
            .map(ids -> Arrays.copyOf(ids, prompt.length))
            .limit(plan.loopPrompts())
            .toList();
    progress.accept("writing greedy text with and without");
    Continuations text = new Continuations(tokens);
    variants.forEach(v -> text.ask(v, List.of(prompt)));
    text.ask(Variant.INTACT, starts);
    chosen.stream()
        .filter(c -> c.target.source())
        .forEach(c -> text.ask(c.joint.variant(), starts));
    text.write();
    boolean[] intact = text.loops(Variant.INTACT, starts);
    if (VerdictRule.loopRate(intact, intact, tokens).measurable()) {
      chosen.forEach(c -> text.ask(c.joint.variant(), starts));
      text.write();
    }
    for (int i = 0; i < chosen.size(); i++) {
      Trial one = chosen.get(i);
      Variant variant = variants.get(i + 1);
      one.continuation =
          Optional.of(
              new ContinuationCase(
                  CASE,
                  Arrays.stream(prompt).boxed().toList(),
                  top(intactNext),
                  top(one.next),
                  tokenizer.decode(text.of(Variant.INTACT, prompt)),
                  tokenizer.decode(text.of(variant, prompt)),
                  tokens));
      if (!starts.isEmpty() && text.has(variant, starts)) {
        one.loops = Optional.of(VerdictRule.loopRate(intact, text.loops(variant, starts), tokens));
      }
    }
  }

  /** Greedy continuations of equally long prompts by several versions, as few calls as can be. */
  private final class Continuations {
    private record Key(List<ScalarEdit> edits, List<Integer> prompt) {}

    private final int tokens;
    private final Map<Key, int[]> written = new HashMap<>();
    private final Map<Key, Variant> asked = new LinkedHashMap<>();

    Continuations(int tokens) {
      this.tokens = tokens;
    }

    private static Key key(Variant variant, int[] prompt) {
      return new Key(variant.edits(), Arrays.stream(prompt).boxed().toList());
    }

    void ask(Variant variant, List<int[]> prompts) {
      for (int[] prompt : prompts) {
        Key key = key(variant, prompt);
        if (!written.containsKey(key)) {
          asked.put(key, variant);
        }
      }
    }

    void write() {
      if (asked.isEmpty()) {
        return;
      }
      List<Key> keys = List.copyOf(asked.keySet());
      List<int[]> prompts =
          keys.stream()
              .map(k -> k.prompt().stream().mapToInt(Integer::intValue).toArray())
              .toList();
      int[][] text = model.generate(List.copyOf(asked.values()), prompts, tokens);
      for (int i = 0; i < text.length; i++) {
        written.put(keys.get(i), text[i]);
      }
      asked.clear();
    }

    int[] of(Variant variant, int[] prompt) {
      return written.get(key(variant, prompt));
    }

    boolean has(Variant variant, List<int[]> prompts) {
      return prompts.stream().allMatch(p -> written.containsKey(key(variant, p)));
    }

    boolean[] loops(Variant variant, List<int[]> prompts) {
      boolean[] loops = new boolean[prompts.size()];
      for (int i = 0; i < loops.length; i++) {
        loops[i] = LoopDetector.loops(of(variant, prompts.get(i)));
      }
      return loops;
    }
  }

  private List<ContinuationCase.NextToken> top(float[] logits) {
    double largest = Double.NEGATIVE_INFINITY;
    for (float logit : logits) {
      largest = Math.max(largest, logit);
    }
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit - largest);
    }
    double scale = largest + Math.log(sum);
    return IntStream.range(0, logits.length)
        .boxed()
        .sorted(Comparator.comparingDouble(i -> -logits[i]))
        .limit(TOP)
        .map(i ->
            new ContinuationCase.NextToken(i, tokenizer.decode(i), Math.exp(logits[i] - scale)))
        .toList();
  }

  /** The joint effects with BOS where the verdicts are without, or the other way round. */
  private final class OtherPolicy {
    private final Windows others =
        Windows.of(
            options.text(),
            tokenizer,
            bosAdded ? BosPolicy.NEVER : BosPolicy.ALWAYS,
            plan.windowTokens());
    private final Scoreboard own = new Scoreboard(model, others.scored(), options);
    private final List<Version> joint =
        otherTargets(cases.stream().map(c -> c.target).toList()).stream()
            .map(t -> Version.zeroing(t.name(), t.members()))
            .toList();
    final Scoreboard.Scoring scoring =
        own.prepare(
                joint, Math.min(others.scored().size(), VerifyPlan.otherWindows(plan.windows())))
            .orElseThrow();

    Verification.OtherPolicy result() {
      return new Verification.OtherPolicy(
          !bosAdded, baseline(own, others.scored()), joint.stream().map(own::effect).toList());
    }
  }

  /** What is scored under the other policy: sources; all targets where none is one. */
  static List<VerifyTarget> otherTargets(List<VerifyTarget> targets) {
    List<VerifyTarget> sources = targets.stream().filter(VerifyTarget::source).toList();
    return sources.isEmpty() ? targets : sources;
  }
}
