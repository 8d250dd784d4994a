package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.catalog.Catalog;
import io.superweight.catalog.CatalogCheck;
import io.superweight.find.FindOptions;
import io.superweight.find.Finder;
import io.superweight.find.VerificationText;
import io.superweight.model.Coordinate;
import io.superweight.recipe.Budget;
import io.superweight.recipe.Recipe;
import io.superweight.recipe.RecipeSearch;
import io.superweight.recipe.Tool;
import io.superweight.report.ModelFacts;
import io.superweight.report.Numerals;
import io.superweight.report.RecipeJson;
import io.superweight.statistics.Interval;
import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code superweight recipe}. */
@Command(
    name = "recipe",
    sortOptions = false,
    header = RecipeCommand.HEADER,
    description = {
      "",
      "Rounds each module alone to the fewest bits, measures what that costs in KL divergence on prose, and spends a "
          + "budget of bytes where a byte spares most. The mix is then judged against the tool's own of the same size, on "
          + "other text, with an interval. “No gain” is an answer.",
      "",
      "  superweight recipe ./model --for llama.cpp --budget Q4_K_M",
      "  superweight recipe ./model --for llm-compressor --budget 4.5"
    },
    parameterListHeading = "%n",
    optionListHeading = "%nOptions:%n")
final class RecipeCommand implements Runnable {
  /** The line of it in the list of commands. */
  static final String HEADER = "Which modules to give more bits, for llama.cpp and others.";

  @ParentCommand private SuperweightCommand parent;

  @Parameters(
      arity = "0..1",
      paramLabel = "MODEL",
      description =
          "The model, as of find. Without it: the small model that comes with Superweight.")
  private String model;

  @Option(
      names = "--for",
      paramLabel = "TOOL",
      description = "llama.cpp, llm-compressor, gptqmodel or awq. Default: llama.cpp")
  private String whom = "llama.cpp";

  @Option(
      names = "--budget",
      required = true,
      paramLabel = "SIZE",
      description =
          "What the layers' matrices may take: bytes (90M), bits a weight (4.5), or a stock mix of the tool, whose "
              + "size it then is (Q4_0, Q4_K_M)")
  private String budget;

  @Mixin private TextOption text;

  @Option(
      names = "--windows",
      paramLabel = "N",
      description =
          "Windows of 128 tokens that the mixes are judged on; a quarter as many others choose. Default: "
              + "${DEFAULT-VALUE}")
  private int windows = 16;

  @Mixin private ModelOptions options;

  @Mixin private JsonOption json;

  @Override
  public void run() {
    Terminal terminal = options.terminal(parent);
    Tool tool =
        Tool.of(whom)
            .orElseThrow(() ->
                new InputException(
                    InputException.Kind.USAGE,
                    "--for takes llama.cpp, llm-compressor, gptqmodel or awq, not \""
                        + whom
                        + "\""));
    if (windows < 1) {
      throw new InputException(InputException.Kind.USAGE, "--windows must be at least 1");
    }
    VerificationText prose = text.read().orElseGet(VerificationText::builtIn);
    Optional<OutputFile> document = json.file();
    Recipe recipe;
    ModelFacts facts;
    try (Progress progress = options.progress(terminal, false);
        OpenModel open = OpenModel.open(model, options, progress)) {
      recipe =
          RecipeSearch.search(
              open.transformer(),
              open.tokenizer(),
              tool,
              new Budget(budget),
              superWeights(open, progress),
              prose,
              options.bos(),
              windows,
              RecipeSearch.WINDOW,
              progress::stage);
      facts = open.facts();
    }
    json.write(
        terminal,
        document,
        out -> RecipeJson.write(Version.number(), facts, recipe, out),
        () -> print(recipe, facts, terminal));
  }

