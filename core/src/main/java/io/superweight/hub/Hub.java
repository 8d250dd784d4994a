package io.superweight.hub;

import io.superweight.InputException;
import java.util.Map;

/**
 * The Hugging Face hub as this process's environment describes it: {@code HF_ENDPOINT}, {@code
 * HF_TOKEN} (or the token that {@code hf auth login} left), {@code HF_HUB_OFFLINE}, {@code
 * HF_HUB_CACHE}, {@code HF_HOME}, {@code HTTPS_PROXY}. Nothing is asked of the network before a
 * file is needed that the cache lacks. May be used by several threads.
 */
public final class Hub {
  /** The branch that a name without a revision means. */
  public static final String MAIN = "main";

  private final HubSettings settings;
  private final HubCache cache;
  private final DownloadListener listener;
  private final Patience.Pause pause;
  private HubClient client;

  /**
   * @param environment the variables, {@code System.getenv()} outside tests
   * @param listener hears of downloads
   */
  public Hub(Map<String, String> environment, DownloadListener listener) {
    this(environment, listener, Patience.Pause.REAL);
  }

  Hub(Map<String, String> environment, DownloadListener listener, Patience.Pause pause) {
    settings = new HubSettings(environment);
    cache = new HubCache(settings.cache(), !settings.symlinksDisabled());
    this.listener = listener;
    this.pause = pause;
  }

  /** What is on this machine. */
  public HubCache cache() {
    return cache;
  }

  /** Whether {@code HF_HUB_OFFLINE} forbids to ask. */
  public boolean offline() {
    return settings.offline();
  }

  /**
   * Which hub it is and who asks: {@code https://huggingface.co, with the token of HF_TOKEN}. Asks
   * nothing of the network.
   *
   * @throws InputException of kind USAGE for an endpoint or a token that cannot be one
   */
  public String description() {
    return settings.offline()
        ? "offline, by HF_HUB_OFFLINE: only what is in the cache"
        : settings.endpoint()
            + settings
                .token()
                .map(token -> ", with the token of " + token.source())
                .orElse(", without a token: public models and data");
  }

  /** The model of that name at its main branch. */
  public HubRepository model(String id) {
    return repository(new RepositoryName(RepositoryName.Kind.MODEL, id), MAIN);
  }

  /** The data set of that name at its main branch. */
  public HubRepository dataset(String id) {
    return repository(new RepositoryName(RepositoryName.Kind.DATASET, id), MAIN);
  }

  /**
   * A repository.
   *
   * @param revision branch, tag or commit
   */
  public HubRepository repository(RepositoryName name, String revision) {
    return new HubRepository(this, name, revision);
  }

  DownloadListener listener() {
    return listener;
  }

  /**
   * The client.
   *
   * @param what is to be fetched, for the message
   * @throws InputException of kind NOT_FOUND if the environment says offline
   */
  synchronized HubClient client(String what) {
    if (settings.offline()) {
      throw new InputException(
          InputException.Kind.NOT_FOUND,
          what
              + " is not in the cache "
              + cache.folder()
              + ", and HF_HUB_OFFLINE is set: unset it to have it fetched, or fetch it where there"
              + " is a network and copy the cache");
    }
    if (client == null) {
      client = new HubClient(settings, pause, listener);
    }
    return client;
  }
}
