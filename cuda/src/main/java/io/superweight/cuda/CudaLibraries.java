package io.superweight.cuda;

import io.superweight.InputException;
import java.io.IOException;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Where the CUDA libraries that come without the driver lie on this machine: a folder that somebody
 * named, Python's {@code nvidia-*} packages, the toolkit, the system's folders, in this order.
 */
final class CudaLibraries {
  private static final int OLDEST_MAJOR = 11;

  private final Machine.Loader loader;
  private final Optional<Path> named;
  private final Map<String, String> environment;
  private final int major;

  /**
   * @param named what the user gave; then only there is looked
   * @param driverVersion {@code 13000} for 13.0: newer libraries do not run on it
   */
  CudaLibraries(Machine machine, Optional<Path> named, int driverVersion) {
    this.loader = machine.loader();
    this.environment = machine.environment();
    this.named = named.or(() -> Optional.ofNullable(environment.get("CUDA_PATH")).map(Path::of));
    this.major = driverVersion / 1000;
  }

  /** A library and where it was found. */
  record Found(SymbolLookup lookup, String path) {}

  /**
   * Loads a library.
   *
   * @param base {@code "libcublasLt.so"}: the newest major version that the driver runs is taken
   * @param pack the Python packages that bring it, for the message
   * @throws InputException of kind UNSUPPORTED where there is none
   */
  Found load(String base, String pack) {
    String refusal = "";
    Set<Path> folders = folders();
    for (int version = major; version >= OLDEST_MAJOR; version--) {
      String file = base + "." + (version == 11 && base.contains("nvrtc") ? "11.2" : version);
      for (Path folder : folders) {
        Path path = folder.resolve(file);
        if (Files.exists(path)) {
          try {
            return new Found(loader.load(path.toString()), path.toString());
          } catch (IllegalArgumentException unloadable) {
            refusal = "; " + path + " cannot be loaded";
          }
        }
      }
      if (named.isEmpty()) {
        try {
          return new Found(loader.load(file), file);
        } catch (IllegalArgumentException absent) {
          continue;
        }
      }
    }
    throw CudaDriver.unsupported(
        "there is a GPU, but no "
            + base
            + " of CUDA "
            + major
            + " or older"
            + named.map(path -> " under " + path).orElse("")
            + refusal
            + ": install the CUDA toolkit or pip install "
            + pack.replace("*", String.valueOf(major))
            + ", or say with --cuda-path where it is");
  }

  /** Where to look, in order; only folders that exist. */
  Set<Path> folders() {
    Set<Path> folders = new LinkedHashSet<>();
    if (named.isPresent()) {
      toolkit(named.get(), folders);
      python(named.get(), folders);
      return folders;
    }
    for (String variable : List.of("VIRTUAL_ENV", "CONDA_PREFIX")) {
      String prefix = environment.get(variable);
      if (prefix != null && !prefix.isBlank()) {
        python(Path.of(prefix), folders);
        add(Path.of(prefix, "lib"), folders);
      }
    }
    for (String entry : environment.getOrDefault("PATH", "").split(":")) {
      Path python = Path.of(entry, "python3");
      if (!entry.isEmpty() && Files.isExecutable(python)) {
        python(Path.of(entry).toAbsolutePath().getParent(), folders);
        break;
      }
    }
    python(Path.of(environment.getOrDefault("HOME", "/"), ".local"), folders);
    String home = environment.get("CUDA_HOME");
    if (home != null && !home.isBlank()) {
      toolkit(Path.of(home), folders);
    }
    for (Path toolkit : matching(Path.of("/usr/local"), "cuda*").reversed()) {
      toolkit(toolkit, folders);
    }
    return folders;
  }

  private static void toolkit(Path root, Set<Path> folders) {
    add(root, folders);
    add(root.resolve("lib64"), folders);
    add(root.resolve("lib"), folders);
    add(root.resolve("targets/x86_64-linux/lib"), folders);
    add(root.resolve("targets/sbsa-linux/lib"), folders);
  }

  /** {@code <prefix>/lib/python3.x/site-packages/nvidia/<package>/lib}. */
  private static void python(Path prefix, Set<Path> folders) {
    if (prefix == null) {
      return;
    }
    List<Path> roots = new ArrayList<>(List.of(prefix.resolve("nvidia"), prefix));
    for (Path python : matching(prefix.resolve("lib"), "python3*")) {
      roots.add(python.resolve("site-packages/nvidia"));
      roots.add(python.resolve("dist-packages/nvidia"));
    }
    for (Path root : roots) {
      for (Path pack : matching(root, "*")) {
        if (root.endsWith("nvidia")) {
          add(pack.resolve("lib"), folders);
        }
      }
    }
  }

  private static void add(Path folder, Set<Path> folders) {
    if (Files.isDirectory(folder)) {
      folders.add(folder);
    }
  }

  private static List<Path> matching(Path folder, String pattern) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> entries = Files.list(folder)) {
      String start = pattern.replace("*", "");
      return entries
          .filter(path -> path.getFileName().toString().startsWith(start))
          .sorted(Comparator.comparing(Path::toString))
          .toList();
    } catch (IOException unreadable) {
      return List.of();
    }
  }
}
