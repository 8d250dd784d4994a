package io.superweight.cuda;

import io.superweight.InputException;
import io.superweight.Sha256;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;

/**
 * The kernels, compiled for one kind of card and kept in the user's cache under a name that is a
 * digest of source, card and options. A file there appears whole or not at all, begins with a
 * digest of the rest, and is compiled anew where that is wrong; where the cache cannot be written,
 * the kernels are compiled at each start, in a second or two.
 */
record KernelImage(Path folder, int capability) {
  static final List<String> OPTIONS = List.of("--fmad=false", "--std=c++17");
  private static final int DIGEST = 32;

  /**
   * @param capability {@code 90} for compute capability 9.0
   */
  KernelImage {}

  static String source() {
    try (InputStream in = KernelImage.class.getResourceAsStream("kernels.cu")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Hopper has instructions of its own, which only its own target knows. */
  String architecture() {
    return "sm_" + capability + (capability == 90 ? "a" : "");
  }

  /** The compiled kernels. */
  byte[] load(Supplier<Nvrtc> compiler) {
    String source = source();
    Path file =
        folder.resolve(
            "kernels-"
                + architecture()
                + "-"
                + Sha256.hex(source + architecture() + OPTIONS).substring(0, 16));
    try {
      byte[] kept = Files.readAllBytes(file);
      byte[] image = Arrays.copyOfRange(kept, Math.min(DIGEST, kept.length), kept.length);
      if (kept.length > DIGEST && Arrays.equals(Sha256.of(image), Arrays.copyOf(kept, DIGEST))) {
        return image;
      }
    } catch (IOException absent) {
      // It is made now.
    }
    byte[] image = compile(compiler.get(), source);
    try {
      Files.createDirectories(folder);
      Path part = Files.createTempFile(folder, "kernels", ".part");
      byte[] whole = Arrays.copyOf(Sha256.of(image), DIGEST + image.length);
      System.arraycopy(image, 0, whole, DIGEST, image.length);
      Files.write(part, whole);
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException unwritable) {
      return image;
    }
    return image;
  }

  private byte[] compile(Nvrtc compiler, String source) {
    try {
      return compiler.compile(source, architecture(), OPTIONS);
    } catch (InputException newerCard) {
      // PTX of the oldest card that there is; the driver knows the newer one.
      byte[] ptx = compiler.compile(source, "compute_80", OPTIONS);
      return Arrays.copyOf(ptx, ptx.length + 1); // ends with a zero
    }
  }
}
