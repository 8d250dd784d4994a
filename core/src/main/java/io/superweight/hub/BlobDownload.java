package io.superweight.hub;

import io.superweight.InputException;
import io.superweight.Sha256;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;

/**
 * Fetches one blob: goes on where an earlier attempt, or an earlier process, broke off; gives the
 * file its name when size and hash are right, and not before.
 *
 * <p>What has arrived lies in {@code ETAG.RANDOM.incomplete}, as in huggingface_hub 2.4. That
 * library deletes such a file when it fails and leaves it behind when it is killed; here the next
 * process that holds the lock takes it over, by renaming it, from whichever of the two. So even
 * where locks do nothing no two processes write into one file under one name.
 */
final class BlobDownload {
  private static final int BUFFER = 1 << 17;

  private final HubClient client;
  private final HubCache cache;
  private final RepositoryName repository;
  private final String commit;
  private final DownloadListener listener;
  private final Tally tally;

  BlobDownload(
      HubClient client,
      HubCache cache,
      RepositoryName repository,
      String commit,
      DownloadListener listener,
      Tally tally) {
    this.client = client;
    this.cache = cache;
    this.repository = repository;
    this.commit = commit;
    this.listener = listener;
    this.tally = tally;
  }

  /**
   * Fetches the file, unless it is there, and puts it in its place in the snapshot.
   *
   * @throws InputException of kind NETWORK, NOT_FOUND, MALFORMED if what arrives is not what the
   *     hub announced, OUTPUT if the cache cannot be written
   */
  void fetch(String file, HubClient.Facts facts) {
    Path blob = cache.blobs(repository).resolve(facts.etag());
    try {
      Files.createDirectories(blob.getParent());
      Path lock = cache.lock(repository, facts.etag());
      try (BlobLock _ =
          BlobLock.acquire(
              lock,
              () ->
                  listener.notice(
                      repository.id()
                          + ": another process fetches "
                          + file
                          + "; waiting for it"))) {
        if (Files.exists(blob)) {
          facts.size().ifPresent(tally::add);
        } else {
          fetchLocked(file, facts, blob);
        }
        cache.point(repository, commit, file, blob);
      }
    } catch (InterruptedIOException e) {
      throw new CancellationException("interrupted");
    } catch (IOException e) {
      throw unwritable(cache.folder(), e);
    }
  }

