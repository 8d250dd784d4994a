package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.find.FindOptions;
import io.superweight.find.FindResult;
import io.superweight.find.Finder;
import io.superweight.find.Rule;
import io.superweight.find.Verification;
import io.superweight.find.Verifier;
import io.superweight.find.VerifyOptions;
import io.superweight.find.VerifyPlan;
import io.superweight.find.VerifyTarget;
import io.superweight.model.Coordinate;
import io.superweight.report.FindJson;
import io.superweight.report.FindReport;
import io.superweight.report.HtmlReport;
import io.superweight.report.Numerals;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code superweight find}. */
@Command(
    name = "find",
    sortOptions = false,
    header = FindCommand.HEADER,
    description = {
      "",
      "Runs the model on a prompt, looks for activations that stand far above the rest and stay in the residual "
          + "stream, takes the down projection that writes them apart into single weights, zeroes those and looks "
          + "again. Then zeroes them for good and measures what becomes of the text, next to controls.",
      "",
      "“None found” is a result: many models have no super weight.",
      "",
      "  superweight find                                   the model that comes with it",
      "  superweight find model.gguf --report page.html     with the figures, as a page",
      "  superweight find ./model --bos never --json - | jq .verdict"
    },
    parameterListHeading = "%n",
    optionListHeading = "%nOptions:%n",
    footer = {
      "",
      "Exit codes: 0 done, also where nothing was found; 1 a bug; 2 the command line; 3 no such model or file; "
          + "4 a broken file; 5 an architecture, type or tokenizer that is not known; 6 a prompt or text that cannot "
          + "be used; 7 an output file that cannot be written; 8 out of memory; 9 the hub cannot be reached or refuses; 130 interrupted."
    })
final class FindCommand implements Runnable {
  /** The line of it in the list of commands. */
  static final String HEADER =
      "Find the super weights of a model, prove what they do, and show it.";

  /** A verification that nobody asked for may take so long. */
  private static final double UNASKED_SECONDS = 60;

  /** How far its effort is taken back before it is left out. */
  private static final double[] LESS_EFFORT = {0.5, 0.25};

