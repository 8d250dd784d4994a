package io.superweight.experiment;

import io.superweight.edit.EditedModel;
import io.superweight.edit.Edits;
import io.superweight.evaluate.Evaluation;
import io.superweight.evaluate.Metric;
import io.superweight.evaluate.Score;
import io.superweight.evaluate.Scorer;
import io.superweight.experiment.Exhibit.Cell;
import io.superweight.experiment.Exhibit.Column;
import io.superweight.experiment.Exhibit.Fact;
import io.superweight.experiment.Exhibit.Form;
import io.superweight.experiment.Exhibit.Gap;
import io.superweight.experiment.Exhibit.Row;
import io.superweight.experiment.Exhibit.Table;
import io.superweight.find.FindOptions;
import io.superweight.find.FindResult;
import io.superweight.find.Finder;
import io.superweight.find.Prompt;
import io.superweight.find.SuperActivation;
import io.superweight.find.VerificationText;
import io.superweight.find.WeightScan;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.Probe;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.statistics.Interval;
import io.superweight.statistics.PairedBootstrap;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.IntStream;

/**
 * The sentences of the paper's abstract and appendix, one by one: what each says, what it comes to
 * on this model, and the command that tests it.
 *
 * @param subject the model
 * @param claims one for each sentence
 * @param gaps what there is no data for
 * @param protocol how it was measured
 */
public record Claims(Subject subject, List<Claim> claims, List<Gap> gaps, List<Fact> protocol) {
  private static final int DOCUMENTS = 16;
  private static final int TOKENS = 64;
  private static final int RESAMPLES = 2000;
  private static final double CONFIDENCE = 0.95;
  private static final long SEED = 20_241_111L;

  /** Prompts of random tokens, and tokens of each. */
  private static final int RANDOM_PROMPTS = 3;

  private static final int RANDOM_TOKENS = 8;

  /** Weights whose effect alone is measured. */
  private static final int MOST_SINGLES = 6;

  /** Of the paper's Table 1. */
  private static final double CONTROL = 1e-6;

  private static final double LARGEST_CONTROL = 1e-3;

  /** Perplexity ratio up to which pruning the other large weights is taken to cost little. */
  private static final double LITTLE = 1.1;

  /** The part of a super activation from which on its fall is taken to fit “75 %”. */
  private static final double FALLS = 0.65;

  /** SqueezeLLM's outliers, of the paper's section 4. */
  private static final double OUTLIERS = 5e-4;

  /** The most super weights of a model in the paper's Table 2. */
  private static final int FEW = 6;

  public Claims {
    claims = List.copyOf(claims);
    gaps = List.copyOf(gaps);
    protocol = List.copyOf(protocol);
  }

  /** What becomes of a sentence on a model. */
  public enum Verdict {
    HOLDS("holds"),
    DOES_NOT_HOLD("does not hold here"),
    /** The interval has both in it. */
    UNDECIDED("undecided on so little text"),
    NOT_TESTABLE("not testable here");

    private final String text;

    Verdict(String text) {
      this.text = text;
    }

    /** For people. */
    public String text() {
      return text;
    }
  }

  /**
   * A sentence of the paper.
   *
   * @param id for machines: {@code perplexity}
   * @param sentence what it says, in our words
   * @param where it stands
   * @param own what the paper's own numbers say of it; may be empty
   * @param verdict what it comes to
   * @param here what was measured, a sentence
   * @param value the number that decides, with its interval; nothing where there is none
   * @param command tests it
   */
  public record Claim(
      String id,
      String sentence,
      String where,
      String own,
      Verdict verdict,
      String here,
      Cell value,
      String command) {}

  /**
   * A second model to compare with: a base and its instruct version.
   *
   * @param name of it
   * @param sources the weights that a search finds there
   */
  public record Relative(String name, List<Coordinate> sources) {
    public Relative {
      sources = List.copyOf(sources);
    }
  }

  /**
   * Measures all of them.
   *
   * @param perplexities the first is taken; of the built-in prose where there is no data
   * @param tasks zero-shot tasks that there is data for; may be empty
   * @param relative another version of the model; empty for none
   * @param modelArgument the model as it is written behind a command; empty for the embedded one
   */
  public static Claims measure(
      Subject subject,
      List<Evaluation> perplexities,
      List<Evaluation> tasks,
      List<Gap> gaps,
      Optional<Relative> relative,
      String modelArgument) {
    return new Measurement(subject, perplexities, tasks, relative, modelArgument).run(gaps);
  }

