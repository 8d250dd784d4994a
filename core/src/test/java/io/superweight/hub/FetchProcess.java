package io.superweight.hub;

import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/** A process of its own that fetches one file, so that it can be killed. */
final class FetchProcess {
  private FetchProcess() {}

  /**
   * @param arguments endpoint, cache, model, file, proxy for HTTPS or nothing
   */
  public static void main(String[] arguments) {
    Hub hub =
        new Hub(
            Map.of(
                "HF_ENDPOINT",
                arguments[0],
                "HF_HUB_CACHE",
                arguments[1],
                "HF_TOKEN",
                "x",
                "HTTPS_PROXY",
                arguments[4],
                // The tests decide when something stands still, not the load of the machine.
                "HF_HUB_ETAG_TIMEOUT",
                "600",
                "HF_HUB_DOWNLOAD_TIMEOUT",
                "600"),
            DownloadListener.SILENT);
    System.out.println(hub.model(arguments[2]).file(arguments[3]).path());
  }

  static Process start(String endpoint, Path cache, String proxy) throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            String.join(
                File.pathSeparator,
                System.getProperty(
                    "surefire.test.class.path", System.getProperty("java.class.path"))),
            FetchProcess.class.getName(),
            endpoint,
            cache.toString(),
            "org/tiny",
            "model.safetensors",
            proxy)
        .redirectError(
            proxy.isEmpty() ? ProcessBuilder.Redirect.INHERIT : ProcessBuilder.Redirect.DISCARD)
        .start();
  }
}
