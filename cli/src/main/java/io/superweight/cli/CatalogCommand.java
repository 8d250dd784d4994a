package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.catalog.Catalog;
import io.superweight.catalog.CatalogCheck;
import io.superweight.catalog.CatalogEntry;
import io.superweight.catalog.CatalogEntry.Evidence;
import io.superweight.catalog.CatalogEntry.KnownWeight;
import io.superweight.catalog.CatalogJson;
import io.superweight.catalog.FindDocument;
import io.superweight.model.Coordinate;
import io.superweight.report.CatalogCheckJson;
import io.superweight.report.ModelFacts;
import io.superweight.report.Numerals;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code superweight catalog}. */
@Command(
    name = "catalog",
    sortOptions = false,
    header = CatalogCommand.HEADER,
    synopsisSubcommandLabel = "list|show|check|add",
    subcommands = {
      CatalogCommand.ListAll.class,
      CatalogCommand.Show.class,
      CatalogCommand.Check.class,
      CatalogCommand.Add.class
    },
    description = {
      "",
      "The coordinates that the paper, its code and later work name, each with its source and with what removing it "
          + "was seen to do. Your own additions lie as JSON files in the folder SUPERWEIGHT_CATALOG, by default "
          + "~/.config/superweight/catalog.",
      "",
      "  superweight catalog list",
      "  superweight catalog show mistral-7b-v0.1",
      "  superweight catalog check ./my-conversion.gguf",
      "  superweight find model.gguf --json=found.json && superweight catalog add found.json"
    },
    commandListHeading = "%n",
    optionListHeading = "%nOptions:%n",
    footer = {
      "",
      "Exit codes of check: 0 it has the published weights; 10 prominent weights at the same places with other "
          + "values; 11 some or all of them are not there; 12 the catalog has nothing to look for in it."
    })
final class CatalogCommand implements Runnable {
  /** The line of it in the list of commands. */
  static final String HEADER =
      "List published super weights, and check whether a file still has them.";

  @ParentCommand private SuperweightCommand parent;

  @Spec private CommandSpec spec;

  @Override
  public void run() {
    CommandLine commandLine = spec.commandLine();
    commandLine.usage(commandLine.getOut());
  }

  private static Catalog catalog() {
    return Catalog.ofUser(System.getenv());
  }

  private static void wrapped(String text, String indent, int width, PrintStream out) {
    Columns.wrap(text, Math.min(width, 110) - indent.length())
        .forEach(line -> out.println(indent + line));
  }

  private static int width(Terminal terminal) {
    return Math.clamp(terminal.columns(), 40, 132);
  }

  /** {@code superweight catalog list}. */
  @Command(name = "list", header = "List the models that something is published of.")
  static final class ListAll implements Runnable {
    @ParentCommand private CatalogCommand group;

    @Override
    public void run() {
      Terminal terminal = group.parent.terminal();
      Look look = new Look(terminal.color());
      List<CatalogEntry> entries = catalog().entries();
      Table table =
          new Table()
              .left("model", Table.ALWAYS)
              .right("weights", 6)
              .left("where", Table.ALWAYS)
              .left("largest effect", 7)
              .left("sources", 5);
      for (CatalogEntry entry : entries) {
        table
            .row()
            .cell(Shown.text(entry.id()))
            .cell(entry.weights().isEmpty() ? "–" : String.valueOf(entry.weights().size()))
            .cell(where(entry))
            .cell(largest(entry))
            .cell(
                String.join(" ", entry.sources().keySet())
                    + (entry.origin().isEmpty() ? "" : ", your own"));
      }
      table.render(width(terminal), look).forEach(terminal.out()::println);
      terminal.out().println();
      wrapped(
          look.faint(
              entries.size()
                  + " models. superweight catalog show MODEL gives all coordinates, evidence and sources; catalog"
                  + " check FILE looks whether a file has them."),
          "",
          width(terminal),
          terminal.out());
    }

