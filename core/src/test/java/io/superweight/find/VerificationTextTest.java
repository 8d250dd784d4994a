package io.superweight.find;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.InputException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VerificationTextTest {
  @TempDir Path folder;

  @Test
  void theBuiltInTextIsManyDifferentPassages() {
    VerificationText text = VerificationText.builtIn();
    assertThat(text.documents()).hasSize(48).doesNotHaveDuplicates();
    assertThat(text.documents())
        .allSatisfy(d -> assertThat(d.split("\\s+").length).isBetween(120, 400));
  }

  @Test
  void twoEmptyLinesOrAFormFeedEndADocumentAndOneDoesNot() {
    assertThat(VerificationText.split("a\n\nb\n\n\nc\r\n\r\n\r\nd\fe\n \n\t\nf\n\n\n"))
        .containsExactly("a\n\nb", "c", "d", "e", "f");
  }

  @Test
  void aMissingFileIsNamed() {
    assertThatThrownBy(() -> VerificationText.of(folder.resolve("none.txt")))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("none.txt is no file");
  }

  @Test
  void emptyTextAndTextThatIsNotUtf8AreErrorsOfTheText() throws Exception {
    Path empty = Files.writeString(folder.resolve("empty.txt"), " \n\n\n ");
    Path bytes = Files.write(folder.resolve("latin1.txt"), new byte[] {'a', (byte) 0xE9, 'b'});
    for (Path file : new Path[] {empty, bytes}) {
      assertThatThrownBy(() -> VerificationText.of(file))
          .isInstanceOfSatisfying(
              InputException.class, e -> assertThat(e.kind()).isEqualTo(InputException.Kind.TEXT));
    }
  }
}
