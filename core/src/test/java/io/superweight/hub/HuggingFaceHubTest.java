package io.superweight.hub;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.Fixtures;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Against Hugging Face's own library, by {@code etc/hub-interop.py}: skipped, saying so, where no
 * Python has it (the variable SUPERWEIGHT_PYTHON names one).
 */
class HuggingFaceHubTest {
  /** Longer than Python takes to start on a busy machine. */
  private static final long PATIENCE_SECONDS = 300;

  private static final Map<String, String> PATIENT =
      Map.of(
          "HF_HUB_ETAG_TIMEOUT",
          String.valueOf(PATIENCE_SECONDS),
          "HF_HUB_DOWNLOAD_TIMEOUT",
          String.valueOf(PATIENCE_SECONDS));

  @TempDir Path temporary;
  private FakeHub server;
  private FakeHub.Repository model;

  @BeforeEach
  void start() throws Exception {
    Assumptions.assumeTrue(
        has("huggingface_hub"),
        "skipped: no Python with huggingface_hub; set SUPERWEIGHT_PYTHON to one that has it");
    server = new FakeHub();
    model =
        server
            .model("org/tiny")
            .small("config.json", "{\"a\": 1}".getBytes(StandardCharsets.UTF_8))
            .small("sub/folder/note.txt", FakeHub.bytes(2, 77))
            .large("model.safetensors", FakeHub.bytes(1, 300_000));
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  private static String python() {
    return System.getenv().getOrDefault("SUPERWEIGHT_PYTHON", "python3");
  }

  private static boolean has(String module) throws InterruptedException {
    try {
      Process process =
          new ProcessBuilder(
                  python(),
                  "-c",
                  "import importlib.util as i, sys; sys.exit(not i.find_spec('" + module + "'))")
              .redirectErrorStream(true)
              .start();
      return process.waitFor(60, TimeUnit.SECONDS) && process.exitValue() == 0;
    } catch (IOException e) {
      return false; // there is no such program
    }
  }

  private static Process interop(String... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of(python()));
    command.add(Fixtures.project().resolve("etc/hub-interop.py").toString());
    command.addAll(Arrays.asList(arguments));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().remove("HF_HUB_OFFLINE"); // which all tests run with
    builder.environment().putAll(PATIENT);
    return builder.start();
  }

  private static String output(Process process) throws Exception {
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(text).isZero();
    return text.strip();
  }

  private Hub hub(boolean offline) {
    return hub(offline, DownloadListener.SILENT);
  }

  private Hub hub(boolean offline, DownloadListener listener) {
    Map<String, String> environment = new HashMap<>(PATIENT);
    environment.put("HF_HUB_CACHE", temporary.toString());
    environment.put("HF_ENDPOINT", server.endpoint());
    environment.put("HF_TOKEN", "x");
    environment.put("HF_HUB_OFFLINE", offline ? "1" : "0");
    return new Hub(environment, listener);
  }

  @Test
  void theLibraryReadsTheCacheThatWasWrittenHere() throws Exception {
    HubRepository ours = hub(false).model("org/tiny");
    ours.files(name -> true);
    ours.noteMissing(Set.of("tokenizer.json"));
    JsonNode read =
        JsonMapper.shared()
            .readTree(
                output(interop("read", temporary.toString(), "org/tiny", "sub/folder/note.txt")));
    assertThat(read.path("warnings").isEmpty()).as(read.toString()).isTrue();
    assertThat(Path.of(read.path("snapshot").asString())).isEqualTo(ours.folder());
    assertThat(Path.of(read.path("file").asString())).hasBinaryContent(FakeHub.bytes(2, 77));
    assertThat(read.path("revisions").path("main").asString()).isEqualTo(model.commit);
    assertThat(read.path("files").size()).isEqualTo(3);
    assertThat(read.path("bytes").asLong()).isEqualTo(300_085);
    assertThat(read.path("known_to_lack_tokenizer").asBoolean()).isTrue();
  }

  @Test
  void theCacheThatTheLibraryWroteIsReadHereWithoutTheNetwork() throws Exception {
    output(interop("fetch", temporary.toString(), "org/tiny", server.endpoint()));
    server.forget();
    HubRepository ours = hub(true).model("org/tiny");
    assertThat(ours.list())
        .containsExactlyInAnyOrder("config.json", "sub/folder/note.txt", "model.safetensors");
    assertThat(ours.commit()).isEqualTo(model.commit);
    List<HubFile> files = ours.files(name -> true);
    assertThat(files)
        .allSatisfy(file -> assertThat(file.path()).hasBinaryContent(model.bytes(file.name())));
    assertThat(server.seen()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void theLibraryAndThisProgramFetchAFileOnceWhereBothWantIt(boolean libraryFirst)
      throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch bothWant = new CountDownLatch(1);
    server.plant(
        FakeHub.Seen::storage,
        (exchange, content) -> {
          begun.countDown();
          try {
            assertThat(bothWant.await(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
          FakeHub.send(exchange, content);
        });
    if (libraryFirst) {
      Process library = interop("fetch", temporary.toString(), "org/tiny", server.endpoint());
      assertThat(begun.await(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
      hub(
              false,
              new DownloadListener() {
                @Override
                public void notice(String line) {
                  if (line.contains("another process")) {
                    bothWant.countDown();
                  }
                }

                @Override
                public void received(String what, long bytes, long total) {}
              })
          .model("org/tiny")
          .file("model.safetensors");
      output(library);
    } else {
      CompletableFuture<List<HubFile>> ours =
          CompletableFuture.supplyAsync(() -> hub(false).model("org/tiny").files(name -> true));
      assertThat(begun.await(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
      Process library = interop("fetch", temporary.toString(), "org/tiny", server.endpoint());
      while (server.seen().stream().noneMatch(seen -> seen.path().contains("/tree/"))) {
        assertThat(library.isAlive()).isTrue();
        Thread.sleep(20);
      }
      Thread.sleep(300); // from its list of files to its lock the library tells nobody
      bothWant.countDown();
      output(library);
      ours.get();
    }
    assertThat(server.seen()).filteredOn(FakeHub.Seen::storage).hasSize(1);
    assertThat(hub(true).model("org/tiny").file("model.safetensors").sha256())
        .isEqualTo(model.etag("model.safetensors"));
  }

  @Test
  void theLibraryAndThisProgramWaitForEachOthersLocks() throws Exception {
    Path lock = Files.createDirectories(temporary.resolve("locks")).resolve("etag.lock");
    try (BlobLock _ = BlobLock.acquire(lock, () -> {})) {
      assertThat(output(interop("try", lock.toString()))).isEqualTo("held");
    }
    assertThat(output(interop("try", lock.toString()))).isEqualTo("free");

    Process holder = interop("hold", lock.toString());
    try (BufferedReader said = holder.inputReader()) {
      assertThat(said.readLine()).isEqualTo("held");
      CountDownLatch waiting = new CountDownLatch(1);
      CompletableFuture<Boolean> held =
          CompletableFuture.supplyAsync(() -> {
            try (BlobLock _ = BlobLock.acquire(lock, waiting::countDown)) {
              return holder.isAlive();
            } catch (IOException e) {
              throw new IllegalStateException(e);
            }
          });
      assertThat(waiting.await(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
      assertThat(held).isNotDone();
      holder.getOutputStream().close(); // at which it gives the lock back
      held.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } finally {
      holder.destroyForcibly();
    }
  }
}
