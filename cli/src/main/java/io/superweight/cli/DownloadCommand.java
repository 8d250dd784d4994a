package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.checkpoint.ModelLocator;
import io.superweight.dataset.DatasetName;
import io.superweight.dataset.HubDatasets;
import io.superweight.hub.Hub;
import io.superweight.hub.HubFile;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code superweight download}. */
@Command(
    name = "download",
    sortOptions = false,
    header = DownloadCommand.HEADER,
    description = {
      "",
      "Every command fetches the model that it needs. This one does it ahead, where there is a network: for the "
          + "nodes of a cluster that have none, or to bring a branch up to date. Of a model only configuration, "
          + "tokenizer and weights are fetched, the weights once. What was broken off is continued.",
      "",
      "  superweight download HuggingFaceTB/SmolLM2-135M",
      "  superweight download org/name/model-Q4_K_M.gguf@main      one GGUF file of a repository",
      "  superweight download --dataset allenai/ai2_arc:ARC-Easy:test",
      "",
      "Prints where each lies: a model's folder or file, a data set's files."
    },
    parameterListHeading = "%n",
    optionListHeading = "%nOptions:%n")
final class DownloadCommand implements Runnable {
  /** The line of it in the list of commands. */
  static final String HEADER =
      "Fetch models and data from the Hugging Face hub ahead of their use.";

  private static final Pattern DATASET =
      Pattern.compile("(?<id>[^:]+)(?::(?<configuration>[^:]*))?:(?<split>[^:]+)");

  @ParentCommand private SuperweightCommand parent;

  @Parameters(
      arity = "0..*",
      paramLabel = "MODEL",
      description = "org/name[@revision], or one GGUF file of it: org/name/file.gguf[@revision]")
  private List<String> models = new ArrayList<>();

  @Option(
      names = "--dataset",
      paramLabel = "NAME",
      description =
          "A split of a data set, repeatable: org/name:split or org/name:configuration:split")
  private List<String> datasets = new ArrayList<>();

  @Option(
      names = "--progress",
      paramLabel = "HOW",
      description = "bar, plain, none, or auto (a bar on a terminal, plain lines elsewhere)")
  private Progress.Kind kind = Progress.Kind.AUTO;

  @Override
  public void run() {
    if (models.isEmpty() && datasets.isEmpty()) {
      throw new InputException(
          InputException.Kind.USAGE,
          "download needs a name: superweight download org/name, or --dataset org/name:split");
    }
    List<DatasetName> splits = datasets.stream().map(DownloadCommand::split).toList();
    Terminal terminal = parent.terminal();
    try (Progress progress = Progress.on(terminal, kind)) {
      ModelLocator locator = new ModelLocator(System.getenv(), progress);
      for (String model : models) {
        progress.stage("asking for " + model);
        String path = locator.fetch(model).toString();
        progress.clear();
        terminal.out().println(path);
      }
      HubDatasets hub = new HubDatasets(new Hub(System.getenv(), progress));
      for (DatasetName split : splits) {
        progress.stage("asking for " + split);
        List<HubFile> files = hub.fetch(split);
        progress.clear();
        files.forEach(file -> terminal.out().println(file.path()));
      }
    }
  }

  private static DatasetName split(String text) {
    Matcher name = DATASET.matcher(text);
    if (!name.matches()) {
      throw new InputException(
          InputException.Kind.USAGE,
          "--dataset "
              + text
              + " names no split; write org/name:split or org/name:configuration:split");
    }
    String configuration = name.group("configuration");
    return new DatasetName(
        name.group("id"), configuration == null ? "" : configuration, name.group("split"));
  }
}
