package io.superweight.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.cli.DoctorCommand.Finding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the doctor looks at. */
class DoctorCommandTest {
  @Test
  void itLooksAtEverythingThatACommandNeeds() {
    List<Finding> findings = DoctorCommand.examine();
    assertThat(findings)
        .extracting(Finding::subject)
        .contains(
            "JDK",
            "vector module",
            "device java",
            "machine",
            "tokenizer library",
            "embedded model",
            "Hugging Face hub",
            "Hugging Face cache");
    assertThat(findings).allSatisfy(f -> assertThat(f.found()).isNotBlank().doesNotContain("\n"));
  }

  @Test
  void underTheFlagsOfTheLauncherThereIsNothingToMend() {
    assertThat(DoctorCommand.examine())
        .filteredOn(
            f -> List.of("vector module", "device java", "embedded model").contains(f.subject()))
        .allSatisfy(f -> assertThat(f.fix()).as(f.found()).isEmpty());
  }

  @Test
  void startCachesAreNamedWhereTheyAreAndMissedWhereNobodyKeepsThem(@TempDir Path folder)
      throws IOException {
    assertThat(DoctorCommand.startCaches(null, null).fix()).contains("SUPERWEIGHT_CACHE");
    assertThat(DoctorCommand.startCaches(folder.toString(), "7").found()).startsWith("being made");
    Files.writeString(folder.resolve("light-7.aot"), "a");
    Files.writeString(folder.resolve("full-7.jsa"), "b");
    Finding found = DoctorCommand.startCaches(folder.toString(), "7");
    assertThat(found.found()).contains("light-7.aot", "full-7.jsa").doesNotContain("short");
    Files.writeString(folder.resolve("short-7.aot"), "");
    assertThat(DoctorCommand.startCaches(folder.toString(), "7")).isEqualTo(found);
    Files.writeString(folder.resolve("short-7.aot"), "c");
    assertThat(DoctorCommand.startCaches(folder.toString(), "7").found()).contains("short-7.aot");
    assertThat(found.fine()).isTrue();
  }
}