  /** The claims as they are shown. */
  public Exhibit exhibit() {
    List<Row> rows = new ArrayList<>();
    List<String> findings = new ArrayList<>();
    for (Claim claim : claims) {
      rows.add(
          Row.measured(
              Cell.of(claim.id),
              Cell.of(claim.verdict.text()),
              claim.value,
              Cell.of(
                  claim.sentence
                      + " ("
                      + claim.where
                      + ")"
                      + (claim.own.isEmpty() ? "." : "; " + claim.own + ".")),
              Cell.of(claim.here),
              Cell.of("Test it: " + claim.command)));
    }
    return new Exhibit(
        Item.CLAIMS,
        answer(),
        findings,
        List.of(),
        List.of(
            new Table(
                "claims",
                "The paper’s sentences",
                List.of(
                    new Column("claim", "claim", Form.WORDS),
                    new Column("verdict", "verdict", Form.WORDS),
                    new Column("value", "measured", Form.VALUE),
                    new Column("sentence", "the paper", Form.WORDS),
                    new Column("here", "here", Form.WORDS),
                    new Column("command", "command", Form.WORDS)),
                rows)),
        List.of(
            "The paper states these of 7B to 30B models; of a small model some need not hold. “Holds” means that the number here fits the sentence, not that the paper’s own number was met.",
            "Where weights act together they are zeroed together: most published super weights do little alone."),
        gaps,
        protocol);
  }

  private String answer() {
    long holds = count(Verdict.HOLDS);
    long not = count(Verdict.DOES_NOT_HOLD);
    long undecided = count(Verdict.UNDECIDED);
    return "Of "
        + claims.size()
        + " sentences "
        + holds
        + (holds == 1 ? " holds" : " hold")
        + " on this model, "
        + not
        + (not == 1 ? " does not" : " do not")
        + (undecided > 0 ? ", " + undecided + " cannot be decided on so little text" : "")
        + ", and "
        + count(Verdict.NOT_TESTABLE)
        + " cannot be tested here.";
  }

  private long count(Verdict verdict) {
    return claims.stream().filter(claim -> claim.verdict == verdict).count();
  }

  private static final class Measurement {
    private final Subject subject;
    private final Transformer model;
    private final Edits edits;
    private final List<Evaluation> perplexities;
    private final List<Evaluation> tasks;
    private final Optional<Relative> relative;
    private final String argument;
    private final List<Claim> claims = new ArrayList<>();
    private final List<Fact> facts = new ArrayList<>();
    private final List<Coordinate> weights;

    Measurement(
        Subject subject,
        List<Evaluation> perplexities,
        List<Evaluation> tasks,
        Optional<Relative> relative,
        String modelArgument) {
      this.subject = subject;
      this.model = subject.model();
      this.edits = new Edits(model);
      this.perplexities = perplexities;
      this.tasks = tasks;
      this.relative = relative;
      this.argument = modelArgument.isEmpty() ? "" : " " + modelArgument;
      this.weights = List.copyOf(new TreeSet<>(subject.weights()));
    }

    Claims run(List<Gap> gaps) {
      perplexity();
      accuracy();
      inside();
      rare();
      early();
      random();
      instruct();
      claims.add(
          new Claim(
              "stop words",
              "Without the super weight probability moves to stop words, 2 to 5 times as much",
              "section 3.2, Figure 5",
              "true of its Llama-7B and OLMo-7B, not of its Mistral-7B",
              Verdict.NOT_TESTABLE,
              "Figure 5 measures it, token by token.",
              Cell.none(),
              "superweight reproduce fig5" + argument));
      return new Claims(subject, claims, gaps, facts);
    }

    private String zeroing() {
      return weights.isEmpty() ? " --zero WEIGHTS" : quoted(" --zero ", weights);
    }

    /** {@code 1e-6}. */
    private static String fraction(double fraction) {
      return "1e" + Math.round(Math.log10(fraction));
    }

    private static String quoted(String option, Collection<Coordinate> of) {
      StringBuilder words = new StringBuilder();
      of.forEach(w -> words.append(option).append('\'').append(w).append('\''));
      return words.toString();
    }

    private void untestable(
        String id, String sentence, String where, String own, String why, String command) {
      claims.add(
          new Claim(id, sentence, where, own, Verdict.NOT_TESTABLE, why, Cell.none(), command));
    }

    /** The metrics of each version on an evaluation, its first metric or the one of that name. */
    private List<Metric> metrics(Evaluation evaluation, List<EditedModel> models, String name) {
      Score[][] scores =
          new Scorer(model)
              .score(evaluation.requests(), models.stream().map(EditedModel::variant).toList());
      return Arrays.stream(scores)
          .map(of -> evaluation.metrics(Arrays.asList(of)))
          .map(of ->
              of.stream().filter(m -> m.name().equals(name)).findFirst().orElse(of.getFirst()))
          .toList();
    }

