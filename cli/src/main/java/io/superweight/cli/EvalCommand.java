package io.superweight.cli;

import io.superweight.dataset.Datasets;
import io.superweight.evaluate.Evaluation;
import io.superweight.evaluate.EvaluationSettings;
import io.superweight.evaluate.Evaluations;
import io.superweight.evaluate.Metric;
import io.superweight.evaluate.Protocol;
import io.superweight.experiment.ScoreStore;
import io.superweight.experiment.Sweep;
import io.superweight.experiment.SweepProgress;
import io.superweight.experiment.SweepResult;
import io.superweight.report.EvalJson;
import io.superweight.report.ModelFacts;
import io.superweight.report.Numerals;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code superweight eval}. */
@Command(
    name = "eval",
    sortOptions = false,
    header = EvalCommand.HEADER,
    description = {
      "",
      "Zero-shot accuracy as the LM Evaluation Harness counts it, perplexity by the protocol that you name. Every number "
          + "comes with its protocol, BOS policy, data and the model's digest.",
      "",
      "  superweight eval model.gguf --tasks arc_easy,sciq --data ./data --limit 200",
      "  superweight eval ./Llama-3.2-1B --tasks paper,gptq-wikitext2 --data ./data --json=result.json"
    },
    parameterListHeading = "%n",
    optionListHeading = "%nOptions:%n")
final class EvalCommand implements Runnable {
  /** The line of it in the list of commands. */
  static final String HEADER =
      "Zero-shot accuracy and perplexity, as the reference tools measure them.";

  @ParentCommand private SuperweightCommand parent;

  @Parameters(
      arity = "0..1",
      paramLabel = "MODEL",
      description =
          "Folder, GGUF file or org/name[@revision]. Without it: the small model that comes with Superweight.")
  private String model;

  @Mixin private EvaluationOptions what;

  @Mixin private DataOption data;

  @Mixin private EditOptions edits;

  @Mixin private QuantizeOptions quantizations;

  @Mixin private ModelOptions options;

  @Mixin private JsonOption json;

  @Override
  public void run() {
    Terminal terminal = options.terminal(parent);
    List<String> names = what.names();
    what.preset();
    Datasets datasets = data.datasets(System.getenv());
    Optional<OutputFile> document = json.file();
    SweepResult result;
    ModelFacts facts;
    try (Progress progress = options.progress(terminal, false);
        OpenModel open = OpenModel.open(model, options, progress);
        ScoreStore store = ScoreStore.inMemory()) {
      progress.stage("reading the data");
      data.reportTo(progress);
      EvaluationSettings settings = what.settings(open, options);
      List<Evaluation> evaluations = new ArrayList<>();
      for (String name : names) {
        evaluations.add(Evaluations.open(name, settings, datasets));
      }
      progress.stage("scoring");
      result =
          new Sweep(
                  quantizations.models(open, edits.models(open)),
                  quantizations.evaluations(open, evaluations),
                  options.activationMemory())
              .run(open.transformer(), store, done -> show(done, progress));
      facts = open.facts();
    }
    json.write(
        terminal,
        document,
        out -> EvalJson.write(Version.number(), facts, result, out),
        () -> print(result, facts, terminal));
  }

  private static void show(SweepProgress done, Progress progress) {
    progress.share(
        (double) done.scores() / done.ofScores(),
        Shown.text(done.evaluation())
            + ", "
            + Numerals.count(done.scores())
            + " of "
            + Numerals.count(done.ofScores())
            + " requests"
            + (done.secondsLeft().isPresent()
                ? ", " + Numerals.seconds(done.secondsLeft().getAsDouble()) + " left"
                : ""));
  }

