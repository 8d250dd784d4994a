package io.superweight.cli;

import io.superweight.dataset.Datasets;
import io.superweight.evaluate.Evaluation;
import io.superweight.evaluate.EvaluationSettings;
import io.superweight.evaluate.Evaluations;
import io.superweight.evaluate.TextPerplexity;
import io.superweight.experiment.ScoreStore;
import io.superweight.experiment.Sweep;
import io.superweight.experiment.SweepProgress;
import io.superweight.experiment.SweepResult;
import io.superweight.report.Numerals;
import io.superweight.report.SweepCsv;
import io.superweight.report.SweepJson;
import io.superweight.report.SweepReport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code superweight sweep}. */
@Command(
    name = "sweep",
    sortOptions = false,
    header = SweepCommand.HEADER,
    description = {
      "",
      "Every version of the model under every evaluation, beside the original, with paired intervals. With --store "
          + "every score is kept as soon as it is there: what ended early, however it ended, goes on with the same "
          + "command, and no score is computed twice.",
      "",
      "  superweight sweep --weights @found.json --factors 0,0.5,1,1.5,2 --store runs",
      "  superweight sweep model.gguf --tasks arc_easy,llama.cpp --zero layers.11.mlp.down[507,1229] --limit 200"
    },
    parameterListHeading = "%n",
    optionListHeading = "%nOptions:%n")
final class SweepCommand implements Runnable {
  /** The line of it in the list of commands. */
  static final String HEADER =
      "Score edited versions of a model side by side; resumes where it was interrupted.";

  @ParentCommand private SuperweightCommand parent;

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "MODEL",
      description =
          "The model, as of find. Without it: the small model that comes with Superweight.")
  private String model;

  @Mixin private EvaluationOptions what;

  @Mixin private DataOption data;

  @Mixin private EditOptions edits;

  @Mixin private QuantizeOptions quantizations;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      description =
          "Perplexity of a text of one's own, documents separated by two or more blank lines. Without it and --tasks: "
              + "of the built-in prose")
  private Path text;

  @Option(
      names = "--store",
      paramLabel = "FOLDER",
      description =
          "Where scores are kept; made where there is none. Without it nothing outlasts the command")
  private Path store;

  @Mixin private JsonOption json;

  @Option(
      names = "--csv",
      paramLabel = "FILE",
      description = "Write a table with one line for each version, evaluation and metric")
  private Path csv;

  @Mixin private ModelOptions options;

  @Override
  public void run() {
    Terminal terminal = options.terminal(parent);
    if (what.given()) {
      what.names();
    }
    what.preset();
    Datasets datasets = data.datasets(System.getenv());
    Optional<OutputFile> document = json.file();
    Optional<OutputFile> table = Optional.ofNullable(csv).map(path -> OutputFile.at(path, "--csv"));
    SweepReport report;
    try (Progress progress = options.progress(terminal, false);
        OpenModel open = OpenModel.open(model, options, progress);
        ScoreStore scores = store == null ? ScoreStore.inMemory() : ScoreStore.open(store)) {
      tellRepairs(scores, progress);
      progress.stage("reading the data");
      data.reportTo(progress);
      List<Evaluation> evaluations = evaluations(open, datasets);
      Sweep sweep =
          new Sweep(
              quantizations.models(open, edits.models(open)),
              quantizations.evaluations(open, evaluations),
              options.activationMemory());
      progress.stage("scoring");
      SweepResult result = sweep.run(open.transformer(), scores, done -> show(done, progress));
      report = new SweepReport(Version.number(), open.facts(), result);
    }
    table.ifPresent(file -> file.write(out -> SweepCsv.write(report, out)));
    json.write(
        terminal,
        document,
        out -> SweepJson.write(report, out),
        () -> SweepTable.print(report, terminal));
  }

  private List<Evaluation> evaluations(OpenModel open, Datasets datasets) {
    EvaluationSettings settings = what.settings(open, options);
    List<Evaluation> evaluations = new ArrayList<>();
    if (what.given()) {
      what.names().forEach(name -> evaluations.add(Evaluations.open(name, settings, datasets)));
    }
    if (text != null) {
      evaluations.add(TextPerplexity.of(text, settings));
    }
    if (evaluations.isEmpty()) {
      evaluations.add(TextPerplexity.builtIn(settings));
    }
    return evaluations;
  }

  private static void tellRepairs(ScoreStore scores, Progress progress) {
    if (scores.cutOff() > 0) {
      progress.line(
          "the store ended within a line: its last "
              + Numerals.counted(scores.cutOff(), "byte")
              + " were dropped and are computed again");
    }
    if (scores.damaged() > 0) {
      progress.line(
          Numerals.counted(scores.damaged(), "line")
              + " of the store do not fit their checksums and are computed again");
    }
  }

  private void show(SweepProgress done, Progress progress) {
    if (store != null) {
      progress.onInterrupt(
          "interrupted; "
              + store
              + " holds "
              + Numerals.count(done.scores())
              + " of "
              + Numerals.count(done.ofScores())
              + " scores, the same command goes on from there");
    }
    progress.scores(done);
  }
}
