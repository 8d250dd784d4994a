package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.dataset.Datasets;
import io.superweight.dataset.FolderDatasets;
import io.superweight.dataset.HubDatasets;
import io.superweight.hub.DownloadListener;
import io.superweight.hub.Hub;
import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Option;

/**
 * {@code --data}: where evaluation data comes from. Folders that are named are all that is asked:
 * nothing is fetched that the user may think to have.
 */
final class DataOption {
  /** Folders of data, separated as paths are, where no option names one. */
  private static final String VARIABLE = "SUPERWEIGHT_DATA";

  private static final String HUB = "hub";

  @Option(
      names = "--data",
      paramLabel = "FOLDER",
      description =
          "Folder of data sets, org/name/... as on the hub or as their authors publish them (docs/guide.md), or hub: "
              + "the Hugging Face hub and its cache. Repeatable: the first that has a set gives it. Default: the "
              + "folders in SUPERWEIGHT_DATA, else hub")
  private List<String> places = new ArrayList<>();

  private DownloadListener listener = DownloadListener.SILENT;

  private HubDatasets hub;

  /** Who hears of what is fetched from now on. */
  void reportTo(DownloadListener whom) {
    listener = whom;
  }

  /** Made when it is first asked for, by when it is known who hears of it. */
  private HubDatasets hub(Map<String, String> environment) {
    if (hub == null) {
      hub = new HubDatasets(new Hub(environment, listener));
    }
    return hub;
  }

  /** What the command line names. */
  List<String> named() {
    return List.copyOf(places);
  }

  /**
   * @param environment the variables
   * @throws InputException of kind NOT_FOUND for a folder that is not there
   */
  Datasets datasets(Map<String, String> environment) {
    List<String> where = new ArrayList<>(places);
    if (where.isEmpty()) {
      Arrays.stream(environment.getOrDefault(VARIABLE, "").split(File.pathSeparator))
          .filter(name -> !name.isBlank())
          .forEach(where::add);
    }
    if (where.isEmpty()) {
      where.add(HUB);
    }
    List<Datasets> all = new ArrayList<>();
    for (String place : where) {
      all.add(
          place.equals(HUB)
              ? name -> hub(environment).open(name)
              : new FolderDatasets(Path.of(place)));
    }
    return Datasets.inOrder(all);
  }
}