    private static Comparison compare(Metric original, Metric edited) {
      return Comparison.of(original, List.of(edited), bootstrap(original.sums().length)).getFirst();
    }

    private static PairedBootstrap bootstrap(int units) {
      return new PairedBootstrap(units, RESAMPLES, CONFIDENCE, SEED);
    }

    private static String range(Comparison comparison) {
      return comparison
          .interval()
          .map(i -> " (95 %: " + Phrases.ratio(i.low()) + " to " + Phrases.ratio(i.high()) + ")")
          .orElse("");
    }

    private static Cell cell(Comparison comparison) {
      return comparison.interval().map(Cell::of).orElseGet(() -> Cell.of(comparison.estimate()));
    }

    /** Whether a number is above a bar, as far as its interval says. */
    private static Verdict above(Comparison comparison, double bar) {
      double low = comparison.interval().map(Interval::low).orElse(comparison.estimate());
      double high = comparison.interval().map(Interval::high).orElse(comparison.estimate());
      return low >= bar ? Verdict.HOLDS : high < bar ? Verdict.DOES_NOT_HOLD : Verdict.UNDECIDED;
    }

    private void perplexity() {
      String eval =
          "superweight eval"
              + argument
              + " --tasks "
              + (perplexities.isEmpty() ? "gptq-wikitext2" : perplexities.getFirst().name());
      String orders = "Zeroing the super weight multiplies perplexity by three orders of magnitude";
      String ownOrders = "its Table 1: × 214 on wikitext-2 and × 108 on C4, with Llama-7B";
      String one = "A single scalar is enough";
      String others = "The thousands of other largest weights cost little when they are pruned";
      String ownOthers = "its Table 1: × 1.07";
      String part = "Putting the super activation back wins back a part of the quality, not all";
      String ownPart = "it says 42 % of the accuracy, of a row that is partly copied";
      if (weights.isEmpty() || perplexities.isEmpty()) {
        String why =
            weights.isEmpty() ? "The model has no super weight." : "There is no text to score.";
        untestable("perplexity", orders, "abstract", ownOrders, why, eval + zeroing());
        untestable("single", one, "abstract, section 3", "", why, eval + zeroing());
        untestable("others", others, "section 3.2", ownOthers, why, eval + " --prune-top 1e-6");
        untestable("restored", part, "section 3.2", ownPart, why, eval + zeroing());
        return;
      }
      List<EditedModel> models = new ArrayList<>();
      models.add(EditedModel.ORIGINAL);
      models.add(edits.zero("zeroed", weights));
      models.add(edits.restored("restored", models.get(1)));
      EditedModel control = edits.pruneTop("largest others", CONTROL, weights);
      double fraction = CONTROL;
      while (control.variant().edits().isEmpty() && fraction < LARGEST_CONTROL) {
        fraction *= 10;
        control = edits.pruneTop("largest others", fraction, weights);
      }
      models.add(control);
      List<Coordinate> singles = weights.subList(0, Math.min(MOST_SINGLES, weights.size()));
      singles.forEach(w -> models.add(edits.zero(w.toString(), List.of(w))));
      Evaluation evaluation = perplexities.getFirst();
      List<Metric> metrics = metrics(evaluation, models, "perplexity");
      Metric original = metrics.getFirst();
      facts.add(
          new Fact(
              "perplexity",
              evaluation.name()
                  + ", "
                  + evaluation.protocol().dataset()
                  + ", "
                  + Phrases.counted(evaluation.protocol().documents(), "document")
                  + ", BOS: "
                  + evaluation.protocol().bos()
                  + ", windows of "
                  + evaluation.protocol().windowTokens()));
      Comparison all = compare(original, metrics.get(1));
      claims.add(
          new Claim(
              "perplexity",
              orders,
              "abstract",
              ownOrders,
              above(all, 1000),
              Phrases.counted(weights.size(), "weight")
                  + (weights.size() == 1 ? "" : " together")
                  + ": "
                  + Phrases.ratio(all.estimate())
                  + range(all)
                  + ", from "
                  + Phrases.value(original.value())
                  + " to "
                  + Phrases.value(metrics.get(1).value())
                  + ".",
              cell(all),
              eval + zeroing()));
      int strongest = 0;
      Comparison single = compare(original, metrics.get(4));
      for (int s = 1; s < singles.size(); s++) {
        Comparison next = compare(original, metrics.get(4 + s));
        if (next.estimate() > single.estimate()) {
          single = next;
          strongest = s;
        }
      }
      claims.add(
          new Claim(
              "single",
              one,
              "abstract, section 3",
              "replications find 5 of its 21 coordinates catastrophic alone",
              above(single, 10),
              "The strongest alone, "
                  + singles.get(strongest)
                  + ": "
                  + Phrases.ratio(single.estimate())
                  + range(single)
                  + "; taken to hold from × 10.",
              cell(single),
              eval + quoted(" --zero ", List.of(singles.get(strongest)))));
      if (control.variant().edits().isEmpty()) {
        untestable(
            "others",
            others,
            "section 3.2",
            ownOthers,
            "The matrices are too small: no fraction up to 1e-3 selects a weight.",
            eval + " --prune-top 1e-3" + quoted(" --weights ", weights));
      } else {
        Comparison rest = compare(original, metrics.get(3));
        claims.add(
            new Claim(
                "others",
                others,
                "section 3.2",
                ownOthers,
                switch (above(rest, LITTLE)) {
                  case HOLDS -> Verdict.DOES_NOT_HOLD;
                  case DOES_NOT_HOLD -> Verdict.HOLDS;
                  default -> Verdict.UNDECIDED;
                },
                (fraction == CONTROL
                        ? ""
                        : "1e-6 of each matrix, as in the paper, selects none in a model this small. ")
                    + fraction(fraction)
                    + " of each matrix, "
                    + Phrases.counted(control.variant().edits().size(), "weight")
                    + ": "
                    + Phrases.ratio(rest.estimate())
                    + range(rest)
                    + "; little is up to × "
                    + LITTLE
                    + ".",
                cell(rest),
                eval + " --prune-top " + fraction(fraction) + quoted(" --weights ", weights)));
      }
      Comparison back = compare(original, metrics.get(2));
      double won = 1 - Math.log(back.estimate()) / Math.log(all.estimate());
      boolean harmed = all.interval().map(i -> i.low() > LITTLE).orElse(false);
      claims.add(
          new Claim(
              "restored",
              part,
              "section 3.2",
              ownPart,
              !harmed
                  ? Verdict.NOT_TESTABLE
                  : won > 0.1 && won < 0.9 ? Verdict.HOLDS : Verdict.DOES_NOT_HOLD,
              harmed
                  ? "With it written back at its one token, "
                      + Phrases.ratio(back.estimate())
                      + range(back)
                      + ": "
                      + Phrases.percent(won)
                      + " of the lost nats return; a part is 10 to 90 %."
                  : "Zeroing does not harm the model enough to win something back.",
              Cell.of(100 * won),
              eval + zeroing() + " --restore-activation"));
    }

