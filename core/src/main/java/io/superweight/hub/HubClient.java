package io.superweight.hub;

import io.superweight.InputException;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The hub's HTTP: a revision's files, a file's hash and size, a file's bytes. The only class that
 * knows {@code java.net.http}, which takes a third of a second to load: it is made when something
 * has to be fetched.
 *
 * <p>Redirects are followed by hand. The headers of a redirect count (hash and size of a large file
 * are told there), and the token goes to the endpoint's own scheme, host and port only: once a
 * redirect has left those, it is not sent again.
 */
final class HubClient {
  /** The commit of a revision and the names of its files. */
  record Revision(String commit, List<String> files) {}

  /**
   * What the hub says of a file.
   *
   * @param etag its SHA-256 if it is large, else the SHA-1 that git gives it
   */
  record Facts(String etag, OptionalLong size) {}

  /**
   * The bytes of a file.
   *
   * @param from how many bytes before them the server left out, as it was asked to
   */
  record Body(InputStream bytes, long from) {}

  /** The bytes cannot go on where they were broken off. */
  static final class NotThere extends Exception {}

  private static final String TUNNEL_SCHEMES = "jdk.http.auth.tunneling.disabledSchemes";
  private static final int MAX_REDIRECTS = 20;
  private static final int MAX_ERROR_BYTES = 8192;
  private static final int MAX_JSON_BYTES = 64 << 20;
  private static final Pattern RATE_LIMIT_WAIT = Pattern.compile("\\bt=(\\d{1,9})\\b");

  private final HubSettings settings;
  private final String endpoint;
  private final Optional<HubSettings.Token> token;
  private final EnvironmentProxies proxies;
  private final HttpClient client;
  private final Patience.Pause pause;
  private final DownloadListener listener;
  private volatile boolean reached;

