package io.superweight.tokenizer;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import io.superweight.InputException;
import io.superweight.nativelib.BundledLibrary;
import io.superweight.nativelib.BundledLibrary.BundledFile;
import io.superweight.nativelib.NativeCache;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Hugging Face's tokenizer library (tokenizers 0.21), as Deep Java Library 0.38.0 builds it for
 * Java.
 *
 * <p>Only the native library and {@link TokenizersLibrary}, the class of its native methods, are
 * used. Everything else of DJL is left alone, above all its {@code HuggingFaceTokenizer} and {@code
 * LibUtils}, which truncate at 512 tokens, look for a GPU, download a library where they find one,
 * and report to a server on Amazon's machines. The one native method that would download, {@code
 * createTokenizer}, is never called.
 */
final class HuggingFaceLibrary {
  private static final String VERSION = "tokenizers-0.38.0-";

  private HuggingFaceLibrary() {}

  /**
   * The native methods, ready for use. The library is loaded once in the life of the JVM.
   *
   * @throws InputException if this system cannot load it
   */
  static TokenizersLibrary methods() {
    Loading.REFUSAL.ifPresent(refusal -> {
      throw new InputException(refusal.kind(), refusal.getMessage(), refusal);
    });
    return TokenizersLibrary.LIB;
  }

  /** What came of loading the library: the JVM runs this class's initializer once. */
  private static final class Loading {
    static final Optional<InputException> REFUSAL = load();

    private static Optional<InputException> load() {
      try {
        NativeCache.ofUser()
            .load(forSystem(System.getProperty("os.name"), System.getProperty("os.arch")));
        return Optional.empty();
      } catch (InputException refusal) {
        return Optional.of(refusal);
      }
    }
  }

  /** The bundled library for a system, named as the JDK's system properties name it. */
  static BundledLibrary forSystem(String osName, String osArch) {
    String os = osName.toLowerCase(Locale.ROOT);
    String system = os.startsWith("win") ? "win" : os.startsWith("mac") ? "osx" : os;
    String machine = osArch.equals("amd64") ? "x86_64" : osArch;
    String platform = system + "-" + machine;
    return bundled().stream()
        .filter(library -> library.folder().equals(VERSION + platform))
        .findFirst()
        .orElseThrow(() ->
            new InputException(
                InputException.Kind.UNSUPPORTED,
                "Hugging Face's tokenizer library has no build for "
                    + platform
                    + ": use a GGUF file of the model, whose vocabulary needs no library"));
  }

  /** All that DJL's jar holds; a test compares the digests with the jar on the class path. */
  static List<BundledLibrary> bundled() {
    return List.of(
        bundle(
            "linux-x86_64",
            file(
                "libtokenizers.so",
                15_486_960,
                "edf58c92155e0fe4fae5231e782a1f02deeb5881de7bbcd1195f6e25009da90a")),
        bundle(
            "linux-aarch64",
            file(
                "libtokenizers.so",
                14_127_208,
                "2561672dc37df2704e29eab4049bcfceee5332799bc3b9d85f7d70045b99a610")),
        bundle(
            "osx-aarch64",
            file(
                "libtokenizers.dylib",
                11_985_344,
                "cca1c15bcbfa47b1c942e9d395ea8353161e5ed709f74826ad5faebcd05544ab")),
        bundle(
            "win-x86_64",
            file(
                "libwinpthread-1.dll",
                56_978,
                "567ca7ae7ecdfb8799b28c41ac3d1a2cc46f4ee2e72c511f027c44250498e893"),
            file(
                "libgcc_s_seh-1.dll",
                511_408,
                "32ce10abc802edc83c36d62e0e9f9389bab0c4bfeacf01cc98726da81094b80a"),
            file(
                "libstdc++-6.dll",
                2_011_975,
                "a0b8f623f0da655a30873ef7d6b6be0e6942c34535abcaecce142fa0ab1cef4f"),
            file(
                "tokenizers.dll",
                11_232_256,
                "3e0084560d5b8f509634c582c9b7bdb268e93d570c85c825198a8deb772ff0ae")));
  }

  private static BundledLibrary bundle(String platform, BundledFile... files) {
    String folder = "native/lib/" + platform + "/cpu/";
    return new BundledLibrary(
        "Hugging Face's tokenizer library",
        VERSION + platform,
        Stream.of(files)
            .map(file -> new BundledFile(folder + file.resource(), file.bytes(), file.sha256()))
            .toList());
  }

  private static BundledFile file(String name, long bytes, String sha256) {
    return new BundledFile(name, bytes, sha256);
  }
}
