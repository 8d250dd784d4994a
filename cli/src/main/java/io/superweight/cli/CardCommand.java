package io.superweight.cli;

import io.superweight.find.Card;
import io.superweight.find.Card.LayerCard;
import io.superweight.find.Card.SiteCard;
import io.superweight.find.Prompt;
import io.superweight.report.CardJson;
import io.superweight.report.ModelFacts;
import io.superweight.report.Numerals;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code superweight card}. */
@Command(
    name = "card",
    sortOptions = false,
    header = CardCommand.HEADER,
    description = {
      "",
      "For each layer the largest input and output of the down projection and the largest value of the residual "
          + "stream: how far they are from the end of float16, and whether INT8 with one scale for the tensor leaves "
          + "anything of an ordinary value. Says which layers to keep out of W8A8 and which overflow in float16."
    },
    parameterListHeading = "%n",
    optionListHeading = "%nOptions:%n")
final class CardCommand implements Runnable {
  /** The line of it in the list of commands. */
  static final String HEADER =
      "Show the largest activations of each layer and which number formats can hold them.";

  @ParentCommand private SuperweightCommand parent;

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "MODEL",
      description = "As of find. Without it: the small model that comes with Superweight.")
  private String model;

  @Mixin private ModelOptions options;

  @Mixin private PromptOption prompt;

  @Mixin private JsonOption json;

  @Override
  public void run() {
    Terminal terminal = options.terminal(parent);
    Optional<OutputFile> file = json.file();
    Card card;
    ModelFacts facts;
    prompt.prompts(); // an empty one is told before the model is opened
    try (Progress progress = options.progress(terminal, false);
        OpenModel open = OpenModel.open(model, options, progress)) {
      progress.stage("measuring");
      List<Prompt> prompts = prompt.encoded(open.tokenizer(), options.bos());
      card = Card.of(open.transformer(), prompts);
      facts = open.facts();
    }
    json.write(
        terminal,
        file,
        out -> CardJson.write(card, facts, out),
        () -> print(card, facts, terminal));
  }

  private static void print(Card card, ModelFacts facts, Terminal terminal) {
    Look look = new Look(terminal.color());
    int width = Math.clamp(terminal.columns(), 40, 132);
    Lines.title(facts, look, width, terminal.out());
    terminal.out().println();
    Columns.wrap(card.sentence(), Math.min(width, 110)).forEach(terminal.out()::println);
    terminal.out().println();
    Table table =
        new Table()
            .right("layer", Table.ALWAYS)
            .right("down in", Table.ALWAYS)
            .right("median", 4)
            .left("token", 3)
            .right("INT8 steps", 6)
            .right("down out", 7)
            .right("residual", Table.ALWAYS)
            .right("channel", 5)
            .right("f16 headroom", 8);
    for (LayerCard layer : card.layers()) {
      boolean poor = card.keepOutOfW8A8().contains(layer.layer());
      boolean over = card.overflowF16().contains(layer.layer());
      table
          .row()
          .cell(String.valueOf(layer.layer()))
          .cell(value(layer.input()))
          .cell(layer.input().map(s -> Numerals.value(s.median())).orElse("–"))
          .cell(
              layer.input().map(s -> Columns.cut(Shown.token(s.largest().token()), 14)).orElse("–"))
          .cell(
              layer.input().map(s -> Numerals.value(s.int8MedianSteps())).orElse("–"),
              text -> poor ? look.warning(text) : text)
          .cell(value(layer.output()))
          .cell(value(layer.residual()))
          .cell(layer.residual().map(s -> String.valueOf(s.largest().channel())).orElse("–"))
          .cell(
              layer.residual().map(s -> Numerals.ratio(s.headroomF16())).orElse("–"),
              text -> over ? look.alarm(text) : text);
    }
    table.render(width, look).forEach(terminal.out()::println);
    terminal.out().println();
    Prompt first = card.prompts().getFirst();
    String how =
        "largest values on "
            + Numerals.counted(card.prompts().size(), "prompt")
            + ", the first “"
            + Shown.text(first.text())
            + "” ("
            + (first.startsWithBos() ? "BOS first" : "no BOS")
            + "); weights "
            + facts.dtype()
            + ", computed in float32; INT8 steps: the median in steps of a scale for the whole tensor, under 0.5 "
            + "most values become 0; digest "
            + facts.shortDigest()
            + "; "
            + facts.device();
    Columns.wrap(how, Math.min(width, 110)).forEach(l -> terminal.out().println(look.faint(l)));
  }

  private static String value(Optional<SiteCard> site) {
    return site.map(s -> Numerals.value(s.largest().value())).orElse("–");
  }
}
