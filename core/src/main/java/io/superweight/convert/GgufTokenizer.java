package io.superweight.convert;

import io.superweight.InputException;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.tokenizer.TokenizerFiles;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.MissingNode;

/**
 * A {@code tokenizer.json} as the metadata {@code tokenizer.ggml.*}: byte-level BPE with its merges
 * and the name of its pre-tokenizer, or SentencePiece's BPE with scores.
 */
final class GgufTokenizer {
  private static final int NORMAL = 1;
  private static final int UNKNOWN = 2;
  private static final int CONTROL = 3;
  private static final int USER_DEFINED = 4;
  private static final int UNUSED = 5;
  private static final int BYTE = 6;

  /** Of a token that no merge makes: tried after all others. */
  private static final float UNMERGED = -1e6f;

  private final String source;
  private final JsonNode root;
  private final JsonNode settings;
  private final ModelConfig config;
  private final Map<String, Integer> idOf = new HashMap<>();
  private final Map<String, Object> out = new LinkedHashMap<>();
  private final String[] tokens;
  private final int[] types;

  private GgufTokenizer(
      String source, JsonNode root, JsonNode settings, ModelConfig config, int size) {
    this.source = source;
    this.root = root;
    this.settings = settings;
    this.config = config;
    root.at("/model/vocab").properties().forEach(e -> idOf.put(e.getKey(), e.getValue().asInt()));
    root.path("added_tokens")
        .forEach(token -> idOf.put(token.path("content").asString(""), token.path("id").asInt()));
    int most = idOf.values().stream().mapToInt(id -> id).max().orElse(-1);
    if (most >= size) {
      throw malformed("has a token of id " + most + ", but the embedding has " + size + " rows");
    }
    this.tokens = new String[size];
    this.types = new int[size];
    Arrays.fill(types, NORMAL);
  }

  /**
   * @param files where the tokenizer lies; without it the file is written without a vocabulary
   * @param size rows of the embedding
   * @throws InputException of kind UNSUPPORTED where llama.cpp has no such tokenizer
   */
  static Map<String, Object> metadata(
      Optional<TokenizerFiles> files, ModelConfig config, int size) {
    Optional<byte[]> json = files.flatMap(f -> f.read("tokenizer.json"));
    if (json.isEmpty()) {
      return Map.of("tokenizer.ggml.model", "no_vocab");
    }
    String source = files.get().source() + ": tokenizer.json";
    JsonNode settings =
        files
            .get()
            .read("tokenizer_config.json")
            .map(bytes -> parse(source, bytes))
            .orElse(MissingNode.getInstance());
    GgufTokenizer tokenizer =
        new GgufTokenizer(source, parse(source, json.get()), settings, config, size);
    Map<String, Object> metadata = tokenizer.build();
    files
        .get()
        .read("chat_template.jinja")
        .ifPresent(template ->
            metadata.put(
                "tokenizer.chat_template",
                new String(template, java.nio.charset.StandardCharsets.UTF_8)));
    return metadata;
  }

  private static JsonNode parse(String source, byte[] bytes) {
    try {
      return JsonMapper.shared().readTree(bytes);
    } catch (JacksonException e) {
      throw new InputException(
          InputException.Kind.MALFORMED, source + " is no JSON; fetch the model again", e);
    }
  }

  private Map<String, Object> build() {
    String kind = root.at("/model/type").asString("BPE");
    if (!kind.equals("BPE")) {
      throw unsupported("the tokenizer is " + kind + ", which is not written yet (BPE is)");
    }
    boolean sentencePiece = root.at("/model/byte_fallback").asBoolean(false);
    out.put("tokenizer.ggml.model", sentencePiece ? "llama" : "gpt2");
    out.put("tokenizer.ggml.pre", sentencePiece ? "default" : preTokenizer());
    idOf.forEach((token, id) -> tokens[id] = token);
    for (int id = 0; id < tokens.length; id++) {
      if (tokens[id] == null) {
        tokens[id] = "[PAD" + id + "]"; // rows of the embedding that no token has
        types[id] = UNUSED;
      }
    }
    for (JsonNode token : root.path("added_tokens")) {
      types[token.path("id").asInt()] =
          token.path("special").asBoolean(false) ? CONTROL : USER_DEFINED;
    }
    out.put("tokenizer.ggml.tokens", List.of(tokens));
    List<String[]> merges = merges();
    if (sentencePiece) {
      sentencePiece(merges);
    } else {
      out.put(
          "tokenizer.ggml.merges", merges.stream().map(pair -> pair[0] + " " + pair[1]).toList());
    }
    out.put("tokenizer.ggml.token_type", types);
    id("bos");
    id("eos");
    id("unk");
    id("pad");
    out.put("tokenizer.ggml.add_bos_token", addsBos());
    out.put("tokenizer.ggml.add_eos_token", settings.path("add_eos_token").asBoolean(false));
    if (settings.path("chat_template").isString()) {
      out.put("tokenizer.chat_template", settings.path("chat_template").asString());
    }
    return out;
  }

  private List<String[]> merges() {
    List<String[]> merges = new ArrayList<>();
    for (JsonNode merge : root.at("/model/merges")) {
      String[] pair =
          merge.isArray()
              ? new String[] {merge.path(0).asString(""), merge.path(1).asString("")}
              : merge.asString("").split(" ", 2);
      if (pair.length != 2) {
        throw malformed("has a merge of one part");
      }
      merges.add(pair);
    }
    return merges;
  }

