package io.superweight.tokenizer;

import io.superweight.InputException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * How a text is cut into words before byte-pair encoding, by the names of {@code
 * tokenizer.ggml.pre}.
 *
 * <p>A step is a regular expression: what it matches and what lies between the matches are the
 * words; the next step cuts these on. The expressions are those of the models' own {@code
 * tokenizer.json}, where llama.cpp's (llama-vocab.cpp) are a rewriting for an engine without
 * Unicode classes. They differ from llama.cpp in rare characters only: {@code (?i:'s)} also takes
 * the long s, U+017F, as Hugging Face's library does.
 */
enum PreTokenizer {
  /** Files of early converters, whose models were not told apart. */
  DEFAULT(
      names("default"),
      Traits.PLAIN,
      "[\\p{P}$+<=>^~|]+",
      Expressions.GPT2,
      "\\p{N}+",
      "[0-9][0-9][0-9]"),

  GPT2(
      names(
          "gpt-2",
          "phi-2",
          "gigachat",
          "a.x-4.0",
          "mellum",
          "exaone4",
          "jais",
          "trillion",
          "granite-docling",
          "roberta-bpe",
          "modern-bert"),
      Traits.PLAIN,
      Expressions.GPT2),

  /** GPT-NeoX's vocabulary, which its tokenizer.json composes first (NFC). */
  GPT_NEOX(names("olmo", "mpt"), Traits.COMPOSES, Expressions.GPT2),

  /** Every digit a word of its own. */
  SMOLLM(
      names(
          "smollm",
          "starcoder",
          "refact",
          "command-r",
          "codeshell",
          "exaone",
          "minerva-7b",
          "mellum2"),
      Traits.PLAIN,
      "\\p{N}",
      Expressions.GPT2),

  FALCON(names("falcon"), Traits.PLAIN, "[\\p{P}$+<=>^~|`]+", Expressions.GPT2, "[0-9][0-9][0-9]"),

  LLAMA3(
      names(
          "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"),
      Traits.WHOLE_WORDS_AND_BOS,
      Expressions.cl100k("{1,3}")),

  DBRX(
      names("dbrx", "smaug-bpe", "glm4", "chatglm-bpe"), Traits.PLAIN, Expressions.cl100k("{1,3}")),

  QWEN2(names("qwen2"), Traits.COMPOSES, Expressions.cl100k("")),

  /** Qwen2's words without its composing. */
  QWEN2_AS_WRITTEN(
      names("deepseek-r1-qwen", "megrez", "hunyuan", "solar-open", "stablelm2", "kormo", "grok-2"),
      Traits.PLAIN,
      Expressions.cl100k("")),

  QWEN35(
      names("qwen35"),
      Traits.COMPOSES,
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}"
          + "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|"
          + Expressions.BLANKS),

  SEED_CODER(
      names("seed-coder"),
      Traits.PLAIN,
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
          + "| ?[^\\s\\p{L}\\p{N}\\r\\n]+|"
          + Expressions.BLANKS),

  BAILING_MOE(
      names("bailingmoe", "bailingmoe2", "llada-moe"),
      Traits.PLAIN,
      "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}"
          + "| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"),

  TEKKEN(names("tekken"), Traits.WHOLE_WORDS_AND_BOS, Expressions.o200k("", "\\p{N}")),

  GPT4O(
      names("gpt-4o", "llama4", "kanana2", "minimax-m2"),
      Traits.PLAIN,
      Expressions.o200k("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "\\p{N}{1,3}")),

  DEEPSEEK_LLM(
      names("deepseek-llm"),
      Traits.PLAIN,
      "[\\r\\n]",
      "\\s?[" + Expressions.DEEPSEEK_LETTERS + "]+",
      "\\s?[!-/:-~\\uFF01-\\uFF0F\\uFF1A-\\uFF5E\\u2018-\\u201F\\u3000-\\u3002]+",
      // A run of blanks is entered at its first blank only: else a long one takes quadratic time.
      "(?<!\\s)\\s++\\z",
      Expressions.DEEPSEEK_ASIAN,
      "\\p{N}+"),

  DEEPSEEK_CODER(
      names("deepseek-coder"),
      Traits.PLAIN,
      "[\\r\\n]",
      "\\s?\\p{L}+",
      "\\s?\\p{P}+",
      Expressions.DEEPSEEK_ASIAN,
      "\\p{N}"),

  DEEPSEEK_V3(
      names("deepseek-v3", "hunyuan-dense", "joyai-llm"),
      Traits.PLAIN,
      "\\p{N}{1,3}",
      "[\\u4E00-\\u9FA5\\u3040-\\u309F\\u30A0-\\u30FF]+",
      "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"
          + "|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|"
          + Expressions.BLANKS),

  BLOOM(names("bloom", "poro-chat", "gpt3-finnish"), Traits.PLAIN, Expressions.BLOOM),

  VIKING(names("viking"), Traits.PLAIN, Expressions.BLOOM, "\\p{N}");

  /** What else a family does. */
  private enum Traits {
    PLAIN,
    /** The text is brought into the composed form (NFC) first. */
    COMPOSES,
    /** A word that is a token is taken as it is, whatever the merges make of it; BOS is added. */
    WHOLE_WORDS_AND_BOS
  }

  private static final class Expressions {
    /** Radford et al. 2019, encoder.py. */
    static final String GPT2 =
        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

    static final String BLANKS = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    static final String BLOOM = " ?[^(\\s|.,!?…。，、।۔،)]+";

    static final String DEEPSEEK_ASIAN = "[\\u4E00-\\u9FA5\\u0800-\\u4E00\\uAC00-\\uD7FF]+";

    /** Letters with case, as far as DeepSeek LLM's tokenizer.json lists them. */
    static final String DEEPSEEK_LETTERS =
        ranges(
            "41-5A 61-7A B5 C0-D6 D8-F6 F8-1BA 1BC-1BF 1C4-293 295-2AF 370-373 376 377 37B-37D 37F"
                + " 386 388-38A 38C 38E-3A1 3A3-3F5 3F7-481 48A-52F 531-556 10A0-10C5 13A0-13F5"
                + " 13F8-13FD 1C90-1CBA 1CBD-1CBF 1D00-1D2B 1D6B-1D77 1D79-1D9A 1E00-1F15 1F18-1F1D"
                + " 1F20-1F45 1F48-1F4D 1F50-1F57 1F59 1F5B 1F5D 1F5F-1F7D 1F80-1FB4 1FB6-1FBC 1FBE"
                + " 1FC2-1FC4 1FC6-1FCC 1FD0-1FD3 1FD6-1FDB 1FE0-1FEC 1FF2-1FF4 1FF6-1FFC 2102 2107"
                + " 210A-2113 2115 2119-211D 2124 2126 2128 212A-212D 212F-2134 2139 213C-213F"
                + " 2145-2149 214E 2183 2184 2C00-2C7B 2C7E-2CE4 2CEB-2CEE 2CF2 2CF3 A640-A66D"
                + " A680-A69B A722-A76F A771-A787 A78B-A78E AB70-ABBF FB00-FB06 FB13-FB17 FF21-FF3A"
                + " FF41-FF5A 10400-1044F 104B0-104D3 104D8-104FB 10C80-10CB2 10CC0-10CF2 118A0-118DF"
                + " 1E900-1E943");

    /** OpenAI's cl100k, with so many digits to a word. */
    static String cl100k(String digits) {
      return "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
          + digits
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
          + BLANKS;
    }

    /** OpenAI's o200k: a word is cut where a capital follows a small letter. */
    static String o200k(String contractions, String digits) {
      String upper = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
      String lower = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
      String lead = "[^\\r\\n\\p{L}\\p{N}]?";
      return lead
          + upper
          + "*"
          + lower
          + "+"
          + contractions
          + "|"
          + lead
          + upper
          + "+"
          + lower
          + "*"
          + contractions
          + "|"
          + digits
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|"
          + BLANKS;
    }

    private static String ranges(String hexadecimal) {
      return Stream.of(hexadecimal.split(" "))
          .map(range ->
              Stream.of(range.split("-"))
                  .map(end -> "\\x{" + end + "}")
                  .collect(Collectors.joining("-")))
          .collect(Collectors.joining());
    }
  }

  private final List<String> names;
  private final Traits traits;
  private final List<String> steps;

  PreTokenizer(List<String> names, Traits traits, String... steps) {
    this.names = names;
    this.traits = traits;
    this.steps = List.of(steps);
  }

  private static List<String> names(String... names) {
    return List.of(names);
  }

  /**
   * The pre-tokenizer of a vocabulary. Where an old file does not name it, its architecture does.
   *
   * @throws InputException of kind UNSUPPORTED if it is not known
   */
  static PreTokenizer of(GgufVocabulary vocabulary) {
    String name =
        vocabulary
            .pre()
            .orElseGet(() ->
                switch (vocabulary.architecture()) {
                  case "gpt2", "phi2" -> "gpt-2";
                  case "gptneox", "olmo", "mpt" -> "olmo";
                  case "falcon", "starcoder", "bloom", "qwen2", "dbrx" -> vocabulary.architecture();
                  default -> "";
                });
    return Arrays.stream(values())
        .filter(candidate -> candidate.names.contains(name))
        .findFirst()
        .orElseThrow(() ->
            new InputException(
                InputException.Kind.UNSUPPORTED,
                vocabulary.source()
                    + (name.isEmpty()
                        ? " does not name its pre-tokenizer (tokenizer.ggml.pre)"
                        : " has the pre-tokenizer "
                            + GgufVocabulary.quoted(name)
                            + ", which is not known here")
                    + ": use the model's tokenizer.json; known are "
                    + String.join(", ", known())));
  }

  /** All names, in alphabetical order. */
  static List<String> known() {
    return Arrays.stream(values()).flatMap(candidate -> candidate.names.stream()).sorted().toList();
  }

  /** Whether the text is brought into Unicode's composed form (NFC) first. */
  boolean composes() {
    return traits == Traits.COMPOSES;
  }

  /** Whether a word that is a token is taken as it is, whatever the merges would make of it. */
  boolean takesWholeWords() {
    return traits == Traits.WHOLE_WORDS_AND_BOS;
  }

  /** Whether BOS is added where the file does not say. */
  boolean addsBos() {
    return traits == Traits.WHOLE_WORDS_AND_BOS;
  }

  WordSplitter splitter() {
    return new WordSplitter(steps);
  }

  /**
   * The steps as {@code pretokenizers} of a {@code tokenizer.json}, in the form that the models'
   * own files have where there is one.
   */
  List<Map<String, Object>> inHuggingFaceForm() {
    List<Map<String, Object>> out = new ArrayList<>();
    boolean lettered = false;
    for (int i = 0; i < steps.size(); i++) {
      String step = steps.get(i);
      if (step.equals(Expressions.GPT2) && (i == steps.size() - 1 || this == FALCON)) {
        // What is left for later are digits, which stay as they are.
        out.add(byteLevel(true));
        lettered = true;
      } else if (step.equals("\\p{N}")) {
        out.add(step("Digits", "individual_digits", true));
      } else if (this == FALCON && i == 0) {
        out.add(step("Punctuation", "behavior", "Contiguous"));
      } else {
        Map<String, Object> split = step("Split", "pattern", Map.of("Regex", step));
        split.put("behavior", "Isolated");
        split.put("invert", false);
        out.add(split);
      }
    }
    if (!lettered) {
      out.add(byteLevel(false));
    }
    return out;
  }

  private static Map<String, Object> byteLevel(boolean splits) {
    Map<String, Object> step = step("ByteLevel", "add_prefix_space", false);
    step.put("trim_offsets", true);
    step.put("use_regex", splits);
    return step;
  }

  private static Map<String, Object> step(String type, String key, Object value) {
    Map<String, Object> step = new LinkedHashMap<>();
    step.put("type", type);
    step.put(key, value);
    return step;
  }
}
