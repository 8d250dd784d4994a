package io.superweight.hub;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Predicate;

/**
 * A hub on this machine: the listing, the resolving of files with the hub's headers, and a second
 * server under another host name that large files are redirected to, as the hub's storage is.
 * Faults can be planted, and every request is noted.
 */
public final class FakeHub implements AutoCloseable {
  /** A request as it came. */
  public record Seen(
      boolean storage, String method, String path, String range, String authorization) {}

  /** Answers in place of the server. */
  @FunctionalInterface
  public interface Fault {
    void answer(HttpExchange exchange, byte[] content) throws IOException;
  }

  private record Planted(Predicate<Seen> where, Fault fault) {}

  /** A repository: one commit. */
  public static final class Repository {
    final String path;
    public final String commit;
    List<String> revisions = List.of("main", "v1");
    final Map<String, byte[]> files = new LinkedHashMap<>();
    final Map<String, Boolean> large = new LinkedHashMap<>();

    Repository(String path, String commit) {
      this.path = path;
      this.commit = commit;
    }

    /** It is the commit of these, in place of main and v1. */
    public Repository at(String... names) {
      revisions = List.of(names);
      return this;
    }

    /** A file that git holds. */
    public Repository small(String name, byte[] bytes) {
      files.put(name, bytes);
      return this;
    }

    /** A file that lies in the storage. */
    public Repository large(String name, byte[] bytes) {
      large.put(name, true);
      return small(name, bytes);
    }

    public byte[] bytes(String name) {
      return files.get(name);
    }

    public String etag(String name) {
      return large.containsKey(name) ? sha256(files.get(name)) : gitBlob(files.get(name));
    }
  }

  private final HttpServer hub;
  private final HttpServer storage;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final List<Repository> repositories = new ArrayList<>();
  private final Map<String, byte[]> blobs = new LinkedHashMap<>();
  private final List<Seen> seen = new ArrayList<>();
  private final List<Planted> planted = new ArrayList<>();
  private final CountDownLatch closed = new CountDownLatch(1);

