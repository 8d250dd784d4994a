package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.audit.Audit;
import io.superweight.audit.AuditOptions;
import io.superweight.audit.AuditedWeight;
import io.superweight.audit.Auditor;
import io.superweight.catalog.Catalog;
import io.superweight.model.Coordinate;
import io.superweight.report.AuditJson;
import io.superweight.report.ModelFacts;
import io.superweight.report.Numerals;
import io.superweight.statistics.Interval;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code superweight audit}. */
@Command(
    name = "audit",
    sortOptions = false,
    header = AuditCommand.HEADER,
    description = {
      "",
      "Compares a quantized model with the model it was made of: each super weight and its super activation before "
          + "and after, perplexity and KL divergence on prose. Tells a lost super weight from kept ones whose "
          + "surroundings are destroyed. The super weights are those of the catalog, else those that a search finds on "
          + "the base.",
      "",
      "  superweight audit model-Q4_0.gguf --base ./model",
      "  superweight audit model-Q4_0.gguf --base org/name --json=audit.json || exit 1",
      "  superweight audit ./Llama-2-7B.Q4_K_M.gguf            the catalog's weights alone"
    },
    parameterListHeading = "%n",
    optionListHeading = "%nOptions:%n",
    footer = {
      "",
      "Exit codes: 0 fine; 10 super weight lost; 11 kept, the rest destroyed; 12 nothing to check (no base, and the "
          + "catalog knows nothing of the model); 13 super weight lost, and the rest destroyed."
    })
final class AuditCommand implements Callable<Integer> {
  /** The line of it in the list of commands. */
  static final String HEADER = "What quantization did to a model: its super weights, and the rest.";

  @ParentCommand private SuperweightCommand parent;

  @Parameters(
      paramLabel = "QUANTIZED",
      description = "Folder, GGUF file or org/name[@revision] of the quantized model.")
  private String model;

  @Option(names = "--base", paramLabel = "MODEL", description = "The model that it was made of")
  private String base;

  @Option(
      names = "--weights",
      paramLabel = "WEIGHT",
      description =
          "The super weights, such as layers.1.mlp.down[161,288], in place of the catalog's and of a search. "
              + "Repeatable")
  private List<String> weights = new ArrayList<>();

  @Mixin private TextOption text;

  @Option(
      names = "--windows",
      paramLabel = "N",
      description = "At most so many windows of 128 tokens of it. Default: ${DEFAULT-VALUE}")
  private int windows = 16;

  @Option(
      names = "--max-kl",
      paramLabel = "NATS",
      description =
          "Mean KL divergence from the base, nats a token, beyond which predictions are destroyed. Default: "
              + "${DEFAULT-VALUE}")
  private double mostDivergence = 1;

  @Option(
      names = "--max-ratio",
      paramLabel = "RATIO",
      description =
          "Perplexity by that of the base, beyond which they are. Default: ${DEFAULT-VALUE}")
  private double mostRatio = 2;

  @Mixin private ModelOptions options;

  @Mixin private JsonOption json;

  @Override
  public Integer call() {
    Terminal terminal = options.terminal(parent);
    List<Coordinate> given = weights.stream().map(Coordinate::parse).distinct().toList();
    AuditOptions how = how();
    Optional<OutputFile> document = json.file();
    Catalog catalog = Catalog.ofUser(System.getenv());
    Audit audit;
    ModelFacts facts;
    Optional<ModelFacts> baseFacts;
    try (Progress progress = options.progress(terminal, false);
        OpenModel open = OpenModel.open(model, options, progress)) {
      if (base == null) {
        audit =
            Auditor.alone(
                open.transformer(), open.tokenizer(), given, catalog, how, progress::stage);
        facts = open.facts();
        baseFacts = Optional.empty();
      } else {
        try (OpenModel other = OpenModel.open(base, options, progress)) {
          audit =
              Auditor.withBase(
                  open.transformer(),
                  other.transformer(),
                  other.tokenizer(),
                  given,
                  catalog,
                  how,
                  progress::stage);
          baseFacts = Optional.of(other.facts());
          facts = ModelFacts.of(open.transformer(), other.tokenizer());
        }
      }
    }
    json.write(
        terminal,
        document,
        out -> AuditJson.write(Version.number(), facts, baseFacts, audit, out),
        () -> print(audit, facts, baseFacts, terminal));
    return audit.verdict().exitCode();
  }

  private AuditOptions how() {
    if (windows < 1) {
      throw new InputException(InputException.Kind.USAGE, "--windows must be at least 1");
    }
    if (!(mostDivergence > 0)) {
      throw new InputException(
          InputException.Kind.USAGE, "--max-kl takes nats a token above 0, such as 1");
    }
    if (!(mostRatio > 1)) {
      throw new InputException(
          InputException.Kind.USAGE, "--max-ratio takes a ratio above 1, such as 2");
    }
    AuditOptions how =
        AuditOptions.defaults()
            .withBos(options.bos())
            .withWindows(windows)
            .withLimits(mostDivergence, mostRatio);
    return text.read().map(how::withText).orElse(how);
  }

