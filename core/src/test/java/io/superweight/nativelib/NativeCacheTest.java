package io.superweight.nativelib;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.InputException;
import io.superweight.nativelib.BundledLibrary.BundledFile;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeCacheTest {
  private static final byte[] CONTENT = emptyElf();

  /** A library's header without a library, marked so that the JVM has nothing to warn of. */
  private static byte[] emptyElf() {
    ByteBuffer elf = ByteBuffer.allocate(64 + 56).order(ByteOrder.LITTLE_ENDIAN);
    elf.put("\u007FELF\2\1\1".getBytes(StandardCharsets.US_ASCII));
    elf.putShort(16, (short) 3).putShort(18, (short) 62).putInt(20, 1); // shared object, x86-64
    elf.putLong(32, 64).putShort(52, (short) 64); // program headers follow this header
    elf.putShort(54, (short) 56).putShort(56, (short) 1);
    elf.putInt(64, 0x6474E551).putInt(68, 6); // PT_GNU_STACK, read and write
    return elf.array();
  }

  @TempDir Path temporary;

  private final BundledLibrary library =
      new BundledLibrary(
          "a test library",
          "test-1.0",
          List.of(new BundledFile("native/libtest.so", CONTENT.length, sha256(CONTENT))));

  @Test
  void unpacksAFileAtItsVersionedPlaceAndLeavesNothingElseButTheNoteThatItWasChecked()
      throws Exception {
    List<Path> files = cacheIn(temporary.resolve("new/cache")).unpack(library);

    assertThat(files).containsExactly(temporary.resolve("new/cache/test-1.0/libtest.so"));
    assertThat(files.getFirst()).hasBinaryContent(CONTENT);
    try (Stream<Path> all = Files.list(files.getFirst().getParent())) {
      assertThat(all.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("libtest.so", "libtest.so.checked");
    }
  }

  @Test
  void leavesASoundFileAlone() throws Exception {
    Path file = cacheIn(temporary).unpack(library).getFirst();
    Object identity = Files.readAttributes(file, BasicFileAttributes.class).fileKey();

    cacheIn(temporary).unpack(library);

    assertThat(Files.readAttributes(file, BasicFileAttributes.class).fileKey()).isEqualTo(identity);
  }

  @Test
  void replacesATruncatedFile_whichWouldCrashTheJvm() throws Exception {
    Path file = cacheIn(temporary).unpack(library).getFirst();
    Files.write(file, new byte[] {1, 2, 3});

    assertThat(cacheIn(temporary).unpack(library).getFirst()).hasBinaryContent(CONTENT);
  }

  @Test
  void replacesAFileOfTheRightSizeWithOneWrongByte() throws Exception {
    Path file = cacheIn(temporary).unpack(library).getFirst();
    byte[] changed = CONTENT.clone();
    changed[7] ^= 1;
    Files.write(file, changed);

    assertThat(cacheIn(temporary).unpack(library).getFirst()).hasBinaryContent(CONTENT);
  }

  @Test
  void takesATemporaryFolderWhereTheCacheCannotBeWritten() throws Exception {
    Path blocked = Files.writeString(temporary.resolve("blocked"), "a file, where a folder is due");

    Path file = cacheIn(blocked).unpack(library).getFirst();

    assertThat(file).hasBinaryContent(CONTENT);
    assertThat(file.startsWith(temporary)).isFalse();
  }

  @Test
  void saysThatTheInstallationIsDamagedWhereTheBundledFileIsNotTheExpectedOne() {
    NativeCache cache = new NativeCache(temporary, bundling("something else".getBytes()));

    assertThatThrownBy(() -> cache.unpack(library))
        .isInstanceOfSatisfying(
            InputException.class,
            e -> assertThat(e.kind()).isEqualTo(InputException.Kind.MALFORMED))
        .hasMessageContaining("native/libtest.so")
        .hasMessageContaining("install superweight again");
    assertThat(temporary.resolve("test-1.0/libtest.so")).doesNotExist();
  }

  @Test
  void saysThatTheInstallationIsDamagedWhereTheBundledFileIsMissing() {
    NativeCache cache = new NativeCache(temporary, bundling(null));

    assertThatThrownBy(() -> cache.unpack(library)).hasMessageContaining("is missing");
  }

  @Test
  void whatIsNoLibraryIsRefusedWithOneLine_evenFromATemporaryFolder() {
    assertThatThrownBy(() -> cacheIn(temporary).load(library))
        .isInstanceOfSatisfying(
            InputException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(InputException.Kind.UNSUPPORTED);
              assertThat(e.getMessage()).contains("a test library").doesNotContain("\n");
            });
  }

  @Test
  void theUsersFolderFollowsTheEnvironment() {
    assertThat(NativeCache.userFolder("/a", "/b")).isEqualTo(Path.of("/a"));
    assertThat(NativeCache.userFolder("", "/b")).isEqualTo(Path.of("/b/superweight"));
    assertThat(NativeCache.userFolder(null, null))
        .isEqualTo(Path.of(System.getProperty("user.home"), ".cache/superweight"));
  }

  private NativeCache cacheIn(Path folder) {
    return new NativeCache(folder, bundling(CONTENT));
  }

  private static ClassLoader bundling(byte[] content) {
    return new ClassLoader(null) {
      @Override
      public InputStream getResourceAsStream(String name) {
        return content == null ? null : new ByteArrayInputStream(content);
      }
    };
  }

  private static String sha256(byte[] content) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
