package io.superweight.tokenizer;

import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Function;
import java.util.function.IntPredicate;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What lies beside a {@code tokenizer.json} and bears on the BOS and EOS tokens: {@code
 * tokenizer_config.json}, {@code special_tokens_map.json} and {@code config.json}.
 *
 * @param tokenizerClass the Python class that transformers opens the tokenizer with
 * @param addBosToken {@code add_bos_token}
 * @param bosToken the text of the BOS token
 * @param eosToken the text of the EOS token
 * @param bosId {@code bos_token_id} of {@code config.json}
 * @param eosId {@code eos_token_id} of {@code config.json}, its first where it names several
 */
record TokenizerConfig(
    Optional<String> tokenizerClass,
    Optional<Boolean> addBosToken,
    Optional<String> bosToken,
    Optional<String> eosToken,
    OptionalInt bosId,
    OptionalInt eosId) {

  /**
   * The classes that build the post-processor of {@code tokenizer.json} anew from {@code
   * add_bos_token}, whatever the file holds; without the key they take it as true (transformers
   * 4.x: {@code update_post_processor} of the fast tokenizers of Llama, Code Llama, Gemma and
   * Cohere).
   */
  private static final Set<String> REBUILD_FROM_ADD_BOS_TOKEN =
      Set.of("LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer", "CohereTokenizer");

  static TokenizerConfig read(TokenizerFiles files) {
    Optional<ObjectNode> config = json(files, "tokenizer_config.json");
    Optional<ObjectNode> map = json(files, "special_tokens_map.json");
    Optional<ObjectNode> model = json(files, "config.json");
    return new TokenizerConfig(
        config
            .map(c -> c.path("tokenizer_class"))
            .filter(JsonNode::isString)
            .map(JsonNode::asString),
        config
            .map(c -> c.path("add_bos_token"))
            .filter(JsonNode::isBoolean)
            .map(JsonNode::booleanValue),
        config
            .flatMap(c -> token(c.path("bos_token")))
            .or(() -> map.flatMap(m -> token(m.path("bos_token")))),
        config
            .flatMap(c -> token(c.path("eos_token")))
            .or(() -> map.flatMap(m -> token(m.path("eos_token")))),
        id(model, "bos_token_id"),
        id(model, "eos_token_id"));
  }

  private static Optional<ObjectNode> json(TokenizerFiles files, String name) {
    return files.read(name).map(bytes -> Json.object(files.source() + ": " + name, bytes));
  }

  /** A token is written as a string or as an object with its text and how it is matched. */
  private static Optional<String> token(JsonNode node) {
    return Optional.of(node.isObject() ? node.path("content") : node)
        .filter(JsonNode::isString)
        .map(JsonNode::asString);
  }

  private static OptionalInt id(Optional<ObjectNode> model, String key) {
    return model
        .flatMap(m -> id(m.path(key)).or(() -> id(m.path("text_config").path(key))))
        .map(OptionalInt::of)
        .orElse(OptionalInt.empty());
  }

  private static Optional<Integer> id(JsonNode node) {
    JsonNode id = node.isArray() ? node.path(0) : node;
    return id.isInt() ? Optional.of(id.intValue()) : Optional.empty();
  }

  /** The named token's id; else {@code config.json}'s, where the vocabulary has it. */
  OptionalInt bos(Function<String, OptionalInt> idOf, IntPredicate has) {
    return id(bosToken, bosId, idOf, has);
  }

  /** As {@link #bos}. */
  OptionalInt eos(Function<String, OptionalInt> idOf, IntPredicate has) {
    return id(eosToken, eosId, idOf, has);
  }

  private static OptionalInt id(
      Optional<String> token,
      OptionalInt number,
      Function<String, OptionalInt> idOf,
      IntPredicate has) {
    OptionalInt named = token.map(idOf).orElse(OptionalInt.empty());
    if (named.isPresent()) {
      return named;
    }
    return number.isPresent() && has.test(number.getAsInt()) ? number : OptionalInt.empty();
  }

  /**
   * @param postProcessorAddsBos what {@code tokenizer.json} does
   */
  boolean addsBos(boolean postProcessorAddsBos) {
    boolean rebuilt =
        tokenizerClass
            .map(name -> name.endsWith("Fast") ? name.substring(0, name.length() - 4) : name)
            .filter(REBUILD_FROM_ADD_BOS_TOKEN::contains)
            .isPresent();
    return rebuilt ? addBosToken.orElse(true) : postProcessorAddsBos;
  }
}
