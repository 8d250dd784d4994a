package io.superweight.find;

import io.superweight.find.MeanReplacement.Constant;
import io.superweight.find.Scoreboard.Version;
import io.superweight.find.VerdictRule.ControlRange;
import io.superweight.find.Windows.Window;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.ScalarEdit;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.statistics.Interval;
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
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The causal proof: candidates are zeroed together, alone and left out, beside random weights of
 * the same matrices, and what becomes of the model's predictions and of its text is measured
 * (paper, section 3 and Table 1; joint and leave-one-out ablation after the replications in
 * paper.md 2.2).
 *
 * <p>All versions of the model go over the weights in one pass. Further passes are few and said in
 * the protocol: one over held-out text that means are estimated on, more text where a verdict is
 * open, subsets where members can stand in for each other, the other BOS policy, greedy text.
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

  /** Of a damage (in nats) constants have to leave at most this part to be what matters. */
  private static final double BIAS_PART = 0.1;

  private final Transformer model;
  private final Tokenizer tokenizer;
  private final VerifyOptions options;
  private final VerdictRule rule;
  private final VerifyPlan plan;
  private final Controls controls;
  private final boolean bosAdded;
  private final Windows windows;
  private final Scoreboard board;
  private final List<Case> cases = new ArrayList<>();

  /** A target with all the versions that it is judged by. */
  private static final class Case {
    final VerifyTarget target;
    final Version joint;
    final List<Version> alone = new ArrayList<>();
    final List<Version> leftOut = new ArrayList<>();
    final List<Version> swaps = new ArrayList<>();
    final List<Version> random = new ArrayList<>();
    final List<Version> others = new ArrayList<>();
    Optional<Version> largest = Optional.empty();
    Optional<Version> mean = Optional.empty();
    List<Constant> constants = List.of();
    Optional<LoopRate> loops = Optional.empty();
    Optional<ContinuationCase> continuation = Optional.empty();

    Case(VerifyTarget target) {
      this.target = target;
      this.joint = Version.zeroing(target.name(), target.members());
    }

    boolean collapses() {
      return loops.map(VerdictRule::collapses).orElse(false);
    }

    /** All that a verdict needs; the first are the set's own. */
    List<Version> versions() {
      List<Version> all = new ArrayList<>(List.of(joint));
      all.addAll(alone);
      all.addAll(leftOut);
      all.addAll(others);
      all.addAll(swaps);
      all.addAll(random);
      largest.ifPresent(all::add);
      mean.ifPresent(all::add);
      return all;
    }
  }

  private Verifier(
      Transformer model, Tokenizer tokenizer, List<VerifyTarget> targets, VerifyOptions options) {
    this.model = model;
    this.tokenizer = tokenizer;
    this.options = options;
    this.rule = new VerdictRule(options.importance());
    this.plan = VerifyPlan.of(model, targets, options);
    Set<Coordinate> excluded = new HashSet<>();
    targets.forEach(target -> excluded.addAll(target.members()));
    excluded.forEach(model::weight); // an error for one that the model does not have
    this.controls = new Controls(model, excluded, options.seed());
    this.bosAdded = addsBos(options.bos());
    this.windows = Windows.of(options.text(), tokenizer, options.bos(), plan.windowTokens());
    this.board = new Scoreboard(model, windows.scored(), options);
    targets.forEach(target -> cases.add(new Case(target)));
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
    return new Verifier(model, tokenizer, targets, options).run();
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
    int variants = 1 + board.score(versions, count);
    Verification.Baseline intact = baseline(board, windows.scored());
    Optional<String> refusal = refusal(intact);
    int doublings = 0;
    List<SetVerdict> verdicts = new ArrayList<>();
    if (refusal.isEmpty()) {
      write();
      double work = plan.multiplyAdds();
      while (count < cap) {
        List<Case> open = cases.stream().filter(this::open).toList();
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
        board.score(more, count);
      }
      for (Case one : cases) {
        verdicts.add(verdict(one));
      }
    } else {
      for (Case one : cases) {
        verdicts.add(refused(one, refusal.get()));
      }
    }
    Optional<Verification.OtherPolicy> other =
        options.otherPolicy() && tokenizer.bos().isPresent()
            ? Optional.of(otherPolicy())
            : Optional.empty();
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
        other,
        refusal);
  }

  /** Chooses all versions; means are estimated on held-out text. */
  private void prepare() {
    Map<Coordinate, Float> sources = new LinkedHashMap<>();
    for (Case one : cases) {
      if (one.target.source()) {
        one.target.members().stream()
            .filter(ConstantReplacement::possible)
            .forEach(w -> sources.put(w, model.weight(w)));
      }
    }
    Map<Coordinate, ConstantReplacement.Contribution> contributions = new HashMap<>();
    if (!sources.isEmpty() && !windows.heldOut().isEmpty()) {
      ContributionProbe probe = new ContributionProbe(sources);
      List<int[]> ids = windows.heldOut().stream().limit(MEAN_WINDOWS).map(Window::ids).toList();
      model.forward(ids, List.of(Variant.INTACT), List.of(probe), Head.SKIP);
      probe.contributions().forEach(c -> contributions.put(c.weight(), c));
    }
    for (Case one : cases) {
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
        List<ConstantReplacement.Contribution> own =
            members.stream().filter(contributions::containsKey).map(contributions::get).toList();
        if (own.size() == members.size()) {
          one.constants = own.stream().map(ConstantReplacement.Contribution::mean).toList();
          one.mean =
              Optional.of(
                  new Version(
                      "mean contribution in place of " + one.target.name(),
                      one.joint.zeroed(),
                      Optional.of(new ConstantReplacement(own))));
        }
      }
      if (members.size() > 1) {
        for (Coordinate member : members) {
          one.alone.add(Version.zeroing(member + " alone", List.of(member)));
          one.leftOut.add(Version.zeroing("all but " + member, without(members, member)));
        }
        for (int draw = 0; draw < SWAPS; draw++) {
          List<Coordinate> more = new ArrayList<>(members);
          more.addAll(controls.random(List.of(members.getLast().part()), 1000 + draw));
          one.swaps.add(Version.zeroing("one random weight more, draw " + (draw + 1), more));
        }
        if (members.size() == 4) { // all subsets, so that no second pass is needed
          for (int i = 0; i < 4; i++) {
            for (int j = i + 1; j < 4; j++) {
              one.others.add(subset(List.of(members.get(i), members.get(j))));
            }
          }
        }
      } else {
        one.alone.add(one.joint);
      }
    }
  }

  private static List<Coordinate> without(List<Coordinate> members, Coordinate member) {
    return members.stream().filter(m -> !m.equals(member)).toList();
  }

  private static Version subset(List<Coordinate> weights) {
    return Version.zeroing(
        weights.stream().map(Coordinate::toString).collect(Collectors.joining(" ")), weights);
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
    List<Case> chosen =
        cases.stream()
            .filter(c ->
                c.target.source()
                    || switch (decide(c)) {
                      case SUPER_WEIGHT, MINOR, UNDECIDED -> true;
                      default -> false;
                    })
            .toList();
    if (chosen.isEmpty()) {
      return;
    }
    List<Variant> variants = new ArrayList<>(List.of(Variant.INTACT));
    chosen.forEach(c -> variants.add(c.joint.variant()));
    int[] prompt = tokenizer.encode(CASE, options.bos());
    int tokens = Math.min(VerifyPlan.CASE_TOKENS, model.maxPositions() - prompt.length);
    if (prompt.length == 0 || tokens <= 0) {
      return;
    }
    float[][][] logits =
        model.forward(List.of(prompt), variants, List.of(), Head.LAST_LOGITS).logits();
    // As long as the reference sentence, so that all continuations go through together.
    List<int[]> starts =
        Stream.concat(windows.heldOut().stream(), windows.scored().stream())
            .map(Window::ids)
            .filter(ids -> ids.length >= prompt.length)
            .map(ids -> Arrays.copyOf(ids, prompt.length))
            .limit(plan.loopPrompts())
            .toList();
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
      Case one = chosen.get(i);
      Variant variant = variants.get(i + 1);
      one.continuation =
          Optional.of(
              new ContinuationCase(
                  CASE,
                  Arrays.stream(prompt).boxed().toList(),
                  top(logits[0][0]),
                  top(logits[i + 1][0]),
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

  private ControlRange range(Case one) {
    double low = 1;
    double high = 1;
    for (Version version : one.random) {
      Interval ratio = board.effect(version).perplexityRatio();
      low = Math.min(low, ratio.low());
      high = Math.max(high, ratio.high());
    }
    return new ControlRange(low, high);
  }

  private Verdict decide(Case one) {
    return rule.decide(board.effect(one.joint).perplexityRatio(), one.collapses(), range(one));
  }

  /** The largest change that one random weight more makes. */
  private double swapChange(Case one) {
    return one.swaps.stream().mapToDouble(s -> board.change(s, one.joint).high()).max().orElse(1);
  }

  /** Whether more text could change what is said of a target. */
  private boolean open(Case one) {
    Verdict verdict = decide(one);
    if (verdict == Verdict.UNDECIDED) {
      return true;
    }
    if (verdict != Verdict.SUPER_WEIGHT && verdict != Verdict.MINOR) {
      return false;
    }
    double swap = swapChange(one);
    return one.leftOut.stream()
        .anyMatch(left -> rule.neededIsOpen(board.change(one.joint, left), swap));
  }

  private SetVerdict verdict(Case one) {
    List<Coordinate> members = one.target.members();
    Verdict verdict = decide(one);
    ControlRange range = range(one);
    Effect joint = joint(one);
    boolean effective = verdict == Verdict.SUPER_WEIGHT || verdict == Verdict.MINOR;
    double swap = swapChange(one);

    List<Coordinate> needed = new ArrayList<>();
    List<Interval> changes = new ArrayList<>();
    for (int i = 0; i < members.size(); i++) {
      Interval change =
          members.size() == 1
              ? joint.perplexityRatio()
              : board.change(one.joint, one.leftOut.get(i));
      changes.add(change);
      if (effective && (members.size() == 1 || rule.needed(change, swap))) {
        needed.add(members.get(i));
      }
    }
    SubsetSearch.Result smallest = new SubsetSearch.Result(List.of(), List.of(), true);
    if (effective) {
      boolean byPerplexity =
          rule.decide(joint.perplexityRatio(), false, range) != Verdict.PROMINENT_BUT_HARMLESS;
      smallest =
          needed.size() == members.size() || !byPerplexity
              ? new SubsetSearch.Result(members, List.of(), true)
              : SubsetSearch.smallest(members, needed, subsets -> ask(one, subsets, swap));
    }
    Set<Coordinate> carrying = new HashSet<>(smallest.smallest());
    smallest.equivalents().forEach(carrying::addAll);

    List<MemberVerdict> memberVerdicts = new ArrayList<>();
    for (int i = 0; i < members.size(); i++) {
      Coordinate member = members.get(i);
      Effect alone = members.size() == 1 ? joint : board.effect(one.alone.get(i));
      Optional<Effect> left =
          members.size() == 1 ? Optional.empty() : Optional.of(board.effect(one.leftOut.get(i)));
      Verdict own =
          members.size() == 1 || carrying.contains(member)
              ? verdict
              : rule.decide(alone.perplexityRatio(), false, range);
      boolean isNeeded = needed.contains(member);
      memberVerdicts.add(
          new MemberVerdict(
              member,
              own,
              alone,
              left,
              changes.get(i),
              isNeeded,
              Wording.member(
                  member, own, verdict, alone, left, joint, isNeeded, carrying.contains(member))));
    }
    List<ControlSummary> summaries = new ArrayList<>();
    summaries.add(
        new ControlSummary(
            ControlSummary.Kind.RANDOM,
            members.size(),
            one.random.stream().map(board::effect).toList()));
    one.largest.ifPresent(version ->
        summaries.add(
            new ControlSummary(
                ControlSummary.Kind.LARGEST,
                version.zeroed().size(),
                List.of(board.effect(version)))));
    Optional<MeanReplacement> mean =
        one.mean.map(version -> mean(board.effect(version), joint, one.constants, effective));
    return new SetVerdict(
        one.target.name(),
        members,
        verdict,
        joint,
        memberVerdicts,
        smallest.smallest(),
        smallest.equivalents(),
        summaries,
        mean,
        one.continuation,
        Wording.set(
            verdict, joint, memberVerdicts, smallest, summaries.getFirst(), range, mean, rule));
  }

  private Effect joint(Case one) {
    Effect scored = board.effect(one.joint);
    return new Effect(
        scored.variant(),
        scored.zeroed(),
        scored.perplexityRatio(),
        scored.divergence(),
        one.loops,
        one.collapses());
  }

  private static MeanReplacement mean(
      Effect effect, Effect joint, List<Constant> constants, boolean effective) {
    double left = Math.abs(Math.log(effect.perplexityRatio().estimate()));
    double damage = Math.log(joint.perplexityRatio().estimate());
    return new MeanReplacement(effect, constants, effective && left <= BIAS_PART * damage);
  }

  private List<SubsetSearch.Answer> ask(
      Case one, List<List<Coordinate>> subsets, double swapChange) {
    List<Version> versions = subsets.stream().map(Verifier::subset).toList();
    // The joint version may have been scored on less text than the longest; keep step with it.
    board.score(versions.stream().filter(v -> !board.has(v)).toList(), board.windowsOf(one.joint));
    return versions.stream()
        .map(v ->
            new SubsetSearch.Answer(
                !rule.needed(board.change(one.joint, v), swapChange),
                board.effect(v).perplexityRatio().estimate()))
        .toList();
  }

  private SetVerdict refused(Case one, String reason) {
    Effect joint = joint(one);
    List<MemberVerdict> members = new ArrayList<>();
    for (int i = 0; i < one.target.members().size(); i++) {
      Effect alone = board.effect(one.alone.get(i));
      members.add(
          new MemberVerdict(
              one.target.members().get(i),
              Verdict.REFUSED,
              alone,
              Optional.empty(),
              alone.perplexityRatio(),
              false,
              "not judged"));
    }
    return new SetVerdict(
        one.target.name(),
        one.target.members(),
        Verdict.REFUSED,
        joint,
        members,
        List.of(),
        List.of(),
        List.of(),
        Optional.empty(),
        Optional.empty(),
        "Not judged: " + reason + ".");
  }

  /** The joint effects with BOS where the verdicts are without, or the other way round. */
  private Verification.OtherPolicy otherPolicy() {
    BosPolicy policy = bosAdded ? BosPolicy.NEVER : BosPolicy.ALWAYS;
    Windows others = Windows.of(options.text(), tokenizer, policy, plan.windowTokens());
    Scoreboard own = new Scoreboard(model, others.scored(), options);
    int count = Math.min(others.scored().size(), VerifyPlan.otherWindows(plan.windows()));
    List<Version> joint =
        otherTargets(cases.stream().map(c -> c.target).toList()).stream()
            .map(t -> Version.zeroing(t.name(), t.members()))
            .toList();
    own.score(joint, count);
    return new Verification.OtherPolicy(
        !bosAdded, baseline(own, others.scored()), joint.stream().map(own::effect).toList());
  }

  /** What is scored under the other policy: sources; all targets where none is one. */
  static List<VerifyTarget> otherTargets(List<VerifyTarget> targets) {
    List<VerifyTarget> sources = targets.stream().filter(VerifyTarget::source).toList();
    return sources.isEmpty() ? targets : sources;
  }
}