    private void accuracy() {
      String sentence = "Zeroing the super weight reduces zero-shot accuracy to guessing";
      String own = "its Table 1: ARC-easy keeps 39.6 % and SciQ 39.4 %, where guessing gives 25 %";
      String command =
          "superweight eval"
              + argument
              + " --tasks "
              + (tasks.isEmpty()
                  ? "arc_easy"
                  : String.join(",", tasks.stream().map(Evaluation::name).toList()))
              + zeroing();
      if (weights.isEmpty() || tasks.isEmpty()) {
        untestable(
            "guessing",
            sentence,
            "abstract",
            own,
            weights.isEmpty() ? "The model has no super weight." : "There is no data of a task.",
            command);
        return;
      }
      List<EditedModel> models = List.of(EditedModel.ORIGINAL, edits.zero("zeroed", weights));
      List<String> words = new ArrayList<>();
      int above = 0;
      int judged = 0;
      int better = 0;
      for (Evaluation task : tasks) {
        List<Metric> both = metrics(task, models, "acc");
        Metric zeroed = both.get(1);
        double chance = zeroed.chance().orElse(task.name().startsWith("lambada") ? 0 : Double.NaN);
        if (Double.isNaN(chance)) {
          continue;
        }
        Interval before = interval(both.getFirst());
        Interval after = interval(zeroed);
        judged++;
        better += before.low() > chance ? 1 : 0;
        above += after.low() > chance ? 1 : 0;
        words.add(
            String.format(
                Locale.ROOT,
                "%s %.1f to %.1f %% (95 %%: %.1f to %.1f; guessing %.1f)",
                task.name(),
                100 * before.estimate(),
                100 * after.estimate(),
                100 * after.low(),
                100 * after.high(),
                100 * chance));
        facts.add(new Fact(task.name(), Phrases.counted(task.protocol().documents(), "document")));
      }
      claims.add(
          new Claim(
              "guessing",
              sentence,
              "abstract",
              own,
              judged == 0 || better == 0
                  ? Verdict.NOT_TESTABLE
                  : above == 0 ? Verdict.HOLDS : Verdict.DOES_NOT_HOLD,
              judged == 0
                  ? "No task here has a chance level."
                  : better == 0
                      ? "The model guesses as it is: " + String.join("; ", words) + "."
                      : above
                          + " of "
                          + judged
                          + " tasks stay above guessing: "
                          + String.join("; ", words)
                          + ".",
              Cell.of(above),
              command));
    }

