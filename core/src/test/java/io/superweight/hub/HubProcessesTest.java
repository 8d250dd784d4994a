package io.superweight.hub;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Downloads of several processes, and of one that is killed. */
class HubProcessesTest {
  private static final Predicate<FakeHub.Seen> STORAGE = FakeHub.Seen::storage;

  @TempDir Path temporary;
  private FakeHub server;
  private FakeHub.Repository model;

  @BeforeEach
  void start() throws IOException {
    server = new FakeHub();
    model = server.model("org/tiny").large("model.safetensors", FakeHub.bytes(1, 3_000_000));
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private Process fetch() throws IOException {
    return FetchProcess.start(server.endpoint(), temporary, "");
  }

  private static Path result(Process process) throws Exception {
    String path = new String(process.getInputStream().readAllBytes()).strip();
    assertThat(process.waitFor()).isZero();
    return Path.of(path);
  }

  private long incompleteBytes() throws IOException {
    Path blobs = temporary.resolve("models--org--tiny/blobs");
    if (!Files.isDirectory(blobs)) {
      return 0;
    }
    try (Stream<Path> files = Files.list(blobs)) {
      return files
          .filter(file -> file.toString().endsWith(".incomplete"))
          .mapToLong(file -> file.toFile().length())
          .sum();
    }
  }

  @Test
  void whatAKilledProcessFetchedIsUsedByTheNextOne() throws Exception {
    server.plant(STORAGE, server.stallAfter(2_000_000));
    Process killed = fetch();
    while (incompleteBytes() < 2_000_000) {
      assertThat(killed.isAlive()).isTrue();
      Thread.sleep(20);
    }
    killed.destroyForcibly().waitFor();
    assertThat(
            temporary.resolve("models--org--tiny/blobs").resolve(model.etag("model.safetensors")))
        .doesNotExist();
    assertThat(result(fetch())).hasBinaryContent(model.bytes("model.safetensors"));
    assertThat(server.seen())
        .filteredOn(STORAGE)
        .extracting(FakeHub.Seen::range)
        .containsExactly("null", "bytes=2000000-");
    assertThat(incompleteBytes()).isZero();
  }

  /** In a process of its own, as the JDK decides once what a tunnel's proxy is told. */
  @Test
  void aProxyThatTunnelsIsToldTheNameAndPasswordThatTheVariableHolds() throws Exception {
    try (ServerSocket proxy = new ServerSocket(0, 0, InetAddress.getByName("127.0.0.1"))) {
      proxy.setSoTimeout(300_000); // a JVM starts meanwhile
      Process process =
          FetchProcess.start(
              "https://hub.invalid",
              temporary,
              "http://me:secret@127.0.0.1:" + proxy.getLocalPort());
      try (Socket connection = proxy.accept();
          BufferedReader lines =
              new BufferedReader(new InputStreamReader(connection.getInputStream()))) {
        List<String> request = lines.lines().takeWhile(line -> !line.isEmpty()).toList();
        assertThat(request.getFirst()).startsWith("CONNECT hub.invalid:443");
        assertThat(request).contains("Proxy-Authorization: Basic bWU6c2VjcmV0");
        assertThat(request).noneMatch(line -> line.startsWith("Authorization"));
      } finally {
        process.destroyForcibly();
      }
    }
  }

  @Test
  void processesAtOnceFetchAFileOnce() throws Exception {
    List<Process> processes = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      processes.add(fetch());
    }
    for (Process process : processes) {
      assertThat(result(process)).hasBinaryContent(model.bytes("model.safetensors"));
    }
    assertThat(server.seen()).filteredOn(STORAGE).hasSize(1);
  }
}
