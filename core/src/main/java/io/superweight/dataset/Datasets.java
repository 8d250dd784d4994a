package io.superweight.dataset;

import io.superweight.InputException;

/** Where data comes from: a folder, the hub, or first the one and then the other. */
public interface Datasets {
  /**
   * The rows of a split.
   *
   * @throws InputException of kind NOT_FOUND that says where it was looked for and how to get it,
   *     MALFORMED for a damaged file
   */
  Dataset open(DatasetName name);
}
