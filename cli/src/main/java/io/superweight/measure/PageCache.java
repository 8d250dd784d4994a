package io.superweight.measure;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Locale;

/** Drops files from the page cache, so that the next read comes from the disk. */
final class PageCache {
  private static final int DONT_NEED = 4; // POSIX_FADV_DONTNEED of Linux

  private PageCache() {}

  static boolean supported() {
    return System.getProperty("os.name").toLowerCase(Locale.ROOT).equals("linux")
        && PageCache.class.getModule().isNativeAccessEnabled();
  }

  /**
   * Drops what is clean of a file; nothing in it changes.
   *
   * @throws IOException where the system refuses
   */
  @SuppressWarnings("restricted") // posix_fadvise has no Java counterpart
  static void drop(Path file) throws IOException {
    Linker linker = Linker.nativeLinker();
    SymbolLookup libc = linker.defaultLookup();
    try (Arena arena = Arena.ofConfined()) {
      // open is variadic: its third argument is not passed, and does not count without O_CREAT.
      MethodHandle open =
          linker.downcallHandle(
              libc.findOrThrow("open"),
              FunctionDescriptor.of(
                  ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT),
              Linker.Option.firstVariadicArg(2));
      MethodHandle advise =
          linker.downcallHandle(
              libc.findOrThrow("posix_fadvise"),
              FunctionDescriptor.of(
                  ValueLayout.JAVA_INT,
                  ValueLayout.JAVA_INT,
                  ValueLayout.JAVA_LONG,
                  ValueLayout.JAVA_LONG,
                  ValueLayout.JAVA_INT));
      MethodHandle close =
          linker.downcallHandle(
              libc.findOrThrow("close"),
              FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
      MemorySegment name = arena.allocateFrom(file.toAbsolutePath().toString());
      int descriptor = (int) open.invokeExact(name, 0);
      if (descriptor < 0) {
        throw new IOException(file + " cannot be opened");
      }
      int refused;
      try {
        refused = (int) advise.invokeExact(descriptor, 0L, 0L, DONT_NEED);
      } finally {
        int ignored = (int) close.invokeExact(descriptor);
      }
      if (refused != 0) {
        throw new IOException("the system does not drop " + file + " from its cache");
      }
    } catch (IOException | RuntimeException | Error e) {
      throw e;
    } catch (Throwable t) {
      throw new IllegalStateException(t);
    }
  }
}
