package io.superweight.experiment;

import io.superweight.InputException;
import io.superweight.dataset.Dataset;
import io.superweight.dataset.DatasetName;
import io.superweight.dataset.Datasets;
import io.superweight.experiment.Exhibit.Axis;
import io.superweight.experiment.Exhibit.Cell;
import io.superweight.experiment.Exhibit.Chart;
import io.superweight.experiment.Exhibit.Column;
import io.superweight.experiment.Exhibit.Curve;
import io.superweight.experiment.Exhibit.Fact;
import io.superweight.experiment.Exhibit.Form;
import io.superweight.experiment.Exhibit.Gap;
import io.superweight.experiment.Exhibit.Point;
import io.superweight.experiment.Exhibit.Row;
import io.superweight.experiment.Exhibit.Scaling;
import io.superweight.experiment.Exhibit.Table;
import io.superweight.experiment.Paper.PaperModel;
import io.superweight.find.VerificationText;
import io.superweight.model.Head;
import io.superweight.model.PassResult;
import io.superweight.model.Variant;
import io.superweight.statistics.Interval;
import io.superweight.statistics.PairedBootstrap;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;

/**
 * Figure 5: the mean distribution of the token after a text, with and without the super weights.
 *
 * @param source where the texts are from
 * @param standIn why these texts and not the paper's; empty where they are the paper's
 * @param texts texts that were read
 * @param tokens the original's most probable ones, the most probable first
 * @param stopBefore mean probability of all stop words of the vocabulary, with its interval
 * @param stopAfter the same without the super weights
 * @param stopRatio how many times as much that is, on the same texts
 */
