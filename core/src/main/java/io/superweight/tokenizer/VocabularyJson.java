package io.superweight.tokenizer;

import io.superweight.InputException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import tools.jackson.databind.JsonNode;

/**
 * The files of byte-level BPE from before {@code tokenizer.json}: {@code vocab.json} (token → id)
 * and {@code merges.txt}, with the added tokens of {@code tokenizer_config.json} and {@code
 * added_tokens.json}. They do not say how a text is cut into words; the {@code tokenizer_class}
 * does, for the classes that are known here.
 */
final class VocabularyJson {
  private static final int HIGHEST_ID = 1 << 24;

  private final TokenizerFiles files;
  private final Map<Integer, String> tokens = new HashMap<>();
  private final Map<Integer, TokenType> types = new HashMap<>();
  private int highest = -1;

  private VocabularyJson(TokenizerFiles files) {
    this.files = files;
  }

  /**
   * Empty if the files are not there or of a class that is not known here.
   *
   * @throws InputException of kind MALFORMED if they are broken
   */
  static Optional<Tokenizer> open(TokenizerFiles files) {
    Optional<byte[]> vocabulary = files.read("vocab.json");
    Optional<byte[]> merges = files.read("merges.txt");
    Optional<String> pre = preTokenizer(files);
    if (vocabulary.isEmpty() || merges.isEmpty() || pre.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(new VocabularyJson(files).open(vocabulary.get(), merges.get(), pre.get()));
  }

  /** In the words of {@code tokenizer.ggml.pre}. */
  private static Optional<String> preTokenizer(TokenizerFiles files) {
    String name =
        json(files, "tokenizer_config.json")
            .map(config -> config.path("tokenizer_class").asString(""))
            .filter(found -> !found.isEmpty())
            .or(() -> json(files, "config.json").map(c -> c.path("model_type").asString("")))
            .orElse("");
    return switch (name) {
      case "GPT2Tokenizer", "GPT2TokenizerFast", "gpt2" -> Optional.of("gpt-2");
      case "Qwen2Tokenizer", "Qwen2TokenizerFast", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe" ->
          Optional.of("qwen2");
      default -> Optional.empty();
    };
  }

  private static Optional<JsonNode> json(TokenizerFiles files, String name) {
    return files.read(name).map(bytes -> Json.object(files.source() + ": " + name, bytes));
  }

  private Tokenizer open(byte[] vocabulary, byte[] merges, String pre) {
    String source = files.source() + ": vocab.json";
    Json.object(source, vocabulary)
        .properties()
        .forEach(entry -> add(entry.getKey(), entry.getValue(), TokenType.NORMAL));
    json(files, "added_tokens.json")
        .ifPresent(added ->
            added.properties().forEach(e -> add(e.getKey(), e.getValue(), TokenType.USER_DEFINED)));
    json(files, "tokenizer_config.json")
        .ifPresent(config ->
            config
                .path("added_tokens_decoder")
                .properties()
                .forEach(entry -> addDecoder(entry.getKey(), entry.getValue())));
    TokenizerConfig config = TokenizerConfig.read(files);
    config.bosToken().ifPresent(this::special);

    String[] texts = new String[highest + 1];
    int[] numbers = new int[highest + 1];
    Arrays.setAll(texts, id -> tokens.getOrDefault(id, ""));
    Arrays.setAll(numbers, id -> types.getOrDefault(id, TokenType.UNUSED).ordinal() + 1);
    GgufVocabulary whole =
        new GgufVocabulary(
            source,
            pre,
            "",
            "gpt2",
            Optional.of(pre),
            List.of(texts),
            new float[0],
            numbers,
            lines(merges),
            config.bos(this::id, tokens::containsKey),
            config.eos(this::id, tokens::containsKey),
            OptionalInt.empty(),
            Optional.of(false),
            Optional.empty());
    return new ByteLevelBpe(whole, "vocab.json " + pre);
  }

  private void addDecoder(String id, JsonNode token) {
    TokenType type =
        token.path("special").asBoolean(false) ? TokenType.CONTROL : TokenType.USER_DEFINED;
    try {
      add(token.path("content").asString(""), Integer.parseInt(id), type);
    } catch (NumberFormatException e) {
      throw noId(token.path("content").asString(""));
    }
  }

  private void add(String token, JsonNode id, TokenType type) {
    if (!id.isInt()) {
      throw noId(token);
    }
    add(token, id.intValue(), type);
  }

  private void add(String token, int id, TokenType type) {
    if (id < 0 || id > HIGHEST_ID) {
      throw noId(token);
    }
    tokens.put(id, token);
    types.put(id, type);
    highest = Math.max(highest, id);
  }

  private InputException noId(String token) {
    return new InputException(
        InputException.Kind.MALFORMED,
        files.source()
            + ": the id of the token "
            + GgufVocabulary.quoted(token)
            + " is no number from 0 to "
            + HIGHEST_ID
            + ": download the tokenizer again");
  }

  /**
   * The token of that text is one that is parsed: {@code <|endoftext|>} is in vocab.json itself.
   */
  private void special(String token) {
    id(token).ifPresent(id -> types.put(id, TokenType.CONTROL));
  }

  private OptionalInt id(String token) {
    return tokens.entrySet().stream()
        .filter(entry -> entry.getValue().equals(token))
        .mapToInt(Map.Entry::getKey)
        .findFirst();
  }

  private static List<String> lines(byte[] merges) {
    return new String(merges, StandardCharsets.UTF_8)
        .lines()
        .filter(line -> !line.startsWith("#version") && !line.isBlank())
        .toList();
  }
}
