package io.superweight.dataset;

import io.superweight.InputException;
import io.superweight.python.PythonText;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Data in a folder of this machine: {@code org/name/…} or {@code name/…} in the hub's layout
 * ({@link HubLayout}), or as the sets' authors publish them.
 */
public final class FolderDatasets implements Datasets {
  private final Path folder;

  /**
   * @throws InputException of kind NOT_FOUND where it is no folder
   */
  public FolderDatasets(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new InputException(
          InputException.Kind.NOT_FOUND, "there is no folder " + folder + ": check --data");
    }
    this.folder = folder;
  }

  @Override
  public Dataset open(DatasetName name) {
    return inHubsLayout(name).or(() -> asPublished(name)).orElseThrow(() -> notFound(name));
  }

  private Optional<Dataset> inHubsLayout(DatasetName name) {
    String last = name.repository().substring(name.repository().lastIndexOf('/') + 1);
    List<Path> roots = new ArrayList<>(List.of(folder.resolve(name.repository())));
    roots.add(folder.resolve(last));
    if (folder.toAbsolutePath().endsWith(last)) {
      roots.add(folder); // the folder of the data set itself
    }
    for (Path root : roots) {
      List<String> files = HubLayout.files(name, under(root));
      if (!files.isEmpty()) {
        return Optional.of(HubLayout.read(name, files.stream().map(root::resolve).toList()));
      }
    }
    return Optional.empty();
  }

  /** Files of rows, relative, with slashes, in order. */
  private static List<String> under(Path root) {
    if (!Files.isDirectory(root)) {
      return List.of();
    }
    try (Stream<Path> paths = Files.walk(root, 3)) {
      return paths
          .map(path -> root.relativize(path).toString().replace('\\', '/'))
          .filter(RowFile::known)
          .sorted()
          .toList();
    } catch (IOException | UncheckedIOException e) {
      throw unreadable(root, e);
    }
  }

  private static InputException unreadable(Path root, Exception e) {
    return new InputException(
        InputException.Kind.NOT_FOUND,
        root + " cannot be listed (" + e.getMessage() + "): check its permissions",
        e);
  }

  private Optional<Dataset> asPublished(DatasetName name) {
    for (Published published : Published.ALL) {
      if (!published.name().equals(name)) {
        continue;
      }
      for (String place : published.folders()) {
        Path root = folder.toAbsolutePath().endsWith(place) ? folder : folder.resolve(place);
        Optional<Path> file = matching(root, published);
        if (file.isPresent()) {
          return Optional.of(read(published, file.get()));
        }
      }
      Optional<Path> file = matching(folder, published).filter(published::tells);
      if (file.isPresent()) {
        return Optional.of(read(published, file.get()));
      }
    }
    return Optional.empty();
  }

  private static Optional<Path> matching(Path root, Published published) {
    if (!Files.isDirectory(root)) {
      return Optional.empty();
    }
    try (Stream<Path> paths = Files.list(root)) {
      return paths.filter(published::matches).sorted().findFirst();
    } catch (IOException | UncheckedIOException e) {
      throw unreadable(root, e);
    }
  }

  private static Dataset read(Published published, Path path) {
    RowFile file = RowFile.read(path);
    List<Dataset.File> files = new ArrayList<>(List.of(file.file()));
    List<String> labels = List.of();
    Path beside = path.resolveSibling(published.labels());
    if (!published.labels().isEmpty() && Files.isRegularFile(beside)) {
      RowFile lines = RowFile.read(beside);
      files.add(lines.file());
      labels = PythonText.split(lines.text());
    }
    return new Dataset(published.name(), files, published.rows().rows(file, labels));
  }

  private InputException notFound(DatasetName name) {
    Optional<Published> published =
        Published.ALL.stream().filter(p -> p.name().equals(name)).findFirst();
    return new InputException(
        InputException.Kind.NOT_FOUND,
        name
            + " is not in "
            + folder
            + ": put it there as "
            + HubLayout.example(name)
            + published
                .map(p ->
                    " or as its authors publish it, "
                        + p.folders().getFirst()
                        + "/"
                        + p.file()
                            .pattern()
                            .replaceAll("\\([^)]*\\)\\?|\\[[^]]*]|\\\\", "")
                            .replace("jsonl?", "jsonl"))
                .orElse("")
            + "; or fetch it with --data hub");
  }
}