public record Figure5(
    Subject subject,
    String source,
    Optional<InputException> standIn,
    int texts,
    List<Shift> tokens,
    Interval stopBefore,
    Interval stopAfter,
    double stopRatio) {
  /** Texts of the paper's code. */
  public static final int PAPER_TEXTS = 500;

  /** The tokens that are looked at. */
  private static final int TOP = 100;

  /** The tokens that the chart has room for. */
  private static final int DRAWN = 30;

  private static final int TOGETHER = 16;

  private static final DatasetName LAMBADA =
      new DatasetName("EleutherAI/lambada_openai", "default", "test");

  public Figure5 {
    tokens = List.copyOf(tokens);
  }

  /**
   * A token.
   *
   * @param before its mean probability as the model is
   * @param after without the super weights
   */
  public record Shift(int id, String token, double before, double after, boolean stopWord) {
    public boolean rises() {
      return after > before;
    }
  }

  private record Texts(String source, Optional<InputException> standIn, List<String> list) {}

  /**
   * Runs the model on the first texts.
   *
   * @param limit texts at most
   * @param progress is told how many texts of how many are done
   */
  public static Figure5 measure(
      Subject subject, Datasets datasets, int limit, BiConsumer<Integer, Integer> progress) {
    Texts texts = texts(datasets, limit);
    List<int[]> prompts =
        texts.list().stream()
            .map(Figure5::withoutLastWord)
            .map(text -> subject.tokenizer().encode(text, subject.bos()))
            .filter(ids -> ids.length > 0)
            .map(ids -> last(ids, subject.model().maxPositions()))
            .toList();
    List<Variant> variants =
        List.of(Variant.INTACT, Variant.zeroed("Super weights removed", subject.weights()));
    int vocabulary = subject.model().vocabularySize();
    boolean[] stop = new boolean[vocabulary];
    for (int id = 0; id < vocabulary; id++) {
      stop[id] = StopWords.contains(subject.tokenizer().decode(id));
    }
    double[][] mean = new double[2][vocabulary];
    double[][] stopMass = new double[2][prompts.size()];
    for (int first = 0; first < prompts.size(); first += TOGETHER) {
      List<int[]> some = prompts.subList(first, Math.min(first + TOGETHER, prompts.size()));
      PassResult pass = subject.model().forward(some, variants, List.of(), Head.LAST_LOGITS);
      for (int v = 0; v < 2; v++) {
        for (int s = 0; s < some.size(); s++) {
          double[] p = softmax(pass.logits()[v][s]);
          for (int id = 0; id < vocabulary; id++) {
            mean[v][id] += p[id] / prompts.size();
            stopMass[v][first + s] += stop[id] ? p[id] : 0;
          }
        }
      }
      progress.accept(first + some.size(), prompts.size());
    }
    List<Shift> tokens =
        IntStream.range(0, vocabulary)
            .boxed()
            .sorted(Comparator.comparingDouble(id -> -mean[0][id]))
            .limit(TOP)
            .map(id ->
                new Shift(id, subject.tokenizer().decode(id), mean[0][id], mean[1][id], stop[id]))
            .toList();
    PairedBootstrap bootstrap =
        new PairedBootstrap(
            prompts.size(), SweepResult.RESAMPLES, SweepResult.CONFIDENCE, SweepResult.SEED);
    int[] ones = new int[prompts.size()];
    Arrays.fill(ones, 1);
    Interval before = bootstrap.mean(stopMass[0], ones);
    Interval after = bootstrap.mean(stopMass[1], ones);
    return new Figure5(
        subject,
        texts.source(),
        texts.standIn(),
        prompts.size(),
        tokens,
        before,
        after,
        after.estimate() / before.estimate());
  }

  private static Texts texts(Datasets datasets, int limit) {
    try {
      Dataset data = datasets.open(LAMBADA);
      return new Texts(
          data.name()
              + " ("
              + String.join(
                  ", ",
                  data.files().stream()
                      .map(f -> f.name() + " " + f.sha256().substring(0, 12))
                      .toList())
              + ")",
          Optional.empty(),
          data.rows().stream().limit(limit).map(row -> row.get("text").asString()).toList());
    } catch (InputException missing) {
      if (!Battery.absent(missing)) {
        throw missing;
      }
      VerificationText prose = VerificationText.builtIn();
      return new Texts(prose.name(), Optional.of(missing), passages(prose, limit));
    }
  }

  /** Passages of about LAMBADA's length, each from the start of a sentence. */
  private static List<String> passages(VerificationText prose, int limit) {
    List<String> passages = new ArrayList<>();
    int words = 75;
    for (int from = 0; passages.size() < limit && from < 100; from++) {
      for (String document : prose.documents()) {
        String[] all = document.split("\\s+");
        int start = from * words;
        if (start + words <= all.length && passages.size() < limit) {
          passages.add(String.join(" ", Arrays.copyOfRange(all, start, start + words)));
        }
      }
    }
    return passages;
  }

  /** As the code: what is before the last single space. */
  private static String withoutLastWord(String text) {
    int space = text.lastIndexOf(' ');
    return space < 0 ? "" : text.substring(0, space);
  }

  private static int[] last(int[] ids, int most) {
    return ids.length <= most ? ids : Arrays.copyOfRange(ids, ids.length - most, ids.length);
  }

  private static double[] softmax(float[] logits) {
    double largest = Double.NEGATIVE_INFINITY;
    for (float logit : logits) {
      largest = Math.max(largest, logit);
    }
    double[] p = new double[logits.length];
    double sum = 0;
    for (int i = 0; i < p.length; i++) {
      p[i] = Math.exp(logits[i] - largest);
      sum += p[i];
    }
    for (int i = 0; i < p.length; i++) {
      p[i] /= sum;
    }
    return p;
  }

  /** How many of the tokens become more probable. */
  public long rising() {
    return tokens.stream().filter(Shift::rises).count();
  }

  /** The figure beside the paper's. */
  public Exhibit exhibit(Paper paper) {
    Optional<PaperModel> same = paper.named(subject.name()).filter(model -> model.has("figure5"));
    PaperModel drawn = same.orElseGet(() -> paper.require("Llama-7B"));
    List<Shift> published = new ArrayList<>();
    for (int i = 0; i < drawn.tokens().size(); i++) {
      published.add(
          new Shift(
              -1,
              drawn.tokens().get(i),
              drawn.numbers("figure5", "original").get(i),
              drawn.numbers("figure5", "removed").get(i),
              StopWords.contains(drawn.tokens().get(i))));
    }
    return new Exhibit(
        Item.FIGURE5,
        answer(),
        findings(),
        List.of(
            chart(
                "model",
                "Mean probability of the next token, the " + DRAWN + " most probable",
                tokens),
            chart(
                "paper",
                "The paper’s " + drawn.name() + ", the " + DRAWN + " most probable",
                published)),
        List.of(
            table("tokens", "The original’s " + TOP + " most probable next tokens", "", tokens),
            table("paper", "The paper’s " + drawn.name(), "paper, " + drawn.name(), published),
            summary(paper)),
        differences(),
        standIn
            .map(missing ->
                List.of(
                    new Gap("LAMBADA, so built-in prose stands in for it", missing.getMessage())))
            .orElse(List.of()),
        protocol());
  }

  private String answer() {
    double before = tokens.stream().mapToDouble(Shift::before).sum();
    double after = tokens.stream().mapToDouble(Shift::after).sum();
    return "Without the super weights "
        + rising()
        + " of the original’s "
        + tokens.size()
        + " most probable tokens become more probable; together they go from "
        + Phrases.percent(before)
        + " to "
        + Phrases.percent(after)
        + ".";
  }

  private List<String> findings() {
    List<Shift> stop = tokens.stream().filter(Shift::stopWord).toList();
    List<Shift> other = tokens.stream().filter(s -> !s.stopWord()).toList();
    List<String> findings = new ArrayList<>();
    findings.add(rise("stop words", stop) + " " + rise("other tokens", other));
    findings.add(
        "All stop words of the vocabulary together: "
            + Phrases.percent(stopBefore.estimate())
            + " before, "
            + Phrases.percent(stopAfter.estimate())
            + " after ("
            + Phrases.ratio(stopRatio)
            + "; 95 %: "
            + Phrases.percent(stopBefore.low())
            + " to "
            + Phrases.percent(stopBefore.high())
            + " and "
            + Phrases.percent(stopAfter.low())
            + " to "
            + Phrases.percent(stopAfter.high())
            + " over texts). "
            + (stopAfter.low() > stopBefore.high()
                ? "So the paper’s claim that mass moves to stop words holds here."
                : stopAfter.high() < stopBefore.low()
                    ? "The paper says that stop words gain: here they lose."
                    : "The paper says that stop words gain: these texts do not show it."));
    findings.add(
        "The paper’s own data: of Llama-7B’s 100 tokens 17 rise, of OLMo-7B’s 21, of Mistral-7B’s 3, where “the” falls to 0.06 of what it was. Its caption, “2–5 times” for stop words, holds for Llama-7B.");
    return findings;
  }

  private static String rise(String name, List<Shift> of) {
    if (of.isEmpty()) {
      return "There are no " + name + " among them.";
    }
    double[] ratios = of.stream().mapToDouble(s -> s.after() / s.before()).sorted().toArray();
    return "Of the "
        + of.size()
        + " "
        + name
        + " among them "
        + of.stream().filter(Shift::rises).count()
        + " rise, the median "
        + Phrases.ratio(ratios[ratios.length / 2])
        + ".";
  }

  private static Chart chart(String id, String title, List<Shift> shifts) {
    List<Shift> drawn = shifts.subList(0, Math.min(DRAWN, shifts.size()));
    List<Point> before = new ArrayList<>();
    List<Point> after = new ArrayList<>();
    for (int i = 0; i < drawn.size(); i++) {
      before.add(Point.of(drawn.get(i).before() * 100, i));
      after.add(Point.of(drawn.get(i).after() * 100, i));
    }
    return new Chart(
        id,
        title,
        Chart.Kind.DOTS,
        new Axis("mean probability, % (logarithmic)", Scaling.LOGARITHMIC),
        new Axis("token", Scaling.LINEAR),
        drawn.stream().map(s -> Phrases.token(s.token()) + (s.stopWord() ? " •" : "")).toList(),
        List.of(new Curve("Original", before), new Curve("Super weights removed", after)),
        List.of(),
        "A dot after a token marks a stop word.");
  }

  private static Table table(String id, String title, String source, List<Shift> shifts) {
    return new Table(
        id,
        title,
        List.of(
            new Column("token", "token", Form.WORDS),
            new Column("stop_word", "stop word", Form.WORDS),
            new Column("original", "original, %", Form.PROBABILITY),
            new Column("removed", "super weights removed, %", Form.PROBABILITY),
            new Column("ratio", "ratio", Form.RATIO)),
        shifts.stream()
            .map(s ->
                Row.of(
                    source,
                    Cell.of(Phrases.token(s.token())),
                    Cell.of(s.stopWord() ? "yes" : "no"),
                    Cell.of(s.before() * 100),
                    Cell.of(s.after() * 100),
                    Cell.of(s.after() / s.before())))
            .toList());
  }

  private Table summary(Paper paper) {
    List<Row> rows = new ArrayList<>();
    rows.add(line("", subject.name(), tokens));
    for (PaperModel model : paper.models()) {
      if (model.has("figure5")) {
        List<Shift> shifts = new ArrayList<>();
        for (int i = 0; i < model.tokens().size(); i++) {
          shifts.add(
              new Shift(
                  -1,
                  model.tokens().get(i),
                  model.numbers("figure5", "original").get(i),
                  model.numbers("figure5", "removed").get(i),
                  StopWords.contains(model.tokens().get(i))));
        }
        rows.add(line("paper", model.name(), shifts));
      }
    }
    return new Table(
        "summary",
        "All models",
        List.of(
            new Column("model", "model", Form.WORDS),
            new Column("rising", "rising of " + TOP, Form.COUNT),
            new Column("stop_words", "stop words", Form.COUNT),
            new Column("stop_words_rising", "of them rising", Form.COUNT),
            new Column("original", "sum before, %", Form.PERCENT),
            new Column("removed", "sum after, %", Form.PERCENT)),
        rows);
  }

  private static Row line(String source, String name, List<Shift> shifts) {
    String last = name.substring(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1);
    return Row.of(
        source,
        Cell.of(last),
        Cell.of(shifts.stream().filter(Shift::rises).count()),
        Cell.of(shifts.stream().filter(Shift::stopWord).count()),
        Cell.of(shifts.stream().filter(s -> s.stopWord() && s.rises()).count()),
        Cell.of(100 * shifts.stream().mapToDouble(Shift::before).sum()),
        Cell.of(100 * shifts.stream().mapToDouble(Shift::after).sum()));
  }

  private List<String> differences() {
    List<String> differences = new ArrayList<>();
    differences.add(
        "The paper says that the texts are LAMBADA’s validation split; its code reads the first 500 of the test split, and so does this.");
    if (texts < PAPER_TEXTS) {
      differences.add(
          "Read here: "
              + Phrases.counted(texts, "text")
              + " of the paper’s 500, to be done in a minute; --full reads all.");
    }
    differences.add(
        "The paper names no list of stop words; the one taken here is "
            + StopWords.DESCRIPTION
            + ".");
    differences.add(
        "The paper’s bars are on a linear axis and show the first tokens only; here the axis is logarithmic, since a token may fall to a hundredth.");
    return differences;
  }

  private List<Fact> protocol() {
    return List.of(
        new Fact("texts", texts + " of " + source),
        new Fact("prompt", "each text before its last space"),
        new Fact("BOS", "policy " + subject.bos().name().toLowerCase(java.util.Locale.ROOT)),
        new Fact("statistic", "softmax of the last position in float64, mean over texts"),
        new Fact(
            "intervals",
            "bootstrap over texts, "
                + SweepResult.RESAMPLES
                + " draws, 95 %, seed "
                + SweepResult.SEED));
  }
}
