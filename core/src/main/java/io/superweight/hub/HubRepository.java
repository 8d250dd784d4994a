package io.superweight.hub;

import io.superweight.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Predicate;

/**
 * A repository of the hub at one revision. What the cache has is taken from there without a word to
 * the network, a branch as it was when it was last fetched; the rest is fetched. Once it is known,
 * the commit stays the same for the life of this object.
 */
public final class HubRepository {
  /** Files fetched at once: more fill a line no better, and ask more of the hub. */
  private static final int AT_ONCE = 4;

  /** Room left on the disk beyond what is fetched. */
  private static final long ROOM = 64L << 20;

  private final Hub hub;
  private final RepositoryName name;
  private final String revision;
  private String commit;
  private List<String> listing;

  HubRepository(Hub hub, RepositoryName name, String revision) {
    this.hub = hub;
    this.name = name;
    this.revision = revision;
  }

  public RepositoryName name() {
    return name;
  }

  /** Branch, tag or commit, as it was asked for. */
  public String revision() {
    return revision;
  }

  /**
   * The commit that the revision means: what the cache says, else what the hub says.
   *
   * @throws InputException of kind NOT_FOUND or NETWORK
   */
  public synchronized String commit() {
    if (commit == null) {
      commit = hub.cache().commit(name, revision).orElse(null);
      if (commit == null) {
        refresh();
      }
    }
    return commit;
  }

  /** Asks the hub what the revision means now, whatever the cache says; gives the commit. */
  public synchronized String refresh() {
    HubClient.Revision answer = hub.client(toString()).revision(name, revision);
    commit = answer.commit();
    listing = answer.files();
    try {
      hub.cache().writeListing(name, commit, listing);
      hub.cache().writeReference(name, revision, commit);
      hub.cache().tag();
    } catch (IOException e) {
      throw BlobDownload.unwritable(hub.cache().folder(), e);
    }
    return commit;
  }

  /** The folder that the files of the commit are in, each under its name. */
  public Path folder() {
    return hub.cache().snapshot(name, commit());
  }

  /**
   * The names of all files of the commit. Where they are not noted in the cache and the hub cannot
   * be asked, the names of those that are here.
   *
   * @throws InputException of kind NOT_FOUND or NETWORK
   */
  public synchronized List<String> list() {
    commit();
    if (listing == null) {
      listing = hub.cache().listing(name, commit).orElse(null);
    }
    if (listing == null) {
      List<String> present = hub.cache().present(name, commit);
      if (hub.offline() && !present.isEmpty()) {
        return present;
      }
      try {
        HubClient.Revision answer = hub.client(toString()).revision(name, commit);
        listing = answer.files();
        note(listing);
      } catch (InputException e) {
        if (present.isEmpty() || e.kind() != InputException.Kind.NETWORK) {
          throw e;
        }
        hub.listener().notice(e.getMessage());
        return present;
      }
    }
    return listing;
  }

  private void note(List<String> files) {
    try {
      hub.cache().writeListing(name, commit, files);
    } catch (IOException e) {
      return; // a cache that only others can write serves as well
    }
  }

  /** The folder of the commit, if the cache knows the commit and has the folder. */
  public synchronized Optional<Path> cachedFolder() {
    return cachedCommit()
        .map(known -> hub.cache().snapshot(name, known))
        .filter(Files::isDirectory);
  }

  /** The names of all files of the commit, if the cache has a note of them. */
  public synchronized Optional<List<String>> cachedList() {
    return cachedCommit().flatMap(known -> hub.cache().listing(name, known));
  }

  /** Whether the cache notes that the commit lacks that file. */
  public synchronized boolean isKnownToLack(String file) {
    return cachedCommit().filter(known -> hub.cache().isKnownToLack(name, known, file)).isPresent();
  }

  private Optional<String> cachedCommit() {
    return commit != null ? Optional.of(commit) : hub.cache().commit(name, revision);
  }

  /** Notes in the cache which of those files the commit lacks, as huggingface_hub does. */
  public synchronized void noteMissing(Set<String> files) {
    List<String> all = list();
    for (String file : files) {
      try {
        if (!all.contains(file)) {
          hub.cache().noteThatItLacks(name, commit(), file);
        }
      } catch (IOException e) {
        return; // a cache that only others can write serves as well
      }
    }
  }

  /** The file, if it is on this machine. */
  public Optional<HubFile> cached(String file) {
    if (!Names.isFile(file)) {
      return Optional.empty();
    }
    Path path = hub.cache().pointer(name, commit(), file);
    return Files.isRegularFile(path) ? Optional.of(new HubFile(file, path)) : Optional.empty();
  }

