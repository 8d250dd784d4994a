package io.superweight.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.InputException;
import io.superweight.compute.DeviceRequest;
import io.superweight.compute.Precision;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class CudaLibrariesTest {
  @TempDir Path folder;

  private static CudaLibraries libraries(
      Optional<Path> named, Map<String, String> environment, int driverVersion) {
    Machine here = Machine.here();
    return new CudaLibraries(
        new Machine(here.loader(), here.driverFiles(), environment, here.cache()),
        named,
        driverVersion);
  }

  @Test
  void foldersOfPythonsPackagesComeBeforeTheToolkits() throws IOException {
    Path python =
        Files.createDirectories(
            folder.resolve("venv/lib/python3.12/site-packages/nvidia/cu13/lib"));
    Path toolkit = Files.createDirectories(folder.resolve("cuda/lib64"));
    CudaLibraries libraries =
        libraries(
            Optional.empty(),
            Map.of(
                "VIRTUAL_ENV",
                folder.resolve("venv").toString(),
                "CUDA_HOME",
                folder.resolve("cuda").toString()),
            13_000);
    assertThat(libraries.folders()).containsSubsequence(python, toolkit);
  }

  @Test
  void aNamedFolderIsTheOnlyOneLookedInto() throws IOException {
    Path named = Files.createDirectories(folder.resolve("mine/nvidia/cublas/lib"));
    CudaLibraries libraries =
        libraries(
            Optional.of(folder.resolve("mine")),
            Map.of("CUDA_HOME", folder.toString(), "VIRTUAL_ENV", folder.toString()),
            13_000);
    assertThat(libraries.folders()).containsExactly(folder.resolve("mine"), named);
  }

  @Test
  void aMissingLibraryIsOneLineThatSaysHowToGetIt() {
    CudaLibraries libraries = libraries(Optional.of(folder), Map.of(), 12_040);
    assertThatThrownBy(() -> libraries.load("libcublasLt.so", "nvidia-cublas"))
        .isInstanceOfSatisfying(
            InputException.class,
            e -> assertThat(e.kind()).isEqualTo(InputException.Kind.UNSUPPORTED))
        .hasMessageContaining("--cuda-path")
        .hasMessageContaining("pip install nvidia-cublas")
        .hasMessageContaining("CUDA 12");
  }

  @Test
  void aBrokenLibraryIsPassedBy() throws IOException {
    Files.writeString(folder.resolve("libcublasLt.so.12"), "no library");
    CudaLibraries libraries = libraries(Optional.of(folder), Map.of(), 12_040);
    assertThatThrownBy(() -> libraries.load("libcublasLt.so", "nvidia-cublas"))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("cannot be loaded");
  }

  @Test
  void withoutADriverTheDeviceSaysSo_andIsNotEvenTriedUnasked() {
    Assumptions.assumeFalse(Machine.here().hasDriver());
    CudaProvider provider = new CudaProvider();
    assertThat(
            provider.suits(
                new DeviceRequest(
                    1, Precision.F32, "", 1L << 40, OptionalLong.empty(), Optional.empty())))
        .isFalse();
    assertThatThrownBy(() -> provider.open(1, Precision.F32))
        .isInstanceOfSatisfying(
            InputException.class,
            e -> assertThat(e.kind()).isEqualTo(InputException.Kind.UNSUPPORTED))
        .hasMessageContaining("driver");
  }

  @Test
  void aSmallModelStaysOnTheCpuUnlessSomebodyAsks() {
    assertThat(new CudaProvider().suits(DeviceRequest.of(1, Precision.F32))).isFalse();
  }

  @Test
  void theNumberOfACardMustBeANumber() {
    DeviceRequest request =
        new DeviceRequest(1, Precision.F32, "one", 0, OptionalLong.empty(), Optional.empty());
    assertThatThrownBy(() -> new CudaProvider().open(request))
        .isInstanceOfSatisfying(
            InputException.class, e -> assertThat(e.kind()).isEqualTo(InputException.Kind.USAGE))
        .hasMessageContaining("cuda:0");
  }

  @Test
  void kernelsCompileForEveryGenerationOfCards() {
    Nvrtc compiler = Gpu.compiler();
    for (String architecture : List.of("sm_80", "sm_90a")) {
      assertThat(compiler.compile(KernelImage.source(), architecture, KernelImage.OPTIONS))
          .as(architecture)
          .isNotEmpty();
    }
  }

  @Test
  void compiledKernelsAreKept_andMadeAgainWhereTheFileIsDamaged() throws IOException {
    Nvrtc compiler = Gpu.compiler();
    int[] compiled = {0};
    KernelImage image = new KernelImage(folder.resolve("cache"), 80);
    for (int round = 0; round < 3; round++) {
      byte[] code =
          image.load(() -> {
            compiled[0]++;
            return compiler;
          });
      assertThat(code).isNotEmpty();
      assertThat(compiled[0]).isEqualTo(round < 2 ? 1 : 2);
      try (var files = Files.list(folder.resolve("cache"))) {
        Path file = files.findFirst().orElseThrow();
        if (round == 1) {
          byte[] bytes = Files.readAllBytes(file);
          bytes[bytes.length / 2] ^= 1;
          Files.write(file, bytes);
        }
      }
    }
  }

  @Test
  void aSourceThatDoesNotCompileIsOneLine() {
    Nvrtc compiler = Gpu.compiler();
    assertThatThrownBy(() -> compiler.compile("int f( {", "sm_80", List.of()))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("NVRTC")
        .hasMessageNotContaining("\n");
  }
}
