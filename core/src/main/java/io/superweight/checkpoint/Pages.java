package io.superweight.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * The pages of mapped files: whether they are in memory, and how to bring them there ahead of their
 * use. Linux only; elsewhere, and where native access is not enabled, there is none of it, and
 * pages come when they are touched.
 */
public final class Pages {
  /** {@code MADV_POPULATE_READ} of Linux 5.14: reads and maps, as touching would, and waits. */
  private static final int POPULATE_READ = 22;

  /**
   * {@code MADV_DONTNEED}: of a mapped file nothing is lost, what is touched again is mapped again.
   */
  private static final int DONT_NEED = 4;

  /** Of the x86-64 and arm64 systems that this runs on; larger pages are multiples of it. */
  private static final long PAGE = 4096;

  /** Brought at once, so that somebody who wants to stop need not wait long. */
  private static final long PIECE = 16 << 20;

  /** Pages that are looked at for {@link #resident}. */
  private static final int SAMPLE = 4;

  private final MethodHandle madvise;
  private final MethodHandle mincore;

  private Pages(MethodHandle madvise, MethodHandle mincore) {
    this.madvise = madvise;
    this.mincore = mincore;
  }

  /** Those of this system; empty where it has no such calls. Takes milliseconds at first. */
  @SuppressWarnings("restricted") // checked: without the permission nothing is linked
  public static Optional<Pages> ofThisSystem() {
    if (!System.getProperty("os.name").equals("Linux")
        || !Pages.class.getModule().isNativeAccessEnabled()) {
      return Optional.empty();
    }
    Linker linker = Linker.nativeLinker();
    SymbolLookup symbols = linker.defaultLookup();
    return symbols
        .find("madvise")
        .flatMap(madvise ->
            symbols
                .find("mincore")
                .map(mincore ->
                    new Pages(
                        linker.downcallHandle(
                            madvise,
                            FunctionDescriptor.of(
                                ValueLayout.JAVA_INT,
                                ValueLayout.ADDRESS,
                                ValueLayout.JAVA_LONG,
                                ValueLayout.JAVA_INT)),
                        linker.downcallHandle(
                            mincore,
                            FunctionDescriptor.of(
                                ValueLayout.JAVA_INT,
                                ValueLayout.ADDRESS,
                                ValueLayout.JAVA_LONG,
                                ValueLayout.ADDRESS)))));
  }

  /** Told between pieces whether to go on. */
  @FunctionalInterface
  public interface GoOn {
    boolean asked();
  }

  /**
   * Brings a part of a mapped file into memory, in order, and returns when it is there.
   *
   * @return false where the system refused, as one that lacks the call does
   */
  public boolean bring(MemorySegment mapped, GoOn goOn) {
    long before = mapped.address() % PAGE;
    for (long at = -before; at < mapped.byteSize() && goOn.asked(); at += PIECE) {
      long begin = Math.max(0, at);
      long end = Math.min(mapped.byteSize(), at + PIECE);
      if (call(madvise, mapped.asSlice(begin, end - begin), POPULATE_READ) != 0) {
        return false;
      }
    }
    return true;
  }

  /** Unmaps the pages of a part of a mapped file, which stays readable. */
  public void letGo(MemorySegment mapped) {
    call(madvise, mapped, DONT_NEED);
  }

  /**
   * Whether a sample of the pages of a mapped file is in memory. A system may say yes of the files
   * of others.
   */
  public boolean resident(MemorySegment mapped) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment flag = arena.allocate(ValueLayout.JAVA_BYTE);
      long step = Math.max(1, mapped.byteSize() / SAMPLE);
      for (long at = 0; at < mapped.byteSize(); at += step) {
        if (call(mincore, mapped.asSlice(at, 1), flag) != 0
            || (flag.get(ValueLayout.JAVA_BYTE, 0) & 1) == 0) {
          return false;
        }
      }
      return true;
    }
  }

  /**
   * Calls with the whole pages around a part of a mapping. Both calls leave memory as it is: of a
   * mapping that has been closed meanwhile they report an error.
   */
  private static int call(MethodHandle function, MemorySegment part, Object argument) {
    long before = part.address() % PAGE;
    long length = (before + part.byteSize() + PAGE - 1) / PAGE * PAGE;
    MemorySegment pages = MemorySegment.ofAddress(part.address() - before);
    try {
      return argument instanceof Integer advice
          ? (int) function.invokeExact(pages, length, (int) advice)
          : (int) function.invokeExact(pages, length, (MemorySegment) argument);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable t) {
      throw new IllegalStateException(t);
    }
  }
}
