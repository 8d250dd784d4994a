package io.superweight.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.dataset.Dataset;
import io.superweight.dataset.Datasets;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.Tokenizers;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The tasks against the harness's own requests and counts; no model is needed. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TasksTest {
  private Tokenizer tokenizer;

  @BeforeAll
  void open() {
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.path("tokenizers/smollm2.gguf"))) {
      tokenizer = Tokenizers.of(checkpoint);
    }
  }

  @AfterAll
  void close() {
    tokenizer.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"arc_easy", "sciq", "winogrande", "hellaswag", "lambada_openai"})
  void contextsAndContinuationsAreTheHarnesss(String task) {
    Task own = HarnessTasks.open(task, tokenizer);
    List<String> asked = new ArrayList<>();
    for (Question question : own.questions()) {
      for (int c = 0; c < question.continuations().size(); c++) {
        asked.add(question.context(c) + "|" + question.continuations().get(c));
      }
    }

    assertThat(asked)
        .isEqualTo(
            HarnessTasks.requests(task).stream()
                .map(r -> r.get("context").asString() + "|" + r.get("continuation").asString())
                .toList());
    assertThat(own.requests()).hasSameSizeAs(asked);
  }

  @ParameterizedTest
  @CsvSource({
    "arc_easy, acc, 0.510, 200",
    "arc_easy, acc_norm, 0.465, 200",
    "sciq, acc, 0.730, 200",
    "sciq, acc_norm, 0.715, 200",
    "winogrande, acc, 0.515, 200",
    "hellaswag, acc, 0.3833, 60",
    "hellaswag, acc_norm, 0.4167, 60",
    "lambada_openai, acc, 0.340, 200",
    "lambada_openai, perplexity, 44.1356, 200"
  })
  void theHarnesssScoresGiveTheHarnesssMetricsForEveryDocument(
      String task, String name, double value, int documents) {
    List<Score> scores =
        HarnessTasks.requests(task).stream()
            .map(r ->
                new Score(r.get("loglikelihood").asDouble(), 0, r.get("is_greedy").asBoolean()))
            .toList();
    Metric metric =
        HarnessTasks.open(task, tokenizer).metrics(scores).stream()
            .filter(m -> m.name().equals(name))
            .findFirst()
            .orElseThrow();

    assertThat(metric.value()).isEqualTo(value, within(5e-5));
    assertThat(metric.standardError()).isPresent();
    // The harness's perplexity of a document is its log-likelihood, a sum here is its negative.
    double sign = name.equals("perplexity") ? -1 : 1;
    assertThat(metric.sums())
        .containsExactly(
            HarnessTasks.documents(task).stream()
                .mapToDouble(d -> sign * d.at("/metrics/" + name).asDouble())
                .toArray())
        .hasSize(documents);
  }

  @ParameterizedTest
  @CsvSource({"arc_challenge, 0.25", "piqa, 0.5", "winogrande, 0.5", "sciq, 0.25"})
  void chanceIsThatOfGuessingAmongTheChoices(String task, double chance) {
    Task own = HarnessTasks.open(task, tokenizer);
    List<Score> scores = own.requests().stream().map(r -> new Score(-1, 0, false)).toList();

    assertThat(own.metrics(scores).getFirst().chance()).hasValue(chance);
  }

  @Test
  void theFirstOfEqualChoicesIsTaken() {
    assertThat(MultipleChoice.first(new double[] {-2, -1, -1})).isEqualTo(1);
    assertThat(MultipleChoice.first(new double[] {Double.NEGATIVE_INFINITY, -1e300})).isEqualTo(1);
    assertThat(MultipleChoice.first(new double[] {-2, Double.NaN, -1})).isEqualTo(1);
  }

  @Test
  void aValidationSplitInPlaceOfTheTestSplitIsSaidSo() {
    Protocol sciq = HarnessTasks.open("sciq", tokenizer).protocol();

    assertThat(sciq.dataset()).isEqualTo("allenai/sciq, validation");
    assertThat(sciq.notes()).hasSize(1).first().asString().contains("validation split");
    assertThat(HarnessTasks.open("arc_easy", tokenizer).protocol().notes()).isEmpty();
    assertThat(HarnessTasks.open("winogrande", tokenizer).protocol().notes()).isEmpty();
  }

  @Test
  void requestsThatLoseTheirBeginningAreCounted() {
    Task own =
        (Task)
            Evaluations.open(
                "lambada_openai",
                EvaluationSettings.of(tokenizer, "llama", 64),
                HarnessTasks.datasets());
    long full = own.requests().stream().filter(r -> r.tokens().length == 65).count();

    assertThat(full).isPositive();
    assertThat(own.protocol().windowTokens()).isEqualTo(65);
    assertThat(own.protocol().notes().getFirst())
        .matches("\\d+ of 200 requests are longer than the model's context of 64 tokens.*");
  }

  @Test
  void theProtocolSaysWhatWasRead() {
    Protocol protocol =
        Evaluations.open(
                "arc_easy",
                EvaluationSettings.of(tokenizer, "llama", 8192).withLimit(7),
                HarnessTasks.datasets())
            .protocol();

    assertThat(protocol.documents()).isEqualTo(7);
    assertThat(protocol.documentsOfAll()).isEqualTo(200);
    assertThat(protocol.preset()).isEqualTo("lm-eval-0.4.12");
    assertThat(protocol.bos()).startsWith("none");
    assertThat(protocol.sources().getFirst().name()).isEqualTo("test-00000-of-00001.parquet");
    assertThat(protocol.sources().getFirst().sha256()).matches("[0-9a-f]{64}");
  }

  private static Arguments row(
      String task, String row, String context, List<String> continuations, int gold) {
    return Arguments.of(task, json(row), context, continuations, gold);
  }

  /** Rows as some data sets have them: labels of digits, three to five choices, no support. */
  static Stream<Arguments> rows() {
    return Stream.of(
        row(
            "arc_easy",
            "{'question':'Q','choices':{'text':['x','y','z'],'label':['1','2','3']},'answerKey':'3'}",
            "Question: Q\nAnswer:",
            List.of(" x", " y", " z"),
            2),
        row(
            "sciq",
            "{'support':'\u00a0 S ','question':'Q','distractor1':'a','distractor2':'b',"
                + "'distractor3':'c','correct_answer':'d'}",
            "S \nQuestion: Q\nAnswer:",
            List.of(" a", " b", " c", " d"),
            3),
        row(
            "sciq",
            "{'support':'','question':'Q','distractor1':'a','distractor2':'b',"
                + "'distractor3':'c','correct_answer':'d'}",
            "\nQuestion: Q\nAnswer:",
            List.of(" a", " b", " c", " d"),
            3),
        row(
            "winogrande",
            "{'sentence':'A _ b_ c .\u00a0','option1':'x','option2':'y','answer':'2'}",
            "A x",
            List.of(" b_ c .", " b_ c ."),
            1),
        row(
            "hellaswag",
            "{'activity_label':'L','ctx_a':'A','ctx_b':'bE [x]','endings':['e  [title] f',"
                + "'[header]   g', 'a[b\u2028c]d'],'label':'1'}",
            "L: A Be ",
            List.of(" e . f", "   g", " ad"),
            1),
        row(
            "lambada_openai",
            "{'text':'one two\u00a0three four'}",
            "one two\u00a0three",
            List.of(" four"),
            0),
        row("lambada_openai", "{'text':'a  b'}", "a ", List.of(" b"), 0),
        row("lambada_openai", "{'text':'word'}", "", List.of(" word"), 0),
        row(
            "piqa",
            "{'goal':'G','sol1':'s','sol2':'t ','label':1}",
            "Question: G\nAnswer:",
            List.of(" s", " t "),
            1));
  }

  @ParameterizedTest
  @MethodSource("rows")
  void aRowBecomesTheQuestionThatTheHarnessMakesOfIt(
      String task, JsonNode row, String context, List<String> continuations, int gold) {
    Question question = question(task, row);

    assertThat(question.context(0)).isEqualTo(context);
    assertThat(question.continuations()).isEqualTo(continuations);
    assertThat(question.gold()).isEqualTo(gold);
  }

  private static JsonNode json(String row) {
    return JsonMapper.shared().readTree(row.replace('\'', '"'));
  }

  private Question question(String task, JsonNode row) {
    return ((Task)
            Evaluations.open(task, EvaluationSettings.of(tokenizer, "llama", 8192), only(row)))
        .questions()
        .getFirst();
  }

  private static Datasets only(JsonNode... rows) {
    return name -> new Dataset(name, List.of(), List.of(rows));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      value = {
        "arc_easy # choices # list of texts",
        "arc_easy # answerKey # text \"answerKey\"",
        "piqa # label # number \"label\"",
        "hellaswag # ctx_b # text \"ctx_b\"",
        "winogrande # sentence # text \"sentence\"",
        "lambada_openai # text # text \"text\"",
        "sciq # correct_answer # text \"correct_answer\""
      })
  void aRowThatLacksAFieldIsNamed(String task, String field, String expected) {
    EvaluationSettings settings = EvaluationSettings.of(tokenizer, "llama", 8192);
    Datasets broken =
        name -> {
          Dataset data = HarnessTasks.datasets().open(name);
          ObjectNode row = (ObjectNode) data.rows().get(1).deepCopy();
          row.remove(field);
          return new Dataset(name, data.files(), List.of(data.rows().getFirst(), row));
        };

    assertThatThrownBy(() -> Evaluations.open(task, settings, broken))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("row 1 has no")
        .hasMessageContaining(expected);
  }

  @Test
  void anAnswerThatIsNoneOfTheChoicesIsRefused() {
    JsonNode row =
        json("{'question':'Q','choices':{'text':['x','y'],'label':['A','B']},'answerKey':'C'}");

    assertThatThrownBy(() -> question("arc_easy", row))
        .hasMessageContaining("none of its 2 choices");
  }

  @Test
  void anUnknownNameIsAnsweredWithTheKnownOnes() {
    assertThatThrownBy(
            () -> Evaluations.open("arc", EvaluationSettings.of(tokenizer, "llama", 9), only()))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("arc_easy, piqa, sciq");
  }
}
