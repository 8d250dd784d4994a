package io.superweight.checkpoint;

import io.superweight.InputException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Finds the model that a user names: a folder, a GGUF or safetensors file, or {@code
 * org/name[@revision]} in the Hugging Face cache of this machine. It reads that cache as
 * huggingface_hub lays it out and never writes to it; nothing is downloaded.
 *
 * <p>The cache is {@code HF_HUB_CACHE}, else {@code HF_HOME/hub}, else {@code
 * XDG_CACHE_HOME/huggingface/hub}, else {@code ~/.cache/huggingface/hub}. A branch or tag is a file
 * {@code models--org--name/refs/<revision>} that holds a commit; a commit is a folder under {@code
 * snapshots}.
 */
public final class ModelLocator {
  private static final Pattern HUB_NAME =
      Pattern.compile(
          "(?<model>[A-Za-z0-9][\\w.-]*(?:/[A-Za-z0-9][\\w.-]*)?)(?:@(?<revision>[\\w./-]+))?");
  private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");

  private final Map<String, String> environment;

  /**
   * @param environment the variables, {@code System.getenv()} outside tests
   */
  public ModelLocator(Map<String, String> environment) {
    this.environment = Map.copyOf(environment);
  }

  /**
   * Opens the model of that name.
   *
   * @throws InputException of kind NOT_FOUND where there is none, else as {@link Checkpoints#open}
   */
  public Checkpoint open(String model) {
    return Checkpoints.open(find(model), model);
  }

  /**
   * The folder or file of the model of that name.
   *
   * @throws InputException of kind NOT_FOUND that says where it was looked for
   */
  public Path find(String model) {
    if (model.isBlank()) {
      throw notFound("the model's name is empty; name a folder, a GGUF file or org/name");
    }
    Path path;
    try {
      path = Path.of(model);
    } catch (InvalidPathException e) {
      throw notFound(
          "\"" + Json.shorten(model) + "\" is no path; name a folder, a GGUF file or org/name");
    }
    if (Files.exists(path)) {
      return path;
    }
    Matcher name = HUB_NAME.matcher(model);
    if (!name.matches()) {
      throw notFound(model + " does not exist; name a folder, a GGUF file or org/name");
    }
    return inCache(
        model, name.group("model"), Optional.ofNullable(name.group("revision")).orElse("main"));
  }

  /** The folder of the Hugging Face cache, whether it is there or not. */
  public Path hubCache() {
    for (String variable : List.of("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")) {
      Optional<Path> own = variable(variable);
      if (own.isPresent()) {
        return own.get();
      }
    }
    return variable("HF_HOME")
        .or(() -> variable("XDG_CACHE_HOME").map(cache -> cache.resolve("huggingface")))
        .orElseGet(() -> home().resolve(".cache/huggingface"))
        .resolve("hub");
  }

  private Path inCache(String model, String name, String revision) {
    Path cache = hubCache();
    Path entry = cache.resolve("models--" + name.replace("/", "--"));
    if (!Files.isDirectory(entry)) {
      throw notFound(
          model
              + " is neither a path nor in the Hugging Face cache "
              + cache
              + "; download it with: hf download "
              + name);
    }
    Path refs = entry.resolve("refs");
    Path ref = refs.resolve(revision).normalize();
    Path snapshots = entry.resolve("snapshots");
    String commit = revision;
    if (ref.startsWith(refs) && Files.isRegularFile(ref)) {
      commit = new String(MappedFiles.read(ref, 4096), StandardCharsets.UTF_8).strip();
      if (!COMMIT.matcher(commit).matches()) {
        throw new InputException(
            InputException.Kind.MALFORMED,
            ref + " holds no commit; download the model again with: hf download " + name);
      }
    }
    Path snapshot = snapshots.resolve(commit).normalize();
    if (!snapshot.startsWith(snapshots)
        || snapshot.equals(snapshots)
        || !Files.isDirectory(snapshot)) {
      throw notFound(
          name
              + " is in the cache "
              + cache
              + ", but not at revision "
              + revision
              + "; there is "
              + revisions(refs, snapshots)
              + "; download it with: hf download "
              + name
              + " --revision "
              + revision);
    }
    return snapshot;
  }

  /** What revisions there are, for a message. */
  private static String revisions(Path refs, Path snapshots) {
    try (Stream<Path> commits = Files.isDirectory(snapshots) ? Files.list(snapshots) : Stream.of();
        Stream<Path> names = Files.isDirectory(refs) ? Files.walk(refs) : Stream.of()) {
      List<String> found =
          Stream.concat(
                  names.filter(Files::isRegularFile).map(f -> refs.relativize(f).toString()),
                  commits.map(folder -> folder.getFileName().toString()))
              .sorted()
              .limit(6)
              .toList();
      return found.isEmpty() ? "none" : String.join(", ", found);
    } catch (IOException e) {
      return "none that can be read";
    }
  }

  private Optional<Path> variable(String name) {
    String value = environment.getOrDefault(name, "");
    if (value.isBlank()) {
      return Optional.empty();
    }
    return Optional.of(
        value.equals("~") || value.startsWith("~/")
            ? home().resolve(value.substring(Math.min(2, value.length())))
            : Path.of(value));
  }

  private Path home() {
    String home = environment.getOrDefault("HOME", "");
    return Path.of(home.isBlank() ? System.getProperty("user.home") : home);
  }

  private static InputException notFound(String message) {
    return new InputException(InputException.Kind.NOT_FOUND, message);
  }
}
