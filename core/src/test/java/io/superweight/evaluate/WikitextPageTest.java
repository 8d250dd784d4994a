package io.superweight.evaluate;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.Fixtures;
import io.superweight.dataset.DatasetName;
import io.superweight.dataset.FolderDatasets;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class WikitextPageTest {
  /** What Python's re and str gave for texts that try each step, and white space Java lacks. */
  @Test
  void textWordsAndBytesAreThoseOfThePythonOriginal() throws IOException {
    JsonNode cases =
        JsonMapper.shared().readTree(Files.readString(Fixtures.path("harness/detokenizer.json")));
    assertThat(cases.size()).isGreaterThan(10);
    for (JsonNode c : cases) {
      WikitextPage page = new WikitextPage(c.get(0).asString());
      assertThat(page.detokenized()).as(c.get(0).toString()).isEqualTo(c.get(1).asString());
      assertThat(page.words()).as("words of " + c.get(0)).isEqualTo(c.get(2).asInt());
      assertThat(page.bytes()).as("bytes of " + c.get(0)).isEqualTo(c.get(3).asInt());
    }
  }

  @Test
  void allPagesOfTheTestSplitComeOutAsFromThePythonOriginal() throws NoSuchAlgorithmException {
    String pages =
        new FolderDatasets(Fixtures.path("data"))
                .open(
                    new DatasetName(
                        "EleutherAI/wikitext_document_level", "wikitext-2-raw-v1", "test"))
                .rows()
                .stream()
                .map(row -> new WikitextPage(row.get("page").asString()).detokenized())
                .collect(Collectors.joining("\0"));
    byte[] digest =
        MessageDigest.getInstance("SHA-256").digest(pages.getBytes(StandardCharsets.UTF_8));
    assertThat(HexFormat.of().formatHex(digest))
        .isEqualTo("82c1753931d76b7b4decb3c25a1f19d4e6024b705cef491f4c0c33e9cce24767");
  }
}
