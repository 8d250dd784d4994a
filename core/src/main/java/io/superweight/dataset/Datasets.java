package io.superweight.dataset;

import io.superweight.InputException;
import java.util.List;
import java.util.stream.Collectors;

/** Where data comes from: a folder, the hub, or first the one and then the other. */
public interface Datasets {
  /**
   * The rows of a split.
   *
   * @throws InputException of kind NOT_FOUND that says where it was looked for and how to get it,
   *     MALFORMED for a damaged file
   */
  Dataset open(DatasetName name);

  /**
   * Several places, asked in order; the first that has a split gives it.
   *
   * @throws InputException from {@link #open}, of kind NOT_FOUND, with what each place says
   */
  static Datasets inOrder(List<Datasets> places) {
    List<Datasets> all = List.copyOf(places);
    return name -> {
      List<InputException> missing = new java.util.ArrayList<>();
      for (Datasets place : all) {
        try {
          return place.open(name);
        } catch (InputException e) {
          if (e.kind() != InputException.Kind.NOT_FOUND) {
            throw e;
          }
          missing.add(e);
        }
      }
      if (missing.size() == 1) {
        throw missing.getFirst();
      }
      throw new InputException(
          InputException.Kind.NOT_FOUND,
          missing.isEmpty()
              ? name + " cannot be found: name a folder of data with --data FOLDER"
              : missing.stream().map(InputException::getMessage).collect(Collectors.joining("; ")));
    };
  }
}
