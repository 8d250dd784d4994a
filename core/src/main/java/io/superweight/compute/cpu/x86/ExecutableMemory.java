package io.superweight.compute.cpu.x86;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * Pages of machine code. They are written first and made executable then: at no time are they both.
 */
final class ExecutableMemory implements AutoCloseable {
  private static final int READ = 1;
  private static final int WRITE = 2;
  private static final int EXECUTE = 4;
  private static final int PRIVATE_ANONYMOUS = 0x22;
  private static final long PAGE = 4096;

  private final MemorySegment pages;
  private final MethodHandle unmap;

  private ExecutableMemory(MemorySegment pages, MethodHandle unmap) {
    this.pages = pages;
    this.unmap = unmap;
  }

  /** Code in pages of its own; empty where the system refuses them. Linux on x86-64 only. */
  @SuppressWarnings("restricted") // whoever makes kernels has checked the permission
  static Optional<ExecutableMemory> of(byte[] code) {
    Linker linker = Linker.nativeLinker();
    SymbolLookup symbols = linker.defaultLookup();
    Optional<MemorySegment> mmap = symbols.find("mmap");
    Optional<MemorySegment> mprotect = symbols.find("mprotect");
    Optional<MemorySegment> munmap = symbols.find("munmap");
    if (mmap.isEmpty() || mprotect.isEmpty() || munmap.isEmpty()) {
      return Optional.empty();
    }
    MethodHandle map =
        linker.downcallHandle(
            mmap.get(),
            FunctionDescriptor.of(
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_LONG));
    MethodHandle protect =
        linker.downcallHandle(
            mprotect.get(),
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_INT));
    MethodHandle unmap =
        linker.downcallHandle(
            munmap.get(),
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
    long bytes = (code.length + PAGE - 1) / PAGE * PAGE;
    try {
      long address = (long) map.invokeExact(0L, bytes, READ | WRITE, PRIVATE_ANONYMOUS, -1, 0L);
      if (address == -1) {
        return Optional.empty();
      }
      MemorySegment pages = MemorySegment.ofAddress(address).reinterpret(bytes);
      MemorySegment.copy(code, 0, pages, ValueLayout.JAVA_BYTE, 0, code.length);
      ExecutableMemory memory = new ExecutableMemory(pages, unmap);
      if ((int) protect.invokeExact(address, bytes, READ | EXECUTE) != 0) {
        memory.close();
        return Optional.empty();
      }
      return Optional.of(memory);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable t) {
      throw new IllegalStateException(t);
    }
  }

  /** Where the code begins. */
  long address() {
    return pages.address();
  }

  /** Gives the pages back; nobody may run them any more. */
  @Override
  public void close() {
    try {
      int ignored = (int) unmap.invokeExact(pages.address(), pages.byteSize());
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable t) {
      throw new IllegalStateException(t);
    }
  }
}