  /**
   * The files of those names, fetched where they are not here; in the order of their names.
   *
   * @param wanted asked of each name of {@link #list()}
   * @return empty if there are none of such names
   * @throws InputException of kind NOT_FOUND, NETWORK, MALFORMED if what arrives is damaged, OUTPUT
   *     if the cache cannot be written or the disk has no room
   */
  public List<HubFile> files(Predicate<String> wanted) {
    return fetch(new TreeSet<>(list().stream().filter(wanted).toList()));
  }

  /**
   * The one file of that name, fetched if it is not here.
   *
   * @throws InputException as {@link #files}
   */
  public HubFile file(String file) {
    return cached(file).orElseGet(() -> fetch(Set.of(file)).getFirst());
  }

  private List<HubFile> fetch(Set<String> files) {
    List<String> missing = files.stream().filter(file -> cached(file).isEmpty()).toList();
    if (!missing.isEmpty()) {
      fetchAll(missing);
    }
    return files.stream()
        .map(file -> new HubFile(file, hub.cache().pointer(name, commit(), file)))
        .toList();
  }

  private void fetchAll(List<String> missing) {
    HubClient client =
        hub.client(missing.size() == 1 ? this + ": " + missing.getFirst() : toString());
    HubCache cache = hub.cache();
    try (ExecutorService workers =
        Executors.newFixedThreadPool(
            AT_ONCE, Thread.ofPlatform().daemon().name("hub-", 0).factory())) {
      Map<String, HubClient.Facts> facts =
          all(workers, missing, file -> client.facts(name, commit(), file));
      long total = 0;
      boolean known = true;
      for (HubClient.Facts fact : facts.values()) {
        known &= fact.size().isPresent();
        total += fact.size().orElse(0);
      }
      requireRoom(cache, facts, total);
      hub.listener()
          .notice(
              "fetching "
                  + this
                  + " (commit "
                  + commit().substring(0, 8)
                  + "), "
                  + (missing.size() == 1 ? missing.getFirst() : missing.size() + " files")
                  + (known ? ", " + Names.size(total) : "")
                  + ", into "
                  + cache.folder());
      BlobDownload download =
          new BlobDownload(
              client,
              cache,
              name,
              commit(),
              hub.listener(),
              new Tally(hub.listener(), name.id(), known ? total : 0));
      try {
        cache.tag();
        cache.writeReference(name, revision, commit());
      } catch (IOException e) {
        throw BlobDownload.unwritable(cache.folder(), e);
      }
      all(
          workers,
          missing,
          file -> {
            download.fetch(file, facts.get(file));
            return true;
          });
    }
  }

  @FunctionalInterface
  private interface Task<T> {
    T of(String file);
  }

  /** Does it for all files, several at once; the first failure ends the others. */
  private static <T> Map<String, T> all(ExecutorService workers, List<String> files, Task<T> task) {
    CompletionService<Map.Entry<String, T>> done = new ExecutorCompletionService<>(workers);
    files.forEach(file -> done.submit(() -> Map.entry(file, task.of(file))));
    Map<String, T> results = new HashMap<>();
    try {
      while (results.size() < files.size()) {
        Map.Entry<String, T> result = done.take().get();
        results.put(result.getKey(), result.getValue());
      }
      return results;
    } catch (InterruptedException e) {
      workers.shutdownNow();
      Thread.currentThread().interrupt();
      throw new CancellationException("interrupted");
    } catch (ExecutionException e) {
      workers.shutdownNow();
      switch (e.getCause()) {
        case RuntimeException failure -> throw failure;
        case Error error -> throw error;
        default -> throw new IllegalStateException(e.getCause());
      }
    }
  }

  private void requireRoom(HubCache cache, Map<String, HubClient.Facts> facts, long total) {
    try {
      Path blobs = Files.createDirectories(cache.blobs(name));
      long needed = total;
      for (HubClient.Facts fact : facts.values()) {
        needed -= BlobDownload.here(blobs, fact);
      }
      long free = Files.getFileStore(blobs).getUsableSpace();
      if (needed > 0 && free < needed + ROOM) {
        throw new InputException(
            InputException.Kind.OUTPUT,
            this
                + " needs "
                + Names.size(needed)
                + ", and "
                + cache.folder()
                + " has room for "
                + Names.size(free)
                + "; set HF_HUB_CACHE to a folder on a larger disk");
      }
    } catch (IOException e) {
      throw BlobDownload.unwritable(cache.folder(), e);
    }
  }

  /** {@code org/name@revision}. */
  @Override
  public String toString() {
    return name.id() + (revision.equals(Hub.MAIN) ? "" : "@" + revision);
  }
}
