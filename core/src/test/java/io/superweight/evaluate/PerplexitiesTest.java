package io.superweight.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.dataset.DatasetName;
import io.superweight.dataset.Datasets;
import io.superweight.dataset.FolderDatasets;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PerplexitiesTest {
  private static final int BOS = 900_001;
  private static final NumberTokenizer WITH_BOS =
      new NumberTokenizer(OptionalInt.of(BOS), OptionalInt.of(900_002), true);
  private static final NumberTokenizer WITHOUT =
      new NumberTokenizer(OptionalInt.of(BOS), OptionalInt.of(900_002), false);

  private static String numbers(int first, int end) {
    return IntStream.range(first, end).mapToObj(Integer::toString).collect(Collectors.joining(" "));
  }

  private static Datasets texts(String... texts) {
    return name ->
        MadeUpRows.of(name, name.repository().contains("level") ? "page" : "text", List.of(texts));
  }

  private static EvaluationSettings settings(NumberTokenizer tokenizer, int window) {
    return EvaluationSettings.of(tokenizer, "llama", 5000).withWindow(window);
  }

  private static List<int[]> windows(Evaluation evaluation) {
    return evaluation.requests().stream().map(Request::tokens).toList();
  }

  @Test
  void gptqHasOneBosBeforeTheTextAndDropsWhatFillsNoWindow() {
    Evaluation evaluation =
        Evaluations.open(
            "gptq-wikitext2", settings(WITH_BOS, 4), texts(numbers(0, 5), numbers(5, 10)));
    assertThat(windows(evaluation))
        .containsExactly(new int[] {BOS, 0, 1, 2}, new int[] {3, 4, 5, 6});
    assertThat(evaluation.requests()).allMatch(request -> request.from() == 1);
    assertThat(evaluation.requests()).extracting(Request::document).containsExactly(0, 1);
    assertThat(evaluation.protocol().bos()).isEqualTo("the first token of the text");
    assertThat(evaluation.protocol().windowTokens()).isEqualTo(4);
    assertThat(evaluation.protocol().notes()).singleElement().asString().contains("2048");
  }

  @Test
  void askedForNoBosThereIsNone() {
    Evaluation evaluation =
        Evaluations.open(
            "gptq-wikitext2", settings(WITH_BOS, 4).withBos(BosPolicy.NEVER), texts(numbers(0, 8)));
    assertThat(windows(evaluation)).containsExactly(new int[] {0, 1, 2, 3}, new int[] {4, 5, 6, 7});
    assertThat(evaluation.protocol().bos()).isEqualTo("none");
  }

  @Test
  void emptyLinesStandBetweenRowsAndBlanksBetweenDocumentsOfC4() {
    List<String> texts = new ArrayList<>();
    Tokenizer listening =
        new NumberTokenizer(OptionalInt.empty(), OptionalInt.empty(), false, texts::add);
    Datasets data = texts("", "1\n", "", "2\n");
    EvaluationSettings settings = EvaluationSettings.of(listening, "llama", 10).withWindow(2);
    Evaluations.open("gptq-wikitext2", settings, data);
    Evaluations.open("gptq-c4-new", settings, data);
    assertThatThrownBy(() -> Evaluations.open("llama.cpp", settings, data))
        .isInstanceOf(InputException.class);
    assertThat(texts).containsExactly("\n\n1\n\n\n\n\n2\n", " 1\n  2\n", " \n1\n \n2");
  }

  /** CPython: random.seed(0), then the protocol's draws over 50 documents, windows of 10. */
  @Test
  void c4sDocumentsAndOffsetsAreCPythonsDraws() {
    String[] documents =
        IntStream.range(0, 50)
            .mapToObj(d -> numbers(d * 1000, d * 1000 + d * 7 % 31))
            .toArray(String[]::new);
    Evaluation evaluation = Evaluations.open("gptq-c4", settings(WITHOUT, 10), texts(documents));
    List<int[]> windows = windows(evaluation);
    assertThat(windows).hasSize(256).allMatch(window -> window.length == 10);
    assertThat(windows.stream().limit(12).map(window -> window[0]))
        .containsExactly(
            24_001, 2_002, 25_004, 30_005, 37_000, 8_004, 8_012, 6_000, 34_009, 6_000, 43_005,
            30_008);
    assertThat(windows.stream().mapToInt(window -> window[0] / 1000 * 31 + window[0] % 1000).sum())
        .isEqualTo(193_860);
    assertThat(evaluation.protocol().notes()).anyMatch(note -> note.contains("45576"));
  }

  @Test
  void c4WithoutALongEnoughDocumentSaysWhatToDo() {
    assertThatThrownBy(
            () -> Evaluations.open("gptq-c4", settings(WITHOUT, 10), texts(numbers(0, 9), "1")))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("--window");
  }

  @Test
  void c4NewIsTheFirst1100DocumentsInOneTextAndAtMost256Windows() {
    String[] documents =
        IntStream.range(0, 1200).mapToObj(Integer::toString).toArray(String[]::new);
    assertThat(
            windows(Evaluations.open("gptq-c4-new", settings(WITHOUT, 100), texts(documents)))
                .getLast())
        .startsWith(1000)
        .endsWith(1099);
    assertThat(windows(Evaluations.open("gptq-c4-new", settings(WITHOUT, 4), texts(documents))))
        .hasSize(256);
  }

  @Test
  void massiveActivationsHasNoBosBeforeWikitextAndTheTokenizersOwnBeforeC4() {
    Datasets data = texts(numbers(0, 8));
    assertThat(
            windows(Evaluations.open("massive-activations-wikitext2", settings(WITH_BOS, 4), data)))
        .containsExactly(new int[] {0, 1, 2, 3}, new int[] {4, 5, 6, 7});
    assertThat(windows(Evaluations.open("massive-activations-c4", settings(WITH_BOS, 4), data)))
        .startsWith(new int[] {BOS, 0, 1, 2});
  }

  @Test
  void llamaCppPutsBosInPlaceOfEveryWindowsFirstTokenAndScoresItsSecondHalf() {
    Evaluation evaluation =
        Evaluations.open("llama.cpp", settings(WITH_BOS, 6), texts(numbers(1, 14)));
    assertThat(windows(evaluation))
        .containsExactly(new int[] {BOS, 1, 2, 3, 4, 5}, new int[] {BOS, 7, 8, 9, 10, 11});
    // n_ctx − n_ctx/2 − 1 scored, the first of them after n_ctx/2 + 1 tokens.
    assertThat(evaluation.requests()).allMatch(r -> r.from() == 4 && r.scored() == 2);
    assertThat(windows(Evaluations.open("llama.cpp", settings(WITHOUT, 6), texts(numbers(1, 14)))))
        .startsWith(new int[] {1, 2, 3, 4, 5, 6});
  }

  @Test
  void llamaCppNeedsTwoWindowsOfText() {
    assertThatThrownBy(
            () -> Evaluations.open("llama.cpp", settings(WITHOUT, 6), texts(numbers(0, 11))))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("12 tokens");
  }

  @Test
  void llamaCppReadsTheRawFileThatTheHubsRowsCameFrom() throws NoSuchAlgorithmException {
    DatasetName name = new DatasetName("Salesforce/wikitext", "wikitext-2-raw-v1", "test");
    String raw =
        Perplexities.rawWikitext(new FolderDatasets(Fixtures.path("data")).open(name)) + "\n";
    byte[] digest =
        MessageDigest.getInstance("SHA-256").digest(raw.getBytes(StandardCharsets.UTF_8));
    assertThat(HexFormat.of().formatHex(digest))
        .isEqualTo("173c87a53759e0201f33e0ccf978e510c2042d7f2cb78229d9a50d79b9e7dd08");
  }

  @Test
  void llamaCppsErrorIsThatOverTokens() {
    Evaluation evaluation =
        Evaluations.open("llama.cpp", settings(WITHOUT, 6), texts(numbers(0, 12)));
    // Tokens of −1, −2 and −3, −6 nats: mean 3, E[x²] 12.5, N 4.
    Metric metric =
        evaluation.metrics(List.of(new Score(-3, 5, false), new Score(-9, 45, false))).getFirst();
    assertThat(metric.value()).isEqualTo(Math.exp(3), within(1e-12));
    assertThat(metric.standardError().orElseThrow())
        .isEqualTo(Math.sqrt(3.5 / 3) * Math.exp(3), within(1e-12));
    assertThat(metric.running()).containsExactly(Math.exp(1.5), Math.exp(3));
  }

  @Test
  void gptqsPerplexityIsTheMeanOfWindowMeans() {
    Evaluation evaluation =
        Evaluations.open("gptq-wikitext2", settings(WITHOUT, 3), texts(numbers(0, 6)));
    Metric metric =
        evaluation.metrics(List.of(new Score(-2, 0, false), new Score(-6, 0, false))).getFirst();
    assertThat(metric.value()).isEqualTo(Math.exp((1.0 + 3.0) / 2), within(1e-12));
    assertThat(metric.standardError()).isEmpty();
  }

  @Test
  void windowsOfAModelWithAShortContextAreAsLongAsThatAndSaidToBe() {
    Evaluation evaluation =
        Evaluations.open(
            "gptq-wikitext2", EvaluationSettings.of(WITHOUT, "llama", 5), texts(numbers(0, 12)));
    assertThat(evaluation.protocol().windowTokens()).isEqualTo(5);
    assertThat(evaluation.protocol().notes()).singleElement().asString().contains("2048");
  }

  @Test
  void limitTakesTheFirstWindowsAndSaysHowManyThereAre() {
    Evaluation evaluation =
        Evaluations.open(
            "gptq-wikitext2", settings(WITHOUT, 3).withLimit(2), texts(numbers(0, 12)));
    assertThat(evaluation.requests()).hasSize(2);
    assertThat(evaluation.protocol().documents()).isEqualTo(2);
    assertThat(evaluation.protocol().documentsOfAll()).isEqualTo(4);
  }

  @ParameterizedTest(name = "{0} tokens, at most {1} at once")
  @CsvSource({"1,4", "4,4", "5,4", "7,4", "8,4", "9,4", "13,4", "3,1", "100,7"})
  void rollingScoresEveryTokenOnceWithTheContextThatFits(int length, int maxLength) {
    int[] tokens = IntStream.range(0, length).toArray();
    List<Request> windows = RollingPerplexity.windows(0, tokens, BOS, maxLength);
    List<Integer> scored = new ArrayList<>();
    for (int w = 0; w < windows.size(); w++) {
      Request window = windows.get(w);
      assertThat(window.part()).isEqualTo(w);
      assertThat(window.tokens().length).isLessThanOrEqualTo(maxLength + 1);
      for (int t = window.from(); t < window.tokens().length; t++) {
        scored.add(window.tokens()[t]);
        if (t > 1 || w > 0) {
          assertThat(window.tokens()[t - 1]).isEqualTo(window.tokens()[t] - 1);
        }
      }
    }
    assertThat(scored).containsExactlyElementsOf(Arrays.stream(tokens).boxed().toList());
    assertThat(windows.getFirst().tokens()[0]).isEqualTo(BOS);
    if (windows.size() > 1) {
      assertThat(windows.getLast().tokens()).as("full context").hasSize(maxLength + 1);
    }
    windows.stream()
        .limit(windows.size() - 1L)
        .forEach(window -> assertThat(window.from()).as("one token of context").isEqualTo(1));
  }

  @Test
  void rollingWithoutABosPutsEosBeforeADocument() {
    NumberTokenizer none = new NumberTokenizer(OptionalInt.empty(), OptionalInt.of(7), false);
    Evaluation evaluation =
        Evaluations.open("wikitext", EvaluationSettings.of(none, "qwen2", 8), texts("1 2", "3"));
    assertThat(windows(evaluation)).containsExactly(new int[] {7, 1, 2}, new int[] {7, 3});
    assertThat(evaluation.protocol().bos()).contains("EOS");
  }

  @Test
  void todaysHarnessScoresASecondBosWhereTheTokenizerAddsOneAndThatOfThePaperDidNot() {
    EvaluationSettings settings = EvaluationSettings.of(WITH_BOS, "llama", 8);
    Evaluation today =
        Evaluations.open("wikitext", settings.withPreset(Preset.LM_EVAL_0_4_12), texts("1 2"));
    assertThat(windows(today)).containsExactly(new int[] {BOS, BOS, 1, 2});
    assertThat(today.requests().getFirst().from()).isEqualTo(1);
    assertThat(today.protocol().notes()).anyMatch(note -> note.contains("twice"));
    Evaluation then =
        Evaluations.open("wikitext", settings.withPreset(Preset.LM_EVAL_0_4_4), texts("1 2"));
    assertThat(windows(then)).containsExactly(new int[] {BOS, 1, 2});
    assertThat(then.protocol().notes()).isEmpty();
  }

  @Test
  void rollingMetricsAreOverWordsAndBytesOfThePublishedPage() {
    Evaluation evaluation =
        Evaluations.open(
            "wikitext", EvaluationSettings.of(WITHOUT, "llama", 2), texts(" 1 2 3 ", "( 4 )"));
    // The first page is two windows; five words with the empty ones at its ends, 7 and 5 bytes.
    List<Metric> metrics =
        evaluation.metrics(
            List.of(new Score(-3, 0, true), new Score(-1, 0, true), new Score(-8, 0, true)));
    assertThat(metrics)
        .extracting(Metric::name)
        .containsExactly("word_perplexity", "byte_perplexity", "bits_per_byte");
    assertThat(metrics.get(0).sums()).containsExactly(4, 8);
    assertThat(metrics.get(0).weights()).containsExactly(5, 3);
    assertThat(metrics.get(0).value()).isEqualTo(Math.exp(12 / 8.0), within(1e-12));
    assertThat(metrics.get(1).value()).isEqualTo(Math.exp(12 / 12.0), within(1e-12));
    assertThat(metrics.get(2).value()).isEqualTo(1 / Math.log(2), within(1e-12));
  }
}
