package io.superweight.cli;

import java.util.Arrays;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

/**
 * The commands, in the order of the help. Reading the annotations of one takes longer than all else
 * that a start does: only those that the command line names are read, of the others the name and
 * the headline are enough.
 */
enum Subcommand {
  FIND("find", FindCommand.HEADER),
  VERIFY("verify", VerifyCommand.HEADER),
  EVAL("eval", EvalCommand.HEADER),
  SWEEP("sweep", SweepCommand.HEADER),
  CARD("card", CardCommand.HEADER),
  TRACE("trace", TraceCommand.HEADER),
  REPRODUCE("reproduce", ReproduceCommand.HEADER),
  QUANTIZE("quantize", QuantizeCommand.HEADER),
  CONVERT("convert", ConvertCommand.HEADER),
  CATALOG("catalog", CatalogCommand.HEADER),
  AUDIT("audit", AuditCommand.HEADER),
  RECIPE("recipe", RecipeCommand.HEADER),
  DOWNLOAD("download", DownloadCommand.HEADER),
  BENCH("bench", BenchCommand.HEADER),
  DOCTOR("doctor", DoctorCommand.HEADER),
  HELP("help", HelpCommand.HEADER);

  private final String text;
  private final String header;

  Subcommand(String text, String header) {
    this.text = text;
    this.header = header;
  }

  /** What the user types. */
  String text() {
    return text;
  }

  /** The command line with those commands in full that an argument names. */
  static CommandLine line(Terminal terminal, List<String> arguments) {
    CommandLine top = new CommandLine(new SuperweightCommand(terminal));
    for (Subcommand command : values()) {
      boolean named = arguments.contains(command.text);
      top.addSubcommand(
          command.text,
          named ? new CommandLine(command.make()) : new CommandLine(command.headline()));
    }
    return top;
  }

  /** All commands in full. */
  static CommandLine wholeLine(Terminal terminal) {
    return line(terminal, Arrays.stream(values()).map(Subcommand::text).toList());
  }

  private CommandSpec headline() {
    CommandSpec spec = CommandSpec.create().name(text);
    spec.usageMessage().header(header);
    return spec;
  }

  private Object make() {
    return switch (this) {
      case FIND -> new FindCommand();
      case VERIFY -> new VerifyCommand();
      case EVAL -> new EvalCommand();
      case SWEEP -> new SweepCommand();
      case CARD -> new CardCommand();
      case TRACE -> new TraceCommand();
      case REPRODUCE -> new ReproduceCommand();
      case QUANTIZE -> new QuantizeCommand();
      case CONVERT -> new ConvertCommand();
      case CATALOG -> new CatalogCommand();
      case AUDIT -> new AuditCommand();
      case RECIPE -> new RecipeCommand();
      case DOWNLOAD -> new DownloadCommand();
      case BENCH -> new BenchCommand();
      case DOCTOR -> new DoctorCommand();
      case HELP -> new HelpCommand();
    };
  }
}
