package io.superweight.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.InputException;
import io.superweight.nativelib.BundledLibrary;
import io.superweight.nativelib.NativeCache;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class HuggingFaceLibraryTest {
  @TempDir Path temporary;

  static List<BundledLibrary> bundled() {
    return HuggingFaceLibrary.bundled();
  }

  @ParameterizedTest
  @MethodSource("bundled")
  void theDigestsAreThoseOfTheJarOnTheClassPath(BundledLibrary library) {
    NativeCache cache = new NativeCache(temporary, getClass().getClassLoader());

    assertThat(cache.unpack(library)).hasSameSizeAs(library.files());
  }

  @ParameterizedTest
  @CsvSource({
    "Linux,      amd64,   linux-x86_64,  libtokenizers.so",
    "Linux,      aarch64, linux-aarch64, libtokenizers.so",
    "Mac OS X,   aarch64, osx-aarch64,   libtokenizers.dylib",
    "Windows 11, amd64,   win-x86_64,    tokenizers.dll",
  })
  void everySystemGetsItsOwnFile(String os, String machine, String platform, String file) {
    BundledLibrary library = HuggingFaceLibrary.forSystem(os, machine);

    assertThat(library.folder()).endsWith(platform);
    assertThat(library.files().getLast().fileName()).isEqualTo(file);
  }

  @Test
  void aSystemWithoutABuildIsToldWhatWorksThere() {
    assertThatThrownBy(() -> HuggingFaceLibrary.forSystem("Mac OS X", "x86_64"))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("osx-x86_64")
        .hasMessageContaining("GGUF");
  }

  @Test
  void theCodeOfDjlThatDownloadsAndReportsIsNotOnTheClassPath() {
    for (String name : List.of("ai.djl.util.Ec2Utils", "ai.djl.util.Utils", "com.sun.jna.Native")) {
      assertThatThrownBy(() -> Class.forName(name)).isInstanceOf(ClassNotFoundException.class);
    }
  }
}
