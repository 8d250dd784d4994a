package io.superweight.cuda;

import io.superweight.nativelib.NativeCache;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * What the device takes from the machine that it runs on.
 *
 * @param loader brings in the driver and the other libraries
 * @param driverFiles one of them is there where an NVIDIA driver is loaded
 * @param environment says where libraries lie
 * @param cache where compiled kernels are kept
 */
record Machine(Loader loader, List<Path> driverFiles, Map<String, String> environment, Path cache) {

  /** How the functions of a library come into the process. */
  interface Loader {
    /**
     * @param nameOrPath a path where it has a slash, else a name that the system looks up
     * @throws IllegalArgumentException where it cannot be loaded
     */
    SymbolLookup load(String nameOrPath);
  }

  /** This one. */
  static Machine here() {
    return new Machine(
        Machine::library,
        List.of(Path.of("/dev/nvidiactl"), Path.of("/dev/dxg")), // or WSL
        System.getenv(),
        NativeCache.ofUser().folder().resolve("cuda"));
  }

  @SuppressWarnings("restricted") // native code is what this is for
  private static SymbolLookup library(String nameOrPath) {
    return nameOrPath.contains("/")
        ? SymbolLookup.libraryLookup(Path.of(nameOrPath), Arena.global())
        : SymbolLookup.libraryLookup(nameOrPath, Arena.global());
  }

  /** Whether it has such a driver, by a look at its files alone. */
  boolean hasDriver() {
    return driverFiles.stream().anyMatch(Files::exists);
  }
}
