package io.superweight.convert;

import io.superweight.model.Coordinate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Held weights that a format cannot give back exactly, in a file beside the model: {@code
 * superweight-held.json}. Nothing applies it unasked.
 */
public final class HeldFile {
  /** Its name. */
  public static final String NAME = "superweight-held.json";

  private HeldFile() {}

  /** The file; empty where all come back exactly. */
  static Optional<byte[]> of(Map<Coordinate, HeldWeights.Outcome> outcomes) {
    List<Map<String, Object>> lost = new ArrayList<>();
    outcomes.forEach((weight, one) -> {
      if (one.stored() != one.value()) {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("weight", weight.toString());
        entry.put("tensor", one.element().tensor());
        entry.put("row", one.element().row());
        entry.put("column", one.element().col());
        entry.put("value", one.value());
        entry.put("stored", one.stored());
        lost.add(entry);
      }
    });
    if (lost.isEmpty()) {
      return Optional.empty();
    }
    Map<String, Object> document = new LinkedHashMap<>();
    document.put("version", 1);
    document.put("held", lost);
    return Optional.of(SafetensorsExport.json(document));
  }
}
