package io.superweight.checkpoint;

import io.superweight.InputException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.core.json.JsonFactory;

/**
 * JSON as checkpoints hold it, read strictly: no duplicate keys, no NaN, no number that overflows a
 * double, no deep nesting, nothing after the document. Every fault is one MALFORMED line.
 */
final class Json {
  /** Real configurations nest 5 deep. */
  private static final int MAX_DEPTH = 64;

  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(MAX_DEPTH)
                  .maxNumberLength(400)
                  .maxNameLength(65_536)
                  .maxStringLength(16 << 20)
                  .build())
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .build();

  private Json() {}

  /** What is done with the parser that stands on the document's opening brace. */
  interface Reading<T> {
    T read(JsonParser parser);
  }

  /**
   * The document, which must be an object, as maps, lists, strings, booleans, integers (the
   * narrowest type that holds them), doubles and nulls.
   */
  static Map<String, Object> object(String source, byte[] utf8) {
    return read(source, utf8, utf8.length, parser -> map(source, parser));
  }

  /** Reads a document that must be an object by hand, which spares the tree of a large one. */
  static <T> T read(String source, byte[] utf8, int length, Reading<T> reading) {
    try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), utf8, 0, length)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw malformed(source, "it does not start with \"{\"", parser);
      }
      T result = reading.read(parser);
      if (parser.nextToken() != null) {
        throw malformed(source, "something follows after its end", parser);
      }
      return result;
    } catch (JacksonException e) {
      TokenStreamLocation at = e.getLocation();
      String where =
          at == null ? "" : " (line " + at.getLineNr() + ", column " + at.getColumnNr() + ")";
      String message = String.valueOf(e.getOriginalMessage()).lines().findFirst().orElse("");
      throw new InputException(
          InputException.Kind.MALFORMED,
          source + " is not valid JSON" + where + ": " + shorten(message) + "; fetch it again",
          e);
    }
  }

  private static Map<String, Object> map(String source, JsonParser parser) {
    Map<String, Object> map = new LinkedHashMap<>();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String key = parser.currentName();
      parser.nextToken();
      map.put(key, value(source, parser));
    }
    return map;
  }

  private static Object value(String source, JsonParser parser) {
    return switch (parser.currentToken()) {
      case START_OBJECT -> map(source, parser);
      case START_ARRAY -> {
        List<Object> list = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          list.add(value(source, parser));
        }
        yield list;
      }
      case VALUE_STRING -> parser.getString();
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      case VALUE_NULL -> null;
      case VALUE_NUMBER_INT -> parser.getNumberValue();
      case VALUE_NUMBER_FLOAT -> {
        double number = parser.getDoubleValue();
        if (!Double.isFinite(number)) {
          throw malformed(source, "a number does not fit a double", parser);
        }
        yield number;
      }
      default -> throw malformed(source, "it ends early", parser);
    };
  }

  static InputException malformed(String source, String trouble, JsonParser parser) {
    TokenStreamLocation at = parser.currentTokenLocation();
    return new InputException(
        InputException.Kind.MALFORMED,
        source
            + " is not valid: "
            + trouble
            + " (line "
            + at.getLineNr()
            + ", column "
            + at.getColumnNr()
            + "); fetch it again");
  }

  /** At most 120 characters of one line, for messages. */
  static String shorten(String text) {
    String line = text.replaceAll("\\p{Cntrl}", "?");
    return line.length() > 120 ? line.substring(0, 120) + "…" : line;
  }
}
