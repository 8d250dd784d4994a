package io.superweight.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.InputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class VocabularyJsonTest {
  @TempDir Path folder;

  @Test
  void gpt2sOldFilesGiveTheIdsOfItsGgufFile() throws Exception {
    write("tokenizer_config.json", "{\"tokenizer_class\": \"GPT2Tokenizer\"}");
    GgufVocabulary gguf = writeGpt2();
    Tokenizer expected = Tokenizers.of(gguf);
    Random random = new Random(20260707);
    try (Tokenizer old = Tokenizers.forDirectory(folder)) {
      assertThat(old.description()).isEqualTo("vocab.json gpt-2");
      assertThat(old.vocabularySize()).isEqualTo(50257);
      for (int i = 0; i < 300; i++) {
        String text = RandomText.mixed(random, random.nextInt(30));
        assertThat(old.encode(text)).isEqualTo(expected.encode(text));
      }
    }
  }

  @Test
  void theBosTokenIsParsedAndNotAdded() throws Exception {
    write(
        "tokenizer_config.json",
        "{\"tokenizer_class\": \"GPT2Tokenizer\", \"bos_token\": \"<|endoftext|>\"}");
    writeGpt2();
    try (Tokenizer old = Tokenizers.forDirectory(folder)) {
      assertThat(old.bos()).hasValue(50256);
      assertThat(old.addsBos()).isFalse();
      assertThat(old.encode("<|endoftext|>")).containsExactly(50256);
    }
  }

  @Test
  void addedTokensAreParsed() throws Exception {
    write("config.json", "{\"model_type\": \"gpt2\"}");
    write("added_tokens.json", "{\"<old>\": 50257}");
    write(
        "tokenizer_config.json",
        "{\"added_tokens_decoder\": {\"50259\": {\"content\": \"<new>\", \"special\": true}}}");
    writeGpt2();
    try (Tokenizer old = Tokenizers.forDirectory(folder)) {
      assertThat(old.encode("<old><new>")).containsExactly(50257, 50259);
      assertThat(old.vocabularySize()).isEqualTo(50260);
    }
  }

  @Test
  void aClassWhoseWordsAreNotKnownIsRefusedWithTheFix() throws Exception {
    write("tokenizer_config.json", "{\"tokenizer_class\": \"RobertaTokenizer\"}");
    write("vocab.json", "{}");
    write("merges.txt", "");

    assertThatThrownBy(() -> Tokenizers.forDirectory(folder))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("vocab.json, merges.txt")
        .hasMessageContaining("save_pretrained");
  }

  @Test
  void anIdThatIsNoIdIsRefused() throws Exception {
    write("config.json", "{\"model_type\": \"gpt2\"}");
    write("merges.txt", "a b");
    for (String id : new String[] {"-1", "1.5", "\"x\"", "99999999"}) {
      write("vocab.json", "{\"a\": " + id + "}");
      assertThatThrownBy(() -> Tokenizers.forDirectory(folder))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("\"a\"");
    }
  }

  private GgufVocabulary writeGpt2() throws Exception {
    GgufVocabulary gguf = GgufFixtures.vocabulary("gpt-2");
    ObjectNode vocabulary = new JsonMapper().createObjectNode();
    for (int id = 0; id < gguf.tokens().size(); id++) {
      vocabulary.put(gguf.tokens().get(id), id);
    }
    write("vocab.json", vocabulary.toString());
    write("merges.txt", "#version: 0.2\n" + String.join("\n", gguf.merges()) + "\n");
    return gguf;
  }

  private void write(String name, String text) throws Exception {
    Files.writeString(folder.resolve(name), text);
  }
}
