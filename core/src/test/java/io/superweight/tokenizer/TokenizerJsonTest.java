package io.superweight.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.Fixtures;
import io.superweight.InputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class TokenizerJsonTest {
  private static final Path BOOKS = Fixtures.path("models/books-12m-harmless");

  @TempDir Path temporary;

  @Test
  void readsTheTokenizerOfAFolder() {
    try (Tokenizer books = Tokenizers.forDirectory(BOOKS)) {
      assertThat(books.description()).isEqualTo("tokenizer.json");
      assertThat(books.vocabularySize()).isEqualTo(8192);
      assertThat(books.bos()).hasValue(1);
      assertThat(books.encode("")).isEmpty();
    }
  }

  @Test
  void aTextOfThreeThousandWordsIsNotTruncated() {
    String text = String.join(" ", Collections.nCopies(3000, "the"));
    try (Tokenizer books = Tokenizers.forDirectory(BOOKS)) {
      assertThat(books.encode(text)).hasSize(3000);
      assertThat(books.decode(books.encode(text))).isEqualTo(text);
    }
  }

  @Test
  void truncationAndPaddingThatTheFileAsksForAreOff() throws Exception {
    String json =
        books()
            .replaceFirst(
                "\"truncation\": null",
                "\"truncation\": {\"direction\": \"Right\", \"max_length\": 4, \"strategy\":"
                    + " \"LongestFirst\", \"stride\": 0}")
            .replaceFirst(
                "\"padding\": null",
                "\"padding\": {\"strategy\": {\"Fixed\": 9}, \"direction\": \"Right\","
                    + " \"pad_to_multiple_of\": null, \"pad_id\": 0, \"pad_type_id\": 0,"
                    + " \"pad_token\": \"<unk>\"}");
    assertThat(json).contains("LongestFirst").contains("Fixed");
    try (Tokenizer asked = Tokenizers.open(files(Map.of("tokenizer.json", json)));
        Tokenizer books = Tokenizers.forDirectory(BOOKS)) {
      assertThat(asked.encode("a")).hasSize(1);
      String longer = "one two three four five six seven eight";
      assertThat(asked.encode(longer)).isEqualTo(books.encode(longer)).hasSizeGreaterThan(4);
    }
  }

  @Test
  void specialTokensWrittenInTheTextAreParsed_andNoneAreAdded() {
    try (Tokenizer books = Tokenizers.forDirectory(BOOKS)) {
      assertThat(books.encode("<s>a</s>")).startsWith(1).endsWith(2).hasSize(3);
      assertThat(books.decode(1, 2)).isEqualTo("<s></s>");
    }
  }

  @Test
  void decodingGivesBackAnyText() {
    Random random = new Random(20260701);
    try (Tokenizer books = Tokenizers.forDirectory(BOOKS)) {
      for (int i = 0; i < 500; i++) {
        String text = RandomText.unicode(random, random.nextInt(60));
        assertThat(books.decode(books.encode(text))).isEqualTo(text);
      }
    }
  }

  @Test
  void halfASurrogatePairIsReadAsTheReplacementCharacter_andTheRestSurvives() {
    try (Tokenizer books = Tokenizers.forDirectory(BOOKS)) {
      assertThat(books.decode(books.encode("a\uD83D b \uD83D\uDE42 \uDE42\uD83D")))
          .isEqualTo("a\uFFFD b \uD83D\uDE42 \uFFFD\uFFFD");
      assertThat(books.decode(books.encode("nul \0 inside"))).isEqualTo("nul \0 inside");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 8192, Integer.MAX_VALUE, Integer.MIN_VALUE})
  void decodingAnIdThatIsNotThereIsAnErrorThatNamesIt(int id) {
    try (Tokenizer books = Tokenizers.forDirectory(BOOKS)) {
      assertThatThrownBy(() -> books.decode(5, id))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("no token " + id)
          .hasMessageContaining("8191");
    }
  }

  @ParameterizedTest
  @CsvSource(
      nullValues = "-",
      value = {
        // class, add_bos_token, the post-processor puts <s> first | BOS?
        "PreTrainedTokenizerFast, true,  true,  true",
        "PreTrainedTokenizerFast, false, true,  true",
        "PreTrainedTokenizerFast, true,  false, false",
        "-,                       -,     true,  true",
        "-,                       true,  false, false",
        "LlamaTokenizerFast,      true,  false, true",
        "LlamaTokenizer,          false, true,  false",
        "LlamaTokenizer,          -,     false, true",
        "GemmaTokenizerFast,      -,     false, true",
        "CohereTokenizerFast,     false, true,  false",
        "GPT2TokenizerFast,       true,  false, false",
        "Qwen2Tokenizer,          true,  false, false",
      })
  void bosIsAddedAsTheModelsOwnTokenizerDoes(
      String tokenizerClass, Boolean addBosToken, boolean postProcessor, boolean expected)
      throws Exception {
    StringBuilder config = new StringBuilder("{\"bos_token\": \"<s>\"");
    if (tokenizerClass != null) {
      config.append(", \"tokenizer_class\": \"").append(tokenizerClass).append('"');
    }
    if (addBosToken != null) {
      config.append(", \"add_bos_token\": ").append(addBosToken);
    }
    Map<String, String> files =
        Map.of(
            "tokenizer.json",
            postProcessor ? books() : withoutPostProcessor(),
            "tokenizer_config.json",
            config.append('}').toString());
    try (Tokenizer tokenizer = Tokenizers.open(files(files))) {
      assertThat(tokenizer.addsBos()).isEqualTo(expected);
      assertThat(tokenizer.encode("a", BosPolicy.AUTO)).hasSize(expected ? 2 : 1);
      assertThat(tokenizer.encode("a", BosPolicy.ALWAYS)).hasSize(2).startsWith(1);
      assertThat(tokenizer.encode("a", BosPolicy.NEVER)).hasSize(1);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      nullValues = "-",
      value = {
        "{'bos_token': '</s>'}               | -                     | -                   | 2",
        "{'bos_token': {'content': '<unk>'}} | {'bos_token': '</s>'} | -                   | 0",
        "{'bos_token': null}                 | {'bos_token': '</s>'} | -                   | 2",
        "-                                   | {'bos_token': {'content': '</s>'}} | -      | 2",
        "{}                                  | -                     | {'bos_token_id': 7} | 7",
        "{'bos_token': '<nowhere>'}          | -                     | {'bos_token_id': 7} | 7",
        "-  | - | {'text_config': {'bos_token_id': 7}}               | 7",
        "-  | - | {'bos_token_id': 99999}                            | -",
        "-  | - | -                                                  | -",
      })
  void theBosTokenIsLookedForInTheConfigurationsInTurn(
      String tokenizerConfig, String specialTokensMap, String config, Integer expected)
      throws Exception {
    Map<String, String> files = new HashMap<>();
    files.put("tokenizer.json", withoutPostProcessor());
    put(files, "tokenizer_config.json", tokenizerConfig);
    put(files, "special_tokens_map.json", specialTokensMap);
    put(files, "config.json", config);
    try (Tokenizer tokenizer = Tokenizers.open(files(files))) {
      assertThat(tokenizer.bos())
          .isEqualTo(expected == null ? OptionalInt.empty() : OptionalInt.of(expected));
      assertThat(tokenizer.addsBos()).isFalse();
    }
  }

  @Test
  void whatThePostProcessorPutsFirstIsBosWhereNoFileNamesOne() throws Exception {
    try (Tokenizer tokenizer = Tokenizers.open(files(Map.of("tokenizer.json", books())))) {
      assertThat(tokenizer.bos()).hasValue(1);
      assertThat(tokenizer.addsBos()).isTrue();
    }
  }

  @Test
  void theBosPolicyAlwaysIsAnErrorWithoutABosToken() throws Exception {
    try (Tokenizer tokenizer =
        Tokenizers.open(files(Map.of("tokenizer.json", withoutPostProcessor())))) {
      assertThatThrownBy(() -> tokenizer.encode("a", BosPolicy.ALWAYS))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("--bos");
    }
  }

  @Test
  void manyTokenizersLiveBesideEachOther_andClosingOneLeavesTheOthers() {
    Tokenizer first = Tokenizers.forDirectory(BOOKS);
    try (Tokenizer second = Tokenizers.forDirectory(BOOKS)) {
      first.close();
      first.close();
      assertThat(second.encode("a")).hasSize(1);
      assertThatThrownBy(() -> first.encode("a"))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("closed");
      assertThatThrownBy(() -> first.decode(1)).isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void manyThreadsMayEncodeAtOnce() {
    try (Tokenizer books = Tokenizers.forDirectory(BOOKS)) {
      assertThat(
              IntStream.range(0, 400)
                  .parallel()
                  .mapToObj(i -> books.decode(books.encode("It was the year " + i)))
                  .toList())
          .isEqualTo(IntStream.range(0, 400).mapToObj(i -> "It was the year " + i).toList());
    }
  }

  @Test
  void aFolderWithoutTokenizerJsonIsAnErrorThatNamesTheFix() throws Exception {
    Files.writeString(temporary.resolve("tokenizer.model"), "");

    assertThatThrownBy(() -> Tokenizers.forDirectory(temporary))
        .isInstanceOfSatisfying(
            InputException.class,
            e -> assertThat(e.kind()).isEqualTo(InputException.Kind.NOT_FOUND))
        .hasMessageContaining("tokenizer.json")
        .hasMessageContaining("tokenizer.model")
        .hasMessageContaining("save_pretrained");
    assertThatThrownBy(() -> Tokenizers.forDirectory(temporary.resolve("nowhere")))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("nowhere");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{",
        "[]",
        "{}",
        "{\"model\": {\"vocab\": {\"a\": -1}}}",
        "{\"model\": {\"vocab\": {\"a\": 1e9}}}",
        "{\"model\": {\"vocab\": {\"a\": 2000000000}}}",
        "{\"model\": {\"vocab\": {\"a\": 0}}}",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a b\"]}}",
        "{\"model\": {\"type\": \"Marvel\", \"vocab\": {\"a\": 0}}}",
      })
  void aBrokenTokenizerJsonIsAnErrorOfOneLine(String json) {
    assertThatThrownBy(() -> Tokenizers.open(files(Map.of("tokenizer.json", json))))
        .isInstanceOfSatisfying(
            InputException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(InputException.Kind.MALFORMED);
              assertThat(e.getMessage()).contains("tokenizer.json").doesNotContain("\n");
            });
  }

  @Test
  void aPostProcessorThatWouldCrashTheLibraryIsKeptFromIt() throws Exception {
    ObjectNode json = (ObjectNode) new JsonMapper().readTree(books());
    ((ObjectNode) json.get("post_processor").get("special_tokens")).remove("<s>");
    try (Tokenizer tokenizer = Tokenizers.open(files(Map.of("tokenizer.json", json.toString())))) {
      assertThat(tokenizer.encode("a")).hasSize(1);
      assertThat(tokenizer.addsBos()).isFalse();
    }
  }

  @Test
  void mergesThatWouldCrashTheLibraryAreKeptFromIt() throws Exception {
    ObjectNode json = (ObjectNode) new JsonMapper().readTree(books());
    ((ObjectNode) json.get("model")).put("continuing_subword_prefix", "a long prefix");

    assertThatThrownBy(() -> Tokenizers.open(files(Map.of("tokenizer.json", json.toString()))))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("continuing_subword_prefix");
  }

  @Test
  void aTextThatTheModelHasNoTokenForIsAnError() {
    String json =
        """
        {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
         "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": null,
         "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                   "max_input_chars_per_word": 100, "vocab": {"a": 0}}}
        """;
    try (Tokenizer tokenizer = Tokenizers.open(files(Map.of("tokenizer.json", json)))) {
      assertThat(tokenizer.encode("a")).containsExactly(0);
      assertThatThrownBy(() -> tokenizer.encode("b"))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("refused by Hugging Face's tokenizer library");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'type': 'RobertaProcessing', 'cls': ['<s>', 1], 'sep': ['</s>', 2],"
            + " 'trim_offsets': true, 'add_prefix_space': false} | 1",
        "{'type': 'Sequence', 'processors': [{'type': 'ByteLevel', 'add_prefix_space': true,"
            + " 'trim_offsets': false, 'use_regex': true}, {'type': 'TemplateProcessing',"
            + " 'single': [{'SpecialToken': {'id': '<s>', 'type_id': 0}}, {'Sequence': {'id': 'A',"
            + " 'type_id': 0}}], 'pair': [], 'special_tokens': {'<s>': {'id': '<s>', 'ids': [1],"
            + " 'tokens': ['<s>']}}}]} | 1",
        "{'type': 'TemplateProcessing', 'single': [{'Sequence': {'id': 'A', 'type_id': 0}},"
            + " {'SpecialToken': {'id': '</s>', 'type_id': 0}}], 'pair': [], 'special_tokens':"
            + " {'</s>': {'id': '</s>', 'ids': [2], 'tokens': ['</s>']}}} | -1",
      })
  void whatComesFirstIsReadFromEveryKindOfPostProcessor(String postProcessor, int expected)
      throws Exception {
    ObjectNode json = (ObjectNode) new JsonMapper().readTree(books());
    json.set("post_processor", new JsonMapper().readTree(postProcessor.replace('\'', '"')));
    try (Tokenizer tokenizer = Tokenizers.open(files(Map.of("tokenizer.json", json.toString())))) {
      assertThat(tokenizer.bos().orElse(-1)).isEqualTo(expected);
      assertThat(tokenizer.addsBos()).isEqualTo(expected >= 0);
    }
  }

  private static String books() throws Exception {
    return Files.readString(BOOKS.resolve("tokenizer.json"));
  }

  private static String withoutPostProcessor() throws Exception {
    ObjectNode json = (ObjectNode) new JsonMapper().readTree(books());
    return json.putNull("post_processor").toString();
  }

  private static void put(Map<String, String> files, String name, String json) {
    if (json != null) {
      files.put(name, json.replace('\'', '"'));
    }
  }

  private static TokenizerFiles files(Map<String, String> files) {
    return new TokenizerFiles() {
      @Override
      public String source() {
        return "a test";
      }

      @Override
      public Optional<byte[]> read(String name) {
        return Optional.ofNullable(files.get(name)).map(s -> s.getBytes(StandardCharsets.UTF_8));
      }
    };
  }
}
