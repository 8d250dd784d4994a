package io.superweight.onednn;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A thread's memory objects for a primitive; a handle of 0 is none. */
record OneDnnCall(
    long primitive, long x, long w, long y, long scratchpad, long bytes, MemorySegment arguments) {
  /**
   * Of a product: layouts of its operands and of a scratchpad of so many bytes.
   *
   * @param arena holds the arguments
   */
  static OneDnnCall product(
      OneDnnLibrary library,
      long engine,
      Arena arena,
      long primitive,
      long xLayout,
      long wLayout,
      long yLayout,
      long scratchpadLayout,
      long bytes) {
    long x = library.createMemory(xLayout, engine);
    long w = library.createMemory(wLayout, engine);
    long y = library.createMemory(yLayout, engine);
    long pad = library.createMemory(scratchpadLayout, engine);
    return new OneDnnCall(
        primitive,
        x,
        w,
        y,
        pad,
        bytes,
        OneDnnLibrary.arguments(
            arena,
            OneDnnLibrary.ARG_SRC,
            x,
            OneDnnLibrary.ARG_WEIGHTS,
            w,
            OneDnnLibrary.ARG_DST,
            y,
            OneDnnLibrary.ARG_SCRATCHPAD,
            pad));
  }

  /** Multiplies what lies at these addresses. */
  void multiply(
      OneDnnLibrary library, long stream, OneDnnScratchpad pad, long fromX, long fromW, long toY) {
    library.point(x, fromX);
    library.point(w, fromW);
    library.point(y, toY);
    library.point(scratchpad, pad.address(bytes));
    library.execute(primitive, stream, arguments);
  }

  void destroy(OneDnnLibrary library) {
    for (long memory : new long[] {x, w, y, scratchpad}) {
      if (memory != 0) {
        library.destroyMemory(memory);
      }
    }
  }
}
