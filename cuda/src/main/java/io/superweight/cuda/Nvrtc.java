package io.superweight.cuda;

import io.superweight.InputException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** NVIDIA's run-time compiler (nvrtc.h). */
final class Nvrtc {
  private final NativeFunction version;
  private final NativeFunction create;
  private final NativeFunction destroy;
  private final NativeFunction compile;
  private final NativeFunction logSize;
  private final NativeFunction log;
  private final NativeFunction cubinSize;
  private final NativeFunction cubin;
  private final NativeFunction ptxSize;
  private final NativeFunction ptx;

  Nvrtc(SymbolLookup library) {
    version = NativeFunction.of(library, "nvrtcVersion", 2);
    create = NativeFunction.of(library, "nvrtcCreateProgram", 6);
    destroy = NativeFunction.of(library, "nvrtcDestroyProgram", 1);
    compile = NativeFunction.of(library, "nvrtcCompileProgram", 3);
    logSize = NativeFunction.of(library, "nvrtcGetProgramLogSize", 2);
    log = NativeFunction.of(library, "nvrtcGetProgramLog", 2);
    cubinSize = NativeFunction.of(library, "nvrtcGetCUBINSize", 2);
    cubin = NativeFunction.of(library, "nvrtcGetCUBIN", 2);
    ptxSize = NativeFunction.of(library, "nvrtcGetPTXSize", 2);
    ptx = NativeFunction.of(library, "nvrtcGetPTX", 2);
  }

  /** {@code "13.0"}. */
  String version() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment numbers = arena.allocate(ValueLayout.JAVA_INT, 2);
      check(version.call(numbers.address(), numbers.address() + 4), "version", "");
      return numbers.getAtIndex(ValueLayout.JAVA_INT, 0)
          + "."
          + numbers.getAtIndex(ValueLayout.JAVA_INT, 1);
    }
  }

  /**
   * Machine code for a card ({@code sm_…}), or PTX ({@code compute_…}), which the driver compiles.
   *
   * @throws InputException of kind UNSUPPORTED where this compiler cannot
   */
  byte[] compile(String source, String architecture, List<String> options) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG);
      check(
          create.call(
              result.address(),
              arena.allocateFrom(source).address(),
              arena.allocateFrom("kernels.cu").address(),
              0,
              0,
              0),
          "create",
          "");
      long program = result.get(ValueLayout.JAVA_LONG, 0);
      try {
        MemorySegment words = arena.allocate(ValueLayout.JAVA_LONG, options.size() + 1L);
        words.setAtIndex(
            ValueLayout.JAVA_LONG,
            0,
            arena.allocateFrom("--gpu-architecture=" + architecture).address());
        for (int i = 0; i < options.size(); i++) {
          words.setAtIndex(
              ValueLayout.JAVA_LONG, i + 1L, arena.allocateFrom(options.get(i)).address());
        }
        int code = compile.call(program, options.size() + 1L, words.address());
        if (code != 0) {
          byte[] text = bytes(arena, logSize, log, program);
          check(code, "compile", new String(text, StandardCharsets.UTF_8));
        }
        return architecture.startsWith("sm_")
            ? bytes(arena, cubinSize, cubin, program)
            : bytes(arena, ptxSize, ptx, program);
      } finally {
        result.set(ValueLayout.JAVA_LONG, 0, program);
        destroy.call(result.address());
      }
    }
  }

  private static byte[] bytes(
      Arena arena, NativeFunction size, NativeFunction content, long program) {
    MemorySegment count = arena.allocate(ValueLayout.JAVA_LONG);
    check(size.call(program, count.address()), size.name(), "");
    MemorySegment bytes = arena.allocate(Math.max(1, count.get(ValueLayout.JAVA_LONG, 0)));
    check(content.call(program, bytes.address()), content.name(), "");
    return bytes.toArray(ValueLayout.JAVA_BYTE);
  }

  private static void check(int code, String what, String log) {
    if (code != 0) {
      String first =
          log.lines().filter(line -> line.contains("error")).findFirst().orElse("error " + code);
      throw CudaDriver.unsupported(
          "NVRTC cannot compile the kernels (" + what + ": " + first.strip() + ")");
    }
  }
}
