package io.superweight.tokenizer;

import io.superweight.InputException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import tools.jackson.databind.json.JsonMapper;

/**
 * A GGUF vocabulary as {@code tokenizer.json} and {@code tokenizer_config.json}, for Hugging Face's
 * library: byte-level BPE with the expressions of its pre-tokenizer, SentencePiece's BPE with the
 * merges that its scores imply.
 */
public final class HuggingFaceFiles {
  /** Of two pieces and what they make. */
  private record Merge(String left, String right, float score, int leftId, int rightId) {}

  private final GgufVocabulary vocabulary;
  private final TokenTable table;
  private final OptionalInt padding;

  private HuggingFaceFiles(GgufVocabulary vocabulary, OptionalInt padding) {
    this.vocabulary = vocabulary;
    this.table = new TokenTable(vocabulary);
    this.padding = padding;
  }

  /**
   * The files, by name.
   *
   * @param padding the padding token
   * @param chatTemplate in Jinja
   * @throws InputException of kind UNSUPPORTED for another kind of vocabulary or an unknown
   *     pre-tokenizer, MALFORMED where the vocabulary is broken
   */
  public static Map<String, byte[]> of(
      GgufVocabulary vocabulary, OptionalInt padding, Optional<String> chatTemplate) {
    Tokenizers.of(vocabulary).close(); // refuses what is broken or not known
    HuggingFaceFiles files = new HuggingFaceFiles(vocabulary, padding);
    Map<String, byte[]> out = new LinkedHashMap<>();
    out.put("tokenizer.json", json(files.bytes() ? files.byteLevel() : files.sentencePiece()));
    out.put("tokenizer_config.json", json(files.settings(chatTemplate)));
    return out;
  }

  private static byte[] json(Map<String, ?> document) {
    return JsonMapper.shared().writeValueAsString(document).getBytes(StandardCharsets.UTF_8);
  }

