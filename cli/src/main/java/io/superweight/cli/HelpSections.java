package io.superweight.cli;

import java.util.Comparator;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Help;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.UsageMessageSpec;

/**
 * Help in which options stand by what they are about, under a synopsis that can be taken in at a
 * glance.
 */
final class HelpSections {
  private record Section(String heading, List<String> options) {}

  private static final Section OTHERS = new Section("Other", List.of());

  /** In the order of the help; what is in none of them goes to the last. */
  private static final List<Section> SECTIONS =
      List.of(
          new Section(
              "What to run",
              List.of(
                  "--tasks",
                  "--protocols",
                  "--data",
                  "--limit",
                  "--full",
                  "--preset",
                  "--windows",
                  "--window",
                  "--prefix",
                  "--prompt",
                  "--ids",
                  "--bos",
                  "--site",
                  "--rule",
                  "--rounds",
                  "--stability",
                  "--quick",
                  "--store")),
          new Section(
              "Versions of the model",
              List.of(
                  "--zero",
                  "--set",
                  "--scale",
                  "--factors",
                  "--weights",
                  "--prune-top",
                  "--restore-activation",
                  "--quantize",
                  "--hold",
                  "--indivisible",
                  "--calibration")),
          new Section("Proof", List.of("--verify", "--importance", "--text", "--seed")),
          new Section(
              "Output",
              List.of(
                  "--json",
                  "--csv",
                  "--rounding",
                  "--report",
                  "--out",
                  "--top",
                  "--quiet",
                  "--progress",
                  "--no-color")),
          new Section(
              "Machine",
              List.of(
                  "--threads",
                  "--device",
                  "--precision",
                  "--device-memory",
                  "--cuda-path",
                  "--activation-memory")),
          OTHERS);

  private HelpSections() {}

  /** Gives all commands this help. */
  static void install(CommandLine top) {
    for (CommandLine command : top.getSubcommands().values()) {
      UsageMessageSpec usage = command.getCommandSpec().usageMessage();
      boolean options =
          command.getCommandSpec().options().stream().anyMatch(o -> section(o) != OTHERS);
      if (options) {
        usage.customSynopsis(
            command.getCommandSpec().qualifiedName() + " [OPTION]..." + operands(command));
      }
      command.getHelpSectionMap().put(UsageMessageSpec.SECTION_KEY_OPTION_LIST_HEADING, help -> "");
      command
          .getHelpSectionMap()
          .put(UsageMessageSpec.SECTION_KEY_OPTION_LIST, HelpSections::options);
    }
  }

  private static String operands(CommandLine command) {
    StringBuilder operands = new StringBuilder();
    command
        .getCommandSpec()
        .positionalParameters()
        .forEach(p -> {
          String label = p.paramLabel();
          boolean plain = p.arity().min() > 0;
          operands.append(' ').append(plain ? label : "[" + label + "]");
          operands.append(p.arity().max() > 1 ? "..." : "");
        });
    return operands.toString();
  }

  private static String options(Help help) {
    StringBuilder text = new StringBuilder();
    for (Section section : SECTIONS) {
      List<OptionSpec> options =
          help.commandSpec().options().stream()
              .filter(option -> !option.hidden() && section(option) == section)
              .sorted(Comparator.comparingInt(o -> section.options().indexOf(o.longestName())))
              .toList();
      if (!options.isEmpty()) {
        Help.Layout layout = help.createDefaultLayout();
        layout.addOptions(options, help.parameterLabelRenderer());
        text.append(System.lineSeparator())
            .append(help.colorScheme().text("@|bold " + section.heading() + "|@"))
            .append(System.lineSeparator())
            .append(layout);
      }
    }
    return text.toString();
  }

  private static Section section(OptionSpec option) {
    return SECTIONS.stream()
        .filter(section -> section.options().contains(option.longestName()))
        .findFirst()
        .orElse(OTHERS);
  }
}
