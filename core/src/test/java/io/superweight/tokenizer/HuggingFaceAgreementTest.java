package io.superweight.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The Java tokenizers against Hugging Face's library on the same vocabularies. The library gets a
 * tokenizer.json made from the GGUF file's tokens and merges, with the normalizer and the
 * pre-tokenizers that the models' own tokenizer.json have.
 */
class HuggingFaceAgreementTest {
  private static final JsonMapper JSON = new JsonMapper();
  private static final int TEXTS = 1500;

  /** Each family's normalizer and pre-tokenizers, as its tokenizer.json lists them. */
  private static final Map<String, Steps> FAMILIES =
      Map.ofEntries(
          Map.entry("gpt-2", new Steps(false, false, byteLevel(true))),
          Map.entry("olmo", new Steps(true, false, byteLevel(true))),
          Map.entry("smollm", new Steps(false, false, digits(true), byteLevel(true))),
          Map.entry(
              "falcon",
              new Steps(
                  false,
                  false,
                  object("Punctuation").put("behavior", "Contiguous"),
                  byteLevel(true),
                  digits(false),
                  split("[0-9][0-9][0-9]"))),
          Map.entry("llama-bpe", new Steps(false, true, split(cl100k("{1,3}")), byteLevel(false))),
          Map.entry("dbrx", new Steps(false, false, split(cl100k("{1,3}")), byteLevel(false))),
          Map.entry("qwen2", new Steps(true, false, split(cl100k("")), byteLevel(false))),
          Map.entry(
              "tekken",
              new Steps(
                  false,
                  true,
                  split(
                      "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
                          + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
                          + "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"),
                  byteLevel(false))),
          Map.entry(
              "gpt-4o",
              new Steps(
                  false,
                  false,
                  split(
                      "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
                          + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
                          + "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"),
                  byteLevel(false))),
          Map.entry(
              "deepseek-coder",
              new Steps(
                  false,
                  false,
                  split("[\r\n]"),
                  split("\\s?\\p{L}+"),
                  split("\\s?\\p{P}+"),
                  split("[一-龥\u0800-一가-\uD7FF]+"),
                  digits(true),
                  byteLevel(false))),
          Map.entry(
              "deepseek-v3",
              new Steps(
                  false,
                  false,
                  split("\\p{N}{1,3}"),
                  split("[一-龥\u3040-\u309F\u30A0-\u30FF]+"),
                  split(
                      "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"
                          + "|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*"
                          + "|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"),
                  byteLevel(false))));

  private record Steps(boolean composes, boolean ignoresMerges, ObjectNode... preTokenizers) {}