  /** An object with these keys and values in turn. */
  private static Map<String, Object> object(Object... pairs) {
    Map<String, Object> map = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      map.put((String) pairs[i], pairs[i + 1]);
    }
    return map;
  }

  private Map<String, Object> document(
      Object normalizer, Object preTokenizer, Object decoder, Object model) {
    return object(
        "version",
        "1.0",
        "truncation",
        null,
        "padding",
        null,
        "added_tokens",
        addedTokens(),
        "normalizer",
        normalizer,
        "pre_tokenizer",
        preTokenizer,
        "post_processor",
        addsBos() ? template() : null,
        "decoder",
        decoder,
        "model",
        model);
  }

  /** Whether it is byte-level BPE. */
  private boolean bytes() {
    return vocabulary.model().equals("gpt2");
  }

  private boolean addsBos() {
    return vocabulary.bos().isPresent()
        && vocabulary.addBos().orElse(!bytes() || PreTokenizer.of(vocabulary).addsBos());
  }

  /** Those that are found in a text as they are written. */
  private List<Map<String, Object>> addedTokens() {
    List<Map<String, Object>> added = new ArrayList<>();
    for (int id = 0; id < table.size(); id++) {
      TokenType type = table.type(id);
      String text = table.text(id);
      if (type.isParsed() && !text.isEmpty() && !text.equals("[PAD" + id + "]")) {
        added.add(
            object(
                "id",
                id,
                "content",
                text,
                "single_word",
                false,
                "lstrip",
                false,
                "rstrip",
                table.stripsRight(text),
                "normalized",
                false,
                "special",
                type != TokenType.USER_DEFINED));
      }
    }
    return added;
  }

  private Map<String, Object> template() {
    int id = vocabulary.bos().getAsInt();
    String bos = table.text(id);
    Map<String, Object> first = object("SpecialToken", object("id", bos, "type_id", 0));
    Map<String, Object> text = object("Sequence", object("id", "A", "type_id", 0));
    return object(
        "type",
        "TemplateProcessing",
        "single",
        List.of(first, text),
        "pair",
        List.of(
            first,
            text,
            object("SpecialToken", object("id", bos, "type_id", 1)),
            object("Sequence", object("id", "B", "type_id", 1))),
        "special_tokens",
        object(bos, object("id", bos, "ids", List.of(id), "tokens", List.of(bos))));
  }

  private Map<String, Integer> idOf() {
    Map<String, Integer> ids = new LinkedHashMap<>();
    for (int id = 0; id < table.size(); id++) {
      if (!table.text(id).isEmpty()) {
        ids.put(table.text(id), id);
      }
    }
    return ids;
  }

  private Map<String, Object> model(
      String unknown, boolean byteFallback, boolean wholeWords, List<List<String>> merges) {
    return object(
        "type",
        "BPE",
        "dropout",
        null,
        "unk_token",
        unknown,
        "continuing_subword_prefix",
        null,
        "end_of_word_suffix",
        null,
        "fuse_unk",
        byteFallback,
        "byte_fallback",
        byteFallback,
        "ignore_merges",
        wholeWords,
        "vocab",
        idOf(),
        "merges",
        merges);
  }

  // Byte-level BPE

  private Map<String, Object> byteLevel() {
    PreTokenizer words = PreTokenizer.of(vocabulary);
    List<List<String>> merges = new ArrayList<>();
    for (String merge : vocabulary.merges()) {
      int blank = merge.indexOf(' ', 1);
      merges.add(List.of(merge.substring(0, blank), merge.substring(blank + 1)));
    }
    return document(
        words.composes() ? object("type", "NFC") : null,
        object("type", "Sequence", "pretokenizers", words.inHuggingFaceForm()),
        decoder(),
        model(null, false, words.takesWholeWords(), merges));
  }

  private static Map<String, Object> decoder() {
    return object(
        "type", "ByteLevel", "add_prefix_space", true, "trim_offsets", true, "use_regex", true);
  }

  // SentencePiece's BPE

  private Map<String, Object> sentencePiece() {
    boolean prefix = vocabulary.addSpacePrefix().orElse(true);
    Map<String, Object> blanks =
        object("type", "Replace", "pattern", object("String", " "), "content", "▁");
    Map<String, Object> normalizer =
        prefix
            ? object(
                "type",
                "Sequence",
                "normalizers",
                List.of(object("type", "Prepend", "prepend", "▁"), blanks))
            : blanks;
    List<Map<String, Object>> decoders = new ArrayList<>();
    decoders.add(object("type", "Replace", "pattern", object("String", "▁"), "content", " "));
    decoders.add(object("type", "ByteFallback"));
    decoders.add(object("type", "Fuse"));
    if (prefix) {
      decoders.add(object("type", "Strip", "content", " ", "start", 1, "stop", 0));
    }
    String unknown =
        vocabulary.unknown().isPresent() ? table.text(vocabulary.unknown().getAsInt()) : null;
    return document(
        normalizer,
        null,
        object("type", "Sequence", "decoders", decoders),
        model(unknown, true, false, merges()));
  }

  /** All ways to make a token of two others; those of the token with the highest score first. */
  private List<List<String>> merges() {
    Map<String, Integer> ids = new HashMap<>(idOf());
    ids.values().removeIf(id -> !piece(id));
    List<Merge> merges = new ArrayList<>();
    ids.forEach((token, id) -> {
      for (int at = token.offsetByCodePoints(0, 1);
          at < token.length();
          at = token.offsetByCodePoints(at, 1)) {
        String left = token.substring(0, at);
        String right = token.substring(at);
        Integer leftId = ids.get(left);
        Integer rightId = ids.get(right);
        if (leftId != null && rightId != null) {
          merges.add(new Merge(left, right, vocabulary.scores()[id], leftId, rightId));
        }
      }
    });
    merges.sort(
        Comparator.comparingDouble((Merge merge) -> -merge.score())
            .thenComparingInt(Merge::leftId)
            .thenComparingInt(Merge::rightId));
    return merges.stream().map(merge -> List.of(merge.left(), merge.right())).toList();
  }

  /** Whether it is a piece of text, and no mark or byte. */
  private boolean piece(int id) {
    TokenType type = table.type(id);
    return type == TokenType.NORMAL || type == TokenType.USER_DEFINED || type == TokenType.UNUSED;
  }

  // What lies beside

  private Map<String, Object> settings(Optional<String> chatTemplate) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("tokenizer_class", "PreTrainedTokenizerFast");
    out.put("add_bos_token", addsBos());
    token(out, "bos_token", vocabulary.bos());
    token(out, "eos_token", vocabulary.eos());
    token(out, "unk_token", vocabulary.unknown());
    token(out, "pad_token", padding);
    out.put("clean_up_tokenization_spaces", false);
    chatTemplate.ifPresent(template -> out.put("chat_template", template));
    return out;
  }

  private void token(Map<String, Object> out, String key, OptionalInt id) {
    if (id.isPresent() && id.getAsInt() < table.size() && id.getAsInt() >= 0) {
      out.put(key, table.text(id.getAsInt()));
    }
  }
}
