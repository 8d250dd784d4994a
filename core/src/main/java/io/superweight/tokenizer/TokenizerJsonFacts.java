package io.superweight.tokenizer;

import io.superweight.InputException;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a {@code tokenizer.json} says of its vocabulary and the library does not tell: which ids
 * there are, and the ids of the tokens.
 */
final class TokenizerJsonFacts {
  /** No vocabulary comes near it; a file that names a higher id is broken. */
  private static final int HIGHEST_ID = 1 << 24;

  private final BitSet ids;
  private final Map<String, Integer> idOf;
  private final OptionalInt first;
  private final String withoutPostProcessor;

  private TokenizerJsonFacts(
      BitSet ids, Map<String, Integer> idOf, OptionalInt first, String withoutPostProcessor) {
    this.ids = ids;
    this.idOf = idOf;
    this.first = first;
    this.withoutPostProcessor = withoutPostProcessor;
  }

  /**
   * @param source for messages
   * @throws InputException of kind MALFORMED if it is no JSON object with a vocabulary
   */
  static TokenizerJsonFacts read(String source, byte[] json) {
    ObjectNode root = Json.object(source, json);
    BitSet ids = new BitSet();
    Map<String, Integer> idOf = new HashMap<>();
    JsonNode vocabulary = root.path("model").path("vocab");
    if (vocabulary.isObject()) {
      vocabulary
          .properties()
          .forEach(entry -> add(source, entry.getKey(), entry.getValue(), ids, idOf));
    } else if (vocabulary.isArray()) { // Unigram: [token, score] in the order of the ids
      int id = 0;
      for (JsonNode entry : vocabulary) {
        ids.set(id);
        idOf.put(entry.path(0).asString(""), id++);
      }
    } else {
      throw new InputException(
          InputException.Kind.MALFORMED,
          source + " has no vocabulary (model.vocab): download the file again");
    }
    for (JsonNode added : root.path("added_tokens")) {
      add(source, added.path("content").asString(""), added.path("id"), ids, idOf);
    }
    TokenizerJsonPanics.refuse(source, root);
    OptionalInt first = first(root.path("post_processor"), idOf);
    root.putNull("post_processor").putNull("truncation").putNull("padding");
    return new TokenizerJsonFacts(ids, idOf, first, root.toString());
  }

  /**
   * The token that a post-processor puts before a text: of {@code TemplateProcessing} the special
   * token that its template for one text begins with, of {@code BertProcessing} and {@code
   * RobertaProcessing} the token {@code cls}, of a {@code Sequence} the outermost.
   */
  private static OptionalInt first(JsonNode postProcessor, Map<String, Integer> idOf) {
    return switch (postProcessor.path("type").asString("")) {
      case "TemplateProcessing" -> {
        String name =
            postProcessor.path("single").path(0).path("SpecialToken").path("id").asString("");
        JsonNode id = postProcessor.path("special_tokens").path(name).path("ids").path(0);
        yield idOf.containsValue(id.asInt(-1))
            ? OptionalInt.of(id.intValue())
            : OptionalInt.empty();
      }
      case "BertProcessing", "RobertaProcessing" -> {
        Integer id = idOf.get(postProcessor.path("cls").path(0).asString(""));
        yield id == null ? OptionalInt.empty() : OptionalInt.of(id);
      }
      case "Sequence" -> {
        OptionalInt outermost = OptionalInt.empty();
        for (JsonNode processor : postProcessor.path("processors")) {
          OptionalInt inner = first(processor, idOf);
          outermost = inner.isPresent() ? inner : outermost;
        }
        yield outermost;
      }
      default -> OptionalInt.empty();
    };
  }

  private static void add(
      String source, String token, JsonNode id, BitSet ids, Map<String, Integer> idOf) {
    if (!id.isInt() || id.intValue() < 0 || id.intValue() > HIGHEST_ID) {
      throw new InputException(
          InputException.Kind.MALFORMED,
          source
              + ": the id of the token "
              + GgufVocabulary.quoted(token)
              + " is no number from 0 to "
              + HIGHEST_ID
              + ": download the file again");
    }
    ids.set(id.intValue());
    idOf.put(token, id.intValue());
  }

  /** All ids, to be read only. A vocabulary may have holes. */
  BitSet ids() {
    return ids;
  }

  boolean has(int id) {
    return id >= 0 && ids.get(id);
  }

  /** The token that the post-processor puts before a text. */
  OptionalInt first() {
    return first;
  }

  /**
   * The file for the library: without truncation and padding, and without the post-processor, whose
   * tokens are not asked of the library and which crashes the JVM where it is broken.
   */
  String withoutPostProcessor() {
    return withoutPostProcessor;
  }

  OptionalInt id(String token) {
    Integer id = idOf.get(token);
    return id == null ? OptionalInt.empty() : OptionalInt.of(id);
  }
}