    private static String where(CatalogEntry entry) {
      if (entry.weights().isEmpty()) {
        return entry.finding().text();
      }
      Coordinate first = entry.weights().getFirst().weight();
      int more = entry.weights().size() - 1;
      return first + (more == 0 ? "" : " and " + more + " more");
    }

    /** The strongest of what was measured, perplexity first. */
    private static String largest(CatalogEntry entry) {
      return entry.evidence().stream()
          .filter(e -> e.measure().equals("perplexity ratio"))
          .max(Comparator.comparingDouble(Evidence::value))
          .or(() -> entry.evidence().stream().findFirst())
          .map(e -> effect(e))
          .orElse("–");
    }
  }

  /** "perplexity × 3,667". */
  private static String effect(Evidence evidence) {
    return switch (evidence.measure()) {
      case "perplexity ratio" -> "perplexity " + Numerals.ratio(evidence.value());
      case "KL divergence, nats per token" ->
          "KL " + Numerals.value(evidence.value()) + " nats a token";
      case "relative increase of the negative log-likelihood" ->
          "loss +" + Numerals.value(100 * evidence.value()) + " %";
      case "mean accuracy of seven tasks, percent" ->
          "accuracy " + Numerals.value(evidence.value()) + " %";
      default -> Shown.text(evidence.measure()) + " " + Numerals.value(evidence.value());
    };
  }

  /** {@code superweight catalog show}. */
  @Command(
      name = "show",
      sortOptions = false,
      header = "Show what is published of a model, with sources.")
  static final class Show implements Runnable {
    @ParentCommand private CatalogCommand group;

    @Parameters(
        paramLabel = "MODEL",
        description = "As of catalog list, or a name on the hub: mistralai/Mistral-7B-v0.1")
    private String model;

    @Option(names = "--json", description = "Print the entry's document")
    private boolean json;

    @Override
    public void run() {
      Terminal terminal = group.parent.terminal();
      CatalogEntry entry =
          catalog()
              .find(model)
              .orElseThrow(() ->
                  new InputException(
                      InputException.Kind.NOT_FOUND,
                      "the catalog has nothing of "
                          + model
                          + "; superweight catalog list shows what it has"));
      if (json) {
        terminal.out().print(CatalogJson.write(entry));
        return;
      }
      print(entry, terminal);
    }

    private static void print(CatalogEntry entry, Terminal terminal) {
      PrintStream out = terminal.out();
      Look look = new Look(terminal.color());
      int width = width(terminal);
      out.println(look.strong(Shown.text(entry.name())));
      if (!entry.models().isEmpty()) {
        wrapped(look.faint(Shown.text(String.join(", ", entry.models()))), "", width, out);
      }
      out.println();
      if (entry.weights().isEmpty()) {
        wrapped("No weight is published: " + entry.finding().text() + ".", "", width, out);
      } else {
        Table table =
            new Table()
                .left("weight", Table.ALWAYS)
                .right("value", 7)
                .right("rank", 5)
                .left("sources", 6)
                .left("note", 3);
        for (KnownWeight known : entry.weights()) {
          table
              .row()
              .cell(known.weight().toString())
              .cell(known.value().isPresent() ? Numerals.weight(known.value().getAsDouble()) : "–")
              .cell(known.rank().isPresent() ? Numerals.count(known.rank().getAsLong()) : "–")
              .cell(Shown.text(String.join(" ", known.sources())))
              .cell(Shown.text(known.note()));
        }
        table.render(width, look).forEach(out::println);
      }
      if (!entry.evidence().isEmpty()) {
        out.println();
        Table table =
            new Table()
                .left("effect", Table.ALWAYS)
                .left("95 % interval", 5)
                .left("of", Table.ALWAYS)
                .left("source", 6);
        for (Evidence evidence : entry.evidence()) {
          table
              .row()
              .cell(effect(evidence))
              .cell(interval(evidence))
              .cell(changed(entry, evidence))
              .cell(Shown.text(evidence.source()))
              .under(Shown.text(evidence.how()));
        }
        table.render(width, look).forEach(out::println);
      }
      for (String note : entry.notes()) {
        out.println();
        wrapped(Shown.text(note), "", width, out);
      }
      out.println();
      entry
          .sources()
          .forEach((key, citation) ->
              wrapped(look.faint(Shown.text(key) + "  " + Shown.text(citation)), "", width, out));
      if (!entry.origin().isEmpty()) {
        out.println(look.faint("from " + Shown.text(entry.origin())));
      }
    }