  HubClient(HubSettings settings, Patience.Pause pause, DownloadListener listener) {
    this.settings = settings;
    this.pause = pause;
    this.listener = listener;
    endpoint = settings.endpoint();
    token = settings.token();
    proxies = settings.proxies();
    if (proxies.credentials(URI.create(endpoint)).isPresent()
        && System.getProperty(TUNNEL_SCHEMES) == null) {
      // The JDK keeps a password from proxies that tunnel unless told otherwise, before first use;
      // whoever writes one into HTTPS_PROXY has decided.
      System.setProperty(TUNNEL_SCHEMES, "");
    }
    client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1) // one connection a file is what is wanted
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(settings.answerTimeout())
            .proxy(proxies)
            .build();
  }

  String endpoint() {
    return endpoint;
  }

  boolean reached() {
    return reached;
  }

  Patience patience(String what, String remedy) {
    return new Patience(pause, listener, what, remedy);
  }

  /** What the hub has under that revision. */
  Revision revision(RepositoryName repository, String revision) {
    URI uri = address(repository.apiPath() + "/revision/" + Names.segment(revision));
    Subject subject = new Subject(repository, revision, "");
    byte[] json =
        retrying(
            subject,
            () -> {
              Answer response = follow("GET", uri, subject, 0).response();
              try (InputStream body = response.body()) {
                if (response.status() != 200) {
                  throw refusal(response, subject, body);
                }
                byte[] bytes = body.readNBytes(MAX_JSON_BYTES);
                if (body.read() >= 0) {
                  throw new Trouble("its list of files has no end");
                }
                return bytes;
              }
            });
    try {
      JsonNode answer = JsonMapper.shared().readTree(json);
      String commit = answer.path("sha").asString("");
      List<String> files = new ArrayList<>();
      for (JsonNode sibling : answer.path("siblings")) {
        String name = sibling.path("rfilename").asString("");
        if (Names.isFile(name)) {
          files.add(name);
        }
      }
      if (Names.isCommit(commit)) {
        files.sort(null);
        return new Revision(commit, List.copyOf(files));
      }
    } catch (JacksonException e) {
      // told below
    }
    throw noHub(subject);
  }

  /** Hash and size of a file. */
  Facts facts(RepositoryName repository, String commit, String file) {
    Subject subject = new Subject(repository, commit, file);
    return retrying(
        subject,
        () -> {
          Followed followed = follow("HEAD", file(repository, commit, file), subject, 0);
          Answer response = followed.response();
          try (InputStream body = response.body()) {
            if (response.status() >= 400) {
              throw refusal(response, subject, body);
            }
          }
          String etag = followed.etag();
          if (!followed.commit().equals(commit) || !Names.isEtag(etag)) {
            throw noHub(subject);
          }
          return new Facts(etag, followed.size());
        });
  }

  /**
   * Begins to fetch a file: one attempt.
   *
   * @param from how many bytes are here already
   * @throws NotThere if the server knows nothing of bytes from there on
   */
  Body open(RepositoryName repository, String commit, String file, long from)
      throws Trouble, NotThere {
    Subject subject = new Subject(repository, commit, file);
    try {
      Answer response = follow("GET", file(repository, commit, file), subject, from).response();
      InputStream body = response.body();
      boolean opened = false;
      try {
        int status = response.status();
        if (status == 416 || status == 206 && from != firstByte(response)) {
          throw new NotThere();
        }
        if (status != 200 && status != 206) {
          throw refusal(response, subject, body);
        }
        opened = true;
        return new Body(body, status == 206 ? from : 0);
      } finally {
        if (!opened) {
          body.close();
        }
      }
    } catch (IOException e) {
      throw trouble(e);
    }
  }

  private static long firstByte(Answer response) {
    Matcher range =
        Pattern.compile("bytes (\\d{1,18})-.*")
            .matcher(response.headers().firstValue("Content-Range").orElse(""));
    return range.matches() ? Long.parseLong(range.group(1)) : -1;
  }

  private URI file(RepositoryName repository, String commit, String file) {
    return address(repository.path() + "/resolve/" + commit + "/" + Names.path(file));
  }

  private URI address(String path) {
    return URI.create(endpoint + "/" + path);
  }

  /** What a request is about, for messages. */
  private record Subject(RepositoryName repository, String revision, String file) {
    @Override
    public String toString() {
      return repository.id() + (file.isEmpty() ? "" : ": " + file);
    }
  }

  @FunctionalInterface
  private interface Attempt<T> {
    T make() throws IOException, Trouble;
  }

  private <T> T retrying(Subject subject, Attempt<T> attempt) {
    Patience patience =
        patience(
            subject.toString(), "check the network, HTTPS_PROXY and HF_ENDPOINT, and try again");
    while (true) {
      try {
        return attempt.make();
      } catch (Trouble trouble) {
        patience.failed(trouble, reached);
      } catch (IOException e) {
        patience.failed(trouble(e), reached);
      }
    }
  }

  /** The head of an answer, and its body as it comes. */
  private record Answer(int status, HttpHeaders headers, ArrivingBody body) {}

  /** The last answer, and what the redirects before it said of the file. */
  private record Followed(Answer response, String commit, String etag, OptionalLong size) {}

  /** One request, and those that its redirects lead to. */
  private Followed follow(String method, URI first, Subject subject, long from)
      throws IOException, Trouble {
    URI uri = first;
    boolean mayCarryToken = true;
    String commit = "";
    String etag = "";
    OptionalLong size = OptionalLong.empty();
    for (int i = 0; i < MAX_REDIRECTS; i++) {
      Answer response = send(method, uri, mayCarryToken, from);
      boolean redirect = response.status() >= 300 && response.status() < 400;
      commit = commit.isEmpty() ? header(response, "X-Repo-Commit") : commit;
      if (etag.isEmpty()) {
        etag = etag(header(response, "X-Linked-Etag"));
        size = length(header(response, "X-Linked-Size"));
      }
      Optional<String> location = response.headers().firstValue("Location");
      if (!redirect || location.isEmpty() || response.status() == 304) {
        if (etag.isEmpty()) {
          etag = etag(header(response, "ETag"));
        }
        if (size.isEmpty()) {
          size = length(header(response, "Content-Length"));
        }
        return new Followed(response, commit, etag, size);
      }
      URI target;
      try {
        target = uri.resolve(location.get());
      } catch (IllegalArgumentException e) {
        response.body().close();
        throw noHub(subject);
      }
      boolean sameOrigin = origin(target).equals(origin(first));
      if (method.equals("HEAD") && !sameOrigin) {
        // The file lies elsewhere; its hash and size are the hub's to tell, and were.
        if (etag.isEmpty()) {
          etag = etag(header(response, "ETag"));
        }
        return new Followed(response, commit, etag, size);
      }
      response.body().close();
      String scheme = String.valueOf(target.getScheme()).toLowerCase(Locale.ROOT);
      if (target.getHost() == null || !(scheme.equals("https") || scheme.equals("http"))) {
        throw noHub(subject);
      }
      mayCarryToken &= sameOrigin;
      uri = target;
    }
    throw new Trouble("it redirects without end");
  }

  private static String origin(URI uri) {
    String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
    int port = uri.getPort() >= 0 ? uri.getPort() : scheme.equals("https") ? 443 : 80;
    return scheme + "://" + String.valueOf(uri.getHost()).toLowerCase(Locale.ROOT) + ":" + port;
  }

  private Answer send(String method, URI uri, boolean mayCarryToken, long from) throws IOException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri)
            .method(method, HttpRequest.BodyPublishers.noBody())
            .timeout(settings.answerTimeout())
            .header("User-Agent", "superweight")
            .header("Accept-Encoding", "identity"); // the size and the hash are of the file itself
    if (mayCarryToken) {
      token.ifPresent(t -> request.header("Authorization", "Bearer " + t.secret()));
    }
    if (from > 0) {
      request.header("Range", "bytes=" + from + "-");
    }
    proxies
        .credentials(uri)
        .ifPresent(c ->
            request.header(
                "Proxy-Authorization",
                "Basic " + Base64.getEncoder().encodeToString(c.getBytes(StandardCharsets.UTF_8))));
    AtomicReference<Answer> answer = new AtomicReference<>();
    try {
      client.send(
          request.build(),
          head -> {
            ArrivingBody body = new ArrivingBody(settings.stallTimeout());
            answer.set(new Answer(head.statusCode(), head.headers(), body));
            return body;
          });
    } catch (IOException e) {
      if (answer.get() == null) {
        throw e;
      }
      // The connection broke so early that the JDK throws where an answer was: its beginning came.
      answer.get().body().onError(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("interrupted");
    }
    reached = true;
    return answer.get();
  }

  /** What a failed connection means. */
  Trouble trouble(IOException e) {
    if (Thread.currentThread().isInterrupted()) {
      throw new CancellationException("interrupted");
    }
    String host = URI.create(endpoint).getHost();
    return switch (e) {
      case SSLException untrusted ->
          throw new InputException(
              InputException.Kind.NETWORK,
              host
                  + " cannot be trusted ("
                  + Names.oneLine(String.valueOf(untrusted.getMessage()))
                  + "); if a proxy of yours signs its traffic, name a trust store with its"
                  + " certificate: SUPERWEIGHT_JAVA_OPTS=-Djavax.net.ssl.trustStore=FILE",
              untrusted);
      case HttpTimeoutException late ->
          new Trouble(
              "no answer in " + settings.answerTimeout().toSeconds() + " s", Optional.empty(), e);
      case ConnectException refused ->
          new Trouble(host + " cannot be reached", Optional.empty(), e);
      default ->
          new Trouble(
              e.getMessage() == null
                  ? "the connection broke (" + e.getClass().getSimpleName() + ")"
                  : "the connection broke (" + Names.oneLine(e.getMessage()) + ")",
              Optional.empty(),
              e);
    };
  }

  /** What an answer means that is no success. */
  private Trouble refusal(Answer response, Subject subject, InputStream body) throws Trouble {
    int status = response.status();
    String code = header(response, "X-Error-Code");
    String id = subject.repository().id();
    String page = endpoint + "/" + subject.repository().path();
    String says = header(response, "X-Error-Message");
    if (says.isEmpty()) {
      says = errorOf(body);
    }
    if (code.equals("GatedRepo")
        || status == 403 && says.toLowerCase(Locale.ROOT).contains("gated")) {
      throw new InputException(
          InputException.Kind.NETWORK,
          id
              + " is gated: accept its terms at "
              + page
              + token
                  .map(t -> " with the account that the token of " + t.source() + " belongs to")
                  .orElse(", then set HF_TOKEN to a token of that account"));
    }
    if (status == 404 && code.equals("EntryNotFound")) {
      throw new InputException(
          InputException.Kind.NOT_FOUND,
          id
              + " has no file "
              + subject.file()
              + " at "
              + subject.revision()
              + "; its files are listed at "
              + page
              + "/tree/"
              + subject.revision());
    }
    if (code.equals("RevisionNotFound")) {
      throw new InputException(
          InputException.Kind.NOT_FOUND,
          id
              + " has no revision "
              + subject.revision()
              + "; its branches and tags are listed at "
              + page);
    }
    String kind = subject.repository().kind() == RepositoryName.Kind.MODEL ? "model" : "data set";
    if (status == 401 || status == 404) {
      // The hub answers 401 also for what does not exist, so as not to tell what is private.
      throw new InputException(
          InputException.Kind.NOT_FOUND,
          "there is no "
              + kind
              + " "
              + id
              + " at "
              + endpoint
              + token
                  .map(t ->
                      " that the token of "
                          + t.source()
                          + " may read: check the name, or make another token at "
                          + endpoint
                          + "/settings/tokens")
                  .orElse(
                      " that everybody may read: check the name, or, if it is private, set HF_TOKEN to"
                          + " a token of yours"));
    }
    if (status == 403) {
      throw new InputException(
          InputException.Kind.NETWORK,
          id
              + " may not be read"
              + token
                  .map(t -> " with the token of " + t.source() + ": give it the right to read at ")
                  .orElse(": set HF_TOKEN to a token that may read it, made at ")
              + endpoint
              + "/settings/tokens"
              + (says.isEmpty() ? "" : " (the hub says: " + Names.oneLine(says) + ")"));
    }
    if (status == 407) {
      throw new InputException(
          InputException.Kind.NETWORK,
          "the proxy asks for a name and a password; set HTTPS_PROXY to"
              + " http://name:password@host:port");
    }
    Optional<Duration> wait = wait(response);
    if (status == 429) {
      return new Trouble(
          "the hub asks for fewer requests (429)"
              + (token.isEmpty() ? "; with HF_TOKEN set it allows more" : ""),
          wait,
          null);
    }
    if (status == 408 || status >= 500) {
      return new Trouble("the server answers " + status, wait, null);
    }
    throw new InputException(
        InputException.Kind.NETWORK,
        subject
            + ": the server answers "
            + status
            + (says.isEmpty() ? "" : " (" + Names.oneLine(says) + ")")
            + "; look at "
            + page
            + ", and check HF_ENDPOINT if it is set");
  }

  private static String errorOf(InputStream body) {
    try {
      JsonNode answer = JsonMapper.shared().readTree(body.readNBytes(MAX_ERROR_BYTES));
      return answer.path("error").asString("");
    } catch (IOException | JacksonException e) {
      return "";
    }
  }

  private InputException noHub(Subject subject) {
    return new InputException(
        InputException.Kind.NETWORK,
        subject
            + ": what answers at "
            + endpoint
            + " is no hub (commit, hash or list of files is missing); check HF_ENDPOINT and the"
            + " proxy");
  }

  /** {@code Retry-After} in seconds or as a date, else what the hub's {@code RateLimit} says. */
  private static Optional<Duration> wait(Answer response) {
    String after = header(response, "Retry-After");
    if (after.matches("\\d{1,9}")) {
      return Optional.of(Duration.ofSeconds(Long.parseLong(after)));
    }
    try {
      if (!after.isEmpty()) {
        Instant when = Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(after));
        Duration left = Duration.between(Instant.now(), when);
        return Optional.of(left.isNegative() ? Duration.ZERO : left);
      }
    } catch (DateTimeException e) {
      // as if it were not there
    }
    Matcher limit = RATE_LIMIT_WAIT.matcher(header(response, "RateLimit"));
    return response.status() == 429 && limit.find()
        ? Optional.of(Duration.ofSeconds(Long.parseLong(limit.group(1))))
        : Optional.empty();
  }

  private static String header(Answer response, String name) {
    return response.headers().firstValue(name).orElse("").strip();
  }

  /** {@code W/"abc"} or {@code "abc"}: abc. */
  private static String etag(String header) {
    return header.replaceFirst("^W/", "").replaceAll("^\"|\"$", "");
  }

  private static OptionalLong length(String header) {
    return header.matches("\\d{1,18}")
        ? OptionalLong.of(Long.parseLong(header))
        : OptionalLong.empty();
  }
}
