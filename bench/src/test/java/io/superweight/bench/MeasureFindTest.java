package io.superweight.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.tensor.DType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MeasureFindTest {
  @TempDir Path folder;

  @Test
  void aSearchFindsWhatWasPlantedInAHeapOfASixthOfTheWeights()
      throws IOException, InterruptedException {
    assertThat(2 * LlamaShape.SMALL.parameters()).isGreaterThan(6 * 40L << 20);
    Path model = folder.resolve("small");
    CheckpointGenerator.generate(LlamaShape.SMALL, model, 3, DType.BF16);
    // In a JVM of its own: a heap that held the matrices, or one in float32, would run out.
    Process java =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx40m",
                "-XX:+UseSerialGC",
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                MeasureFind.class.getName(),
                model.toString(),
                "1")
            .redirectErrorStream(true)
            .start();
    String said = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(java.waitFor()).as(said).isZero();
    assertThat(said).contains("found").contains("layers.2.mlp.down[");
  }
}