    private static String interval(Evidence evidence) {
      return evidence.low().isPresent() && evidence.high().isPresent()
          ? Numerals.value(evidence.low().getAsDouble())
              + " to "
              + Numerals.value(evidence.high().getAsDouble())
          : "";
    }

    private static String changed(CatalogEntry entry, Evidence evidence) {
      List<String> all = entry.weights().stream().map(w -> w.weight().toString()).toList();
      if (evidence.weights().size() > 1 && evidence.weights().equals(all)) {
        return "all " + all.size();
      }
      return evidence.weights().size() == 1
          ? Shown.text(evidence.weights().getFirst())
          : evidence.weights().size() + " of them";
    }
  }

  /** {@code superweight catalog check}. */
  @Command(
      name = "check",
      sortOptions = false,
      header = "Check whether a model file has the weights that are published of it.",
      description = {
        "",
        "Finds the entry by the file's digest, its name or its sizes, and compares value and rank of each published "
            + "weight, within what the file's type can hold."
      },
      optionListHeading = "%nOptions:%n",
      footer = {
        "",
        "Exit codes: 0 it has the published weights; 10 prominent weights at the same places with other values; "
            + "11 some or all of them are not there; 12 the catalog has nothing to look for in it; "
            + "2 to 8 as of other commands."
      })
  static final class Check implements Callable<Integer> {
    private static final int OTHER_VALUES = 10;
    private static final int NOT_THERE = 11;
    private static final int NOTHING_TO_CHECK = 12;

    @ParentCommand private CatalogCommand group;

    @Parameters(
        arity = "0..1",
        paramLabel = "MODEL",
        description = "As of find. Without it: the small model that comes with Superweight.")
    private String model;

    @Option(
        names = "--as",
        paramLabel = "ENTRY",
        description =
            "The entry to compare with, as catalog list names it, whatever the file's name")
    private String as;

    @Mixin private ModelOptions options;

    @Mixin private JsonOption json;

    @Override
    public Integer call() {
      Terminal terminal = options.terminal(group.parent);
      Optional<OutputFile> document = json.file();
      Catalog catalog = catalog();
      Optional<CatalogCheck> check;
      ModelFacts facts;
      try (Progress progress = options.progress(terminal, false);
          OpenModel open = OpenModel.open(model, options, progress)) {
        progress.stage("checking");
        check = as == null ? catalog.check(open.transformer()) : Optional.of(named(catalog, open));
        facts = open.facts();
      }
      json.write(
          terminal,
          document,
          out -> CatalogCheckJson.write(Version.number(), facts, check, out),
          () -> print(check, facts, terminal));
      return check.map(c -> exitCode(c.verdict())).orElse(NOTHING_TO_CHECK);
    }

    private CatalogCheck named(Catalog catalog, OpenModel open) {
      CatalogEntry entry =
          catalog
              .find(as)
              .orElseThrow(() ->
                  new InputException(
                      InputException.Kind.NOT_FOUND,
                      "--as: the catalog has nothing of "
                          + as
                          + "; superweight catalog list shows what it has"));
      return CatalogCheck.of(entry, open.transformer());
    }

    private static int exitCode(CatalogCheck.Verdict verdict) {
      return switch (verdict) {
        case SAME, PROMINENT -> ExitCode.OK;
        case OTHER_VALUES -> OTHER_VALUES;
        case PARTLY, ABSENT -> NOT_THERE;
        case NOTHING_TO_CHECK -> NOTHING_TO_CHECK;
      };
    }

