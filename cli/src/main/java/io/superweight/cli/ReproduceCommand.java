package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.catalog.Catalog;
import io.superweight.catalog.CatalogCheck;
import io.superweight.dataset.Datasets;
import io.superweight.experiment.Battery;
import io.superweight.experiment.Claims;
import io.superweight.experiment.EightBits;
import io.superweight.experiment.Exhibit;
import io.superweight.experiment.Figure3;
import io.superweight.experiment.Figure4;
import io.superweight.experiment.Figure5;
import io.superweight.experiment.Figure6;
import io.superweight.experiment.FourBits;
import io.superweight.experiment.Item;
import io.superweight.experiment.Paper;
import io.superweight.experiment.ScoreStore;
import io.superweight.experiment.Subject;
import io.superweight.experiment.Table1;
import io.superweight.experiment.Table2;
import io.superweight.find.FindOptions;
import io.superweight.find.FindResult;
import io.superweight.find.Finder;
import io.superweight.find.Prompt;
import io.superweight.find.VerificationText;
import io.superweight.model.Coordinate;
import io.superweight.report.ModelFacts;
import io.superweight.report.ReproductionCsv;
import io.superweight.report.ReproductionJson;
import io.superweight.report.ReproductionPage;
import io.superweight.report.ReproductionReport;
import io.superweight.tokenizer.BosPolicy;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
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
      "ITEM is table1, table2, fig3, fig4, fig5, fig6, table5, table3, table4, table7, fig7, table6, claims, or all.",
      "",
      "  superweight reproduce fig3 model.gguf",
      "  superweight reproduce table1 --out pages",
      "  superweight reproduce all model.gguf --out pages",
      "",
      "The super weights are those of --weights; else those that the catalog has of this model, where the file "
          + "carries them; else what a search on the paper's prompt finds.",
      "",
      "Data is read from --data or the Hugging Face hub; what there is no data for is left out, and said. With --out "
          + "an interrupted run goes on where it was."
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
          "The super weights, repeatable: layers.11.mlp.down[507,1229]. Default: the catalog's, else what a search finds")
  private List<String> weights = new ArrayList<>();

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      description =
          "Write each experiment as page, text, JSON and CSV into a folder, with an index page. "
              + "Default of all: reproduction-NAME")
  private Path out;

  @Option(
      names = "--limit",
      paramLabel = "N",
      description =
          "Read the first N documents of each task, and four times as many texts for fig5. Default: 25")
  private Integer limit;

  @Option(
      names = "--windows",
      paramLabel = "N",
      description = "Read the first N windows for a perplexity. Default: 4")
  private Integer windows;

  @Option(
      names = "--window",
      paramLabel = "TOKENS",
      description = "Length of a perplexity's windows. Default: 2048, as in the paper")
  private Integer window;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      description =
          "Measure the perplexity of a text of one's own, cut into windows as wikitext-2 is, in place of wikitext-2 "
              + "and C4")
  private Path text;

  @Option(
      names = "--full",
      description = "Read all documents, windows and texts, as the paper does. It takes hours")
  private boolean full;

  @Mixin private DataOption data;

  @Mixin private ModelOptions options;

  @Mixin private JsonOption json;

  /** What the experiments of one run share. */
  private record Session(
      Subject subject, Paper paper, Datasets datasets, ScoreStore scores, Progress progress) {}

  @Override
  public void run() {
    Terminal terminal = options.terminal(parent);
    List<Item> items = items();
    List<Coordinate> named = weights.stream().map(Coordinate::parse).toList();
    check("--limit", limit, 1);
    check("--windows", windows, 1);
    check("--window", window, 2);
    if (full && (limit != null || windows != null)) {
      throw new InputException(
          InputException.Kind.USAGE, "--full reads all: leave --limit and --windows out");
    }
    Datasets datasets = data.datasets(System.getenv());
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
      try (ScoreStore scores =
          folder == null ? ScoreStore.inMemory() : ScoreStore.open(folder.resolve("scores"))) {
        progress.stage("searching");
        Subject subject = subject(open, facts, named);
        progress.line(size());
        for (Item wanted : items) {
          progress.stage(wanted.text());
          Exhibit exhibit =
              exhibit(wanted, new Session(subject, paper, datasets, scores, progress));
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

  private static void check(String option, Integer value, int least) {
    if (value != null && value < least) {
      throw new InputException(
          InputException.Kind.USAGE, option + " must be at least " + least + ", or left out");
    }
  }

  private Exhibit exhibit(Item wanted, Session with) {
    Subject subject = with.subject();
    boolean needsWeights =
        wanted == Item.FIGURE5
            || wanted == Item.FIGURE6
            || wanted == Item.TABLE5
            || wanted == Item.TABLE6;
    if (needsWeights && subject.weights().isEmpty()) {
      return Exhibit.withoutSuperWeights(wanted);
    }
    return switch (wanted) {
      case FIGURE3 -> Figure3.of(subject).exhibit(with.paper());
      case TABLE2 -> Table2.of(subject, with.paper()).exhibit(with.paper());
      case FIGURE4 -> Figure4.measure(subject).exhibit(with.paper());
      case FIGURE5 ->
          Figure5.measure(
                  subject,
                  with.datasets(),
                  full ? Figure5.PAPER_TEXTS : Math.min(Figure5.PAPER_TEXTS, 4 * documents()),
                  (done, of) ->
                      with.progress().share((double) done / of, done + " of " + of + " texts"))
              .exhibit(with.paper());
      case TABLE1 ->
          Table1.measure(
                  subject, battery(with), with.paper(), with.scores(), with.progress()::scores)
              .exhibit();
      case FIGURE6 -> scaled(with).figure();
      case TABLE5 -> scaled(with).table5();
      case TABLE3, TABLE4, TABLE7 ->
          EightBits.measure(
                  wanted,
                  subject,
                  battery(with),
                  with.paper(),
                  calibration(subject),
                  with.scores(),
                  with.progress()::scores)
              .exhibit();
      case FIGURE7 ->
          FourBits.figure7(
                  subject,
                  battery(with),
                  with.paper(),
                  calibration(subject),
                  with.scores(),
                  with.progress()::scores)
              .exhibit();
      case TABLE6 ->
          FourBits.table6(
                  subject, battery(with), with.paper(), with.scores(), with.progress()::scores)
              .exhibit();
      case CLAIMS -> claims(with);
    };
  }

  private static List<int[]> calibration(Subject subject) {
    return QuantizeOptions.windows(
        VerificationText.builtIn(), subject.tokenizer(), subject.model().maxPositions());
  }

  private Exhibit claims(Session with) {
    Battery battery = battery(with);
    return Claims.measure(
            with.subject(),
            battery.perplexities(),
            battery.tasks(),
            Battery.told(battery.gaps()),
            Optional.empty(),
            model == null ? "" : model)
        .exhibit();
  }

  private Figure6 scaled(Session with) {
    return Figure6.measure(
        with.subject(), battery(with), with.paper(), with.scores(), with.progress()::scores);
  }

  private Battery battery(Session with) {
    return Battery.open(
        with.subject(),
        with.paper(),
        with.datasets(),
        full
            ? Battery.Size.FULL
            : new Battery.Size(
                OptionalInt.of(documents()),
                OptionalInt.of(windows()),
                window == null ? OptionalInt.empty() : OptionalInt.of(window)),
        Optional.ofNullable(text));
  }

  private int documents() {
    return limit == null ? Battery.Size.QUICK.documents().getAsInt() : limit;
  }

  private int windows() {
    return windows == null ? Battery.Size.QUICK.windows().getAsInt() : windows;
  }

  /** What is read, before it is: minutes or hours depend on it. */
  private String size() {
    return full
        ? "reading all documents, windows and texts"
        : "reading the first "
            + documents()
            + " documents of each task and "
            + windows()
            + " windows of each text; --full reads all";
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
    List<Coordinate> weights = named;
    String origin = "--weights";
    if (named.isEmpty()) {
      Optional<CatalogCheck> published =
          Catalog.ofUser(System.getenv())
              .check(open.transformer())
              .filter(check -> !check.entry().weights().isEmpty())
              .filter(check ->
                  check.verdict() == CatalogCheck.Verdict.SAME
                      || check.verdict() == CatalogCheck.Verdict.PROMINENT);
      weights = published.map(check -> check.entry().coordinates()).orElse(found.sources());
      origin =
          published
              .map(check -> "the catalog’s entry " + check.entry().id())
              .orElse("a search on the paper’s prompt");
    }
    return new Subject(
        open.transformer(),
        open.tokenizer(),
        facts.source(),
        options.bos(),
        found,
        weights,
        origin);
  }

  private String command(Item wanted) {
    StringBuilder command = new StringBuilder("superweight reproduce ").append(wanted.text());
    if (model != null) {
      command.append(' ').append(model);
    }
    data.named().forEach(place -> command.append(" --data ").append(place));
    if (full) {
      command.append(" --full");
    }
    if (limit != null) {
      command.append(" --limit ").append(limit);
    }
    if (windows != null) {
      command.append(" --windows ").append(windows);
    }
    if (text != null) {
      command.append(" --text ").append(text);
    }
    if (window != null) {
      command.append(" --window ").append(window);
    }
    if (options.bos() != BosPolicy.AUTO) {
      command.append(" --bos ").append(options.bos().name().toLowerCase(Locale.ROOT));
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