  private static void print(SweepResult result, ModelFacts facts, Terminal terminal) {
    PrintStream out = terminal.out();
    Look look = new Look(terminal.color());
    int width = Math.clamp(terminal.columns(), 40, 132);
    Lines.title(facts, look, width, out);
    out.println();
    Table table =
        new Table()
            .left("", Table.ALWAYS)
            .left("model", 7)
            .left("metric", Table.ALWAYS)
            .right("value", Table.ALWAYS)
            .right("±", 6)
            .right("chance", 5)
            .right("documents", 4)
            .left("BOS", 3);
    boolean several = result.models().size() > 1;
    for (SweepResult.Part part : result.parts()) {
      for (SweepResult.Row row : part.rows()) {
        boolean first = true;
        for (Metric metric : row.metrics()) {
          Protocol p = part.protocol();
          table
              .row()
              .cell(first ? part.name() : "")
              .cell(first && several ? row.model().label() : "")
              .cell(metric.name())
              .cell(number(metric, metric.value()))
              .cell(optional(metric, metric.standardError()))
              .cell(optional(metric, metric.chance()))
              .cell(first ? documents(p) : "")
              .cell(first ? p.bos() : "");
          first = false;
        }
      }
    }
    table.render(width, look).forEach(out::println);
    for (int m = 0; m < result.models().size(); m++) {
      average(result, m).ifPresent(line -> Lines.paragraph(line, width, out));
    }
    out.println();
    for (SweepResult.Part part : result.parts()) {
      Protocol p = part.protocol();
      Lines.paragraph(look.faint(protocol(part.name(), p)), width, out);
      p.notes()
          .forEach(note -> Lines.paragraph(look.warning(part.name() + ": " + note), width, out));
    }
    result
        .models()
        .forEach(edited ->
            edited.notes().forEach(note -> Lines.paragraph(look.warning(note), width, out)));
    Lines.paragraph(
        look.faint(
            "Weights " + facts.dtype() + "; digest " + facts.shortDigest() + "; " + facts.device()),
        width,
        out);
  }

  /**
   * The mean over the tasks, which papers call the zero-shot average. They seldom say which of the
   * two accuracies they take: both are given.
   */
  private static Optional<String> average(SweepResult result, int model) {
    List<List<Metric>> tasks =
        result.parts().stream()
            .filter(part -> Evaluations.entry(part.name()).kind() == Evaluations.Kind.TASK)
            .map(part -> part.rows().get(model).metrics())
            .toList();
    if (tasks.size() < 2) {
      return Optional.empty();
    }
    String label = result.models().size() > 1 ? result.models().get(model).label() + ": m" : "M";
    return Optional.of(
        String.format(
            Locale.ROOT,
            "  %sean of the %d tasks: acc %.4f; acc_norm where there is one, else acc, %.4f",
            label,
            tasks.size(),
            mean(tasks, "acc"),
            mean(tasks, "acc_norm")));
  }

  private static double mean(List<List<Metric>> tasks, String preferred) {
    return tasks.stream()
        .mapToDouble(metrics ->
            metrics.stream()
                .filter(metric -> metric.name().equals(preferred))
                .findFirst()
                .orElse(metrics.getFirst())
                .value())
        .average()
        .orElseThrow();
  }

  /** What a number's reader must know of it, in one line. */
  private static String protocol(String name, Protocol p) {
    return name
        + ": "
        + p.dataset()
        + " ("
        + p.sources().stream()
            .map(s -> s.name() + " " + s.sha256().substring(0, 12))
            .reduce((a, b) -> a + ", " + b)
            .orElse("no file")
        + ")"
        + (p.preset().isEmpty() ? "" : ", " + p.preset())
        + "; BOS: "
        + p.bos()
        + "; at most "
        + Numerals.counted(p.windowTokens(), "token");
  }

  private static String documents(Protocol p) {
    return p.documents() == p.documentsOfAll()
        ? Numerals.count(p.documents())
        : Numerals.count(p.documents()) + " of " + Numerals.count(p.documentsOfAll());
  }

  private static String optional(Metric metric, OptionalDouble value) {
    return value.isPresent() ? number(metric, value.getAsDouble()) : "";
  }

  /** With the digits that the harness prints; a perplexity of any size. */
  private static String number(Metric metric, double value) {
    return metric.link() == Metric.Link.EXP && Math.abs(value) >= 1e6
        ? Numerals.value(value)
        : String.format(Locale.ROOT, "%,.4f", value);
  }
}
