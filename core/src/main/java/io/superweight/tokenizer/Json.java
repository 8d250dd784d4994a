package io.superweight.tokenizer;

import io.superweight.InputException;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Reads the JSON files of a tokenizer. */
final class Json {
  /** A tokenizer.json of a large vocabulary has 30 MB; names and nesting stay small. */
  private static final JsonMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxDocumentLength(1L << 30)
                          .maxStringLength(64 << 20) // precompiled_charsmap is one long string
                          .maxNameLength(1 << 16) // a token of the vocabulary is a name
                          .maxNestingDepth(200)
                          .build())
                  .build())
          .build();

  private Json() {}

  /**
   * @param source the file, for messages
   * @throws InputException of kind MALFORMED if it is no JSON object
   */
  static ObjectNode object(String source, byte[] json) {
    JsonNode root;
    try {
      root = MAPPER.readTree(json);
    } catch (JacksonException e) {
      throw new InputException(
          InputException.Kind.MALFORMED,
          source
              + " is no sound JSON ("
              + e.getOriginalMessage().lines().findFirst().orElse("")
              + "): download the file again",
          e);
    }
    if (!(root instanceof ObjectNode object)) {
      throw new InputException(
          InputException.Kind.MALFORMED, source + " holds no JSON object: download the file again");
    }
    return object;
  }
}
