package io.superweight.onednn;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.Fixtures;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.Precision;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.find.Candidate;
import io.superweight.find.FindOptions;
import io.superweight.find.FindResult;
import io.superweight.find.Finder;
import io.superweight.model.Head;
import io.superweight.model.PassResult;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * How far the devices are apart on whole models, one pass of several sequences against each other
 * and against passes of one sequence: prints the table of docs/numerics.md.
 */
class DeviceAgreementTest {
  /** Nats; what no decision depends on. */
  private static final double TOLERANCE = 1e-4;

  static Stream<Path> fixtures() throws IOException {
    try (Stream<Path> folders = Files.list(Fixtures.path("hf-tiny"))) {
      return folders.filter(Files::isDirectory).sorted().toList().stream();
    }
  }

  @ParameterizedTest
  @MethodSource("fixtures")
  void inFloat32TheLogProbabilitiesOfTheFixturesAreTheSameOnEveryDevice(Path folder)
      throws IOException {
    JsonNode golden = JsonMapper.shared().readTree(Files.readString(folder.resolve("golden.json")));
    List<int[]> prompts = new ArrayList<>();
    golden
        .get("prompts")
        .forEach(p -> prompts.add(p.valueStream().mapToInt(JsonNode::asInt).toArray()));
    compare(folder.getFileName().toString(), folder, prompts);
  }

  @Test
  void inFloat32TheLogProbabilitiesOfSmolLm2AreTheSameOnEveryDevice() throws IOException {
    Path path = Fixtures.smolLm2();
    List<int[]> prompts = new ArrayList<>();
    try (Checkpoint checkpoint = Checkpoints.open(path);
        Tokenizer tokenizer = Tokenizers.of(checkpoint)) {
      String text = "The river rose for three days, and on the fourth the bridge was gone. ";
      for (int repeat : new int[] {1, 3, 9}) {
        prompts.add(tokenizer.encode(text.repeat(repeat), BosPolicy.AUTO));
      }
    }
    compare("SmolLM2-135M Q4_1", path, prompts);
  }

  private static void compare(String name, Path path, List<int[]> prompts) {
    double[][] java = scores(path, CpuDevice.create(2, Precision.F32), prompts);
    double[][] together = scores(path, new OneDnnProvider().open(2, Precision.F32), prompts);
    double devices = 0;
    double batches = 0;
    double rounding = 0;
    double[][] rounded = scores(path, new OneDnnProvider().open(2, Precision.BF16), prompts);
    for (int p = 0; p < prompts.size(); p++) {
      double[] alone =
          scores(path, new OneDnnProvider().open(2, Precision.F32), List.of(prompts.get(p)))[0];
      for (int t = 0; t < alone.length; t++) {
        devices = Math.max(devices, Math.abs(java[p][t] - together[p][t]));
        batches = Math.max(batches, Math.abs(alone[t] - together[p][t]));
        rounding = Math.max(rounding, Math.abs(rounded[p][t] - together[p][t]));
      }
    }
    System.out.printf(
        Locale.ROOT,
        "%-20s |Δ log p| in nats: devices %.1e, batch sizes %.1e, bf16 inputs %.1e%n",
        name,
        devices,
        batches,
        rounding);
    assertThat(devices).as("onednn and java").isLessThanOrEqualTo(TOLERANCE);
    assertThat(batches).as("alone and in a batch").isLessThanOrEqualTo(TOLERANCE);
  }

  private static double[][] scores(Path path, Device opened, List<int[]> prompts) {
    try (Device device = opened;
        Checkpoint checkpoint = Checkpoints.open(path);
        Transformer model = Transformer.load(checkpoint, device)) {
      PassResult result = model.forward(prompts, List.of(Variant.INTACT), List.of(), Head.SCORE);
      return result.logProbabilities()[0];
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void everyDeviceAndPrecisionFindsTheSame(Path path) {
    List<String> expected = found(path, CpuDevice.create(2, Precision.F32));
    for (Precision precision : Precision.values()) {
      assertThat(found(path, new OneDnnProvider().open(2, precision))).isEqualTo(expected);
      assertThat(found(path, CpuDevice.create(2, precision))).isEqualTo(expected);
    }
  }

  static Stream<Path> models() {
    return Stream.of(Fixtures.books12m(), Fixtures.path("models/books-12m-harmless"));
  }

  @Test
  void everyDeviceFindsTheSameInSmolLm2() {
    Path path = Fixtures.smolLm2();
    assertThat(found(path, new OneDnnProvider().open(2, Precision.F32)))
        .isEqualTo(found(path, CpuDevice.create(2, Precision.F32)));
  }

  /** Coordinates, roles and sets. */
  private static List<String> found(Path path, Device opened) {
    try (Device device = opened;
        Checkpoint checkpoint = Checkpoints.open(path);
        Tokenizer tokenizer = Tokenizers.of(checkpoint);
        Transformer model = Transformer.load(checkpoint, device)) {
      FindResult result = Finder.find(model, tokenizer, FindOptions.DEFAULT);
      List<String> lines = new ArrayList<>();
      for (Candidate candidate : result.candidates()) {
        lines.add(candidate.coordinate() + " " + candidate.role());
      }
      result.sets().forEach(set -> lines.add(set.members().toString()));
      return lines;
    }
  }
}