    private static Interval interval(Metric metric) {
      return bootstrap(metric.sums().length)
          .means(List.of(metric.sums()), metric.weights())
          .getFirst()
          .orElseGet(() -> Interval.exactly(metric.value()));
    }

    /** What one pass over some prose shows of the inside. */
    private void inside() {
      Optional<SuperActivation> activation = subject.found().main();
      String fall = "Zeroing the super weight takes 75 % of the super activation away";
      String ownFall = "its Figure 4: 76 %";
      String place = "It sits at the same channel and position whatever the text";
      String lasts = "It persists through the layers, from its first to nearly the last";
      String sinks = "Attention sinks survive the removal of the super weight";
      String awq = "AWQ multiplies the super weight’s column by a large factor";
      String top = "Super weights are among the 0.05 % of weights that are largest";
      String find = "superweight find" + argument;
      String trace = "superweight reproduce claims" + argument;
      if (activation.isEmpty()) {
        String why = "The model has no super activation on the paper’s prompt.";
        untestable("75 %", fall, "section 3.2", ownFall, why, find + " --report page.html");
        untestable("position", place, "section 3.2", "", why, find);
        untestable("persists", lasts, "section 3.2", "", why, find + " --report page.html");
      }
      if (weights.isEmpty()) {
        String why = "The model has no super weight.";
        if (activation.isPresent()) {
          untestable("75 %", fall, "section 3.2", ownFall, why, find + " --report page.html");
        }
        untestable("sinks", sinks, "appendix A.5", "", why, trace);
        untestable("AWQ", awq, "section 4", "× 12 in Llama-7B", why, find);
        untestable("top 0.05 %", top, "section 4", "", why, find);
      }
      if (weights.isEmpty() && activation.isEmpty()) {
        return;
      }
      List<int[]> texts = texts(subject.tokenizer(), subject.bos());
      facts.add(
          new Fact(
              "activations",
              texts.size()
                  + " texts of "
                  + TOKENS
                  + " tokens at most, of "
                  + VerificationText.builtIn().name()));
      int firstLayer = weights.isEmpty() ? 0 : weights.getLast().layer() + 1;
      List<Variant> variants =
          weights.isEmpty()
              ? List.of(Variant.INTACT)
              : List.of(Variant.INTACT, Variant.zeroed("zeroed", weights));
      Optional<Peaks> peaks = activation.map(a -> new Peaks(a, variants.size(), texts.size()));
      AttentionSinks attention =
          new AttentionSinks(model, firstLayer, TOKENS, variants.size(), texts.size());
      List<Coordinate> down =
          weights.stream()
              .filter(w -> w.part().equals("layers." + w.layer() + ".mlp.down"))
              .toList();
      Optional<Inputs> inputs =
          down.isEmpty() ? Optional.empty() : Optional.of(new Inputs(down.getFirst().layer()));
      List<Probe> probes = new ArrayList<>();
      probes.add(attention);
      peaks.ifPresent(probes::add);
      inputs.ifPresent(probes::add);
      model.forward(texts, variants, probes, Head.SKIP);

      if (activation.isPresent()) {
        SuperActivation a = activation.get();
        Peaks seen = peaks.orElseThrow();
        if (!weights.isEmpty()) {
          double[] lost = new double[texts.size()];
          for (int s = 0; s < lost.length; s++) {
            lost[s] = seen.largest[0][s] - seen.largest[1][s];
          }
          Interval share =
              bootstrap(lost.length).means(List.of(lost), seen.largest[0]).getFirst().orElseThrow();
          claims.add(
              new Claim(
                  "75 %",
                  fall,
                  "section 3.2",
                  ownFall,
                  share.low() >= FALLS
                      ? Verdict.HOLDS
                      : share.high() < FALLS ? Verdict.DOES_NOT_HOLD : Verdict.UNDECIDED,
                  String.format(
                      Locale.ROOT,
                      "Channel %d after layer %d loses %s of its largest value (95 %%: %s to %s over %d texts); 65 %% or more is taken to fit.",
                      a.channel(),
                      a.peakLayer(),
                      Phrases.percent(share.estimate()),
                      Phrases.percent(share.low()),
                      Phrases.percent(share.high()),
                      texts.size()),
                  Cell.of(
                      new Interval(100 * share.estimate(), 100 * share.low(), 100 * share.high())),
                  find + " --report page.html"));
        }
        long channel = Arrays.stream(seen.channel).filter(c -> c == a.channel()).count();
        int common = mode(seen.position);
        long position = Arrays.stream(seen.position).filter(p -> p == common).count();
        claims.add(
            new Claim(
                "position",
                place,
                "section 3.2",
                "",
                channel == texts.size() && position == texts.size()
                    ? Verdict.HOLDS
                    : Verdict.DOES_NOT_HOLD,
                "The largest activation after layer "
                    + a.peakLayer()
                    + " is at channel "
                    + a.channel()
                    + " in "
                    + channel
                    + " of "
                    + texts.size()
                    + " texts, and at position "
                    + common
                    + " in "
                    + position
                    + ".",
                Cell.of(100.0 * Math.min(channel, position) / texts.size()),
                find));
        int layers = model.layers();
        int lasting = a.lastLayer() - Math.max(0, a.layer()) + 1;
        int possible = layers - Math.max(0, a.layer());
        claims.add(
            new Claim(
                "persists",
                lasts,
                "section 3.2",
                "its Figure 4: layers 2 to 29 of 32",
                lasting >= 0.75 * possible ? Verdict.HOLDS : Verdict.DOES_NOT_HOLD,
                "At half of its peak or more it leaves layers "
                    + a.layer()
                    + " to "
                    + a.lastLayer()
                    + " of "
                    + layers
                    + ", numbered from 0.",
                Cell.of(100.0 * lasting / possible),
                find + " --report page.html"));
      }
      if (!weights.isEmpty()) {
        sinks(sinks, attention, texts.size(), trace);
        awq(awq, down, inputs);
        top(top, find);
      }
    }

