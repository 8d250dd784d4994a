package io.superweight.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.superweight.experiment.Paper.PaperModel;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PaperTest {
  private final Paper paper = Paper.load();

  @ParameterizedTest
  @CsvSource({
    "huggyllama/llama-7b, Llama-7B",
    "/models/llama-7b.Q4_K_M.gguf, Llama-7B",
    "meta-llama/Llama-2-7b-chat-hf, Llama-2-7B",
    "llama-2-7b.Q4_0.gguf, Llama-2-7B",
    "mistralai/Mistral-7B-Instruct-v0.1, Mistral-7B",
    "/hub/models--allenai--OLMo-1B-0724-hf/snapshots/0123abc, OLMo-1B",
    "./Phi-3-mini-4k-instruct/, Phi-3-mini"
  })
  void aModelIsToldByItsName(String source, String name) {
    assertThat(paper.named(source)).map(PaperModel::name).contains(name);
  }

  @ParameterizedTest
  @CsvSource({
    "codellama/CodeLlama-7b-hf",
    "open_llama_7b",
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    "meta-llama/Llama-3.1-8B",
    "mistralai/Mistral-7B-v0.3",
    "books-12m (embedded)"
  })
  void anotherModelIsNotTakenForOneOfThePapers(String source) {
    assertThat(paper.named(source)).isEmpty();
  }

  /** paper.md 1.6, counted from the notebook: 17, 21 and 3 of 100 rise. */
  @ParameterizedTest
  @CsvSource({
    "Llama-7B, 17, 0.373, 0.361",
    "OLMo-7B, 21, 0.334, 0.258",
    "Mistral-7B, 3, 0.359, 0.070"
  })
  void figure5HasTheNotebooksNumbers(String name, int rising, double before, double after) {
    PaperModel model = paper.require(name);
    List<Double> original = model.numbers("figure5", "original");
    List<Double> removed = model.numbers("figure5", "removed");
    assertThat(model.tokens()).hasSize(100);
    assertThat(IntStream.range(0, 100).filter(i -> removed.get(i) > original.get(i)).count())
        .isEqualTo(rising);
    assertThat(original.stream().mapToDouble(p -> p).sum()).isCloseTo(before, within(6e-4));
    assertThat(removed.stream().mapToDouble(p -> p).sum()).isCloseTo(after, within(6e-4));
  }

  @Test
  void table1sAveragesAreThoseOfItsTasks() {
    PaperModel llama = paper.require("Llama-7B");
    List<Double> averages = llama.numbers("table1", "average");
    List<String> rows = List.of("original", "pruneSw", "pruneNonSw", "pruneSwRestored");
    for (int r = 0; r < rows.size(); r++) {
      List<Double> accuracies = llama.numbers("table1", rows.get(r));
      assertThat(accuracies).hasSameSizeAs(paper.tasks());
      assertThat(accuracies.stream().mapToDouble(a -> a).average().orElseThrow())
          .as(rows.get(r))
          .isCloseTo(averages.get(r), within(0.011));
    }
  }

  @Test
  void theSecondWeightOfOlmo1BLiesInTheCodesLayerAndNotInTheTables() {
    assertThat(paper.require("OLMo-1B").superWeights())
        .extracting(Object::toString)
        .containsExactly("layers.1.mlp.down[1764,1710]", "layers.2.mlp.down[1764,8041]");
  }
}
