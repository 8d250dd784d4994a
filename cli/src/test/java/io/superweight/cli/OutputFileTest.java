package io.superweight.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.superweight.InputException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Output files appear whole or not at all. */
class OutputFileTest {
  @TempDir Path folder;

  private static OutputFile.Writer text(String text) {
    return out -> out.write(text.getBytes(StandardCharsets.UTF_8));
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }

  @Test
  void theFileHoldsWhatWasWrittenAndNothingIsLeftBesideIt() throws IOException {
    OutputFile.at(folder.resolve("r.json"), "--json").write(text("{}"));
    assertThat(folder.resolve("r.json")).hasContent("{}");
    assertThat(names()).containsExactly("r.json");
  }

  @Test
  void aWriterThatFailsLeavesTheOldFileAsItWas() throws IOException {
    Path file = Files.writeString(folder.resolve("r.json"), "old");
    assertThatExceptionOfType(InputException.class)
        .isThrownBy(() ->
            OutputFile.at(file, "--json")
                .write(out -> {
                  out.write(new byte[200_000]);
                  throw new IOException("No space left on device");
                }))
        .withMessageContaining("No space left on device")
        .extracting(InputException::kind)
        .isEqualTo(InputException.Kind.OUTPUT);
    assertThat(file).hasContent("old");
    assertThat(names()).containsExactly("r.json");
  }

  @Test
  void aFolderIsNotOverwritten() throws IOException {
    Path there = Files.createDirectory(folder.resolve("r.json"));
    assertThatExceptionOfType(InputException.class)
        .isThrownBy(() -> OutputFile.at(there, "--json"))
        .withMessageContaining("is a folder");
  }

  @Test
  void aMissingFolderIsNamedBeforeAnyWork() {
    assertThatExceptionOfType(InputException.class)
        .isThrownBy(() -> OutputFile.at(folder.resolve("no/such/r.json"), "--json"))
        .withMessageContaining("--json")
        .withMessageContaining("create it first");
  }

  @Test
  void aLinkStaysALinkAndItsTargetIsReplaced() throws IOException {
    Path target = Files.writeString(folder.resolve("target.json"), "old");
    Path link = Files.createSymbolicLink(folder.resolve("link.json"), target);
    OutputFile.at(link, "--json").write(text("new"));
    assertThat(link).isSymbolicLink();
    assertThat(target).hasContent("new");
  }

  @Test
  void aDeviceIsWrittenThrough() {
    Path device = Path.of("/dev/null");
    org.junit.jupiter.api.Assumptions.assumeTrue(
        Files.exists(device), "skipped: this system has no /dev/null");
    OutputFile.at(device, "--json").write(text("gone"));
    assertThat(Files.isRegularFile(device)).isFalse();
  }
}
