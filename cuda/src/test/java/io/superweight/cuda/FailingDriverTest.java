package io.superweight.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.DeviceRequest;
import io.superweight.compute.Devices;
import io.superweight.compute.Precision;
import io.superweight.compute.cpu.JavaDeviceProvider;
import io.superweight.model.Head;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a user reads when the driver will not do, or fails on the way. No card is needed. */
@Timeout(120) // what is tested is also that nothing waits for a card that is gone
final class FailingDriverTest {
  private static final int CUDA_11_2 = 11_020;
  private static final int CUDA_12_4 = 12_040;

  @TempDir Path folder;

  private static DeviceRequest request(Precision precision, OptionalLong memory) {
    return new DeviceRequest(2, precision, "", 1L << 40, memory, Optional.empty());
  }

  private static final DeviceRequest LARGE = request(Precision.F32, OptionalLong.empty());

  private InputException refusal(StubbedLibraries libraries) {
    InputException refusal =
        catchThrowableOfType(
            InputException.class,
            () -> new CudaProvider(libraries.machine(folder)).open(LARGE).close());
    assertThat(refusal).isNotNull();
    assertThat(refusal.getMessage()).doesNotContain("\n");
    return refusal;
  }

  @Test
  void anOldDriverIsOneLineAndExitCode5() {
    try (StubbedLibraries libraries = new StubbedLibraries(CUDA_11_2, Set.of())) {
      InputException refusal = refusal(libraries);
      assertThat(refusal.kind().exitCode()).isEqualTo(5);
      assertThat(refusal)
          .hasMessageContaining("too old")
          .hasMessageContaining("CUDA 11.2")
          .hasMessageContaining("11.4")
          .hasMessageContaining("470");
      assertThat(libraries.calls("cuInit")).isZero();
    }
  }

  @Test
  void anOldDriverThatLacksFunctionsIsTheSameLine() {
    try (StubbedLibraries libraries =
        new StubbedLibraries(10_020, Set.of("cuMemAllocAsync", "cuMemPoolTrimTo"))) {
      assertThat(refusal(libraries)).hasMessageContaining("too old").hasMessageContaining("10.2");
    }
  }

  @Test
  void aDriverWithoutAFunctionThatIsNeededIsTooOldWhateverItSaysOfItself() {
    try (StubbedLibraries libraries = new StubbedLibraries(CUDA_12_4, Set.of("cuLaunchKernel"))) {
      InputException refusal = refusal(libraries);
      assertThat(refusal.kind().exitCode()).isEqualTo(5);
      assertThat(refusal).hasMessageContaining("too old").hasMessageContaining("cuLaunchKernel");
    }
  }

  @Test
  void nobodyAskedForTheCard_thenAnOldDriverIsANoticeAndTheCpuComputes() {
    try (StubbedLibraries libraries = new StubbedLibraries(CUDA_11_2, Set.of())) {
      Devices devices =
          new Devices(
              List.of(new CudaProvider(libraries.machine(folder)), new JavaDeviceProvider()));
      Devices.Opened opened = devices.open(Devices.AUTO, LARGE);
      try (Device device = opened.device()) {
        assertThat(device.name()).isEqualTo("java");
        assertThat(opened.notice().orElseThrow())
            .contains("java")
            .contains("CUDA 11.2")
            .doesNotContain("\n");
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "100, sees no card",
    "803, nvidia-smi", // the driver's and the kernel module's versions differ
    "999, nvidia-smi",
  })
  void aDriverThatCannotStartIsOneLineAndExitCode5(int code, String expected) {
    try (StubbedLibraries libraries = new StubbedLibraries(CUDA_12_4, Set.of())) {
      libraries.failAt("cuInit", 0, code);
      InputException refusal = refusal(libraries);
      assertThat(refusal.kind().exitCode()).isEqualTo(5);
      assertThat(refusal).hasMessageContaining(expected);
    }
  }

  @Test
  void aCardThatIsGoneAtOpeningIsOneLineAndLeavesNoContext() {
    try (StubbedLibraries libraries = new StubbedLibraries(CUDA_12_4, Set.of())) {
      libraries.failAt("cuModuleLoadData", 0, 46);
      InputException refusal = refusal(libraries);
      assertThat(refusal.kind().exitCode()).isEqualTo(14);
      assertThat(refusal).hasMessageContaining("lost").hasMessageContaining("CUDA_ERROR_46");
      assertThat(libraries.contexts()).isZero();
    }
  }

  /** A pass of a model whose layers take turns on the card, so that threads copy meanwhile. */
  private void pass(StubbedLibraries libraries, Path model, int bytes) {
    try (Checkpoint checkpoint = Checkpoints.open(model);
        Device device =
            new CudaProvider(libraries.machine(folder))
                .open(request(Precision.BF16, OptionalLong.of(bytes)));
        Transformer transformer = Transformer.load(checkpoint, device)) {
      List<int[]> prompts = List.of(new int[] {1, 2, 3, 4, 5}, new int[] {6, 7, 8});
      for (int i = 0; i < 2; i++) {
        transformer.forward(prompts, List.of(Variant.INTACT), List.of(), Head.SCORE);
      }
    }
  }

  private static List<String> copyingThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .map(Thread::getName)
        .filter(name -> name.startsWith("superweight-upload"))
        .toList();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cuLaunchKernel",
        "cublasLtMatmul",
        "cuMemcpyHtoDAsync_v2",
        "cuMemcpyDtoHAsync_v2",
        "cuStreamSynchronize",
        "cuStreamWaitEvent",
        "cuMemAllocAsync",
        "cuMemAllocHost_v2",
        "cuEventRecord",
        "cuCtxSetCurrent",
        "cuMemsetD32Async",
      })
  void aCardThatIsLostOnTheWayIsOneLine_andEverythingIsGivenBack(String function)
      throws IOException {
    Path model = Fixtures.path("hf-tiny/llama3-gqa-bf16");
    Path weights = model.resolve("model.safetensors");
    int bytes = (int) (Files.size(weights) * 2 / 3);
    int calls;
    try (StubbedLibraries libraries = new StubbedLibraries(CUDA_12_4, Set.of())) {
      pass(libraries, model, bytes);
      calls = libraries.calls(function);
      assertThat(calls).isPositive();
      assertThat(libraries.live()).isEmpty();
      assertThat(libraries.contexts()).isZero();
    }
    // CUDA_ERROR_DEVICE_UNAVAILABLE, _ECC_UNCORRECTABLE, _ILLEGAL_ADDRESS, _LAUNCH_FAILED, _UNKNOWN
    int[] codes = {46, 214, 700, 719, 999};
    for (int i = 0; i < codes.length; i++) {
      try (StubbedLibraries libraries = new StubbedLibraries(CUDA_12_4, Set.of())) {
        libraries.failAt(function, calls * i / codes.length / 2, codes[i]);
        InputException lost =
            catchThrowableOfType(InputException.class, () -> pass(libraries, model, bytes));
        assertThat(libraries.lost()).isTrue();
        assertThat(lost).as("%s gives %d", function, codes[i]).isNotNull();
        assertThat(lost.kind().exitCode()).isEqualTo(14);
        // Where a thread's copy fails, a product may be the next to notice.
        assertThat(lost.getMessage())
            .doesNotContain("\n")
            .contains("nvidia-smi")
            .containsPattern("CUDA_ERROR_" + codes[i] + "|cuBLASLt failed");
        assertThat(libraries.contexts()).isZero();
        assertThat(libraries.live()).isEmpty();
        assertThat(copyingThreads()).isEmpty();
      }
    }
  }
}
