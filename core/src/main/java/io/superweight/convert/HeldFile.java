package io.superweight.convert;

import io.superweight.InputException;
import io.superweight.model.Coordinate;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

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

  /**
   * The weights of such a file and the values that they had.
   *
   * @throws InputException of kind NOT_FOUND or MALFORMED where it is none
   */
  public static Map<Coordinate, Float> read(Path file) {
    JsonNode document;
    try {
      document = JsonMapper.shared().readTree(Files.readAllBytes(file));
    } catch (IOException e) {
      throw new InputException(
          InputException.Kind.NOT_FOUND,
          file
              + " cannot be read ("
              + e.getMessage()
              + "); name a "
              + NAME
              + " that quantize wrote",
          e);
    } catch (JacksonException e) {
      throw malformed(file, e);
    }
    Map<Coordinate, Float> values = new LinkedHashMap<>();
    for (JsonNode one : document.path("held")) {
      if (!one.path("weight").isString() || !one.path("value").isNumber()) {
        throw malformed(file, null);
      }
      values.put(
          Coordinate.parse(one.path("weight").asString()), (float) one.path("value").asDouble());
    }
    if (values.isEmpty()) {
      throw malformed(file, null);
    }
    return values;
  }

  private static InputException malformed(Path file, Exception cause) {
    return new InputException(
        InputException.Kind.MALFORMED,
        file + " names no held weights; name a " + NAME + " that quantize wrote",
        cause);
  }
}