    private static void print(Optional<CatalogCheck> found, ModelFacts facts, Terminal terminal) {
      PrintStream out = terminal.out();
      Look look = new Look(terminal.color());
      int width = width(terminal);
      Lines.title(facts, look, width, out);
      out.println();
      if (found.isEmpty()) {
        wrapped(
            "The catalog has no model of these sizes. superweight find looks for its super weights.",
            "",
            width,
            out);
        return;
      }
      CatalogCheck check = found.get();
      wrapped(check.sentence(), "", width, out);
      if (!check.weights().isEmpty()) {
        out.println();
        Table table =
            new Table()
                .left("weight", Table.ALWAYS)
                .right("published", 7)
                .right("here", Table.ALWAYS)
                .right("rank", 6)
                .left("verdict", Table.ALWAYS)
                .left("stored as", 4);
        for (CatalogCheck.Found one : check.weights()) {
          boolean there = one.type() != null;
          table
              .row()
              .cell(one.known().weight().toString())
              .cell(
                  one.known().value().isPresent()
                      ? Numerals.weight(one.known().value().getAsDouble())
                      : "–")
              .cell(there ? Numerals.weight(one.value()) : "–")
              .cell(there ? Numerals.count(one.rank()) : "–")
              .cell(
                  one.state().text(),
                  text ->
                      switch (one.state()) {
                        case SAME, PROMINENT -> text;
                        case OTHER_VALUE -> look.warning(text);
                        default -> look.alarm(text);
                      })
              .cell(there ? one.type().name() : "–");
        }
        table.render(width, look).forEach(out::println);
      }
      out.println();
      wrapped(
          look.faint(
              "Entry "
                  + check.entry().id()
                  + ", found by "
                  + check.match().likeness().name().toLowerCase(Locale.ROOT)
                  + "; rank by magnitude in its matrix, prominent: among the 16 largest; digest "
                  + facts.shortDigest()
                  + "."),
          "",
          width,
          out);
    }
  }

  /** {@code superweight catalog add}. */
  @Command(
      name = "add",
      sortOptions = false,
      header = "Add what find proved to your own catalog.",
      optionListHeading = "%nOptions:%n")
  static final class Add implements Runnable {
    @ParentCommand private CatalogCommand group;

    @Parameters(paramLabel = "FIND.json", description = "What find --json=FIND.json wrote")
    private Path found;

    @Option(
        names = "--name",
        paramLabel = "ORG/NAME",
        description = "The model's name on the hub. Default: the name that find was given")
    private String name;

    @Option(names = "--replace", description = "Take the place of your entry of the same model")
    private boolean replace;

    @Override
    public void run() {
      Terminal terminal = group.parent.terminal();
      CatalogEntry entry = FindDocument.entry(found, Optional.ofNullable(name));
      Path folder = Catalog.userFolder(System.getenv());
      Path file = folder.resolve(entry.id() + ".json");
      if (Files.exists(file) && !replace) {
        throw new InputException(
            InputException.Kind.OUTPUT, file + " exists already: add --replace, or another --name");
      }
      try {
        Files.createDirectories(folder);
      } catch (IOException e) {
        throw new InputException(
            InputException.Kind.OUTPUT,
            "the folder " + folder + " cannot be made: set SUPERWEIGHT_CATALOG to one that can",
            e);
      }
      OutputFile.at(file, "catalog add")
          .write(out -> out.write(CatalogJson.write(entry).getBytes(StandardCharsets.UTF_8)));
      terminal.out().println(file);
      boolean builtIn =
          Catalog.builtIn().entries().stream().anyMatch(e -> e.id().equals(entry.id()));
      if (builtIn) {
        terminal
            .out()
            .println(
                "It takes the place of the entry that comes with Superweight; see docs/catalog.md.");
      }
    }
  }
}
