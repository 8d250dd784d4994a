package io.superweight.models;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;

/** The embedded model is the one that the documentation speaks of. */
class Books12mTest {
  @Test
  void theWeightsAreThoseOfTheModelCard() {
    try (Checkpoint checkpoint = Books12m.checkpoint()) {
      assertThat(checkpoint.digest()).isEqualTo(Books12m.DIGEST);
      assertThat(checkpoint.config().family()).isEqualTo("llama");
      assertThat(
              checkpoint.names().stream()
                  .mapToLong(name -> checkpoint.require(name).shape().elements())
                  .sum())
          .isEqualTo(12_539_200);
      assertThat(Books12m.weightBytes()).isEqualTo(25_086_480);
    }
  }

  @Test
  void theDigestThatIsTakenAsKnownIsThatOfTheBytes() throws IOException {
    byte[] bytes;
    byte[] config;
    try (InputStream weights = Books12m.class.getResourceAsStream("books-12m/model.safetensors");
        InputStream json = Books12m.class.getResourceAsStream("books-12m/config.json")) {
      bytes = weights.readAllBytes();
      config = json.readAllBytes();
    }
    CRC32 crc = new CRC32();
    crc.update(bytes);
    assertThat(crc.getValue()).isEqualTo(Books12m.CRC);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment copy = arena.allocate(bytes.length, 64).copyFrom(MemorySegment.ofArray(bytes));
      try (Checkpoint computed = Checkpoints.inMemory("a copy", config, List.of(copy))) {
        assertThat(computed.digest()).isEqualTo(Books12m.DIGEST);
      }
    }
  }

  @Test
  void itsTokenizerPutsBosFirstAndGivesTextBack() {
    try (Tokenizer tokenizer = Books12m.tokenizer()) {
      int[] ids = tokenizer.encode("Summer is hot. Winter is", BosPolicy.AUTO);
      assertThat(tokenizer.vocabularySize()).isEqualTo(8192);
      assertThat(ids[0]).isEqualTo(tokenizer.bos().orElseThrow());
      assertThat(tokenizer.decode(tokenizer.encode("Summer is hot. Winter is")).strip())
          .isEqualTo("Summer is hot. Winter is");
    }
  }

  @Test
  void itCanBeOpenedTwiceAtOnce() {
    Checkpoint first = Books12m.checkpoint();
    try (Checkpoint second = Books12m.checkpoint()) {
      first.close();
      assertThat(second.require("model.norm.weight").data().byteSize()).isEqualTo(640);
    }
  }
}