  private static String cl100k(String digits) {
    return "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
        + digits
        + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "gpt-2",
        "olmo",
        "smollm",
        "falcon",
        "llama-bpe",
        "dbrx",
        "qwen2",
        "tekken",
        "gpt-4o",
        "deepseek-coder",
        "deepseek-v3"
      })
  void byteLevelBpeGivesTheSameIds(String pre) {
    GgufVocabulary gpt2 = GgufFixtures.vocabulary("gpt-2");
    GgufVocabulary renamed =
        new GgufVocabulary(
            gpt2.source(),
            gpt2.architecture(),
            gpt2.name(),
            gpt2.model(),
            Optional.of(pre),
            gpt2.tokens(),
            gpt2.scores(),
            gpt2.types(),
            pre.equals("falcon") ? mergesThatFalconCanHave(gpt2.merges()) : gpt2.merges(),
            gpt2.bos(),
            gpt2.eos(),
            gpt2.unknown(),
            gpt2.addBos(),
            gpt2.addSpacePrefix());
    assertAgreement(Tokenizers.of(renamed), byteLevelJson(renamed, FAMILIES.get(pre)), true);
  }

  @Test
  void smollm2GivesTheSameIds_alsoForTheCharactersThatItLacks() {
    GgufVocabulary smollm2 = GgufFixtures.vocabulary("smollm2");
    // What it lacks is dropped, so that the text does not come back.
    assertAgreement(Tokenizers.of(smollm2), byteLevelJson(smollm2, FAMILIES.get("smollm")), false);
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-spm", "phi-3"})
  void sentencePieceBpeGivesTheSameIds(String name) {
    GgufVocabulary vocabulary = GgufFixtures.vocabulary(name);
    assertAgreement(Tokenizers.of(vocabulary), sentencePieceJson(vocabulary), false);
  }

  private static void assertAgreement(Tokenizer java, ObjectNode json, boolean comesBack) {
    Random random = new Random(20260706);
    try (Tokenizer rust = Tokenizers.open(only("tokenizer.json", json))) {
      for (int i = 0; i < TEXTS; i++) {
        String text =
            i % 3 == 0
                ? RandomText.unicode(random, random.nextInt(40))
                : RandomText.mixed(random, random.nextInt(30));
        int[] ids = java.encode(text);
        assertThat(ids).as("text %d: %s", i, text).isEqualTo(rust.encode(text));
        String back = java.decode(ids);
        assertThat(back).as("text %d", i).isEqualTo(rust.decode(ids));
      }
    }
    if (comesBack) {
      assertThat(java.decode(java.encode("naïve 中文 🙂"))).isEqualTo("naïve 中文 🙂");
    }
  }

  /**
   * Falcon's tokenizer.json cuts numbers off after the bytes have become letters, where ½ is the
   * letter of a byte as well as a number. Its vocabulary, made that way, has no merge across such a
   * cut; GPT-2's has some, which would show what no Falcon can.
   */
  private static List<String> mergesThatFalconCanHave(List<String> merges) {
    return merges.stream()
        .filter(merge -> {
          String token = merge.replace(" ", "");
          return token.chars().mapToObj(c -> isNumber(c)).distinct().count() == 1;
        })
        .toList();
  }

  private static boolean isNumber(int c) {
    return switch (Character.getType(c)) {
      case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> true;
      default -> false;
    };
  }

  private static ObjectNode byteLevelJson(GgufVocabulary vocabulary, Steps steps) {
    ObjectNode root = root(vocabulary);
    if (steps.composes()) {
      root.set("normalizer", object("NFC"));
    }
    ArrayNode list = JSON.createArrayNode();
    for (ObjectNode step : steps.preTokenizers()) {
      list.add(step);
    }
    root.set("pre_tokenizer", object("Sequence").set("pretokenizers", list));
    root.set("decoder", byteLevel(true));
    ObjectNode model = (ObjectNode) root.get("model");
    model.put("ignore_merges", steps.ignoresMerges());
    ArrayNode merges = JSON.createArrayNode();
    vocabulary.merges().forEach(merges::add);
    model.set("merges", merges);
    return root;
  }

  /** As transformers converts a SentencePiece model: a merge for every way to split a token. */
  private static ObjectNode sentencePieceJson(GgufVocabulary vocabulary) {
    ObjectNode root = root(vocabulary);
    root.set(
        "normalizer",
        sequence("normalizers", object("Prepend").put("prepend", "▁"), replace(" ", "▁")));
    root.set(
        "decoder",
        sequence(
            "decoders",
            replace("▁", " "),
            object("ByteFallback"),
            object("Fuse"),
            object("Strip").put("content", " ").put("start", 1).put("stop", 0)));
    ObjectNode model = (ObjectNode) root.get("model");
    model.put("unk_token", "<unk>").put("fuse_unk", true).put("byte_fallback", true);
    record Merge(String left, String right, float score) {}
    List<Merge> merges = new ArrayList<>();
    Map<String, Integer> idOf = new HashMap<>();
    for (int id = 0; id < vocabulary.tokens().size(); id++) {
      idOf.put(vocabulary.tokens().get(id), id);
    }
    for (int id = 0; id < vocabulary.tokens().size(); id++) {
      String token = vocabulary.tokens().get(id);
      List<Merge> ways = new ArrayList<>();
      for (int i = 1; i < token.length(); i++) {
        String left = token.substring(0, i);
        String right = token.substring(i);
        if (idOf.containsKey(left) && idOf.containsKey(right)) {
          ways.add(new Merge(left, right, vocabulary.scores()[id]));
        }
      }
      ways.sort(
          Comparator.<Merge>comparingInt(way -> idOf.get(way.left()))
              .thenComparingInt(way -> idOf.get(way.right())));
      merges.addAll(ways);
    }
    merges.sort(Comparator.comparingDouble(merge -> -merge.score()));
    ArrayNode list = JSON.createArrayNode();
    for (Merge merge : merges) {
      list.add(JSON.createArrayNode().add(merge.left()).add(merge.right()));
    }
    model.set("merges", list);
    return root;
  }

  private static ObjectNode root(GgufVocabulary vocabulary) {
    ObjectNode tokens = JSON.createObjectNode();
    ArrayNode added = JSON.createArrayNode();
    boolean phi3 = vocabulary.name().equals("Phi3");
    for (int id = 0; id < vocabulary.tokens().size(); id++) {
      String token = vocabulary.tokens().get(id);
      if (token.startsWith("[PAD")) {
        continue;
      }
      tokens.put(token, id);
      if (vocabulary.type(id).isParsed()) {
        boolean stripsRight = phi3 && !List.of("<unk>", "<s>", "<|endoftext|>").contains(token);
        added.add(
            JSON.createObjectNode()
                .put("id", id)
                .put("content", token)
                .put("single_word", false)
                .put("lstrip", false)
                .put("rstrip", stripsRight)
                .put("normalized", false)
                .put("special", true));
      }
    }
    ObjectNode root = JSON.createObjectNode().put("version", "1.0");
    root.putNull("truncation").putNull("padding").set("added_tokens", added);
    root.putNull("normalizer").putNull("pre_tokenizer").putNull("post_processor");
    root.putNull("decoder");
    root.set(
        "model",
        object("BPE")
            .putNull("dropout")
            .putNull("unk_token")
            .putNull("continuing_subword_prefix")
            .putNull("end_of_word_suffix")
            .put("fuse_unk", false)
            .put("byte_fallback", false)
            .set("vocab", tokens));
    return root;
  }

  private static ObjectNode object(String type) {
    return JSON.createObjectNode().put("type", type);
  }

  private static ObjectNode sequence(String key, ObjectNode... steps) {
    ArrayNode list = JSON.createArrayNode();
    for (ObjectNode step : steps) {
      list.add(step);
    }
    return object("Sequence").set(key, list);
  }

  private static ObjectNode replace(String from, String to) {
    return object("Replace")
        .<ObjectNode>set("pattern", JSON.createObjectNode().put("String", from))
        .put("content", to);
  }

  private static ObjectNode byteLevel(boolean usesRegex) {
    return object("ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", true)
        .put("use_regex", usesRegex);
  }

  private static ObjectNode digits(boolean individual) {
    return object("Digits").put("individual_digits", individual);
  }

  private static ObjectNode split(String regex) {
    return object("Split")
        .<ObjectNode>set("pattern", JSON.createObjectNode().put("Regex", regex))
        .put("behavior", "Isolated")
        .put("invert", false);
  }

  private static TokenizerFiles only(String file, ObjectNode json) {
    return new TokenizerFiles() {
      @Override
      public String source() {
        return "a test";
      }

      @Override
      public Optional<byte[]> read(String name) {
        return name.equals(file)
            ? Optional.of(json.toString().getBytes(StandardCharsets.UTF_8))
            : Optional.empty();
      }
    };
  }
}
