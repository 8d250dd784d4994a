package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.evaluate.EvaluationSettings;
import io.superweight.evaluate.TextPerplexity;
import io.superweight.experiment.Claims;
import io.superweight.experiment.Exhibit;
import io.superweight.experiment.Figure3;
import io.superweight.experiment.Item;
import io.superweight.experiment.Paper;
import io.superweight.experiment.Subject;
import io.superweight.experiment.Table2;
import io.superweight.find.FindOptions;
import io.superweight.find.FindResult;
import io.superweight.find.Finder;
import io.superweight.find.Prompt;
import io.superweight.model.Coordinate;
import io.superweight.report.ModelFacts;
import io.superweight.report.ReproductionCsv;
import io.superweight.report.ReproductionJson;
import io.superweight.report.ReproductionPage;
import io.superweight.report.ReproductionReport;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code superweight reproduce}. */
@Command(
    name = "reproduce",
    sortOptions = false,
    header = ReproduceCommand.HEADER,
    description = {
      "",
      "ITEM is table1, table2, fig3, fig4, fig5, fig6, table5, claims, or all.",
      "",
      "  superweight reproduce fig3 model.gguf",
      "  superweight reproduce table1 --out pages",
      "  superweight reproduce all model.gguf --out pages",
      "",
      "The super weights are those that a search on the paper's prompt finds, or --weights."
    },
    parameterListHeading = "%n",
    optionListHeading = "%nOptions:%n")
final class ReproduceCommand implements Runnable {
  /** The line of it in the list of commands. */
  static final String HEADER =
      "Make the paper's tables and figures for a model, beside the paper's numbers.";

  private static final String ALL = "all";

  @ParentCommand private SuperweightCommand parent;

  @Parameters(
      index = "0",
      arity = "1",
      paramLabel = "ITEM",
      description = "Which table or figure; all for all of them.")
  private String item;

  @Parameters(
      index = "1",
      arity = "0..1",
      paramLabel = "MODEL",
      description = "As of find. Without it: the small model that comes with Superweight.")
  private String model;