    private void sinks(String sentence, AttentionSinks seen, int texts, String command) {
      double number = Arrays.stream(seen.number[0]).sum();
      if (number == 0) {
        untestable(
            "sinks",
            sentence,
            "appendix A.5",
            "",
            "No layer behind the super weight sees the whole text.",
            command);
        return;
      }
      PairedBootstrap bootstrap = bootstrap(texts);
      List<Optional<Interval>> parts =
          bootstrap.means(
              List.of(seen.mass[0], seen.mass[1], difference(seen.mass[1], seen.mass[0])),
              seen.number[0]);
      double even = Arrays.stream(seen.even[0]).sum() / number;
      Interval before = parts.get(0).orElseThrow();
      Interval after = parts.get(1).orElseThrow();
      // A sink gets several times what an even look would give.
      double bar = 3 * even;
      Verdict verdict =
          before.low() < bar
              ? Verdict.NOT_TESTABLE
              : after.low() >= bar
                  ? Verdict.HOLDS
                  : after.high() < bar ? Verdict.DOES_NOT_HOLD : Verdict.UNDECIDED;
      claims.add(
          new Claim(
              "sinks",
              sentence,
              "appendix A.5",
              "shown as a picture, without a number",
              verdict,
              String.format(
                  Locale.ROOT,
                  "The first token gets %s of the attention (95 %%: %s to %s) in the layers behind, %s without the weights (%s to %s); an even look would give %s, three times that is a sink.",
                  Phrases.percent(before.estimate()),
                  Phrases.percent(before.low()),
                  Phrases.percent(before.high()),
                  Phrases.percent(after.estimate()),
                  Phrases.percent(after.low()),
                  Phrases.percent(after.high()),
                  Phrases.percent(even)),
              Cell.of(new Interval(100 * after.estimate(), 100 * after.low(), 100 * after.high())),
              command));
    }

    private static double[] difference(double[] a, double[] b) {
      return IntStream.range(0, a.length).mapToDouble(i -> a[i] - b[i]).toArray();
    }

    private void awq(String sentence, List<Coordinate> down, Optional<Inputs> inputs) {
      String own = "× 12 in Llama-7B";
      String command = "superweight reproduce claims" + argument;
      if (inputs.isEmpty() || inputs.get().rows.isEmpty()) {
        untestable(
            "AWQ",
            sentence,
            "section 4",
            own,
            "No super weight is in a dense down projection.",
            command);
        return;
      }
      Coordinate weight = down.getFirst();
      AwqScale scale =
          AwqScale.of(
              model,
              weight.part(),
              weight.row(),
              weight.col(),
              inputs.get().rows.toArray(float[][]::new));
      claims.add(
          new Claim(
              "AWQ",
              sentence,
              "section 4",
              own,
              scale.scale() >= 3 ? Verdict.HOLDS : Verdict.DOES_NOT_HOLD,
              String.format(
                  Locale.ROOT,
                  "Column %d of %s is multiplied by %.2f (number %d of its columns, α = %.2f); large is taken to be 3 or more.",
                  weight.col(),
                  weight.part(),
                  scale.scale(),
                  scale.rank(),
                  scale.alpha()),
              Cell.of(scale.scale()),
              command));
    }

