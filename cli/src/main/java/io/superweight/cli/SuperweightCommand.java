package io.superweight.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The command without a subcommand: says what there is. */
@Command(
    name = "superweight",
    versionProvider = Version.class,
    synopsisSubcommandLabel = "COMMAND",
    sortOptions = false,
    header = {
      "Finds the super weights of a language model, proves what they do, and shows it.",
      ""
    },
    description = {
      "",
      "A handful of scalars in a large language model, often one, can decide whether it writes text "
          + "at all (Yu et al. 2024, The Super Weight in Large Language Models)."
    },
    commandListHeading = "%nCommands:%n",
    optionListHeading = "%nOptions:%n",
    footer = {
      "",
      "Start here:",
      "  superweight find                        on the small model that comes with it",
      "  superweight find ./Llama-3.2-1B         on a folder of safetensors",
      "  superweight find model.gguf --report r.html",
      "",
      "A MODEL is a folder in Hugging Face's layout, a GGUF file (the first one, if it is split), or "
          + "a model of the Hugging Face hub, org/name[@revision] or org/name/file.gguf: what its cache lacks is fetched."
    })
final class SuperweightCommand implements Runnable {
  private final Terminal terminal;

  @Spec private CommandSpec spec;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      scope = ScopeType.INHERIT,
      description = "Show this help.")
  private boolean help;

  @Option(
      names = {"-V", "--version"},
      versionHelp = true,
      description = "Show version, JDK and licence.")
  private boolean version;

  @Option(
      names = "--debug",
      scope = ScopeType.INHERIT,
      hidden = true,
      description = "Show the stack trace of an error.")
  private boolean debug;

  SuperweightCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  Terminal terminal() {
    return terminal;
  }

  @Override
  public void run() {
    CommandLine commandLine = spec.commandLine();
    commandLine.usage(commandLine.getOut());
  }
}
