package io.superweight;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.find.FindOptions;
import io.superweight.find.FindResult;
import io.superweight.find.Finder;
import io.superweight.find.Verification;
import io.superweight.find.Verifier;
import io.superweight.find.VerifyOptions;
import io.superweight.model.Coordinate;
import io.superweight.model.Transformer;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The README's Java example, run as it stands. */
class ReadmeExampleTest {
  @Test
  void theExampleFindsAndProvesTheEmbeddedModelsSuperWeights() {
    Path path = Fixtures.books12m();
    try (Checkpoint checkpoint = Checkpoints.open(path);
        Tokenizer tokenizer = Tokenizers.of(checkpoint);
        Device device = CpuDevice.create();
        Transformer model = Transformer.load(checkpoint, device)) {
      FindResult found = Finder.find(model, tokenizer, FindOptions.DEFAULT);
      found.candidates().forEach(c -> System.out.println(c.coordinate() + " " + c.role()));
      Verification proof =
          Verifier.verify(model, tokenizer, Verifier.targets(found), VerifyOptions.defaults());
      proof.superWeights().forEach(System.out::println);
      assertThat(proof.superWeights())
          .isEqualTo(
              List.of(
                  Coordinate.down(1, 161, 288),
                  Coordinate.down(1, 161, 495),
                  Coordinate.down(1, 161, 613)));
    }
  }

  @Test
  void theReadmeShowsTheCodeThatIsRunHere() throws IOException {
    String readme = Files.readString(Fixtures.project().resolve("README.md"));
    String own =
        Files.readString(
            Fixtures.project().resolve("core/src/test/java/io/superweight/ReadmeExampleTest.java"));
    String shown = readme.substring(readme.indexOf("```java\n") + 8);
    shown = shown.substring(0, shown.indexOf("```"));
    for (String line : shown.strip().split("\n")) {
      assertThat(own).contains(line.strip().replace("Path.of(\"model.gguf\")", "path"));
    }
  }
}
