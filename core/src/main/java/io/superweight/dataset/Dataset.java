package io.superweight.dataset;

import java.util.List;
import tools.jackson.databind.JsonNode;

/**
 * The rows of a split, in order, with the hub's field names.
 *
 * @param name what it is
 * @param files where the rows came from, in order
 * @param rows one object each
 */
public record Dataset(DatasetName name, List<File> files, List<JsonNode> rows) {
  public Dataset {
    files = List.copyOf(files);
    rows = List.copyOf(rows);
  }

  /**
   * A file that was read.
   *
   * @param name without its folder
   * @param sha256 of its bytes, lower-case hex
   */
  public record File(String name, String sha256) {}
}
