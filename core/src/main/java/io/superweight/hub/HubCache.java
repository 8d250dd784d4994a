package io.superweight.hub;

import io.superweight.InputException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The cache of huggingface_hub (2.4 and those before it), read and written as that library does:
 *
 * <pre>
 * models--org--name/refs/main                       the commit that the branch was at
 * models--org--name/snapshots/COMMIT/config.json    a relative link to, or a copy of
 * models--org--name/blobs/ETAG                      the bytes; an ETAG is their git or SHA-256 hash
 * models--org--name/blobs/ETAG.RANDOM.incomplete    what has arrived of it
 * models--org--name/.no_exist/COMMIT/name           the commit is known to lack that file
 * .locks/models--org--name/ETAG.lock                held while ETAG is fetched
 * </pre>
 *
 * and one file that Superweight adds: {@code models--org--name/superweight/COMMIT.files}, the names
 * of the commit's files. (huggingface_hub's {@code trees/COMMIT.json} says the same and is read,
 * but never written: that library takes it for a promise that all its files are here.)
 */
public final class HubCache {
  private static final long MAX_REFERENCE_BYTES = 4096;
  private static final long MAX_LISTING_BYTES = 64L << 20;

  private final Path folder;
  private final boolean symlinks;

  HubCache(Path folder, boolean symlinks) {
    this.folder = folder;
    this.symlinks = symlinks;
  }

  /** The cache's folder, whether it is there or not. */
  public Path folder() {
    return folder;
  }

  /** The commit that a path in a cache belongs to: the folder below {@code snapshots}. */
  public static Optional<String> commitOf(Path path) {
    Path absolute = path.toAbsolutePath();
    for (int i = 0; i + 1 < absolute.getNameCount(); i++) {
      String below = absolute.getName(i + 1).toString();
      if (absolute.getName(i).toString().equals("snapshots") && Names.isCommit(below)) {
        return Optional.of(below);
      }
    }
    return Optional.empty();
  }

  /** Whether anything of that repository is here. */
  public boolean has(RepositoryName repository) {
    return Files.isDirectory(entry(repository));
  }

  /**
   * The commit of a revision, as it was when it was last fetched.
   *
   * @throws InputException of kind MALFORMED if the cache holds something else in its place
   */
  public Optional<String> commit(RepositoryName repository, String revision) {
    Path refs = entry(repository).resolve("refs");
    Optional<Path> reference =
        Names.isFile(revision) ? Optional.of(refs.resolve(revision)) : Optional.empty();
    if (reference.isPresent() && Files.isRegularFile(reference.get())) {
      String commit = text(reference.get(), MAX_REFERENCE_BYTES).strip();
      if (!Names.isCommit(commit)) {
        throw new InputException(
            InputException.Kind.MALFORMED,
            reference.get() + " holds no commit; delete that file and have it fetched again");
      }
      return Optional.of(commit);
    }
    return Names.isCommit(revision) ? Optional.of(revision) : Optional.empty();
  }

  /** The folder of a commit's files, whether it is there or not. */
  public Path snapshot(RepositoryName repository, String commit) {
    return entry(repository).resolve("snapshots").resolve(commit);
  }

  /** Whether the commit is known to lack that file: asked for before, by whomever. */
  public boolean isKnownToLack(RepositoryName repository, String commit, String file) {
    return Files.exists(entry(repository).resolve(".no_exist").resolve(commit).resolve(file));
  }

