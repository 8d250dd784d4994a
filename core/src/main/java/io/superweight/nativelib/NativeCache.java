package io.superweight.nativelib;

import io.superweight.InputException;
import io.superweight.Sha256;
import io.superweight.nativelib.BundledLibrary.BundledFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The folder that bundled shared libraries are unpacked into.
 *
 * <p>A file appears there whole or not at all (written beside its place, then renamed), so several
 * processes may unpack at once. Before every load it is compared with what the program expects, by
 * SHA-256, or where a note beside it says that this was done before, by what the note says of its
 * size and time of change (hashing 90 MB at each start takes longer than loading it); a file that
 * differs is written anew. Where the folder cannot be written, or nothing in it may be executed, a
 * private temporary folder takes its place, which the JVM empties when it ends.
 */
public final class NativeCache {
  private final Path folder;
  private final ClassLoader resources;

  /**
   * @param folder is created when it is first needed
   * @param resources the class loader that finds the bundled files
   */
  public NativeCache(Path folder, ClassLoader resources) {
    this.folder = folder;
    this.resources = resources;
  }

  /**
   * The user's cache: {@code native} under {@code $SUPERWEIGHT_CACHE}, else under {@code
   * $XDG_CACHE_HOME/superweight}, else under {@code ~/.cache/superweight}.
   */
  public static NativeCache ofUser() {
    return new NativeCache(
        userFolder(System.getenv("SUPERWEIGHT_CACHE"), System.getenv("XDG_CACHE_HOME"))
            .resolve("native"),
        NativeCache.class.getClassLoader());
  }

  static Path userFolder(String superweightCache, String xdgCacheHome) {
    if (superweightCache != null && !superweightCache.isBlank()) {
      return Path.of(superweightCache);
    }
    if (xdgCacheHome != null && !xdgCacheHome.isBlank()) {
      return Path.of(xdgCacheHome, "superweight");
    }
    return Path.of(System.getProperty("user.home"), ".cache", "superweight");
  }

  /** Where libraries are unpacked, unless it cannot be written. */
  public Path folder() {
    return folder;
  }

  /**
   * The library's files on disk, checked, in the order of {@link BundledLibrary#files()}: for a
   * loader of its own, such as {@code SymbolLookup.libraryLookup}.
   *
   * @throws InputException of kind OUTPUT if no folder can be written
   */
  public List<Path> unpack(BundledLibrary library) {
    try {
      return unpackInto(folder.resolve(library.folder()), library);
    } catch (IOException cacheTrouble) {
      return unpackIntoTemporaryFolder(library, reason(cacheTrouble));
    }
  }

  /**
   * Loads the library into this class's class loader, for classes with native methods.
   *
   * @throws InputException of kind OUTPUT if no folder can be written, UNSUPPORTED if the system
   *     refuses the library
   */
  public void load(BundledLibrary library) {
    List<Path> files = unpack(library);
    Optional<String> refusal = tryLoad(files);
    if (refusal.isPresent() && files.getFirst().startsWith(folder)) {
      // A folder on a volume mounted "noexec" can be written, but not loaded from.
      refusal = tryLoad(unpackIntoTemporaryFolder(library, refusal.get()));
    }
    if (refusal.isPresent()) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          "this system cannot load "
              + library.name()
              + " ("
              + refusal.get()
              + "): on Linux it needs glibc 2.34 or newer and a folder that programs may run from;"
              + " set SUPERWEIGHT_CACHE to such a folder");
    }
  }

  @SuppressWarnings("restricted") // loading native code is what this is for
  private static Optional<String> tryLoad(List<Path> files) {
    try {
      for (Path file : files) {
        System.load(file.toAbsolutePath().toString());
      }
      return Optional.empty();
    } catch (UnsatisfiedLinkError refusal) {
      return Optional.of(oneLine(refusal.getMessage()));
    }
  }

  private List<Path> unpackIntoTemporaryFolder(BundledLibrary library, String cacheTrouble) {
    try {
      Path temporary = Files.createTempDirectory("superweight-native"); // readable by us alone
      temporary.toFile().deleteOnExit();
      List<Path> files = unpackInto(temporary, library);
      files.forEach(file -> file.toFile().deleteOnExit());
      return files;
    } catch (IOException temporaryTrouble) {
      throw new InputException(
          InputException.Kind.OUTPUT,
          "cannot unpack "
              + library.name()
              + ": neither "
              + folder
              + " ("
              + cacheTrouble
              + ") nor a temporary folder ("
              + reason(temporaryTrouble)
              + ") can be used; set SUPERWEIGHT_CACHE to a folder that can be written",
          temporaryTrouble);
    }
  }

  private List<Path> unpackInto(Path target, BundledLibrary library) throws IOException {
    Files.createDirectories(target);
    List<Path> files = new ArrayList<>();
    for (BundledFile file : library.files()) {
      Path path = target.resolve(file.fileName());
      if (!target.startsWith(folder)) {
        write(path, file, library); // a temporary folder is new
      } else if (!wasChecked(path, file)) {
        if (!isWhole(path, file)) {
          write(path, file, library);
        }
        remember(path, file);
      }
      files.add(path);
    }
    return files;
  }

  private static boolean isWhole(Path path, BundledFile file) throws IOException {
    if (!Files.isRegularFile(path) || Files.size(path) != file.bytes()) {
      return false;
    }
    try (InputStream in = Files.newInputStream(path)) {
      return Sha256.hex(in).equals(file.sha256());
    }
  }

  private static Path note(Path path) {
    return path.resolveSibling(path.getFileName() + ".checked");
  }

  /** What a note says of a file whose digest was found right. */
  private static String checked(Path path, BundledFile file) throws IOException {
    return file.sha256() + " " + file.bytes() + " " + Files.getLastModifiedTime(path).toInstant();
  }

  private static boolean wasChecked(Path path, BundledFile file) throws IOException {
    return Files.isRegularFile(path)
        && Files.size(path) == file.bytes()
        && Files.isRegularFile(note(path))
        && Files.readString(note(path)).equals(checked(path, file));
  }

  /** Without a note the next start hashes the file again, which is no reason to fail. */
  private static void remember(Path path, BundledFile file) {
    try {
      // Written beside its place, then renamed: a note is whole or not there.
      Path part = Files.createTempFile(path.getParent(), "note", ".part");
      Files.writeString(part, checked(path, file));
      Files.move(
          part, note(path), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException readOnly) {
      return;
    }
  }

  private void write(Path path, BundledFile file, BundledLibrary library) throws IOException {
    Path part = Files.createTempFile(path.getParent(), file.fileName(), ".part");
    try {
      try (InputStream in = resources.getResourceAsStream(file.resource())) {
        if (in == null) {
          throw damaged(library, file, "is missing");
        }
        Files.copy(in, part, StandardCopyOption.REPLACE_EXISTING);
      }
      if (!isWhole(part, file)) {
        throw damaged(library, file, "is not the file that this version was built with");
      }
      Files.move(part, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(part);
    }
  }

  private static InputException damaged(BundledLibrary library, BundledFile file, String trouble) {
    return new InputException(
        InputException.Kind.MALFORMED,
        "the installation is damaged: "
            + file.resource()
            + " of "
            + library.name()
            + " "
            + trouble
            + "; install superweight again");
  }

  private static String reason(IOException e) {
    // NIO's messages are often the path alone; the class then says what happened to it.
    String message = oneLine(e.getMessage());
    return e.getClass().getSimpleName().replace("Exception", "") + ": " + message;
  }

  private static String oneLine(String message) {
    return String.valueOf(message).lines().findFirst().orElse("");
  }
}
