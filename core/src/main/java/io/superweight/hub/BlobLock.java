package io.superweight.hub;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Locale;

/**
 * The lock of a blob, which Python's filelock respects and is respected by. On Unix that is
 * flock(2): the locks of {@link FileChannel} are fcntl's, and the two do not see each other on
 * Linux. On Windows both lock the first byte of the file.
 *
 * <p>The lock spares work and keeps others from a partial file; nothing depends on it, for a
 * partial file has a name of its own and reaches its final name whole or never. So where a file
 * system knows no locks, this one is held at once. The lock's file stays, as filelock's does:
 * whoever waits for it holds the same file open.
 */
final class BlobLock implements AutoCloseable {
  private static final Duration POLL = Duration.ofMillis(50);

  private final AutoCloseable held;

  private BlobLock(AutoCloseable held) {
    this.held = held;
  }

  /**
   * Waits until the lock is held.
   *
   * @param waiting is run once if somebody else holds it
   * @throws InterruptedIOException if the thread is interrupted while it waits
   */
  static BlobLock acquire(Path file, Runnable waiting) throws IOException {
    Files.createDirectories(file.getParent());
    boolean told = false;
    while (true) {
      AutoCloseable held = isWindows() ? tryRange(file) : Flock.INSTANCE.tryLock(file);
      if (held != null) {
        return new BlobLock(held);
      }
      if (!told) {
        told = true;
        waiting.run();
      }
      try {
        Thread.sleep(POLL);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted while waiting for " + file);
      }
    }
  }

  @Override
  public void close() throws IOException {
    try {
      held.close();
    } catch (IOException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IOException(e);
    }
  }

  private static boolean isWindows() {
    return System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("windows");
  }

  private static AutoCloseable tryRange(Path file) throws IOException {
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      if (channel.tryLock(0, 1, false) != null) {
        return channel; // which gives the lock back when it is closed
      }
    } catch (OverlappingFileLockException e) {
      // another thread of this process
    } catch (IOException e) {
      channel.close();
      throw e;
    }
    channel.close();
    return null;
  }

  /** open(2), flock(2) and close(2), with the constants of Linux and of the BSDs and macOS. */
  @SuppressWarnings("restricted") // calling the C library is what this is for
  private static final class Flock {
    static final Flock INSTANCE = new Flock();

    private static final boolean LINUX =
        System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("linux");
    private static final int READ_WRITE = 2;
    private static final int CREATE = LINUX ? 0x40 : 0x200;
    private static final int CLOSE_ON_EXEC = LINUX ? 0x80000 : 0x1000000;
    private static final int MODE = 0664; // as huggingface_hub's, so that a group can wait
    private static final int EXCLUSIVE_NO_WAIT = 2 | 4;
    private static final int ENOENT = 2;
    private static final int EINTR = 4;
    private static final int EACCES = 13;
    private static final int EAGAIN = LINUX ? 11 : 35;

    private final StructLayout state = Linker.Option.captureStateLayout();
    private final VarHandle errno = state.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private final MethodHandle open;
    private final MethodHandle flock;
    private final MethodHandle close;

    private Flock() {
      Linker linker = Linker.nativeLinker();
      SymbolLookup libc = linker.defaultLookup();
      Linker.Option errors = Linker.Option.captureCallState("errno");
      open =
          linker.downcallHandle(
              libc.findOrThrow("open"),
              FunctionDescriptor.of(
                  ValueLayout.JAVA_INT,
                  ValueLayout.ADDRESS,
                  ValueLayout.JAVA_INT,
                  ValueLayout.JAVA_INT),
              errors,
              Linker.Option.firstVariadicArg(2));
      flock =
          linker.downcallHandle(
              libc.findOrThrow("flock"),
              FunctionDescriptor.of(
                  ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT),
              errors);
      close =
          linker.downcallHandle(
              libc.findOrThrow("close"),
              FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    }

    /** What gives the lock back; null if somebody else holds it. */
    AutoCloseable tryLock(Path file) throws IOException {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment captured = arena.allocate(state);
        int descriptor =
            (int)
                open.invokeExact(
                    captured,
                    arena.allocateFrom(file.toString()),
                    READ_WRITE | CREATE | CLOSE_ON_EXEC,
                    MODE);
        if (descriptor < 0) {
          int error = (int) errno.get(captured, 0L);
          if (error == ENOENT || error == EINTR) {
            return null; // removed between two calls: the next try makes it anew
          }
          throw new IOException(file + " cannot be opened (error " + error + ")");
        }
        int result = (int) flock.invokeExact(captured, descriptor, EXCLUSIVE_NO_WAIT);
        int error = result == 0 ? 0 : (int) errno.get(captured, 0L);
        boolean contended = error == EAGAIN || error == EACCES || error == EINTR;
        if (contended || !Files.exists(file)) {
          closeDescriptor(descriptor);
          return null;
        }
        return () -> closeDescriptor(descriptor); // the last close of a file gives its lock back
      } catch (IOException | RuntimeException | Error e) {
        throw e;
      } catch (Throwable e) {
        throw new IllegalStateException(e);
      }
    }

    private void closeDescriptor(int descriptor) {
      try {
        int unused = (int) close.invokeExact(descriptor);
      } catch (RuntimeException | Error e) {
        throw e;
      } catch (Throwable e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
