package io.superweight.tokenizer;

import io.superweight.InputException;
import tools.jackson.databind.JsonNode;

/**
 * What Hugging Face's library (0.21) does not expect of a {@code tokenizer.json} and panics at,
 * which ends the JVM. Found by feeding it damaged files.
 */
final class TokenizerJsonPanics {
  private final String source;

  private TokenizerJsonPanics(String source) {
    this.source = source;
  }

  /**
   * @throws InputException of kind MALFORMED if the library would panic
   */
  static void refuse(String source, JsonNode root) {
    new TokenizerJsonPanics(source).check(root);
  }

  private void check(JsonNode root) {
    JsonNode model = root.path("model");
    checkMerges(model);
  }

  /** The library cuts the prefix off the right half of every pair without looking. */
  private void checkMerges(JsonNode model) {
    String prefix = model.path("continuing_subword_prefix").asString("");
    if (prefix.isEmpty()) {
      return;
    }
    for (JsonNode merge : model.path("merges")) {
      String right =
          merge.isArray()
              ? merge.path(1).asString("")
              : merge.asString("").substring(merge.asString("").indexOf(' ') + 1);
      require(
          right.startsWith(prefix),
          "a merge without its continuing_subword_prefix " + GgufVocabulary.quoted(prefix));
    }
  }

  private void require(boolean sound, String trouble) {
    if (!sound) {
      throw new InputException(
          InputException.Kind.MALFORMED, source + " has " + trouble + ": download the file again");
    }
  }
}
