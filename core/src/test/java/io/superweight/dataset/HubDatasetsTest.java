package io.superweight.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.InputException;
import io.superweight.hub.DownloadListener;
import io.superweight.hub.FakeHub;
import io.superweight.hub.Hub;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HubDatasetsTest {
  private static final DatasetName EASY = new DatasetName("allenai/ai2_arc", "ARC-Easy", "test");

  @TempDir Path temporary;
  private FakeHub server;
  private final Map<String, String> environment = new HashMap<>();

  @BeforeEach
  void start() throws IOException {
    server = new FakeHub();
    environment.put("HF_ENDPOINT", server.endpoint());
    environment.put("HF_HUB_CACHE", temporary.toString());
    environment.put("HF_TOKEN", "x");
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private HubDatasets datasets() {
    return new HubDatasets(new Hub(environment, DownloadListener.SILENT));
  }

  private static byte[] rows(int... ids) {
    StringBuilder rows = new StringBuilder();
    for (int id : ids) {
      rows.append("{\"id\": ").append(id).append("}\n");
    }
    return rows.toString().getBytes(StandardCharsets.UTF_8);
  }

  private void serveArc() {
    server
        .dataset("allenai/ai2_arc")
        .large("ARC-Easy/test-00000-of-00002.jsonl", rows(1, 2))
        .large("ARC-Easy/test-00001-of-00002.jsonl", rows(3))
        .large("ARC-Easy/train-00000-of-00001.jsonl", rows(4))
        .large("ARC-Challenge/test-00000-of-00001.jsonl", rows(5))
        .small("README.md", rows());
  }

  @Test
  void onlyTheFilesOfTheSplitAreFetchedAndTheirRowsComeInOrder() {
    serveArc();
    Dataset data = datasets().open(EASY);
    assertThat(data.rows()).extracting(row -> row.path("id").asInt()).containsExactly(1, 2, 3);
    assertThat(data.files()).hasSize(2);
    assertThat(server.seen()).filteredOn(FakeHub.Seen::storage).hasSize(2);
    server.forget();
    environment.put("HF_HUB_OFFLINE", "1");
    assertThat(datasets().open(EASY)).isEqualTo(data);
    assertThat(server.seen()).isEmpty();
  }

  @Test
  void aSetWithoutRowFilesIsReadFromTheBranchThatTheHubConverts() {
    server.dataset("allenai/ai2_arc").small("ai2_arc.py", rows(9));
    server
        .dataset("allenai/ai2_arc")
        .at("refs/convert/parquet")
        .large("ARC-Easy/test/0000.jsonl", rows(7));
    assertThat(datasets().open(EASY).rows())
        .extracting(row -> row.path("id").asInt())
        .containsExactly(7);
  }

  @Test
  void aSplitThatIsNowhereIsToldWithTheOptionThatNamesAFolder() {
    server.dataset("allenai/ai2_arc").small("ai2_arc.py", rows(9));
    assertMissing(
        EASY, InputException.Kind.NOT_FOUND, "no Parquet or JSON Lines files", "--data FOLDER");
    assertMissing(
        new DatasetName("org/none", "", "test"),
        InputException.Kind.NOT_FOUND,
        "there is no data set org/none",
        "org/none/data/test-00000-of-00001.parquet");
    server.close();
    assertMissing(
        new DatasetName("org/other", "", "test"),
        InputException.Kind.NETWORK,
        "cannot be reached",
        "--data FOLDER");
  }

  private void assertMissing(DatasetName name, InputException.Kind kind, String... words) {
    assertThatThrownBy(() -> datasets().open(name))
        .isInstanceOfSatisfying(InputException.class, e -> assertThat(e.kind()).isEqualTo(kind))
        .hasMessageContainingAll(words);
  }
}
