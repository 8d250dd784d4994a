package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.find.Effect;
import io.superweight.find.MemberVerdict;
import io.superweight.find.SetVerdict;
import io.superweight.find.Verification;
import io.superweight.find.Verifier;
import io.superweight.find.VerifyOptions;
import io.superweight.find.VerifyTarget;
import io.superweight.model.Coordinate;
import io.superweight.report.ModelFacts;
import io.superweight.report.Numerals;
import io.superweight.report.VerifyJson;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code superweight verify}. */
@Command(
    name = "verify",
    sortOptions = false,
    header = VerifyCommand.HEADER,
    description = {
      "",
      "Takes coordinates as find --quiet prints them. All of them together are one set: it is zeroed as a whole, "
          + "each member alone, and the set without each member.",
      "",
      "  superweight verify model.gguf layers.11.mlp.down[507,1229] layers.11.mlp.down[507,1487]",
      "  superweight find -q model.gguf | xargs superweight verify model.gguf"
    },
    parameterListHeading = "%n",
    optionListHeading = "%nOptions:%n")
final class VerifyCommand implements Runnable {
  /** The line of it in the list of commands. */
  static final String HEADER =
      "Prove what given weights do: zero them, together and each alone, next to controls.";

  @ParentCommand private SuperweightCommand parent;

  @Parameters(
      arity = "1..*",
      paramLabel = "[MODEL] COORDINATE",
      description =
          "The model, as of find (without it: the small model that comes with Superweight), then weights.")
  private List<String> arguments = new ArrayList<>();

  @Mixin private ModelOptions options;

  @Mixin private ProofOptions proofOptions;

  @Mixin private JsonOption json;

  @Override
  public void run() {
    Terminal terminal = options.terminal(parent);
    boolean embedded = arguments.getFirst().contains("[");
    List<Coordinate> weights =
        arguments.stream().skip(embedded ? 0 : 1).map(Coordinate::parse).distinct().toList();
    if (weights.isEmpty()) {
      throw new InputException(
          InputException.Kind.USAGE,
          "no coordinate given: write one like layers.11.mlp.down[507,1229]");
    }
    VerifyOptions how = proofOptions.under(options.bos());
    Optional<OutputFile> document = json.file();
    Verification proof;
    ModelFacts facts;
    try (Progress progress = options.progress(terminal, false);
        OpenModel open =
            OpenModel.open(embedded ? null : arguments.getFirst(), options, progress)) {
      progress.stage("verifying");
      proof =
          Verifier.verify(
              open.transformer(),
              open.tokenizer(),
              List.of(new VerifyTarget("the weights given", weights, true)),
              how);
      facts = open.facts();
    }
    json.write(
        terminal,
        document,
        out -> VerifyJson.write(Version.number(), facts, proof, out),
        () -> print(proof, facts, terminal));
  }

  private static void print(Verification proof, ModelFacts facts, Terminal terminal) {
    PrintStream out = terminal.out();
    Look look = new Look(terminal.color());
    int width = Math.clamp(terminal.columns(), 40, 132);
    Lines.title(facts, look, width, out);
    out.println();
    proof.refusal().ifPresent(why -> Lines.paragraph("Not judged: " + why, width, out));
    for (SetVerdict set : proof.sets()) {
      Lines.paragraph(look.strong(set.verdict().words()) + ": " + set.sentence(), width, out);
      out.println();
      Table table =
          new Table()
              .left("zeroed", Table.ALWAYS)
              .right("perplexity", Table.ALWAYS)
              .left("95 % interval", 4)
              .right("KL, nats", 5)
              .left("verdict", 6);
      row(table, "all together", set.joint(), set.verdict().words());
      for (MemberVerdict member : set.memberVerdicts()) {
        row(table, member.weight().toString(), member.alone(), member.verdict().words());
      }
      table.render(width, look).forEach(out::println);
    }
    Verification.Protocol p = proof.protocol();
    out.println();
    Lines.paragraph(
        look.faint(
            Numerals.count(p.scoredTokens())
                + " tokens of "
                + p.text()
                + (p.bosAdded() ? ", BOS first" : ", no BOS")
                + ", windows of "
                + p.windowTokens()
                + "; intact perplexity "
                + Numerals.value(proof.intact().perplexity())
                + "; seed "
                + p.seed()
                + "; weights "
                + facts.dtype()
                + ", computed in float32; digest "
                + facts.shortDigest()
                + "; "
                + facts.device()),
        width,
        out);
  }

  private static void row(Table table, String name, Effect effect, String verdict) {
    table
        .row()
        .cell(name)
        .cell(Numerals.ratio(effect.perplexityRatio().estimate()))
        .cell(Numerals.range(effect.perplexityRatio()))
        .cell(Numerals.value(effect.divergence().estimate()))
        .cell(verdict);
  }
}
