package io.superweight.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.InputException;
import io.superweight.InputException.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HubDownloadTest {
  private static final String TOKEN = "hf_secret";

  /** Seconds; on a busy machine nothing may arrive for one although the server sends. */
  private static final String STILL = "4";

  @TempDir Path temporary;
  private FakeHub server;
  private FakeHub.Repository model;
  private final Map<String, String> environment = new HashMap<>();
  private final List<String> notices = Collections.synchronizedList(new ArrayList<>());
  private final List<Duration> pauses = Collections.synchronizedList(new ArrayList<>());
  private volatile long received;
  private volatile long announced;

  @BeforeEach
  void start() throws IOException {
    server = new FakeHub();
    model =
        server
            .model("org/tiny")
            .small("config.json", "{\"a\": 1}".getBytes())
            .small("README.md", FakeHub.bytes(3, 700))
            .small("empty.txt", new byte[0])
            .large("model.safetensors", FakeHub.bytes(1, 300_000));
    environment.put("HF_ENDPOINT", server.endpoint() + "/");
    environment.put("HF_HUB_CACHE", temporary.resolve("hub").toString());
    environment.put("HF_TOKEN", TOKEN + "\n");
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private Hub hub() {
    DownloadListener listener =
        new DownloadListener() {
          @Override
          public void notice(String line) {
            notices.add(line);
          }

          @Override
          public void received(String what, long bytes, long total) {
            received = bytes;
            announced = total;
          }
        };
    return new Hub(environment, listener, pauses::add);
  }

  private Path entry() {
    return temporary.resolve("hub/models--org--tiny");
  }

  private Path snapshot(String file) {
    return entry().resolve("snapshots").resolve(model.commit).resolve(file);
  }

  private static Predicate<FakeHub.Seen> inStorage() {
    return seen -> seen.storage() && seen.method().equals("GET");
  }

  private static Predicate<FakeHub.Seen> onHub(String method, String pathEnd) {
    return seen -> !seen.storage() && seen.method().equals(method) && seen.path().endsWith(pathEnd);
  }

  private void assertWhole(String... files) throws IOException {
    for (String file : files) {
      assertThat(snapshot(file)).hasBinaryContent(model.bytes(file));
      assertThat(Files.readSymbolicLink(snapshot(file)))
          .hasToString("../../blobs/" + model.etag(file));
    }
    try (Stream<Path> all = Files.walk(temporary)) {
      assertThat(all.map(path -> path.getFileName().toString()))
          .noneMatch(name -> name.endsWith(".incomplete") || name.endsWith(".tmp"));
    }
  }

  /** What huggingface_hub would find of it in the cache. */
  private void assertNothingUnderItsFinalName(String file) {
    assertThat(snapshot(file)).doesNotExist();
    assertThat(entry().resolve("blobs").resolve(model.etag(file))).doesNotExist();
  }

  @Test
  void theCacheHasTheLayoutOfHuggingFacesLibrary() throws IOException {
    List<HubFile> files = hub().model("org/tiny").files(name -> !name.equals("README.md"));
    assertThat(files)
        .extracting(HubFile::name)
        .containsExactly("config.json", "empty.txt", "model.safetensors");
    assertWhole("config.json", "empty.txt", "model.safetensors");
    assertThat(snapshot("README.md")).doesNotExist();
    assertThat(entry().resolve("refs/main")).hasContent(model.commit);
    assertThat(
            temporary
                .resolve("hub/.locks/models--org--tiny")
                .resolve(model.etag("config.json") + ".lock"))
        .exists();
    assertThat(temporary.resolve("hub/CACHEDIR.TAG")).content().startsWith("Signature: 8a477f597d");
    assertThat(files.get(2).sha256()).isEqualTo(model.etag("model.safetensors"));
    assertThat(HubCache.commitOf(files.getFirst().path())).contains(model.commit);
    assertThat(received).isEqualTo(announced).isEqualTo(300_008);
    assertThat(notices)
        .singleElement()
        .asString()
        .contains("3 files, 300 kB", model.commit.substring(0, 8));
  }

  @Test
  void whatIsInTheCacheIsNotAskedForAgain() {
    hub().model("org/tiny").files(name -> true);
    server.forget();
    assertThat(hub().model("org/tiny").files(name -> true)).hasSize(4);
    assertThat(hub().model("org/tiny").file("config.json").path()).exists();
    assertThat(server.seen()).isEmpty();
  }

  @Test
  void theTokenGoesToTheHubAndNeverToTheHostOfARedirect() {
    hub().model("org/tiny").files(name -> true);
    assertThat(server.seen()).filteredOn(FakeHub.Seen::storage).isNotEmpty();
    for (FakeHub.Seen seen : server.seen()) {
      assertThat(seen.authorization())
          .as(seen.path())
          .isEqualTo(seen.storage() ? "null" : "Bearer " + TOKEN);
    }
    assertThat(notices).noneMatch(line -> line.contains(TOKEN));
  }

  @Test
  void aRedirectWithinTheHubIsFollowedWithTheTokenAndItsRelativeAddress() throws IOException {
    server.plant(
        2,
        seen -> seen.path().endsWith("/config.json"),
        (exchange, content) -> {
          exchange
              .getResponseHeaders()
              .set("Location", "/org/tiny/resolve/" + model.commit + "/config.json?moved=1");
          FakeHub.empty(exchange, 307);
        });
    hub().model("org/tiny").file("config.json");
    assertWhole("config.json");
    assertThat(server.seen()).allMatch(seen -> seen.authorization().equals("Bearer " + TOKEN));
  }

  @Test
  void aTokenThatARedirectLeftBehindDoesNotComeBackWithTheNextRedirect() throws IOException {
    server.plant(
        inStorage(),
        (exchange, content) -> {
          exchange.getResponseHeaders().set("Location", server.endpoint() + "/back");
          FakeHub.empty(exchange, 302);
        });
    byte[] bytes = model.bytes("model.safetensors");
    server.plant(onHub("GET", "/back"), (exchange, content) -> FakeHub.send(exchange, bytes));
    hub().model("org/tiny").file("model.safetensors");
    assertWhole("model.safetensors");
    assertThat(server.seen())
        .filteredOn(seen -> seen.path().equals("/back"))
        .singleElement()
        .extracting(FakeHub.Seen::authorization)
        .isEqualTo("null");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 1000, 299_999})
  void aBodyThatBreaksOffIsContinuedFromWhereItBroke(int bytes) throws IOException {
    server.plant(inStorage(), FakeHub.cutAfter(bytes));
    hub().model("org/tiny").file("model.safetensors");
    assertWhole("model.safetensors");
    assertThat(server.seen())
        .filteredOn(inStorage())
        .extracting(FakeHub.Seen::range)
        .containsExactly("null", bytes == 0 ? "null" : "bytes=" + bytes + "-");
    assertThat(pauses).hasSize(1);
    assertThat(received).isEqualTo(300_000);
  }

  @Test
  void onlyAttemptsThatBringNothingCount() throws IOException {
    for (int i = 0; i < 12; i++) {
      server.plant(inStorage(), FakeHub.cutAfter(10_000));
    }
    hub().model("org/tiny").file("model.safetensors");
    assertWhole("model.safetensors");
  }

  @Test
  void aBodyThatStandsStillIsGivenUpAndContinued() throws IOException {
    environment.put("HF_HUB_DOWNLOAD_TIMEOUT", STILL);
    server.plant(inStorage(), server.stallAfter(50_000));
    hub().model("org/tiny").file("model.safetensors");
    assertWhole("model.safetensors");
    assertThat(notices).anyMatch(line -> line.contains("nothing arrived for " + STILL + " s"));
    assertThat(server.seen())
        .filteredOn(inStorage())
        .last()
        .extracting(FakeHub.Seen::range)
        .isEqualTo("bytes=50000-");
  }

  @Test
  void whatArrivedIsKeptWhenAllAttemptsFailAndTheNextRunGoesOn() throws IOException {
    server.plant(inStorage(), FakeHub.cutAfter(70_000));
    server.plant(9, inStorage(), FakeHub.cutAfter(0));
    assertRefused(
        Kind.NETWORK,
        "model.safetensors",
        "org/tiny: model.safetensors",
        "what has arrived is kept");
    assertNothingUnderItsFinalName("model.safetensors");
    server.close();
    server = restarted();
    hub().model("org/tiny").file("model.safetensors");
    assertWhole("model.safetensors");
    assertThat(server.seen())
        .filteredOn(inStorage())
        .singleElement()
        .extracting(FakeHub.Seen::range)
        .isEqualTo("bytes=70000-");
  }

  private FakeHub restarted() throws IOException {
    FakeHub another = new FakeHub();
    FakeHub.Repository same = another.model("org/tiny");
    model.files.forEach(same::small);
    same.large.putAll(model.large);
    environment.put("HF_ENDPOINT", another.endpoint());
    return another;
  }

  @ParameterizedTest
  @ValueSource(strings = {".incomplete", ".1a2b3c4d.incomplete"})
  void aPartialFileOfHuggingFacesLibraryIsContinued(String ending) throws IOException {
    Path blobs = Files.createDirectories(entry().resolve("blobs"));
    byte[] bytes = model.bytes("model.safetensors");
    String etag = model.etag("model.safetensors");
    Files.write(blobs.resolve(etag + ending), java.util.Arrays.copyOf(bytes, 123_456));
    Files.write(blobs.resolve(etag + ".0badcafe.incomplete"), new byte[10]);
    hub().model("org/tiny").file("model.safetensors");
    assertWhole("model.safetensors");
    assertThat(server.seen())
        .filteredOn(inStorage())
        .singleElement()
        .extracting(FakeHub.Seen::range)
        .isEqualTo("bytes=123456-");
  }

  @ParameterizedTest
  @ValueSource(ints = {5, 300_000, 300_001, 400_000})
  void aPartialFileThatIsDamagedIsFetchedAnew(int length) throws IOException {
    Path blobs = Files.createDirectories(entry().resolve("blobs"));
    Files.write(
        blobs.resolve(model.etag("model.safetensors") + ".incomplete"), FakeHub.bytes(9, length));
    hub().model("org/tiny").file("model.safetensors");
    assertWhole("model.safetensors");
  }

  @Test
  void aServerThatGivesFilesWholeOnlyIsReadFromTheBeginning() throws IOException {
    server.plant(inStorage(), FakeHub.cutAfter(1000));
    server.plant(
        inStorage(),
        (exchange, content) -> {
          exchange.sendResponseHeaders(200, content.length);
          exchange.getResponseBody().write(content);
        });
    hub().model("org/tiny").file("model.safetensors");
    assertWhole("model.safetensors");
    assertThat(received).isEqualTo(300_000);
  }

  @Test
  void aRangeThatIsRefusedOrIsAnotherOneMeansToBeginAgain() throws IOException {
    server.plant(inStorage(), FakeHub.cutAfter(1000));
    server.plant(inStorage(), (exchange, content) -> FakeHub.empty(exchange, 416));
    server.plant(inStorage(), FakeHub.cutAfter(2000));
    server.plant(
        inStorage(),
        (exchange, content) -> {
          exchange.getResponseHeaders().set("Content-Range", "bytes 0-9/300000");
          exchange.sendResponseHeaders(206, 10);
          exchange.getResponseBody().write(content, 0, 10);
        });
    hub().model("org/tiny").file("model.safetensors");
    assertWhole("model.safetensors");
    assertThat(server.seen())
        .filteredOn(inStorage())
        .extracting(FakeHub.Seen::range)
        .containsExactly("null", "bytes=1000-", "null", "bytes=2000-", "null");
  }

  @ParameterizedTest
  @CsvSource({"model.safetensors", "config.json", "empty.txt"})
  void aFileWithAnotherHashNeverGetsItsName(String file) {
    byte[] original = model.bytes(file);
    byte[] other = original.length == 0 ? new byte[1] : original.clone();
    other[other.length - 1] ^= 1;
    server.plant(
        file.equals("model.safetensors") ? inStorage() : onHub("GET", "/" + file),
        (exchange, content) -> FakeHub.send(exchange, other));
    assertThatThrownBy(() -> hub().model("org/tiny").file(file))
        .isInstanceOfSatisfying(
            InputException.class, e -> assertThat(e.kind()).isEqualTo(Kind.MALFORMED))
        .hasMessageContainingAll("org/tiny", file, model.etag(file), "thrown away");
    assertNothingUnderItsFinalName(file);
  }

  @Test
  void serverErrorsAreTriedAgainAfterTheTimeThatTheServerAsksFor() throws IOException {
    Predicate<FakeHub.Seen> head = onHub("HEAD", "/config.json");
    server.plant(head, (exchange, content) -> FakeHub.empty(exchange, 500));
    server.plant(
        head,
        (exchange, content) -> {
          exchange.getResponseHeaders().set("Retry-After", "7");
          FakeHub.empty(exchange, 503);
        });
    server.plant(
        head,
        (exchange, content) -> {
          exchange.getResponseHeaders().set("RateLimit", "\"resolvers\";r=0;t=55");
          FakeHub.empty(exchange, 429);
        });
    hub().model("org/tiny").file("config.json");
    assertWhole("config.json");
    assertThat(pauses)
        .containsExactly(Duration.ofSeconds(1), Duration.ofSeconds(7), Duration.ofSeconds(55));
  }

  @Test
  void aServerThatStaysBrokenIsToldWithTheNumberOfAttempts() {
    server.plant(
        9, onHub("GET", "/revision/main"), (exchange, content) -> FakeHub.empty(exchange, 503));
    assertRefused(
        Kind.NETWORK, "config.json", "the server answers 503 (5 attempts)", "HF_HUB_OFFLINE");
    assertThat(pauses)
        .containsExactly(
            Duration.ofSeconds(1),
            Duration.ofSeconds(2),
            Duration.ofSeconds(4),
            Duration.ofSeconds(8));
  }

  @Test
  void aWaitOfAnHourIsToldInPlaceOfWaitedFor() {
    server.plant(
        onHub("GET", "/revision/main"),
        (exchange, content) -> {
          exchange.getResponseHeaders().set("Retry-After", "3600");
          FakeHub.empty(exchange, 429);
        });
    assertRefused(Kind.NETWORK, "config.json", "fewer requests (429)", "in 3600 s");
    assertThat(pauses).isEmpty();
  }

  private void assertRefused(Kind kind, String file, String... words) {
    assertThatThrownBy(() -> hub().model("org/tiny").file(file))
        .isInstanceOfSatisfying(InputException.class, e -> assertThat(e.kind()).isEqualTo(kind))
        .hasMessageContainingAll(words)
        .message()
        .doesNotContain("\n", TOKEN);
  }

  @ParameterizedTest
  @CsvSource({
    "true, 401, RepoNotFound, NOT_FOUND, 'check the name, or make another token'",
    "false, 401, RepoNotFound, NOT_FOUND, 'check the name, or, if it is private, set HF_TOKEN'",
    "true, 403, GatedRepo, NETWORK, is gated: accept its terms at",
    "false, 401, GatedRepo, NETWORK, then set HF_TOKEN to a token of that account",
    "true, 403, '', NETWORK, give it the right to read",
    "true, 404, RepoNotFound, NOT_FOUND, there is no model org/tiny",
    "true, 404, RevisionNotFound, NOT_FOUND, org/tiny has no revision main",
    "true, 404, EntryNotFound, NOT_FOUND, org/tiny has no file",
    "true, 418, '', NETWORK, the server answers 418",
  })
  void aRefusalIsOneLineThatSaysWhatToDo(
      boolean withToken, int status, String code, Kind kind, String words) {
    if (!withToken) {
      environment.remove("HF_TOKEN");
      environment.put("HF_TOKEN_PATH", temporary.resolve("none").toString());
    }
    server.plant(
        onHub("GET", "/revision/main"),
        (exchange, content) -> FakeHub.error(exchange, status, code, "no"));
    assertRefused(kind, "config.json", words);
    assertThat(pauses).isEmpty();
  }

  @Test
  void aFileThatTheRepositoryLacksIsNamed() {
    assertRefused(Kind.NOT_FOUND, "nothing.json", "org/tiny has no file nothing.json");
  }

  @Test
  void whatIsNoHubIsToldSo() {
    server.plant(
        onHub("GET", "/revision/main"),
        (exchange, content) -> FakeHub.send(exchange, "<html>".getBytes()));
    assertRefused(Kind.NETWORK, "config.json", "is no hub", "HF_ENDPOINT");
  }

  @Test
  void aHubThatCannotBeReachedIsToldAfterOneMoreAttempt() {
    server.close();
    assertRefused(Kind.NETWORK, "config.json", "127.0.0.1 cannot be reached (2 attempts)");
    assertThat(pauses).hasSize(1);
  }

  @Test
  void aListOfFilesThatBreaksOffOrStandsStillIsAskedForAgain() throws IOException {
    environment.put("HF_HUB_DOWNLOAD_TIMEOUT", STILL);
    Predicate<FakeHub.Seen> list = onHub("GET", "/revision/main");
    byte[] bytes = FakeHub.bytes(1, 1000);
    server.plant(list, (exchange, content) -> FakeHub.cutAfter(8).answer(exchange, bytes));
    server.plant(list, (exchange, content) -> server.stallAfter(8).answer(exchange, bytes));
    hub().model("org/tiny").file("config.json");
    assertWhole("config.json");
    assertThat(pauses).hasSize(2);
  }

  @Test
  void aServerThatAlwaysBeginsAnewAndBreaksOffIsGivenUp() {
    for (int i = 0; i < 8; i++) {
      server.plant(inStorage(), FakeHub.cutAfter(1000));
      server.plant(inStorage(), (exchange, content) -> FakeHub.empty(exchange, 416));
    }
    assertRefused(Kind.NETWORK, "model.safetensors", "(5 attempts)");
  }

  @Test
  void aFileOfUnknownSizeIsCheckedByItsHash() throws IOException {
    server.plant(
        onHub("HEAD", "/config.json"),
        (exchange, content) -> {
          exchange.getResponseHeaders().set("X-Repo-Commit", model.commit);
          exchange.getResponseHeaders().set("ETag", "W/\"" + model.etag("config.json") + "\"");
          exchange.getResponseHeaders().set("Transfer-Encoding", "chunked");
          FakeHub.empty(exchange, 200);
        });
    server.plant(
        onHub("GET", "/config.json"),
        (exchange, content) -> {
          exchange.sendResponseHeaders(200, 0); // in chunks
          exchange.getResponseBody().write(model.bytes("config.json"));
        });
    hub().model("org/tiny").file("config.json");
    assertWhole("config.json");
    assertThat(announced).isZero();
  }

  @Test
  void aDiskWithoutRoomIsToldBeforeAnythingIsFetched() {
    server.plant(
        onHub("HEAD", "/model.safetensors"),
        (exchange, content) -> {
          exchange.getResponseHeaders().set("X-Repo-Commit", model.commit);
          exchange.getResponseHeaders().set("X-Linked-Etag", model.etag("model.safetensors"));
          exchange.getResponseHeaders().set("X-Linked-Size", "900000000000000000");
          exchange.getResponseHeaders().set("Location", "http://localhost:1/x");
          FakeHub.empty(exchange, 302);
        });
    assertRefused(Kind.OUTPUT, "model.safetensors", "org/tiny needs 900000 TB", "larger disk");
    assertThat(server.seen()).noneMatch(FakeHub.Seen::storage);
  }

  @Test
  void aCacheThatCannotBeWrittenIsToldWithTheVariable() throws IOException {
    Path file = Files.writeString(temporary.resolve("file"), "");
    environment.put("HF_HUB_CACHE", file.toString());
    assertRefused(Kind.OUTPUT, "config.json", file.toString(), "set HF_HUB_CACHE");
  }

  @Test
  void aProxyOfTheEnvironmentIsUsedButForExceptions() throws IOException {
    String address = server.endpoint().replace("http://", "http://me:secret@");
    environment.put("HF_ENDPOINT", "http://hub.invalid"); // which only the proxy can know
    environment.put("http_proxy", address);
    environment.put("NO_PROXY", "example.org, localhost");
    hub().model("org/tiny").file("model.safetensors");
    assertWhole("model.safetensors");
    assertThat(notices).noneMatch(line -> line.contains("secret"));
  }

  @Test
  void offlineNothingIsAskedAndTheLineNamesTheVariable() {
    environment.put("HF_HUB_OFFLINE", "1");
    assertRefused(
        Kind.NOT_FOUND, "config.json", "org/tiny is not in the cache", "HF_HUB_OFFLINE is set");
    environment.remove("HF_HUB_OFFLINE");
    hub().model("org/tiny").file("config.json");
    server.forget();
    environment.put("HF_HUB_OFFLINE", "yes");
    assertThat(hub().model("org/tiny").file("config.json").path()).exists();
    assertRefused(Kind.NOT_FOUND, "README.md", "org/tiny: README.md is not in the cache");
    assertThat(server.seen()).isEmpty();
  }

  @Test
  void severalProcessesAtOnceFetchAFileOnce() throws Exception {
    Callable<Path> one = () -> hub().model("org/tiny").file("model.safetensors").path();
    try (ExecutorService threads = Executors.newFixedThreadPool(6)) {
      for (Future<Path> future : threads.invokeAll(Collections.nCopies(6, one))) {
        assertThat(future.get()).hasBinaryContent(model.bytes("model.safetensors"));
      }
    }
    assertWhole("model.safetensors");
    assertThat(server.seen()).filteredOn(inStorage()).hasSize(1);
  }

  @Test
  void filesAreCopiedWhereThereAreNoLinks() throws IOException {
    environment.put("HF_HUB_DISABLE_SYMLINKS", "1");
    hub().model("org/tiny").file("model.safetensors");
    assertThat(snapshot("model.safetensors")).hasBinaryContent(model.bytes("model.safetensors"));
    assertThat(Files.isSymbolicLink(snapshot("model.safetensors"))).isFalse();
  }

  @Test
  void aRevisionIsAskedForByItsNameAndFiledUnderIt() {
    HubRepository tag =
        hub().repository(new RepositoryName(RepositoryName.Kind.MODEL, "org/tiny"), "v1");
    tag.file("config.json");
    assertThat(tag.commit()).isEqualTo(model.commit);
    assertThat(entry().resolve("refs/v1")).hasContent(model.commit);
    assertThat(entry().resolve("refs/main")).doesNotExist();
  }

  @Test
  void dataSetsHaveTheirOwnPathsAndTheConvertedBranchIsASegmentOfTheAddress() {
    FakeHub.Repository data =
        server
            .dataset("allenai/ai2_arc")
            .at("refs/convert/parquet")
            .large("ARC-Easy/test-00000-of-00001.parquet", FakeHub.bytes(7, 5000))
            .large("ARC-Easy/train-00000-of-00001.parquet", FakeHub.bytes(8, 5000));
    HubRepository converted =
        hub()
            .repository(
                new RepositoryName(RepositoryName.Kind.DATASET, "allenai/ai2_arc"),
                "refs/convert/parquet");
    List<HubFile> files = converted.files(name -> name.startsWith("ARC-Easy/test"));
    assertThat(files)
        .singleElement()
        .satisfies(file -> assertThat(file.path()).hasBinaryContent(FakeHub.bytes(7, 5000)));
    assertThat(temporary.resolve("hub/datasets--allenai--ai2_arc/refs/refs/convert/parquet"))
        .hasContent(data.commit);
    assertThat(Files.isSymbolicLink(files.getFirst().path())).isTrue();
    assertThat(server.seen())
        .extracting(FakeHub.Seen::path)
        .contains("/api/datasets/allenai/ai2_arc/revision/refs%2Fconvert%2Fparquet");
    assertThat(server.seen()).noneMatch(seen -> seen.path().contains("train"));
  }

  @Test
  void namesThatLeaveTheCacheAreNotTakenFromAServer() {
    server
        .model("org/evil")
        .small("../../x", new byte[3])
        .small("a\\\\b", new byte[3])
        .small("ok", new byte[3]);
    assertThat(hub().model("org/evil").list()).containsExactly("ok");
    assertThatThrownBy(() -> hub().model("../x")).isInstanceOf(InputException.class);
    assertThatThrownBy(() -> hub().model("org/../x")).isInstanceOf(InputException.class);
  }
}