    private void top(String sentence, String command) {
      List<String> words = new ArrayList<>();
      double worst = 0;
      for (Coordinate weight : weights) {
        WeightScan.Standing standing =
            new WeightScan(model.matrices().get(weight.part())).standings(model.weight(weight))[0];
        double part = (double) standing.rank() / standing.size();
        worst = Math.max(worst, part);
        words.add(
            weight
                + " is number "
                + standing.rank()
                + " of "
                + String.format(Locale.ROOT, "%,d", standing.size()));
      }
      claims.add(
          new Claim(
              "top 0.05 %",
              sentence,
              "section 4",
              "of SqueezeLLM’s outliers, which are chosen by sensitivity",
              worst <= OUTLIERS ? Verdict.HOLDS : Verdict.DOES_NOT_HOLD,
              "By magnitude in its matrix "
                  + String.join("; ", words.subList(0, Math.min(4, words.size())))
                  + (words.size() > 4 ? " and so on." : "."),
              Cell.of(100 * worst),
              command));
    }

    private void rare() {
      String sentence = "Super weights are rare: at most six in a model";
      long parameters =
          model.checkpoint().names().stream()
              .mapToLong(n -> model.checkpoint().require(n).shape().elements())
              .sum();
      claims.add(
          new Claim(
              "rare",
              sentence,
              "section 3.1, Table 2",
              "1 to 6 in its models",
              weights.size() <= FEW ? Verdict.HOLDS : Verdict.DOES_NOT_HOLD,
              weights.isEmpty()
                  ? "None was found."
                  : String.format(
                      Locale.ROOT,
                      "%s of %,d parameters, one in %,d.",
                      Phrases.counted(weights.size(), "weight"),
                      parameters,
                      parameters / weights.size()),
              Cell.of(weights.size()),
              "superweight find" + argument));
    }

    private void early() {
      String sentence = "They lie in the down projection of an early layer";
      String command = "superweight find" + argument;
      if (weights.isEmpty()) {
        untestable("early", sentence, "section 3.1", "", "The model has no super weight.", command);
        return;
      }
      boolean down = weights.stream().allMatch(w -> w.part().endsWith(".down"));
      int last = weights.getLast().layer();
      double depth = (double) last / Math.max(1, model.layers() - 1);
      claims.add(
          new Claim(
              "early",
              sentence,
              "section 3.1",
              "layers 1 to 4 mostly; OLMo-7B has one in layer 24 of 32",
              down && depth <= 0.25 ? Verdict.HOLDS : Verdict.DOES_NOT_HOLD,
              "The last is in layer "
                  + last
                  + " of "
                  + model.layers()
                  + (down ? ", all in down projections" : ", not all in down projections")
                  + "; early is taken to be the first quarter.",
              Cell.of(100 * depth),
              command));
    }

    private void random() {
      String sentence = "They are found without data: any prompt shows them";
      String command = "superweight find" + argument + " --prompt TEXT";
      if (weights.isEmpty()) {
        untestable(
            "data-free", sentence, "section 3.1", "", "The model has no super weight.", command);
        return;
      }
      int all = 0;
      int some = 0;
      for (int p = 0; p < RANDOM_PROMPTS; p++) {
        FindResult found =
            Finder.find(model, List.of(randomPrompt(p)), FindOptions.DEFAULT.withStability(false));
        List<Coordinate> sources = found.sources();
        all += sources.containsAll(weights) ? 1 : 0;
        some += weights.stream().anyMatch(sources::contains) ? 1 : 0;
      }
      facts.add(
          new Fact(
              "random prompts",
              RANDOM_PROMPTS
                  + " of "
                  + RANDOM_TOKENS
                  + " token ids drawn evenly from the vocabulary, seeds 0 to "
                  + (RANDOM_PROMPTS - 1)));
      claims.add(
          new Claim(
              "data-free",
              sentence,
              "section 3.1",
              "",
              all == RANDOM_PROMPTS ? Verdict.HOLDS : Verdict.DOES_NOT_HOLD,
              "From random tokens, "
                  + all
                  + " of "
                  + RANDOM_PROMPTS
                  + " prompts show all of the weights as sources, "
                  + some
                  + " at least one.",
              Cell.of(100.0 * all / RANDOM_PROMPTS),
              command));
    }

