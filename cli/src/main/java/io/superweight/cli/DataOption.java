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

/** {@code --data}: where evaluation data lies. */
final class DataOption {
  /** Folders of data, separated as paths are, where no option names one. */
  private static final String VARIABLE = "SUPERWEIGHT_DATA";

  @Option(
      names = "--data",
      paramLabel = "FOLDER",
      description =
          "Folder of data sets, org/name/... as on the hub or as their authors publish them (docs/guide.md). "
              + "May be repeated; the first that has a set gives it, else the Hugging Face hub. Default: SUPERWEIGHT_DATA")
  private List<Path> folders = new ArrayList<>();

  private DownloadListener listener = DownloadListener.SILENT;

  /** Who hears of what is fetched from now on. */
  void reportTo(DownloadListener whom) {
    listener = whom;
  }

  /**
   * @param environment the variables
   * @throws InputException of kind NOT_FOUND for a folder that is not there
   */
  Datasets datasets(Map<String, String> environment) {
    List<Path> where = new ArrayList<>(folders);
    if (where.isEmpty()) {
      Arrays.stream(environment.getOrDefault(VARIABLE, "").split(File.pathSeparator))
          .filter(name -> !name.isBlank())
          .map(Path::of)
          .forEach(where::add);
    }
    List<Datasets> places = new ArrayList<>();
    where.forEach(folder -> places.add(new FolderDatasets(folder)));
    places.add(name -> new HubDatasets(new Hub(environment, listener)).open(name));
    return Datasets.inOrder(places);
  }
}