  /** What revisions and commits are here, six at most, for a message. */
  public List<String> revisions(RepositoryName repository) {
    Path refs = entry(repository).resolve("refs");
    Path snapshots = entry(repository).resolve("snapshots");
    try (Stream<Path> commits = Files.isDirectory(snapshots) ? Files.list(snapshots) : Stream.of();
        Stream<Path> names = Files.isDirectory(refs) ? Files.walk(refs) : Stream.of()) {
      return Stream.concat(
              names.filter(Files::isRegularFile).map(f -> refs.relativize(f).toString()),
              commits.map(commit -> commit.getFileName().toString()))
          .sorted()
          .limit(6)
          .toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  Path blobs(RepositoryName repository) {
    return entry(repository).resolve("blobs");
  }

  Path lock(RepositoryName repository, String etag) {
    return folder.resolve(".locks").resolve(repository.folder()).resolve(etag + ".lock");
  }

  private Path entry(RepositoryName repository) {
    return folder.resolve(repository.folder());
  }

  /** The file's place in the snapshot; a link there may point at nothing. */
  Path pointer(RepositoryName repository, String commit, String file) {
    return snapshot(repository, commit).resolve(file);
  }

  void writeReference(RepositoryName repository, String revision, String commit)
      throws IOException {
    if (revision.equals(commit)
        || !Names.isFile(revision)
        || commit(repository, revision).filter(commit::equals).isPresent()) {
      return; // a cache that cannot be written may be up to date all the same
    }
    writeWhole(entry(repository).resolve("refs").resolve(revision), commit);
  }

  void noteThatItLacks(RepositoryName repository, String commit, String file) throws IOException {
    Path note = entry(repository).resolve(".no_exist").resolve(commit).resolve(file);
    if (!Files.exists(note)) {
      Files.createDirectories(note.getParent());
      try {
        Files.createFile(note);
      } catch (FileAlreadyExistsException e) {
        // somebody else knows it, too
      }
    }
  }

  /** The names of all files of a commit, if somebody noted them. */
  Optional<List<String>> listing(RepositoryName repository, String commit) {
    Path own = listingFile(repository, commit);
    if (Files.isRegularFile(own)) {
      return Optional.of(text(own, MAX_LISTING_BYTES).lines().filter(Names::isFile).toList());
    }
    Path tree = entry(repository).resolve("trees").resolve(commit + ".json");
    if (Files.isRegularFile(tree)) {
      try {
        JsonNode files = JsonMapper.shared().readTree(text(tree, MAX_LISTING_BYTES)).path("files");
        if (files.isObject() && !files.isEmpty()) {
          return Optional.of(files.propertyNames().stream().filter(Names::isFile).toList());
        }
      } catch (JacksonException e) {
        return Optional.empty(); // as good as none: huggingface_hub fetches it again, too
      }
    }
    return Optional.empty();
  }

  void writeListing(RepositoryName repository, String commit, List<String> files)
      throws IOException {
    writeWhole(listingFile(repository, commit), String.join("\n", new TreeSet<>(files)) + "\n");
  }

  private Path listingFile(RepositoryName repository, String commit) {
    return entry(repository).resolve("superweight").resolve(commit + ".files");
  }

  /** The names of a commit's files that are here. */
  List<String> present(RepositoryName repository, String commit) {
    Path snapshot = snapshot(repository, commit);
    if (!Files.isDirectory(snapshot)) {
      return List.of();
    }
    List<String> names = new ArrayList<>();
    try (Stream<Path> files = Files.walk(snapshot)) {
      files
          .filter(Files::isRegularFile)
          .forEach(file -> names.add(snapshot.relativize(file).toString().replace('\\', '/')));
    } catch (IOException e) {
      throw unreadable(snapshot, e);
    }
    names.sort(null);
    return names;
  }

  /**
   * Puts a blob in its place in the snapshot: a relative link, so that the cache can be moved; a
   * copy where there are no links. Nobody sees half of either.
   */
  void point(RepositoryName repository, String commit, String file, Path blob) throws IOException {
    Path pointer = pointer(repository, commit, file);
    if (Files.exists(pointer)) {
      return;
    }
    Files.createDirectories(pointer.getParent());
    Path draft = pointer.resolveSibling(pointer.getFileName() + "." + random() + ".tmp");
    try {
      if (!linked(draft, pointer.getParent().relativize(blob))) {
        Files.copy(blob, draft);
      }
      move(draft, pointer);
    } finally {
      Files.deleteIfExists(draft);
    }
  }

  private boolean linked(Path link, Path target) throws IOException {
    if (!symlinks) {
      return false;
    }
    try {
      Files.createSymbolicLink(link, target);
      return true;
    } catch (FileAlreadyExistsException e) {
      throw e;
    } catch (UnsupportedOperationException | IOException | SecurityException e) {
      return false; // Windows without the right to make links, some shared disks
    }
  }

  /** Gives a file that is whole its final name. */
  static void move(Path from, Path to) throws IOException {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (AtomicMoveNotSupportedException e) {
      Files.move(from, to, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  static String random() {
    return UUID.randomUUID().toString().substring(0, 8);
  }

  /** Says to backup tools that all this can be fetched again (bford.info/cachedir). */
  void tag() throws IOException {
    Path tag = folder.resolve("CACHEDIR.TAG");
    if (!Files.exists(tag, LinkOption.NOFOLLOW_LINKS)) {
      writeWhole(
          tag,
          "Signature: 8a477f597d28d172789f06886806bc55\n"
              + "# This file marks a cache of the Hugging Face hub: all in it can be fetched again.\n"
              + "# See https://bford.info/cachedir/\n");
    }
  }

  private static void writeWhole(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    Path draft = file.resolveSibling(file.getFileName() + "." + random() + ".tmp");
    try {
      Files.writeString(draft, text);
      move(draft, file);
    } finally {
      Files.deleteIfExists(draft);
    }
  }

  private static String text(Path file, long maxBytes) {
    try {
      if (Files.size(file) > maxBytes) {
        throw new InputException(
            InputException.Kind.MALFORMED,
            file + " is too large for its kind; delete it and have it fetched again");
      }
      return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  private static InputException unreadable(Path file, IOException e) {
    return new InputException(
        InputException.Kind.NOT_FOUND,
        file
            + " cannot be read ("
            + e.getClass().getSimpleName().replace("Exception", "")
            + "); check its permissions",
        e);
  }
}