  public FakeHub() throws IOException {
    hub = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 0);
    storage = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 0);
    hub.createContext("/", exchange -> handle(exchange, false));
    storage.createContext("/", exchange -> handle(exchange, true));
    for (HttpServer server : List.of(hub, storage)) {
      server.setExecutor(threads);
      server.start();
    }
  }

  public String endpoint() {
    return "http://127.0.0.1:" + hub.getAddress().getPort();
  }

  private String storageAddress() {
    return "http://localhost:"
        + storage.getAddress().getPort(); // another host, as for the real one
  }

  /** A model, at the branch main and at the tag v1. */
  public Repository model(String id) {
    return add("models/" + id);
  }

  public Repository dataset(String id) {
    return add("datasets/" + id);
  }

  private Repository add(String path) {
    Repository repository =
        new Repository(
            path, gitBlob((path + repositories.size()).getBytes(StandardCharsets.UTF_8)));
    repositories.add(repository);
    return repository;
  }

  /** The next request of that kind is answered so. */
  public synchronized void plant(Predicate<Seen> where, Fault fault) {
    planted.add(new Planted(where, fault));
  }

  public void plant(int times, Predicate<Seen> where, Fault fault) {
    for (int i = 0; i < times; i++) {
      plant(where, fault);
    }
  }

  public synchronized List<Seen> seen() {
    return List.copyOf(seen);
  }

  public synchronized void forget() {
    seen.clear();
  }

  /** Seeded bytes that no two seeds share. */
  public static byte[] bytes(int seed, int length) {
    byte[] bytes = new byte[length];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  private void handle(HttpExchange exchange, boolean inStorage) throws IOException {
    try (exchange) {
      Seen request =
          new Seen(
              inStorage,
              exchange.getRequestMethod(),
              exchange.getRequestURI().getRawPath(),
              String.valueOf(exchange.getRequestHeaders().getFirst("Range")),
              String.valueOf(exchange.getRequestHeaders().getFirst("Authorization")));
      Fault fault = note(request);
      byte[] content = inStorage ? blob(request.path()) : new byte[0];
      if (fault != null) {
        fault.answer(exchange, content);
      } else if (inStorage) {
        send(exchange, content);
      } else {
        answer(exchange, request.path());
      }
    }
  }

  private synchronized Fault note(Seen request) {
    seen.add(request);
    for (Iterator<Planted> all = planted.iterator(); all.hasNext(); ) {
      Planted one = all.next();
      if (one.where().test(request)) {
        all.remove();
        return one.fault();
      }
    }
    return null;
  }

  private synchronized byte[] blob(String path) {
    return blobs.getOrDefault(path.substring(path.lastIndexOf('/') + 1), new byte[0]);
  }

  private void answer(HttpExchange exchange, String path) throws IOException {
    boolean known = false;
    for (Repository repository : repositories) {
      String api = "/api/" + repository.path + "/revision/";
      String files = "/" + repository.path.replaceFirst("^models/", "") + "/resolve/";
      if (path.startsWith(api)) {
        String revision = URLDecoder.decode(path.substring(api.length()), StandardCharsets.UTF_8);
        known = true;
        if (!repository.revisions.contains(revision) && !repository.commit.equals(revision)) {
          continue;
        }
        StringBuilder siblings = new StringBuilder();
        for (String name : repository.files.keySet()) {
          siblings.append(siblings.isEmpty() ? "" : ",").append("{\"rfilename\":\"" + name + "\"}");
        }
        byte[] json =
            ("{\"id\":\"x\",\"sha\":\"" + repository.commit + "\",\"siblings\":[" + siblings + "]}")
                .getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        send(exchange, json);
        return;
      }
      if (path.startsWith("/api/" + repository.path + "/tree/")) {
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        send(exchange, tree(repository).getBytes(StandardCharsets.UTF_8));
        return;
      }
      if (path.startsWith(files + repository.commit + "/")) {
        String rest = path.substring(files.length());
        String name =
            URLDecoder.decode(rest.substring(rest.indexOf('/') + 1), StandardCharsets.UTF_8);
        resolve(exchange, repository, name);
        return;
      }
    }
    if (known) {
      error(exchange, 404, "RevisionNotFound", "Invalid rev id");
    } else {
      error(exchange, 401, "RepoNotFound", "Repository not found");
    }
  }

  /** What huggingface_hub asks for before it fetches a snapshot. */
  private static String tree(Repository repository) {
    StringBuilder tree = new StringBuilder();
    repository.files.forEach((name, bytes) -> {
      String lfs =
          repository.large.containsKey(name)
              ? ",\"lfs\":{\"oid\":\""
                  + sha256(bytes)
                  + "\",\"size\":"
                  + bytes.length
                  + ",\"pointerSize\":130}"
              : "";
      tree.append(tree.isEmpty() ? "[" : ",")
          .append("{\"type\":\"file\",\"path\":\"" + name + "\",\"size\":" + bytes.length)
          .append(",\"oid\":\"" + gitBlob(bytes) + "\"" + lfs + "}");
    });
    return tree.append(tree.isEmpty() ? "[]" : "]").toString();
  }

  private void resolve(HttpExchange exchange, Repository repository, String name)
      throws IOException {
    exchange.getResponseHeaders().set("X-Repo-Commit", repository.commit);
    byte[] bytes = repository.files.get(name);
    if (bytes == null) {
      error(exchange, 404, "EntryNotFound", "Entry not found");
      return;
    }
    if (!repository.large.containsKey(name)) {
      exchange.getResponseHeaders().set("ETag", "\"" + repository.etag(name) + "\"");
      send(exchange, bytes);
      return;
    }
    String etag = repository.etag(name);
    synchronized (this) {
      blobs.put(etag, bytes);
    }
    exchange.getResponseHeaders().set("X-Linked-Etag", "\"" + etag + "\"");
    exchange.getResponseHeaders().set("X-Linked-Size", String.valueOf(bytes.length));
    exchange.getResponseHeaders().set("ETag", "\"of-the-redirect\"");
    exchange.getResponseHeaders().set("Location", storageAddress() + "/signed/" + etag);
    empty(exchange, 302);
  }

  static void empty(HttpExchange exchange, int status) throws IOException {
    exchange.sendResponseHeaders(status, -1);
  }

  /** A refusal as the hub words it. */
  public static void error(HttpExchange exchange, int status, String code, String message)
      throws IOException {
    if (!code.isEmpty()) {
      exchange.getResponseHeaders().set("X-Error-Code", code);
    }
    exchange.getResponseHeaders().set("X-Error-Message", message);
    empty(exchange, status);
  }

  /** The content, or the range of it that is asked for. */
  public static void send(HttpExchange exchange, byte[] content) throws IOException {
    send(exchange, content, content.length, () -> {});
  }

  /** The same, but the connection ends after so many bytes. */
  public static Fault cutAfter(int bytes) {
    return (exchange, content) -> send(exchange, content, bytes, () -> {});
  }

  /** The same, but the connection stands still after so many bytes. */
  public Fault stallAfter(int bytes) {
    return (exchange, content) -> send(exchange, content, bytes, this::awaitClose);
  }

  private void awaitClose() {
    try {
      closed.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void send(HttpExchange exchange, byte[] content, int most, Runnable then)
      throws IOException {
    String range = exchange.getRequestHeaders().getFirst("Range");
    int from = range == null ? 0 : Integer.parseInt(range.replaceAll("bytes=(\\d+)-.*", "$1"));
    if (range != null && from >= content.length) {
      exchange.getResponseHeaders().set("Content-Range", "bytes */" + content.length);
      empty(exchange, 416);
      return;
    }
    if (range != null) {
      exchange
          .getResponseHeaders()
          .set(
              "Content-Range", "bytes " + from + "-" + (content.length - 1) + "/" + content.length);
    }
    int length = content.length - from;
    if (exchange.getRequestMethod().equals("HEAD")) {
      exchange.getResponseHeaders().set("Content-Length", String.valueOf(length));
      empty(exchange, 200);
      return;
    }
    exchange.sendResponseHeaders(range == null ? 200 : 206, length == 0 ? -1 : length);
    OutputStream out = exchange.getResponseBody();
    out.write(content, from, Math.min(most, length));
    out.flush();
    then.run();
  }

  static String sha256(byte[] bytes) {
    return hash("SHA-256", bytes);
  }

  static String gitBlob(byte[] bytes) {
    byte[] head = ("blob " + bytes.length + "\0").getBytes(StandardCharsets.UTF_8);
    byte[] all = new byte[head.length + bytes.length];
    System.arraycopy(head, 0, all, 0, head.length);
    System.arraycopy(bytes, 0, all, head.length, bytes.length);
    return hash("SHA-1", all);
  }

  private static String hash(String algorithm, byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    closed.countDown();
    hub.stop(0);
    storage.stop(0);
    threads.shutdownNow();
  }
}