  private List<Coordinate> superWeights(OpenModel open, Progress progress) {
    Optional<CatalogCheck> known =
        Catalog.ofUser(System.getenv())
            .check(open.transformer())
            .filter(c ->
                c.verdict() == CatalogCheck.Verdict.SAME
                    || c.verdict() == CatalogCheck.Verdict.PROMINENT);
    if (known.isPresent()) {
      return known.get().entry().coordinates();
    }
    progress.stage("looking for super weights");
    return Finder.find(
            open.transformer(), open.tokenizer(), FindOptions.DEFAULT.withStability(false))
        .coordinates();
  }

  private static void print(Recipe recipe, ModelFacts facts, Terminal terminal) {
    PrintStream out = terminal.out();
    Look look = new Look(terminal.color());
    int width = Math.clamp(terminal.columns(), 40, 132);
    Lines.title(facts, look, width, out);
    out.println();
    String verdict = recipe.verdict().text();
    Lines.paragraph(
        look.strong(Character.toUpperCase(verdict.charAt(0)) + verdict.substring(1))
            + ": KL "
            + Numerals.value(recipe.divergence().estimate())
            + " nats a token against "
            + Numerals.value(recipe.stockDivergence().estimate())
            + " of "
            + recipe.stock()
            + "; difference "
            + signed(recipe.difference().estimate())
            + ", 95 % interval "
            + signed(recipe.difference().low())
            + " to "
            + signed(recipe.difference().high())
            + (recipe.verdict() == Recipe.Verdict.GAIN ? "." : ". Use " + recipe.stock() + ".")
            + unequal(recipe),
        width,
        out);
    out.println();
    Table table =
        new Table()
            .left("mix", Table.ALWAYS)
            .right("bytes", 5)
            .right("bits a weight", 6)
            .right("KL, nats", Table.ALWAYS)
            .left("95 % interval", 4);
    row(table, "recipe", recipe.bytes(), recipe.bits(), recipe.divergence());
    row(table, recipe.stock(), recipe.stockBytes(), recipe.stockBits(), recipe.stockDivergence());
    table.render(width, look).forEach(out::println);
    out.println();
    out.println(
        recipe.tool() == Tool.LLAMA_CPP
            ? "Base type " + recipe.base().toUpperCase(Locale.ROOT) + ", and:"
            : "Base " + recipe.base() + ", and:");
    for (Recipe.Line line : recipe.lines()) {
      out.println("  " + line.text());
      Columns.wrap(line.why(), Math.min(width, 110) - 6)
          .forEach(part -> out.println(look.faint("    # " + part)));
    }
    if (recipe.lines().isEmpty()) {
      out.println("  nothing: all modules alike");
    }
    out.println();
    Lines.paragraph(
        look.faint(
            "Each of "
                + Numerals.counted(recipe.modules().size(), "module")
                + " measured alone on "
                + Numerals.count(recipe.chosenTokens())
                + " tokens, the mixes on "
                + Numerals.count(recipe.judgedTokens())
                + " others; embedding and output head are not counted and stay as they are; "
                + (recipe.tool() == Tool.LLAMA_CPP
                    ? "rounded without an importance matrix"
                    : "rounded to nearest, without the tool's calibration")
                + "; digest "
                + facts.shortDigest()
                + "; "
                + facts.device()),
        width,
        out);
  }

  private static void row(Table table, String name, long bytes, double bits, Interval kl) {
    table
        .row()
        .cell(name)
        .cell(Numerals.count(bytes))
        .cell(String.format(Locale.ROOT, "%.3f", bits))
        .cell(Numerals.value(kl.estimate()))
        .cell(Numerals.value(kl.low()) + " to " + Numerals.value(kl.high()));
  }

  /** Where the tool has no mix of that size. */
  private static String unequal(Recipe recipe) {
    double more = (double) recipe.bytes() / recipe.stockBytes() - 1;
    return more < 0.02
        ? ""
        : " The sizes are not equal: the recipe takes "
            + Numerals.percent(more)
            + " more, and "
            + recipe.tool().text()
            + " has no mix between.";
  }

  private static String signed(double value) {
    return (value > 0 ? "+" : "") + Numerals.value(value);
  }
}