    private Prompt randomPrompt(int seed) {
      SplittableRandom random = new SplittableRandom(seed);
      List<Integer> ids = new ArrayList<>();
      Tokenizer tokenizer = subject.tokenizer();
      boolean bos =
          tokenizer.bos().isPresent()
              && (subject.bos() == BosPolicy.ALWAYS
                  || (subject.bos() == BosPolicy.AUTO && tokenizer.addsBos()));
      if (bos) {
        ids.add(tokenizer.bos().getAsInt());
      }
      for (int i = 0; i < RANDOM_TOKENS; i++) {
        ids.add(random.nextInt(model.vocabularySize()));
      }
      return new Prompt(
          "random token ids, seed " + seed,
          ids,
          ids.stream().map(String::valueOf).toList(),
          subject.bos(),
          bos);
    }

    private void instruct() {
      String sentence = "An instruct model has the super weights of its base model";
      String own = "it says so of Mistral-7B and Llama-2-7B";
      if (relative.isEmpty()) {
        untestable(
            "instruct",
            sentence,
            "section 3.1",
            own,
            "It takes two models: run find on both.",
            "superweight find BASE -q; superweight find INSTRUCT -q");
        return;
      }
      Relative other = relative.get();
      boolean same = new TreeSet<>(other.sources()).equals(new TreeSet<>(weights));
      long shared = weights.stream().filter(other.sources()::contains).count();
      claims.add(
          new Claim(
              "instruct",
              sentence,
              "section 3.1",
              own,
              same ? Verdict.HOLDS : Verdict.DOES_NOT_HOLD,
              shared
                  + " of "
                  + weights.size()
                  + " weights are sources in "
                  + other.name()
                  + ", too, which has "
                  + other.sources().size()
                  + ".",
              Cell.of(weights.isEmpty() ? 0 : 100.0 * shared / weights.size()),
              "superweight find " + other.name() + " -q"));
    }

    private List<int[]> texts(Tokenizer tokenizer, BosPolicy bos) {
      List<int[]> texts = new ArrayList<>();
      for (String document : VerificationText.builtIn().documents()) {
        int[] ids = tokenizer.encode(document, bos);
        if (ids.length >= TOKENS / 2 && texts.size() < DOCUMENTS) {
          texts.add(Arrays.copyOf(ids, Math.min(TOKENS, ids.length)));
        }
      }
      return texts;
    }

    private static int mode(int[] values) {
      return Arrays.stream(values)
          .boxed()
          .max(
              java.util.Comparator.comparingLong(
                  v -> Arrays.stream(values).filter(o -> o == v).count()))
          .orElse(0);
    }
  }

  /** The super activation's channel where it is largest, and whether another is larger. */
  private static final class Peaks implements Probe {
    final SuperActivation activation;

    /** Of its channel, {@code [variant][text]}. */
    final double[][] largest;

    /** Of all channels in the intact model, {@code [text]}. */
    final int[] channel;

    final int[] position;

    Peaks(SuperActivation activation, int variants, int texts) {
      this.activation = activation;
      this.largest = new double[variants][texts];
      this.channel = new int[texts];
      this.position = new int[texts];
    }

    @Override
    public boolean wants(Site site) {
      return site.equals(Site.of(Site.Kind.RESID_POST, Math.max(0, activation.peakLayer())));
    }

    @Override
    public void observe(Site site, SiteValues values) {
      double most = -1;
      for (int t = 0; t < values.rows(); t++) {
        largest[values.variant()][values.sequence()] =
            Math.max(
                largest[values.variant()][values.sequence()],
                Math.abs(values.get(t, activation.channel())));
        for (int c = 0; values.variant() == 0 && c < values.cols(); c++) {
          if (Math.abs(values.get(t, c)) > most) {
            most = Math.abs(values.get(t, c));
            channel[values.sequence()] = c;
            position[values.sequence()] = values.tokens()[t];
          }
        }
      }
    }
  }

  /** What enters a down projection of the intact model. */
  private static final class Inputs implements Probe {
    private static final int MOST = 256;

    final int layer;
    final List<float[]> rows = new ArrayList<>();

    Inputs(int layer) {
      this.layer = layer;
    }

    @Override
    public boolean wants(Site site) {
      return site.equals(Site.of(Site.Kind.DOWN_IN, layer));
    }

    @Override
    public void observe(Site site, SiteValues values) {
      // Some of each text.
      for (int t = 0; values.variant() == 0 && t < values.rows() && rows.size() < MOST; t += 4) {
        float[] row = new float[values.cols()];
        values.row(t, row);
        rows.add(row);
      }
    }
  }
}