  @Option(
      names = "--weights",
      paramLabel = "WEIGHT",
      description =
          "The super weights, repeatable: layers.11.mlp.down[507,1229]. Default: what a search finds")
  private List<String> weights = new ArrayList<>();

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      description =
          "Write each experiment as page, text, JSON and CSV into a folder, with an index page. "
              + "Default of all: reproduction-NAME")
  private Path out;

  @Mixin private ModelOptions options;

  @Mixin private JsonOption json;

  @Override
  public void run() {
    Terminal terminal = options.terminal(parent);
    List<Item> items = items();
    List<Coordinate> named = weights.stream().map(Coordinate::parse).toList();
    Optional<OutputFile> document = json.file();
    if (items.size() > 1 && (json.toStandardOutput() || document.isPresent())) {
      throw new InputException(
          InputException.Kind.USAGE,
          "--json takes one document: name one table or figure, or read the JSON files in --out");
    }
    Paper paper = Paper.load();
    List<ReproductionReport> reports = new ArrayList<>();
    Path folder;
    try (Progress progress = options.progress(terminal, false);
        OpenModel open = OpenModel.open(model, options, progress)) {
      ModelFacts facts = open.facts();
      folder = folder(items, facts);
      progress.stage("searching");
      Subject subject = subject(open, facts, named);
      for (Item wanted : items) {
        progress.stage(wanted.text());
        Exhibit exhibit =
            switch (wanted) {
              case FIGURE3 -> Figure3.of(subject).exhibit(paper);
              case TABLE2 -> Table2.of(subject, paper).exhibit(paper);
              case CLAIMS -> claims(subject);
              default -> null;
            };
        if (exhibit == null) {
          continue;
        }
        ReproductionReport report =
            new ReproductionReport(
                Version.number(),
                facts,
                subject.weights(),
                subject.origin(),
                command(wanted),
                paper.source(),
                exhibit);
        reports.add(report);
        if (folder != null) {
          // One by one: what is done stays, whatever becomes of the next.
          write(report, folder);
          index(reports, folder);
        }
      }
    }
    if (items.size() > 1) {
      for (ReproductionReport report : reports) {
        ExhibitText.printShort(report, terminal);
        terminal.out().println();
      }
    } else {
      ReproductionReport report = reports.getFirst();
      json.write(
          terminal,
          document,
          stream -> ReproductionJson.write(report, stream),
          () -> ExhibitText.print(report, terminal));
    }
    if (folder != null && !json.toStandardOutput()) {
      terminal
          .out()
          .println(
              (items.size() > 1 ? "" : "\n")
                  + "The pages begin at "
                  + folder.resolve("index.html"));
    }
  }

  private Exhibit claims(Subject subject) {
    EvaluationSettings settings =
        EvaluationSettings.of(
                subject.tokenizer(),
                subject.model().architecture().family(),
                subject.model().maxPositions())
            .withBos(subject.bos())
            .withLimit(24);
    return Claims.measure(
            subject,
            List.of(TextPerplexity.builtIn(settings)),
            List.of(),
            List.of(),
            Optional.empty(),
            model == null ? "" : model)
        .exhibit();
  }

  private List<Item> items() {
    if (item.equalsIgnoreCase(ALL)) {
      return List.of(Item.values());
    }
    return Arrays.stream(Item.values())
        .filter(known -> known.text().equalsIgnoreCase(item))
        .findFirst()
        .map(List::of)
        .orElseThrow(() ->
            new InputException(
                InputException.Kind.USAGE,
                "there is no table or figure \""
                    + item
                    + "\" to reproduce: there are "
                    + Arrays.stream(Item.values()).map(Item::text).collect(Collectors.joining(", "))
                    + ", and all"));
  }

  /** Where files go, made where it is missing; null for nowhere. */
  private Path folder(List<Item> items, ModelFacts facts) {
    if (out == null && items.size() == 1) {
      return null;
    }
    Path folder =
        out != null
            ? out
            : Path.of(
                "reproduction-"
                    + facts.name().replaceAll("[^A-Za-z0-9._-]+", "-").replaceAll("-+$", ""));
    try {
      return Files.createDirectories(folder);
    } catch (IOException e) {
      throw new InputException(
          InputException.Kind.OUTPUT,
          "--out: the folder " + folder + " cannot be made: name another one");
    }
  }

  private Subject subject(OpenModel open, ModelFacts facts, List<Coordinate> named) {
    FindResult found =
        Finder.find(
            open.transformer(),
            open.tokenizer(),
            FindOptions.DEFAULT
                .withPrompts(List.of(Prompt.REFERENCE), options.bos())
                .withStability(false));
    named.forEach(open.transformer()::weight); // refuses what the model does not have
    return new Subject(
        open.transformer(),
        open.tokenizer(),
        facts.source(),
        options.bos(),
        found,
        named.isEmpty() ? found.sources() : named,
        named.isEmpty() ? "a search on the paper’s prompt" : "--weights");
  }

  private String command(Item wanted) {
    StringBuilder command = new StringBuilder("superweight reproduce ").append(wanted.text());
    if (model != null) {
      command.append(' ').append(model);
    }
    weights.forEach(weight -> command.append(" --weights '").append(weight).append('\''));
    return command.toString();
  }

  private static void write(ReproductionReport report, Path folder) {
    String name = report.exhibit().item().text();
    file(folder, name + ".html").write(to -> ReproductionPage.write(report, true, to));
    file(folder, name + ".json").write(to -> ReproductionJson.write(report, to));
    file(folder, name + ".txt")
        .write(to -> {
          PrintStream text = new PrintStream(to, false, StandardCharsets.UTF_8);
          ExhibitText.print(report, Terminal.plain(text, text));
          text.flush();
        });
    for (Exhibit.Table table : report.exhibit().tables()) {
      file(folder, ReproductionPage.csv(report.exhibit(), table))
          .write(to -> ReproductionCsv.write(table, to));
    }
  }

  private static void index(List<ReproductionReport> reports, Path folder) {
    file(folder, "index.html").write(to -> ReproductionPage.writeIndex(reports, to));
  }

  private static OutputFile file(Path folder, String name) {
    return OutputFile.at(folder.resolve(name), "--out");
  }
}
