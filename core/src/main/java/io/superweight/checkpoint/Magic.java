package io.superweight.checkpoint;

import io.superweight.InputException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/** What the first bytes of a file say that it is. */
enum Magic {
  GGUF,
  /** The stand-in that git checks out where git-lfs is missing. */
  LFS_POINTER,
  /** A zip archive: PyTorch's {@code .bin} and {@code .pt}. */
  ZIP,
  OTHER;

  private static final String LFS = "version https://git-lfs.github.com/spec/";

  static Magic of(MemorySegment file) {
    if (startsWith(file, "GGUF") || startsWith(file, "FUGG")) {
      return GGUF;
    }
    if (startsWith(file, LFS)) {
      return LFS_POINTER;
    }
    return startsWith(file, "PK\u0003\u0004") ? ZIP : OTHER;
  }

  /**
   * Says what a file is that is not of the wanted kind.
   *
   * @throws InputException of kind MALFORMED where it is known to be something else
   */
  static void refuseOtherFiles(String source, MemorySegment file, String wanted) {
    String trouble =
        switch (of(file)) {
          case LFS_POINTER ->
              " is a git-lfs pointer, not the file itself; run \"git lfs pull\" in its folder";
          case ZIP ->
              " is a zip archive (PyTorch's format?), not a "
                  + wanted
                  + " file; convert the model to safetensors";
          case GGUF ->
              wanted.equals("GGUF")
                  ? null
                  : " is a GGUF file under a wrong name; rename it to .gguf";
          case OTHER -> null;
        };
    if (trouble != null) {
      throw new InputException(InputException.Kind.MALFORMED, source + trouble);
    }
  }

  private static boolean startsWith(MemorySegment file, String prefix) {
    byte[] bytes = prefix.getBytes(StandardCharsets.ISO_8859_1);
    if (file.byteSize() < bytes.length) {
      return false;
    }
    for (int i = 0; i < bytes.length; i++) {
      if (file.get(ValueLayout.JAVA_BYTE, i) != bytes[i]) {
        return false;
      }
    }
    return true;
  }
}
