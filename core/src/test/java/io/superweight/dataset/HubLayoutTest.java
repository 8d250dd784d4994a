package io.superweight.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.InputException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Which files of a repository make a split. */
class HubLayoutTest {
  private static final DatasetName EASY = new DatasetName("allenai/ai2_arc", "ARC-Easy", "test");
  private static final DatasetName SCIQ = new DatasetName("allenai/sciq", "", "test");

  @Test
  void aConfigurationsFilesAreTakenAndNoOthers() {
    assertThat(
            HubLayout.files(
                EASY,
                List.of(
                    "ARC-Challenge/test-00000-of-00001.parquet",
                    "ARC-Easy/test-00000-of-00001.parquet",
                    "ARC-Easy/train-00000-of-00001.parquet",
                    "README.md",
                    "test-00000-of-00001.parquet")))
        .containsExactly("ARC-Easy/test-00000-of-00001.parquet");
  }

  @Test
  void withoutAConfigurationFilesLieInDataOrAtTheTop() {
    assertThat(HubLayout.files(SCIQ, List.of("data/test-00000-of-00001.parquet")))
        .containsExactly("data/test-00000-of-00001.parquet");
    assertThat(HubLayout.files(SCIQ, List.of("test.jsonl.gz"))).containsExactly("test.jsonl.gz");
    assertThat(HubLayout.files(SCIQ, List.of("data/train.jsonl", "latest.jsonl"))).isEmpty();
  }

  @Test
  void partsComeInTheOrderOfTheirNumbersWhateverTheOrderOfTheListing() {
    assertThat(
            HubLayout.files(
                SCIQ,
                List.of(
                    "data/test-00002-of-00003.parquet",
                    "data/test-00000-of-00003.parquet",
                    "data/test-00001-of-00003-a1b2c3.parquet")))
        .containsExactly(
            "data/test-00000-of-00003.parquet",
            "data/test-00001-of-00003-a1b2c3.parquet",
            "data/test-00002-of-00003.parquet");
  }

  @Test
  void aMissingPartIsAnErrorAndNotAShorterSet() {
    assertThatThrownBy(() ->
            HubLayout.files(
                SCIQ,
                List.of("data/test-00000-of-00003.parquet", "data/test-00002-of-00003.parquet")))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("2 of 3 files");
  }

  @Test
  void theHubsOwnConversionIsReadToo() {
    assertThat(
            HubLayout.files(
                EASY, List.of("ARC-Easy/test/0001.parquet", "ARC-Easy/test/0000.parquet")))
        .containsExactly("ARC-Easy/test/0000.parquet", "ARC-Easy/test/0001.parquet");
  }

  @Test
  void ofC4OneFileIsReadAsAllProtocolsDo() {
    DatasetName c4 = new DatasetName("allenai/c4", "en", "validation");
    assertThat(
            HubLayout.files(
                c4,
                List.of(
                    "en/c4-validation.00001-of-00008.json.gz",
                    "en/c4-validation.00000-of-00008.json.gz")))
        .containsExactly("en/c4-validation.00000-of-00008.json.gz");
  }
}
