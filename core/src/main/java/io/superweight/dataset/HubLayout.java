package io.superweight.dataset;

import io.superweight.InputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where the hub's data sets keep a split: {@code
 * [configuration/|data/]split-00000-of-00001.parquet}, or the same name with {@code .jsonl}, {@code
 * .json}, each also with {@code .gz}.
 */
public final class HubLayout {
  /** Sets of which the reference reads one file, not the split. */
  private static final Map<String, String> ONE_FILE =
      Map.of("allenai/c4", "en/c4-validation.00000-of-00008.json.gz");

  private static final List<String> KINDS = List.of("parquet", "jsonl", "json");

  private HubLayout() {}

  /**
   * The files of a split among those of a repository, in the order of their rows.
   *
   * @param paths relative to the repository, with slashes
   * @return empty where the split is not among them
   * @throws InputException of kind MALFORMED where some of its parts are missing
   */
  public static List<String> files(DatasetName name, List<String> paths) {
    String one = ONE_FILE.get(name.repository());
    if (one != null) {
      return paths.contains(one) ? List.of(one) : List.of();
    }
    for (String folder : folders(name)) {
      for (String kind : KINDS) {
        List<String> found = files(name, folder, kind, paths);
        if (!found.isEmpty()) {
          return found;
        }
      }
    }
    return List.of();
  }

  /** A path to name in a message: where the first part of the split would lie. */
  static String example(DatasetName name) {
    String one = ONE_FILE.get(name.repository());
    return name.repository()
        + "/"
        + (one == null ? folders(name).getFirst() + name.split() + "-00000-of-00001.parquet" : one);
  }

  private static List<String> folders(DatasetName name) {
    String configuration = name.configuration();
    List<String> folders = new ArrayList<>();
    if (!configuration.isEmpty()) {
      folders.addAll(
          List.of(
              configuration + "/",
              "data/" + configuration + "/",
              configuration + "/" + name.split() + "/")); // as the hub converts to Parquet
    }
    if (configuration.isEmpty() || configuration.equals("default")) {
      folders.addAll(List.of("data/", "", "default/", "default/" + name.split() + "/"));
    }
    return folders;
  }

  private static List<String> files(
      DatasetName name, String folder, String kind, List<String> paths) {
    String ending = kind.equals("parquet") ? "\\.parquet" : "\\." + kind + "(?:\\.gz)?";
    Pattern whole = Pattern.compile(Pattern.quote(folder + name.split()) + ending);
    Optional<String> single = paths.stream().filter(p -> whole.matcher(p).matches()).findFirst();
    if (single.isPresent()) {
      return List.of(single.get());
    }
    Pattern part =
        Pattern.compile(
            Pattern.quote(folder)
                + (folder.endsWith("/" + name.split() + "/")
                    ? "(?<number>\\d{4})"
                    : Pattern.quote(name.split()) + "-(?<number>\\d{5})-of-(?<of>\\d{5})(?:-\\w+)?")
                + ending);
    TreeMap<Integer, String> parts = new TreeMap<>();
    int of = 0;
    for (String path : paths) {
      Matcher matcher = part.matcher(path);
      if (matcher.matches()) {
        parts.put(Integer.parseInt(matcher.group("number")), path);
        of =
            matcher.namedGroups().containsKey("of")
                ? Integer.parseInt(matcher.group("of"))
                : parts.lastKey() + 1;
      }
    }
    if (parts.size() != of) {
      throw new InputException(
          InputException.Kind.MALFORMED,
          "of "
              + name
              + " there are "
              + parts.size()
              + " of "
              + of
              + " files ("
              + String.join(", ", parts.values())
              + "): download the others, too");
    }
    return List.copyOf(parts.values());
  }

  /**
   * Reads the files of a split.
   *
   * @param files in the order of their rows
   * @throws InputException of kind NOT_FOUND for one that cannot be read, MALFORMED for a broken
   *     one
   */
  public static Dataset read(DatasetName name, List<Path> files) {
    List<RowFile> read = files.stream().map(RowFile::read).toList();
    return new Dataset(
        name,
        read.stream().map(RowFile::file).toList(),
        read.stream().flatMap(file -> file.rows().stream()).toList());
  }
}
