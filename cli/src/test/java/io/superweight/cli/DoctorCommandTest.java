package io.superweight.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.cli.DoctorCommand.Finding;
import java.util.List;
import org.junit.jupiter.api.Test;

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
}
