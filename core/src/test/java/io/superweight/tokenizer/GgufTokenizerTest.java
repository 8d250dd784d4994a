package io.superweight.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.Fixtures;
import io.superweight.InputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The vocabularies inside GGUF files. */
class GgufTokenizerTest {
  private static final Path FOLDER = Fixtures.path("tokenizers");

  private static final Tokenizer GPT2 = GgufFixtures.tokenizer("gpt-2");
  private static final Tokenizer SMOLLM2 = GgufFixtures.tokenizer("smollm2");
  private static final Tokenizer LLAMA = GgufFixtures.tokenizer("llama-spm");
  private static final Tokenizer PHI3 = GgufFixtures.tokenizer("phi-3");

  static Stream<JsonNode> smollm2Golden() {
    JsonNode golden =
        new JsonMapper().readTree(Fixtures.path("smollm2-135m-q4_1/golden.json").toFile());
    return StreamSupport.stream(golden.path("tokens").spliterator(), false);
  }

  @ParameterizedTest
  @MethodSource("smollm2Golden")
  void smollm2GivesTheIdsOfItsOwnTokenizer(JsonNode golden) {
    int[] ids =
        StreamSupport.stream(golden.path("ids").spliterator(), false)
            .mapToInt(JsonNode::intValue)
            .toArray();

    assertThat(SMOLLM2.encode(golden.path("text").asString())).isEqualTo(ids);
    assertThat(SMOLLM2.decode(ids)).isEqualTo(golden.path("text").asString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpt-2", "llama-spm", "phi-3"})
  void theIdsAreThoseThatLlamaCppExpectsOfThisVocabulary(String name) throws Exception {
    List<String> texts =
        List.of(
            Files.readString(FOLDER.resolve(name + ".gguf.inp"))
                .split("\n__ggml_vocab_test__\n", -1));
    List<String> expected = Files.readAllLines(FOLDER.resolve(name + ".gguf.out"));
    assertThat(texts).hasSizeGreaterThanOrEqualTo(expected.size()).hasSizeGreaterThan(40);
    try (Tokenizer tokenizer = GgufFixtures.tokenizer(name)) {
      for (int i = 0; i < expected.size(); i++) {
        int[] ids =
            Stream.of(expected.get(i).trim().split(" "))
                .filter(id -> !id.isEmpty())
                .mapToInt(Integer::parseInt)
                .toArray();
        assertThat(tokenizer.encode(texts.get(i)))
            .as("text %d: %s", i, texts.get(i))
            .isEqualTo(ids);
        assertThat(tokenizer.decode(ids)).as("text %d", i).isEqualTo(texts.get(i));
      }
    }
  }

  @Test
  void theDescriptionNamesTheKindAndThePreTokenizer() {
    assertThat(SMOLLM2.description()).isEqualTo("GGUF gpt2/smollm");
    assertThat(PHI3.description()).isEqualTo("GGUF llama/phi3");
    assertThat(SMOLLM2.vocabularySize()).isEqualTo(49152);
  }

  @Test
  void bosIsAddedAsTheFileSays_elseAsLlamaCppDoesForItsKind() {
    assertThat(SMOLLM2.addsBos()).isFalse();
    assertThat(SMOLLM2.bos()).hasValue(1);
    assertThat(GPT2.addsBos()).isFalse();
    assertThat(GPT2.bos()).hasValue(50256);
    assertThat(LLAMA.addsBos()).isTrue();
    assertThat(LLAMA.encode("a", BosPolicy.AUTO)).startsWith(1).hasSize(2);
    assertThat(LLAMA.encode("a", BosPolicy.NEVER)).hasSize(1);
    assertThat(SMOLLM2.encode("a", BosPolicy.ALWAYS)).startsWith(1).hasSize(2);
  }

  @ParameterizedTest
  @CsvSource({
    "llama-bpe, -,     true",
    "llama-bpe, false, false",
    "tekken,    -,     true",
    "qwen2,     -,     false",
    "qwen2,     true,  true",
  })
  void whetherByteLevelVocabulariesAddBosWithoutTheKeyGoesByThePreTokenizer(
      String pre, String addBos, boolean expected) {
    TinyVocabulary tiny = TinyVocabulary.bytes().pre(pre).bos(0);
    if (!addBos.equals("-")) {
      tiny.addBos(Boolean.parseBoolean(addBos));
    }
    assertThat(Tokenizers.of(tiny.build()).addsBos()).isEqualTo(expected);
  }

  @Test
  void byteLevelDecodingGivesBackAnyText() {
    Random random = new Random(20260702);
    for (int i = 0; i < 2000; i++) {
      String text =
          i % 2 == 0
              ? RandomText.unicode(random, random.nextInt(60))
              : RandomText.mixed(random, random.nextInt(30));
      assertThat(GPT2.decode(GPT2.encode(text))).isEqualTo(text);
    }
  }

  @Test
  void sentencePieceDecodingGivesBackAnyText() {
    Random random = new Random(20260703);
    for (int i = 0; i < 2000; i++) {
      // ▁ itself is written as a blank is, and comes back as one.
      String text = RandomText.mixed(random, random.nextInt(30)).replace('▁', '_');
      assertThat(LLAMA.decode(LLAMA.encode(text))).isEqualTo(text);
    }
  }

  @Test
  void textOfThreeThousandWordsIsNotTruncated() {
    String text = String.join(" ", Collections.nCopies(3000, "word"));
    for (Tokenizer tokenizer : List.of(GPT2, SMOLLM2, LLAMA)) {
      assertThat(tokenizer.encode(text)).hasSize(3000);
    }
  }

  @Test
  void longTextsAndLongWordsStayWithinReach() {
    // Quadratic steps would take hours here, and a recursive expression would overflow the stack.
    int n = 1_300_000;
    for (String unit : List.of("x", " ", "1", "\n", "word ", "中", ".", "aB", "e\u0301")) {
      String text = unit.repeat(n / unit.length());
      assertThat(GPT2.decode(GPT2.encode(text))).hasSameSizeAs(text).isEqualTo(text);
    }
    for (String unit : List.of("x", " ", "word ", "中")) {
      String text = unit.repeat(n / unit.length());
      assertThat(LLAMA.decode(LLAMA.encode(text))).hasSameSizeAs(text).isEqualTo(text);
    }
  }

  @ParameterizedTest
  @MethodSource("knownPreTokenizers")
  void everyPreTokenizerCutsLongRunsInLinearTimeAndLosesNothing(String pre) {
    Tokenizer tokenizer = Tokenizers.of(TinyVocabulary.bytes().pre(pre).build());
    for (String unit : List.of("x", " ", "1", "\n", "aB", "X", ".", "'", "中", "\u0301", " a")) {
      String text = unit.repeat(20_000) + "z";
      assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
    }
  }

  static List<String> knownPreTokenizers() {
    return PreTokenizer.known();
  }

  @Test
  void specialTokensInTheTextAreFoundLeftmostFirstAndLongestFirst() {
    Tokenizer tokenizer =
        Tokenizers.of(
            TinyVocabulary.bytes()
                .token("<a>", TokenType.CONTROL)
                .token("<a><b>", TokenType.USER_DEFINED)
                .token("<b><c>", TokenType.CONTROL)
                .token("[PAD259]", TokenType.USER_DEFINED)
                .token("plain", TokenType.NORMAL)
                .build());

    assertThat(tokenizer.encode("<a><b><c>")).startsWith(257).hasSize(1 + 3);
    assertThat(tokenizer.encode("x<a><b")).containsExactly('x', 256, '<', 'b');
    assertThat(tokenizer.encode("<b><c>")).containsExactly(258);
    assertThat(tokenizer.encode("[PAD259]")).hasSize(8);
    assertThat(tokenizer.encode("plain")).hasSize(5);
    assertThat(tokenizer.decode('x', 256, 257, 259)).isEqualTo("x<a><a><b>[PAD259]");
  }

  @Test
  void phi3sMarksTakeTheWhiteSpaceAfterThemAlong_butItsBosDoesNot() {
    assertThat(PHI3.encode("<|user|> \n\u00A0Hi<|end|>\n"))
        .isEqualTo(PHI3.encode("<|user|>Hi<|end|>"))
        .startsWith(32010)
        .endsWith(32007);
    assertThat(PHI3.encode("<s> Hi")).isNotEqualTo(PHI3.encode("<s>Hi"));
  }

  @Test
  void sentencePieceWritesWhatIsNoTokenInBytes_andReadsThemBack() {
    int[] ids = LLAMA.encode("\u0007🦙");

    assertThat(ids).containsExactly(29871, 3 + 7, 3 + 0xF0, 3 + 0x9F, 3 + 0xA6, 3 + 0x99);
    assertThat(LLAMA.decode(ids)).isEqualTo("\u0007🦙");
    assertThat(LLAMA.decode(3 + 0xF0, 3 + 0x9F, 29874)).isEqualTo("\uFFFD\uFFFDa");
  }

  @Test
  void sentencePieceWithoutSpacePrefixLeavesTheTextAsItIs() {
    Tokenizer tokenizer =
        Tokenizers.of(
            TinyVocabulary.sentencePiece("▁", "a", "▁a", "▁▁").addSpacePrefix(false).build());

    assertThat(tokenizer.encode("a a")).containsExactly(258, 259);
    assertThat(tokenizer.decode(tokenizer.encode("  a"))).isEqualTo("  a");
  }

  @Test
  void sentencePieceMergesTheHighestScoreFirst_andTheLeftmostOfEqualOnes() {
    // Scores fall with the place in the list: "ab" before "bc".
    Tokenizer tokenizer =
        Tokenizers.of(
            TinyVocabulary.sentencePiece("a", "b", "c", "ab", "bc", "aa")
                .addSpacePrefix(false)
                .build());

    assertThat(tokenizer.encode("abc")).containsExactly(260, 259);
    assertThat(tokenizer.encode("aaa")).containsExactly(262, 257);
  }

  @Test
  void sentencePieceWithoutByteTokensUsesTheUnknownToken() {
    GgufVocabulary vocabulary =
        new TinyVocabulary("llama")
            .token("<unk>", TokenType.UNKNOWN)
            .scored("a")
            .unknown(0)
            .build();

    assertThat(Tokenizers.of(vocabulary).encode("aé")).containsExactly(0, 1, 0);
  }

  @Test
  void aByteWithoutATokenIsDroppedBeforeItsNeighboursMeet() {
    // As in Hugging Face's library: the two dots are merged across the gap.
    assertThat(SMOLLM2.encode(".\u0004.")).isEqualTo(SMOLLM2.encode("..")).hasSize(1);
  }

  @Test
  void composingPreTokenizersComposeTheText() {
    Tokenizer qwen2 = Tokenizers.of(TinyVocabulary.bytes().pre("qwen2").build());
    Tokenizer smollm = Tokenizers.of(TinyVocabulary.bytes().pre("smollm").build());

    assertThat(qwen2.encode("e\u0301")).isEqualTo(qwen2.encode("\u00E9")).hasSize(2);
    assertThat(smollm.encode("e\u0301")).hasSize(3);
  }

  @Test
  void wholeWordsAreTakenWithoutMergesByThePreTokenizersThatDoSo() {
    for (String pre : List.of("llama-bpe", "tekken")) {
      TinyVocabulary tiny = TinyVocabulary.bytes().token("word", TokenType.NORMAL).pre(pre);
      assertThat(Tokenizers.of(tiny.build()).encode("word")).containsExactly(256);
    }
    TinyVocabulary tiny = TinyVocabulary.bytes().token("word", TokenType.NORMAL).pre("qwen2");
    assertThat(Tokenizers.of(tiny.build()).encode("word")).hasSize(4);
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 50257, Integer.MAX_VALUE, Integer.MIN_VALUE})
  void decodingAnIdThatIsNotThereIsAnErrorThatNamesIt(int id) {
    for (Tokenizer tokenizer : List.of(GPT2, LLAMA)) {
      assertThatThrownBy(() -> tokenizer.decode(5, id))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("no token " + id);
    }
  }

  @Test
  void anUnknownPreTokenizerIsNamedWithThoseThatAreKnown() {
    assertRefused(
        TinyVocabulary.bytes().pre("kimi-k9"),
        InputException.Kind.UNSUPPORTED,
        "kimi-k9",
        "smollm",
        "tokenizer.json");
  }

  @Test
  void aMissingPreTokenizerIsTakenFromTheArchitectureOrRefused() {
    assertThat(
            Tokenizers.of(TinyVocabulary.bytes().pre(null).architecture("gptneox").build())
                .encode("e\u0301"))
        .hasSize(2);
    assertRefused(
        TinyVocabulary.bytes().pre(null).architecture("llama"),
        InputException.Kind.UNSUPPORTED,
        "tokenizer.ggml.pre");
  }

  @Test
  void anUnknownKindOfVocabularyIsNamedWithThoseThatAreKnown() {
    assertRefused(
        new TinyVocabulary("t5").token("a", TokenType.NORMAL),
        InputException.Kind.UNSUPPORTED,
        "\"t5\"",
        "gpt2",
        "llama");
  }

  @Test
  void brokenVocabulariesAreRefusedWithOneLine() {
    InputException.Kind malformed = InputException.Kind.MALFORMED;
    assertRefused(new TinyVocabulary("gpt2"), malformed, "0 tokens");
    assertRefused(TinyVocabulary.bytes().noMerges(), malformed, "merges");
    assertRefused(TinyVocabulary.bytes().merge("ab"), malformed, "\"ab\"");
    assertRefused(TinyVocabulary.bytes().merge("a "), malformed, "\"a \"");
    assertRefused(TinyVocabulary.bytes().merge(""), malformed, "no pair");
    assertRefused(TinyVocabulary.bytes().merge("a b"), malformed, "no token \"ab\"");
    assertRefused(TinyVocabulary.bytes().merge("xy z"), malformed, "no token \"xy\"");
    assertRefused(TinyVocabulary.bytes().token("a", TokenType.NORMAL), malformed, "two ids");
    assertRefused(TinyVocabulary.bytes().bos(5000), malformed, "5000");
    assertRefused(TinyVocabulary.bytes().bos(-1), malformed, "-1");
    assertRefused(TinyVocabulary.bytes().unknown(5000), malformed, "unknown_token_id");
    assertRefused(TinyVocabulary.bytes().types(3), malformed, "3 token types");
    assertRefused(TinyVocabulary.sentencePiece("a").scores(1f), malformed, "1 token scores");
    assertRefused(TinyVocabulary.sentencePiece("a").scores(), malformed, "no scores");
    assertRefused(TinyVocabulary.sentencePiece("a").score(3, Float.NaN), malformed, "token 3");
    assertRefused(new TinyVocabulary("llama").scored("a"), malformed, "unknown_token_id");
    assertRefused(
        new TinyVocabulary("gpt2").token("€", TokenType.NORMAL).merge("€ €"), malformed, "byte");
  }

  private static void assertRefused(
      TinyVocabulary vocabulary, InputException.Kind kind, String... parts) {
    assertThatThrownBy(() -> Tokenizers.of(vocabulary.build()))
        .isInstanceOfSatisfying(
            InputException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(kind);
              assertThat(e.getMessage()).contains(parts).contains("a test").doesNotContain("\n");
            });
  }

