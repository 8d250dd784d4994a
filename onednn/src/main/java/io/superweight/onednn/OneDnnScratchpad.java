package io.superweight.onednn;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A thread's memory that primitives work in, as large as the largest asked for so far. */
final class OneDnnScratchpad implements AutoCloseable {
  private static final long ALIGNMENT = 64;

  private Arena arena = Arena.ofShared();
  private MemorySegment memory = MemorySegment.NULL;

  long address(long bytes) {
    if (memory.byteSize() < bytes) {
      arena.close();
      arena = Arena.ofShared();
      memory = arena.allocate(bytes, ALIGNMENT);
    }
    return memory.address();
  }

  @Override
  public void close() {
    arena.close();
  }
}
