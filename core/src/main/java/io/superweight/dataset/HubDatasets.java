package io.superweight.dataset;

import io.superweight.InputException;
import io.superweight.hub.Hub;
import io.superweight.hub.HubFile;
import io.superweight.hub.HubRepository;
import io.superweight.hub.RepositoryName;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Data sets of the Hugging Face hub: from its cache on this machine, else fetched, of each only the
 * files of the split that is asked for. A set that keeps its rows in another form is read from the
 * branch that the hub converts it to Parquet on.
 */
public final class HubDatasets implements Datasets {
  /** Where the hub keeps what it converted. */
  private static final String CONVERTED = "refs/convert/parquet";

  private static final int NAMED_AT_MOST = 6;

  private final Hub hub;

  public HubDatasets(Hub hub) {
    this.hub = hub;
  }

  /**
   * {@inheritDoc}
   *
   * @throws InputException also of kind NETWORK where the hub cannot be reached or refuses, OUTPUT
   *     where its cache cannot be written
   */
  @Override
  public Dataset open(DatasetName name) {
    return HubLayout.read(name, fetch(name).stream().map(HubFile::path).toList());
  }

  /**
   * The files of a split on this machine, fetched where they are not here, in the order of their
   * rows.
   *
   * @throws InputException as {@link #open}
   */
  public List<HubFile> fetch(DatasetName name) {
    try {
      HubRepository published = hub.dataset(name.repository());
      List<String> files = HubLayout.files(name, published.list());
      return files.isEmpty() ? converted(name) : ordered(published, files);
    } catch (InputException e) {
      if (e.kind() != InputException.Kind.NETWORK && e.kind() != InputException.Kind.NOT_FOUND) {
        throw e;
      }
      throw new InputException(
          e.kind(),
          e.getMessage()
              + "; or put it into a folder, as "
              + HubLayout.example(name)
              + ", and give --data FOLDER",
          e);
    }
  }

  private List<HubFile> converted(DatasetName name) {
    HubRepository converted =
        hub.repository(
            new RepositoryName(RepositoryName.Kind.DATASET, name.repository()), CONVERTED);
    List<String> files = List.of();
    String there =
        hub.dataset(name.repository()).list().stream()
            .filter(RowFile::known)
            .limit(NAMED_AT_MOST)
            .collect(Collectors.joining(", ", "; its files: ", ""));
    try {
      files = HubLayout.files(name, converted.list());
    } catch (InputException e) {
      if (e.kind() != InputException.Kind.NOT_FOUND) {
        throw e;
      }
    }
    if (files.isEmpty()) {
      throw new InputException(
          InputException.Kind.NOT_FOUND,
          "the hub's "
              + name.repository()
              + " has no Parquet or JSON Lines files of "
              + (name.configuration().isEmpty() ? "" : name.configuration() + ", ")
              + name.split()
              + there);
    }
    return ordered(converted, files);
  }

  private static List<HubFile> ordered(HubRepository repository, List<String> files) {
    Map<String, HubFile> fetched =
        repository.files(files::contains).stream()
            .collect(Collectors.toMap(HubFile::name, Function.identity()));
    return files.stream().map(fetched::get).toList();
  }
}