  private static void print(
      Audit audit, ModelFacts facts, Optional<ModelFacts> base, Terminal terminal) {
    PrintStream out = terminal.out();
    Look look = new Look(terminal.color());
    int width = Math.clamp(terminal.columns(), 40, 132);
    Lines.title(facts, look, width, out);
    base.ifPresent(b ->
        out.println(
            look.faint(
                Columns.cut(
                    "made of " + Shown.text(b.name()) + ", " + b.dtype() + " in " + b.format(),
                    width))));
    out.println();
    String verdict = sentenceCase(audit.verdict().text());
    Lines.paragraph(
        (audit.verdict().exitCode() == 0 ? look.strong(verdict) : look.alarm(verdict))
            + ": "
            + audit.sentence(),
        width,
        out);
    if (!audit.weights().isEmpty()) {
      out.println();
      Table table =
          new Table()
              .left("super weight", Table.ALWAYS)
              .right(base.isPresent() ? "before" : "published", Table.ALWAYS)
              .right("after", Table.ALWAYS)
              .right("error", 7)
              .left("stored as", 3)
              .right("step", 2)
              .right("activation", 5)
              .right("after", 6)
              .left("verdict", Table.ALWAYS);
      for (AuditedWeight w : audit.weights()) {
        table
            .row()
            .cell(w.weight().toString())
            .cell(weight(w.before()))
            .cell(weight(w.after()))
            .cell(Double.isNaN(w.relativeError()) ? "–" : Numerals.percent(w.relativeError()))
            .cell(w.storedAs().isEmpty() ? "–" : w.storedAs())
            .cell(weight(w.step()))
            .cell(value(w.activationBefore()))
            .cell(value(w.activationAfter()))
            .cell(
                w.state().text(),
                t ->
                    switch (w.state()) {
                      case KEPT, PROMINENT -> t;
                      case MOVED -> look.warning(t);
                      case LOST, NO_SUCH_PLACE -> look.alarm(t);
                    });
      }
      table.render(width, look).forEach(out::println);
    }
    out.println();
    predictions(audit, look, width, out);
    Audit.Protocol p = audit.protocol();
    out.println();
    Lines.paragraph(
        look.faint(
            "Super weights: "
                + switch (audit.origin()) {
                  case GIVEN -> "as given";
                  case CATALOG -> "of the catalog, entry " + audit.originName();
                  case FOUND -> "found on the base";
                  case NONE -> "none known";
                }
                + "; "
                + Numerals.count(p.tokens())
                + " tokens of "
                + p.text()
                + (p.bosAdded() ? ", BOS first" : ", no BOS")
                + "; destroyed: KL above "
                + Numerals.trimmed(p.mostDivergence())
                + " nats a token or perplexity above × "
                + Numerals.trimmed(p.mostRatio())
                + "; digest "
                + facts.shortDigest()
                + "; "
                + facts.device()),
        width,
        out);
  }

  private static void predictions(Audit audit, Look look, int width, PrintStream out) {
    Audit.Predictions p = audit.predictions();
    Table table =
        new Table()
            .left("predictions", Table.ALWAYS)
            .right("perplexity", Table.ALWAYS)
            .right("ratio", 5)
            .left("95 % interval", 4)
            .right("KL, nats", Table.ALWAYS)
            .left("95 % interval", 3);
    if (p.divergence().isPresent()) {
      row(table, "base", p.basePerplexity(), Optional.empty(), Optional.empty(), 1);
    }
    row(
        table,
        "quantized",
        p.perplexity(),
        p.ratio(),
        p.divergence(),
        p.perplexity() / p.basePerplexity());
    if (p.restoredDivergence().isPresent()) {
      row(
          table,
          "with the super weights put back",
          p.restoredPerplexity(),
          Optional.empty(),
          p.restoredDivergence(),
          p.restoredPerplexity() / p.basePerplexity());
    }
    if (p.divergence().isEmpty()) {
      row(
          table,
          "plain token frequencies",
          p.unigramPerplexity(),
          Optional.empty(),
          Optional.empty(),
          Double.NaN);
    }
    table.render(width, look).forEach(out::println);
  }

  private static void row(
      Table table,
      String name,
      double perplexity,
      Optional<Interval> ratioInterval,
      Optional<Interval> divergence,
      double ratio) {
    table
        .row()
        .cell(name)
        .cell(Numerals.value(perplexity))
        .cell(Double.isNaN(ratio) || ratio == 1 ? "" : Numerals.ratio(ratio))
        .cell(ratioInterval.map(Numerals::range).orElse(""))
        .cell(divergence.map(d -> Numerals.value(d.estimate())).orElse(""))
        .cell(divergence.map(AuditCommand::between).orElse(""));
  }

  private static String between(Interval interval) {
    return Numerals.value(interval.low()) + " to " + Numerals.value(interval.high());
  }

  private static String weight(double value) {
    return Double.isNaN(value) ? "–" : Numerals.weight(value);
  }

  private static String value(double value) {
    return Double.isNaN(value) ? "–" : Numerals.value(value);
  }

  private static String sentenceCase(String text) {
    return Character.toUpperCase(text.charAt(0)) + text.substring(1);
  }
}
