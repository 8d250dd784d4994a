package io.superweight.cuda;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;

/**
 * A C function whose arguments are integers and pointers: all are passed as 64-bit integers, which
 * is what the calling conventions of 64-bit Linux do with them anyway. Whoever passes an address
 * keeps the memory behind it alive.
 */
final class NativeFunction {
  private final String name;
  private final MethodHandle handle;

  private NativeFunction(String name, MethodHandle handle) {
    this.name = name;
    this.handle = handle;
  }

  /**
   * A function that gives an {@code int}.
   *
   * @throws IllegalArgumentException if the library does not have it
   */
  @SuppressWarnings("restricted") // native code is what this is for
  static NativeFunction of(SymbolLookup library, String name, int arguments) {
    MemoryLayout[] longs = new MemoryLayout[arguments];
    Arrays.fill(longs, ValueLayout.JAVA_LONG);
    MethodHandle handle =
        Linker.nativeLinker()
            .downcallHandle(
                library
                    .find(name)
                    .orElseThrow(() -> new IllegalArgumentException("no function " + name)),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, longs))
            .asSpreader(long[].class, arguments);
    return new NativeFunction(name, handle);
  }

  String name() {
    return name;
  }

  int call(long... arguments) {
    try {
      return (int) handle.invokeExact(arguments);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable t) {
      throw new IllegalStateException(name, t);
    }
  }
}