  /** The rank of the merge that makes a token is its score: the first merge has the highest. */
  private void sentencePiece(List<String[]> merges) {
    float[] scores = new float[tokens.length];
    Arrays.fill(scores, UNMERGED);
    for (int rank = merges.size() - 1; rank >= 0; rank--) {
      Integer id = idOf.get(merges.get(rank)[0] + merges.get(rank)[1]);
      if (id != null) {
        scores[id] = -rank;
      }
    }
    for (int id = 0; id < tokens.length; id++) {
      if (tokens[id].matches("<0x[0-9A-F]{2}>")) {
        types[id] = BYTE;
      }
      if (types[id] == CONTROL || types[id] == BYTE) {
        scores[id] = 0;
      }
    }
    Integer unknown = idOf.get(root.at("/model/unk_token").asString("<unk>"));
    if (unknown != null) {
      types[unknown] = UNKNOWN;
      scores[unknown] = 0;
    }
    out.put("tokenizer.ggml.scores", scores);
    out.put("tokenizer.ggml.add_space_prefix", prefixed());
  }

  /**
   * Whether a blank is put before a text: by the normalizer of old files, Metaspace of new ones.
   */
  private boolean prefixed() {
    for (JsonNode step : steps(root.path("normalizer"), "normalizers")) {
      if (step.path("type").asString("").equals("Prepend")) {
        return true;
      }
    }
    for (JsonNode step : steps(root.path("pre_tokenizer"), "pretokenizers")) {
      if (step.path("type").asString("").equals("Metaspace")) {
        return !step.path("prepend_scheme").asString("always").equals("never");
      }
    }
    return false;
  }

  private static List<JsonNode> steps(JsonNode node, String inner) {
    if (node.path("type").asString("").equals("Sequence")) {
      return node.path(inner).valueStream().toList();
    }
    return node.isObject() ? List.of(node) : List.of();
  }

  /**
   * llama.cpp's name of the pre-tokenizer.
   *
   * @throws InputException of kind UNSUPPORTED where it has none, as far as is known here
   */
  private String preTokenizer() {
    List<String> found = new ArrayList<>();
    for (JsonNode step : steps(root.path("pre_tokenizer"), "pretokenizers")) {
      switch (step.path("type").asString("")) {
        case "Split" ->
            found.add(step.at("/pattern/Regex").asString(step.at("/pattern/String").asString("")));
        case "Digits" ->
            found.add(step.path("individual_digits").asBoolean(false) ? "digit" : "digits");
        case "ByteLevel" -> {
          if (step.path("use_regex").asBoolean(true)) {
            found.add("gpt2");
          }
        }
        case "Punctuation" -> found.add("punctuation");
        default -> found.add(step.path("type").asString(""));
      }
    }
    boolean composes =
        steps(root.path("normalizer"), "normalizers").stream()
            .anyMatch(step -> step.path("type").asString("").equals("NFC"));
    String cl100k =
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}%s| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
            + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    if (found.equals(List.of("gpt2"))) {
      return composes ? "olmo" : "gpt-2";
    }
    if (found.equals(List.of("digit", "gpt2"))) {
      return "smollm";
    }
    if (found.equals(List.of(cl100k.formatted("{1,3}")))) {
      return root.at("/model/ignore_merges").asBoolean(false) ? "llama-bpe" : "dbrx";
    }
    if (found.equals(List.of(cl100k.formatted("")))) {
      return composes ? "qwen2" : "stablelm2";
    }
    if (found.size() >= 2 && found.getFirst().equals("punctuation") && found.contains("gpt2")) {
      return "falcon";
    }
    throw unsupported(
        "llama.cpp's name for its pre-tokenizer is not known here ("
            + String.join("; ", found)
            + ")");
  }

  private void id(String role) {
    JsonNode named = settings.path(role + "_token");
    String token = named.isObject() ? named.path("content").asString("") : named.asString("");
    Integer id = idOf.get(token);
    if (id == null
        && config.values().get(role + "_token_id") instanceof Number number
        && number.intValue() < tokens.length) {
      id = number.intValue();
    }
    if (id != null) {
      String key =
          switch (role) {
            case "unk" -> "unknown";
            case "pad" -> "padding";
            default -> role;
          };
      out.put("tokenizer.ggml." + key + "_token_id", id);
    }
  }

  /** The same as this project's reader of {@code tokenizer.json} does. */
  private boolean addsBos() {
    String kind = settings.path("tokenizer_class").asString("");
    if (List.of("LlamaTokenizer", "LlamaTokenizerFast", "GemmaTokenizer", "GemmaTokenizerFast")
        .contains(kind)) {
      return settings.path("add_bos_token").asBoolean(true);
    }
    for (JsonNode step : steps(root.path("post_processor"), "processors")) {
      if (step.path("type").asString("").equals("TemplateProcessing")
          && step.at("/single/0").has("SpecialToken")) {
        return true;
      }
    }
    return false;
  }

  private InputException malformed(String trouble) {
    return new InputException(
        InputException.Kind.MALFORMED, source + " " + trouble + "; fetch the model again");
  }

  private InputException unsupported(String trouble) {
    return new InputException(
        InputException.Kind.UNSUPPORTED,
        source + ": " + trouble + "; move tokenizer.json away to write a file without vocabulary");
  }
}