  private void fetchLocked(String file, HubClient.Facts facts, Path blob) throws IOException {
    Path part = blob.resolveSibling(facts.etag() + "." + HubCache.random() + ".incomplete");
    takeOver(blob, part);
    Patience patience =
        client.patience(
            repository.id() + ": " + file, "what has arrived is kept: run the command again");
    boolean fromNothing = false;
    while (true) {
      try (FileChannel out =
          FileChannel.open(
              part, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
        long here = out.size();
        if (here > facts.size().orElse(Long.MAX_VALUE)) {
          here = 0;
        }
        out.truncate(here);
        fromNothing |= here == 0;
        tally.add(here);
        Arriving arriving = new Arriving(out, part, facts, here);
        arriving.all(file, patience);
        fromNothing |= arriving.startedOver;
        if (arriving.isRight()) {
          out.force(true); // a name given before the bytes are on the disk could outlive them
          HubCache.move(part, blob);
          return;
        }
        tally.add(-arriving.here);
      } catch (NoSuchFileException e) {
        if (Files.exists(blob)) {
          return; // locks do nothing here, and somebody else was faster
        }
        throw e;
      }
      Files.deleteIfExists(part);
      if (fromNothing) {
        throw new InputException(
            InputException.Kind.MALFORMED,
            repository.id()
                + ": what arrives as "
                + file
                + " is not what the hub announced (hash "
                + facts.etag()
                + "); it was thrown away: try again, and check the proxy and HF_ENDPOINT if it"
                + " happens twice");
      }
      listener.notice(
          repository.id() + ": what was here of " + file + " is damaged; fetching it anew");
      fromNothing = true;
    }
  }

  /** How many bytes of a blob are on this machine, in whichever state. */
  static long here(Path blobs, HubClient.Facts facts) throws IOException {
    Path blob = blobs.resolve(facts.etag());
    return Files.exists(blob)
        ? facts.size().orElse(0)
        : partial(blob).stream().mapToLong(file -> file.toFile().length()).max().orElse(0);
  }

  /** What earlier processes left of a blob, the largest first. */
  private static List<Path> partial(Path blob) throws IOException {
    String etag = blob.getFileName().toString();
    List<Path> left = new ArrayList<>();
    try (Stream<Path> files = Files.list(blob.getParent())) {
      files
          .filter(file -> {
            String name = file.getFileName().toString();
            return name.startsWith(etag + ".") && name.endsWith(".incomplete");
          })
          .forEach(left::add);
    }
    left.sort(Comparator.comparingLong((Path file) -> file.toFile().length()).reversed());
    return left;
  }

  /** Makes the largest partial file of earlier processes ours, and the others go away. */
  private static void takeOver(Path blob, Path part) throws IOException {
    boolean taken = false;
    for (Path file : partial(blob)) {
      try {
        if (taken) {
          Files.deleteIfExists(file);
        } else {
          HubCache.move(file, part);
          taken = true;
        }
      } catch (NoSuchFileException e) {
        continue; // where locks do nothing somebody else took it
      }
    }
  }

  /** A file on its way. */
  private final class Arriving {
    private final FileChannel out;
    private final Path part;
    private final HubClient.Facts facts;
    private final boolean sha256;
    private MessageDigest digest = Sha256.start();
    private long here;
    private boolean startedOver;

    Arriving(FileChannel out, Path part, HubClient.Facts facts, long here) throws IOException {
      this.out = out;
      this.part = part;
      this.facts = facts;
      this.here = here;
      sha256 = facts.etag().matches("[0-9a-f]{64}");
      if (sha256) {
        Hashes.update(digest, part);
      }
    }

    /** Until all has arrived. */
    void all(String file, Patience patience) throws IOException {
      boolean ended = false;
      long most = here; // a server that always begins anew and always breaks off brings nothing
      while (!ended
          && !(facts.size().isPresent() && here >= facts.size().getAsLong() && here > 0)) {
        try {
          ended = some(file);
          if (ended && facts.size().isPresent() && here < facts.size().getAsLong()) {
            ended = false;
            throw new Trouble(
                "only "
                    + Names.size(here)
                    + " of "
                    + Names.size(facts.size().getAsLong())
                    + " came");
          }
        } catch (Trouble trouble) {
          if (here > most) {
            most = here;
            patience.progressed();
          }
          patience.failed(trouble, client.reached());
        }
      }
    }

    /** One request; true if its body came to a regular end. */
    private boolean some(String file) throws Trouble, IOException {
      HubClient.Body body;
      try {
        body = client.open(repository, commit, file, here);
      } catch (HubClient.NotThere e) {
        if (here == 0) {
          throw new Trouble("the server does not begin at the beginning");
        }
        restart();
        return false;
      }
      try (InputStream in = body.bytes()) {
        if (body.from() != here) {
          restart(); // the server gives files whole only
        }
        byte[] buffer = new byte[BUFFER];
        while (true) {
          int n;
          try {
            n = in.read(buffer);
          } catch (IOException e) {
            throw client.trouble(e);
          }
          if (n < 0) {
            return true;
          }
          write(ByteBuffer.wrap(buffer, 0, n));
          if (here > facts.size().orElse(Long.MAX_VALUE)) {
            return true; // too long: its hash will be wrong
          }
        }
      }
    }

    private void write(ByteBuffer bytes) throws IOException {
      if (sha256) {
        digest.update(bytes.duplicate());
      }
      int n = bytes.remaining();
      while (bytes.hasRemaining()) {
        out.write(bytes, here + n - bytes.remaining());
      }
      here += n;
      tally.add(n);
    }

    private void restart() throws IOException {
      tally.add(-here);
      out.truncate(0);
      here = 0;
      digest = Sha256.start();
      startedOver = true;
    }

    boolean isRight() throws IOException {
      if (facts.size().isPresent() && here != facts.size().getAsLong()) {
        return false;
      }
      if (sha256) {
        return Sha256.hex(digest).equals(facts.etag());
      }
      // A mirror's own kind of tag says nothing about the bytes.
      return !Names.isCommit(facts.etag()) || Hashes.gitBlob(part).equals(facts.etag());
    }
  }

  static InputException unwritable(Path folder, IOException e) {
    String reason = String.valueOf(e.getMessage());
    return new InputException(
        InputException.Kind.OUTPUT,
        "the cache "
            + folder
            + " cannot be written ("
            + (e.getClass() == IOException.class
                ? Names.oneLine(reason)
                : e.getClass().getSimpleName().replace("Exception", "")
                    + ": "
                    + Names.oneLine(reason))
            + "); set HF_HUB_CACHE to a folder that can, on a disk with room",
        e);
  }
}