  @Test
  void randomlyDamagedVocabulariesAreReadOrRefused_neverAnythingElse() {
    Random random = new Random(20260704);
    int refused = 0;
    for (int i = 0; i < 3000; i++) {
      TinyVocabulary tiny =
          random.nextBoolean()
              ? TinyVocabulary.bytes().token("ab", TokenType.NORMAL).merge("a b")
              : TinyVocabulary.sentencePiece("a", "b", "ab");
      for (int damages = 1 + random.nextInt(3); damages > 0; damages--) {
        tiny.damage(random);
      }
      try {
        Tokenizer tokenizer = Tokenizers.of(tiny.build());
        int[] ids = tokenizer.encode(RandomText.mixed(random, 10));
        assertThat(Arrays.stream(ids)).allMatch(id -> id >= 0 && id < tokenizer.vocabularySize());
        tokenizer.decode(ids);
      } catch (InputException e) {
        refused++;
        assertThat(e.getMessage()).doesNotContain("\n");
      }
    }
    assertThat(refused).isBetween(500, 2900);
  }

  @Test
  void halfASurrogatePairIsReadAsTheReplacementCharacter() {
    for (Tokenizer tokenizer : List.of(GPT2, LLAMA)) {
      assertThat(tokenizer.decode(tokenizer.encode("a\uD83D b\uDE42 🙂")))
          .isEqualTo("a\uFFFD b\uFFFD 🙂");
    }
  }

  @Test
  void theSameTextGivesTheSameIdsFromManyThreads() {
    List<String> texts = new ArrayList<>();
    Random random = new Random(20260705);
    for (int i = 0; i < 200; i++) {
      texts.add(RandomText.mixed(random, 20));
    }
    assertThat(texts.parallelStream().map(t -> ints(SMOLLM2.encode(t))).toList())
        .isEqualTo(texts.stream().map(t -> ints(SMOLLM2.encode(t))).toList());
  }

  private static List<Integer> ints(int[] ids) {
    return Arrays.stream(ids).boxed().toList();
  }
}
