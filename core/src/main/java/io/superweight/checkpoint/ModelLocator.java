package io.superweight.checkpoint;

import io.superweight.InputException;
import io.superweight.hub.DownloadListener;
import io.superweight.hub.Hub;
import io.superweight.hub.HubCache;
import io.superweight.hub.HubRepository;
import io.superweight.hub.RepositoryName;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Finds the model that a user names: a folder, a GGUF or safetensors file, or a model of the
 * Hugging Face hub: {@code org/name[@revision]}, or one GGUF file of it, {@code
 * org/name/file.gguf[@revision]}. What is on this machine comes first: a path, then the cache
 * ({@link HubCache}), a branch as it was when it was last fetched. What is not there is fetched.
 */
public final class ModelLocator {
  private static final Pattern HUB_NAME =
      Pattern.compile(
          "(?<id>[A-Za-z0-9][\\w.-]*(?:/[A-Za-z0-9][\\w.-]*)?)"
              + "(?:/(?<file>[\\w.-]+(?:/[\\w.-]+)*\\.gguf))?"
              + "(?:@(?<revision>[\\w./-]+))?");

  private final Hub hub;
  private final DownloadListener listener;

  /** The same that fetches without a word. */
  public ModelLocator(Map<String, String> environment) {
    this(environment, DownloadListener.SILENT);
  }

  /**
   * @param environment the variables, {@code System.getenv()} outside tests
   * @param listener hears of downloads
   */
  public ModelLocator(Map<String, String> environment, DownloadListener listener) {
    this.hub = new Hub(environment, listener);
    this.listener = listener;
  }

  /**
   * Opens the model of that name.
   *
   * @throws InputException as {@link #find}, else as {@link Checkpoints#open}
   */
  public Checkpoint open(String model) {
    return Checkpoints.open(find(model), model);
  }

  /**
   * The folder or file of the model of that name.
   *
   * @throws InputException of kind NOT_FOUND that says where it was looked for, NETWORK if the hub
   *     cannot be reached or refuses, MALFORMED if what it sends is damaged, OUTPUT if the cache
   *     cannot be written
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
    HubModel found = hubModel(model, path);
    Optional<Path> whole = found.whole();
    if (whole.isPresent()) {
      return whole.get();
    }
    boolean known = found.isKnown();
    Optional<Path> here = found.here();
    if (here.isPresent() && hub.offline()) {
      return here.get();
    }
    try {
      return found.fetch();
    } catch (InputException e) {
      if (here.isPresent()
          && (e.kind() == InputException.Kind.NETWORK
              || e.kind() == InputException.Kind.NOT_FOUND)) {
        listener.notice(e.getMessage());
        return here.get(); // without a tokenizer, which not every command needs
      }
      if (e.kind() == InputException.Kind.NOT_FOUND && !known) {
        throw new InputException(e.kind(), model + " is no path here, and " + e.getMessage(), e);
      }
      throw e;
    }
  }

  /**
   * Asks the hub what the revision of that name means now, and fetches what the cache lacks of it.
   *
   * @param model as of {@link #find}, but no path
   * @throws InputException as {@link #find}
   */
  public Path fetch(String model) {
    HubName name =
        HubName.of(model)
            .orElseThrow(() ->
                notFound(Json.shorten(model) + " is no model of the hub; they are named org/name"));
    HubRepository repository = name.in(hub);
    repository.refresh();
    return new HubModel(repository, name.file()).fetch();
  }

  /** The folder of the Hugging Face cache, whether it is there or not. */
  public Path hubCache() {
    return hub.cache().folder();
  }

  private HubModel hubModel(String model, Path path) {
    Optional<HubName> name =
        path.isAbsolute() || model.startsWith(".") ? Optional.empty() : HubName.of(model);
    if (name.isEmpty()) {
      throw notFound(model + " does not exist; name a folder, a GGUF file or org/name");
    }
    HubRepository repository = name.get().in(hub);
    HubCache cache = hub.cache();
    if (!name.get().id().contains("/") && !cache.has(repository.name())) {
      // What is more likely a mistyped path is no reason to ask the network.
      throw notFound(
          model
              + " is neither a path nor in the Hugging Face cache "
              + cache.folder()
              + "; a model of the hub is named org/name");
    }
    if (hub.offline() && repository.cachedFolder().isEmpty() && cache.has(repository.name())) {
      List<String> revisions = cache.revisions(repository.name());
      throw notFound(
          name.get().id()
              + " is in the cache "
              + cache.folder()
              + ", but not at revision "
              + repository.revision()
              + "; there is "
              + (revisions.isEmpty() ? "none" : String.join(", ", revisions))
              + "; unset HF_HUB_OFFLINE to have it fetched");
    }
    return new HubModel(repository, name.get().file());
  }

  /** A name of the hub, in its parts. */
  private record HubName(String id, Optional<String> file, String revision) {
    static Optional<HubName> of(String text) {
      Matcher name = HUB_NAME.matcher(text);
      if (!name.matches() || !RepositoryName.isId(name.group("id"))) {
        return Optional.empty();
      }
      return Optional.of(
          new HubName(
              name.group("id"),
              Optional.ofNullable(name.group("file")),
              Optional.ofNullable(name.group("revision")).orElse(Hub.MAIN)));
    }

    HubRepository in(Hub hub) {
      return hub.repository(new RepositoryName(RepositoryName.Kind.MODEL, id), revision);
    }
  }

  private static InputException notFound(String message) {
    return new InputException(InputException.Kind.NOT_FOUND, message);
  }
}