  @ParentCommand private SuperweightCommand parent;

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "MODEL",
      description =
          "A folder in Hugging Face's layout, a GGUF file, or org/name[@revision] of the Hugging Face hub, "
              + "fetched if need be. Without it: the small model that comes with Superweight.")
  private String model;

  @Mixin private ModelOptions options;

  @Option(
      names = "--verify",
      negatable = true,
      description =
          "Zero what was found and measure. Default: where it takes under a minute, and always on the "
              + "embedded model")
  private Boolean verify;

  @Mixin private ProofOptions proofOptions;

  @Option(
      names = "--rule",
      paramLabel = "RULE",
      description = "superweight, or a published baseline: paper, arctos-v5. Default: superweight")
  private String rule = Rule.SUPERWEIGHT.text();

  @Option(
      names = "--rounds",
      paramLabel = "N",
      description = "Rounds of zero-and-repeat at most. Default: 8")
  private int rounds = FindOptions.DEFAULT.maxRounds();

  @Option(
      names = "--stability",
      negatable = true,
      description =
          "Look at other prompts and BOS policies too, in the same passes. Default: yes, but with --rounds 1",
      fallbackValue = "true")
  private Boolean stability;

  @Mixin private PromptOption prompt;

  @Mixin private JsonOption json;

  @Option(
      names = "--report",
      paramLabel = "FILE",
      description =
          "Write one self-contained HTML page with the paper's Figures 3 and 4 for this model")
  private Path report;

  @Option(
      names = {"-q", "--quiet"},
      description =
          "Print the coordinates of the super weights only, one a line (with --no-verify: of the "
              + "candidates that are sources)")
  private boolean quiet;

  @Override
  public void run() {
    Terminal terminal = options.terminal(parent);
    FindOptions findOptions =
        new FindOptions(
            chosenRule(),
            prompt.prompts(),
            options.bos(),
            positive("--rounds", rounds),
            (stability == null ? rounds > 1 : stability) && !quiet,
            FindOptions.DEFAULT.maxRejected());
    VerifyOptions verifyOptions = proofOptions.under(options.bos());
    if (quiet && json.toStandardOutput()) {
      throw new InputException(
          InputException.Kind.USAGE,
          "--quiet and --json both want standard output: leave one out, or give --json=FILE");
    }
    Optional<OutputFile> document = json.file();
    Optional<OutputFile> page =
        Optional.ofNullable(report).map(path -> OutputFile.at(path, "--report"));

    FindReport result;
    try (Progress progress = options.progress(terminal, quiet);
        OpenModel open = OpenModel.open(model, options, progress)) {
      progress.stage("searching");
      if (rounds == 1 && Boolean.FALSE.equals(verify)) {
        open.onePassMore();
      }
      FindResult found = Finder.find(open.transformer(), open.tokenizer(), findOptions);
      Optional<Verification> proof = prove(open, found, verifyOptions, progress, terminal);
      result = new FindReport(Version.number(), open.facts(), findOptions, found, proof);
    }
    page.ifPresent(file -> file.write(out -> HtmlReport.write(result, out)));
    json.write(
        terminal,
        document,
        out -> FindJson.write(result, out),
        () -> print(result, page.isPresent(), terminal));
  }

  private void print(FindReport result, boolean page, Terminal terminal) {
    if (quiet) {
      coordinates(result).forEach(terminal.out()::println);
      return;
    }
    FindTable.print(result, terminal);
    if (page) {
      terminal.out().println("\nThe page is in " + report);
    }
  }

  private Optional<Verification> prove(
      OpenModel open, FindResult found, VerifyOptions how, Progress progress, Terminal terminal) {
    List<VerifyTarget> targets = Verifier.targets(found);
    if (Boolean.FALSE.equals(verify) || targets.isEmpty()) {
      return Optional.empty();
    }
    if (verify == null && model != null) {
      // Less text gives wider intervals, never another rule: better a quick proof than none.
      VerifyOptions quicker = how;
      double seconds = Verifier.leastSeconds(found);
      if (seconds <= UNASKED_SECONDS) {
        double speed = Verifier.speed(open.transformer());
        seconds = VerifyPlan.of(open.transformer(), targets, quicker).seconds(speed);
        for (double effort : LESS_EFFORT) {
          if (seconds > UNASKED_SECONDS) {
            quicker = how.withEffort(effort);
            seconds = VerifyPlan.of(open.transformer(), targets, quicker).seconds(speed);
          }
        }
      }
      if (seconds > UNASKED_SECONDS) {
        // Said also where progress is not shown: without it, candidates would pass for proven.
        progress.clear();
        terminal
            .err()
            .println(
                "superweight: not verified, it would take about "
                    + Numerals.seconds(seconds)
                    + ", so these are candidates: pass --verify to have it done, or --no-verify");
        return Optional.empty();
      }
      how = quicker;
    }
    progress.stage("verifying");
    return Optional.of(Verifier.verify(open.transformer(), open.tokenizer(), targets, how));
  }

  private static List<Coordinate> coordinates(FindReport report) {
    return report
        .verification()
        .map(Verification::superWeights)
        .orElseGet(() -> report.found().sources());
  }

  private Rule chosenRule() {
    for (Rule known : Rule.values()) {
      if (known.text().equalsIgnoreCase(rule)) {
        return known;
      }
    }
    throw new InputException(
        InputException.Kind.USAGE,
        "--rule " + rule + " is not known; known are superweight, paper, arctos-v5");
  }

  static int positive(String option, int value) {
    if (value < 1) {
      throw new InputException(InputException.Kind.USAGE, option + " must be at least 1");
    }
    return value;
  }
}
