package io.superweight.hub;

import io.superweight.InputException;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * A repository of the hub.
 *
 * @param kind model or data set
 * @param id {@code org/name}; some old ones have no {@code org/}
 */
public record RepositoryName(Kind kind, String id) {
  /** What repositories hold; the hub serves each kind under a path of its own. */
  public enum Kind {
    MODEL,
    DATASET;

    /** {@code models} or {@code datasets}. */
    String plural() {
      return name().toLowerCase(Locale.ROOT) + "s";
    }
  }

  private static final Pattern ID = Pattern.compile("(?:[A-Za-z0-9][\\w.-]*/)?[A-Za-z0-9][\\w.-]*");

  public RepositoryName {
    if (!isId(id)) {
      throw new InputException(
          InputException.Kind.NOT_FOUND,
          "\"" + Names.oneLine(id) + "\" names no repository of the hub; they are named org/name");
    }
  }

  /**
   * Whether that may be a repository. {@code --} parts the words in the cache, so no name has it.
   */
  public static boolean isId(String id) {
    return ID.matcher(id).matches() && !id.contains("--") && !id.contains("..");
  }

  /** Its folder in the cache: {@code models--org--name}. */
  String folder() {
    return kind.plural() + "--" + id.replace("/", "--");
  }

  /**
   * Where its pages and files are, below the endpoint: {@code org/name}, {@code datasets/org/name}.
   */
  String path() {
    return kind == Kind.MODEL ? id : kind.plural() + "/" + id;
  }

  /** Where its listing is, below the endpoint. */
  String apiPath() {
    return "api/" + kind.plural() + "/" + id;
  }
}
