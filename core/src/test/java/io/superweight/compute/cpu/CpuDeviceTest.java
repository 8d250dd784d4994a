package io.superweight.compute.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.compute.Device;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class CpuDeviceTest {
  /** What a JVM is started with to say what it found. */
  static final class Describe {
    private Describe() {}

    public static void main(String[] args) {
      try (CpuDevice device = CpuDevice.create(2);
          Device.Scope scope = device.scope()) {
        device.scale(scope.allocate(3, 5), 2);
        System.out.println(device.description());
        System.out.println(device.notice().orElse("no notice"));
      }
    }
  }

  private static List<String> describe(String... flags) throws IOException, InterruptedException {
    List<String> command = new java.util.ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(flags));
    command.addAll(
        List.of(
            "-Xshare:auto",
            "-cp",
            System.getProperty("java.class.path"),
            Describe.class.getName()));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).isZero();
    return output.lines().toList();
  }

  @Test
  void withoutTheVectorModuleItRunsInPlainJavaAndSaysWhichFlagToPass() throws Exception {
    assertThat(describe())
        .containsExactly(
            "java, scalar, f32, 2 threads",
            "Plain Java kernels are in use, many times slower: pass --add-modules jdk.incubator.vector to java");
  }

  @Test
  void withTheVectorModuleItUsesItAndHasNothingToSay() throws Exception {
    List<String> lines = describe("--add-modules", "jdk.incubator.vector");
    assertThat(lines.get(0)).matches("java, Vector API \\d+ bit, f32, 2 threads");
    assertThat(lines.get(1)).isEqualTo("no notice");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void everyTaskRunsOnceAndAFailureReachesTheCaller(int threads) {
    try (Workers workers = new Workers(threads)) {
      for (int repeat = 0; repeat < 300; repeat++) {
        int[] runs = new int[97];
        workers.run(97, (task, worker) -> runs[task] += worker < threads ? 1 : 100);
        assertThat(runs).containsOnly(1);
      }
      assertThatThrownBy(() ->
              workers.run(
                  50,
                  (task, worker) -> {
                    if (task == 31) {
                      throw new IllegalStateException("task 31");
                    }
                  }))
          .hasMessage("task 31");
      workers.run(10, (task, worker) -> {});
    }
  }

  @Test
  void aClosedDeviceRefusesToCompute() {
    CpuDevice device = CpuDevice.create(2);
    try (Device.Scope scope = device.scope()) {
      device.close();
      assertThatThrownBy(() -> device.scale(scope.allocate(1, 1), 2))
          .hasMessage("the device is closed");
    }
  }
}
