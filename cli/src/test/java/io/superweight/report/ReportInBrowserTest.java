package io.superweight.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.awt.image.BufferedImage;
import java.io.File;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The page in a real browser, on a wide and on a narrow screen, light and dark. */
class ReportInBrowserTest {
  private static final int HEIGHT = 1600;

  /** A process that takes longer is ended, and the test fails. */
  private static final long TIMEOUT_SECONDS = 120;

  @TempDir Path folder;

  private String browser;

  @BeforeEach
  void findTheBrowser() {
    Optional<Path> found = chromium();
    assumeTrue(
        found.isPresent(),
        "SKIPPED: no Chromium on the path, so the report was not looked at in a browser"
            + " (Debian: apt-get install chromium)");
    browser = found.orElseThrow().toString();
  }

  @ParameterizedTest
  @CsvSource({"1280, light", "1280, dark", "390, light", "390, dark"})
  void thePageIsDrawnInTheColoursThatAreAskedFor(int width, String scheme) throws Exception {
    Path page = folder.resolve("page.html");
    Files.writeString(page, forced(HtmlReportTest.page(Samples.smol()), scheme));
    // A headless window is 500 pixels wide at least: a narrower screen is a frame in it.
    Path screen = folder.resolve("screen.html");
    Files.writeString(screen, frames(Map.of("page", page), List.of(width)));
    Path picture = picture(width + "-" + scheme);
    run(
        "--hide-scrollbars",
        "--window-size=" + Math.max(width, 500) + "," + HEIGHT,
        "--screenshot=" + picture,
        screen.toUri().toString());

    BufferedImage image = ImageIO.read(picture.toFile());
    Map<Integer, Integer> colours = new HashMap<>();
    int pixels = 0;
    for (int y = 0; y < Math.min(HEIGHT, image.getHeight()); y++) {
      for (int x = 0; x < width; x++, pixels++) {
        colours.merge(image.getRGB(x, y) & 0xFFFFFF, 1, Integer::sum);
      }
    }
    int ground =
        colours.entrySet().stream().max(Map.Entry.comparingByValue()).orElseThrow().getKey();
    assertThat(colours.size()).as("colours").isGreaterThan(100);
    assertThat(pixels - colours.get(ground)).as("pixels with ink").isGreaterThan(pixels / 50);
    assertThat((ground & 0xFF) > 128).as("ground is light").isEqualTo(scheme.equals("light"));
    assertThat(colours).as("the colour of a super weight").containsKey(accent(scheme));
  }

  @Test
  void nothingRunsOverTheEdgeOfAScreenAndNoLabelIsCut() throws Exception {
    Map<String, Path> pages = new LinkedHashMap<>();
    for (Map.Entry<String, FindReport> report :
        Map.of(
                "smol", Samples.smol(),
                "none", Samples.none(),
                "unverified", Samples.unverified(),
                "harmless", Samples.harmless(),
                "refused", Samples.refused(),
                "large", HtmlReportTest.large())
            .entrySet()) {
      Path page = folder.resolve(report.getKey() + ".html");
      // Folded parts are opened: they must fit as well.
      Files.writeString(
          page, HtmlReportTest.page(report.getValue()).replace("<details>", "<details open>"));
      pages.put(report.getKey(), page);
    }
    for (Map.Entry<String, String> made :
        Map.of(
                "experiment", ReproductionSamples.page(),
                "experiments", ReproductionSamples.index())
            .entrySet()) {
      Path page = folder.resolve(made.getKey() + ".html");
      Files.writeString(page, made.getValue().replace("<details>", "<details open>"));
      pages.put(made.getKey(), page);
    }
    List<Integer> widths = List.of(320, 390, 700, 768, 1280);
    Path screen = folder.resolve("screen.html");
    Files.writeString(screen, frames(pages, widths));
    String dom = run("--virtual-time-budget=20000", "--dump-dom", screen.toUri().toString());

    Matcher measured =
        Pattern.compile("<li>(\\S+) (\\d+): (\\d+) of (\\d+);([^<]*)</li>").matcher(dom);
    int seen = 0;
    List<String> wrong = new ArrayList<>();
    while (measured.find()) {
      seen++;
      if (Integer.parseInt(measured.group(3)) > Integer.parseInt(measured.group(4))
          || !measured.group(5).isBlank()) {
        wrong.add(measured.group());
      }
    }
    assertThat(wrong).as("cut or overflowing").isEmpty();
    assertThat(seen).as("pages measured").isEqualTo(pages.size() * widths.size());
  }

  /** A page of frames, and a script that writes what it measured in each. */
  private static String frames(Map<String, Path> pages, List<Integer> widths) {
    StringBuilder html =
        new StringBuilder(
            "<!DOCTYPE html><meta charset=utf-8><body style=\"margin:0;background:#888\">");
    for (Map.Entry<String, Path> page : pages.entrySet()) {
      for (int width : widths) {
        html.append(
            "<iframe data-name=\"%s %d\" src=\"%s\" style=\"display:block;border:0;width:%dpx;height:%dpx\"></iframe>"
                .formatted(page.getKey(), width, page.getValue().toUri(), width, HEIGHT));
      }
    }
    return html.append(
            """
            <ul id="measured"></ul><script>
            addEventListener('load', () => {
              for (const frame of document.querySelectorAll('iframe')) {
                const page = frame.contentDocument, root = page.documentElement, wrong = [];
                const main = page.querySelector('main'), whole = main.getBoundingClientRect();
                const edge = whole.right - parseFloat(frame.contentWindow.getComputedStyle(main).paddingRight);
                for (const e of page.querySelectorAll('main *')) {
                  const box = e.getBoundingClientRect();
                  if (!box.width || e.closest('.scroll *')) continue;
                  const svg = e.closest('svg');
                  if (svg && e.tagName === 'text') {
                    const own = svg.classList.contains('chart')
                        ? svg.getBoundingClientRect() : { left: 0, right: root.clientWidth, top: -1e9, bottom: 1e9 };
                    if (box.left < own.left - 1 || box.right > own.right + 1
                        || box.top < own.top - 1 || box.bottom > own.bottom + 1) wrong.push(e.textContent);
                  } else if (!svg && (box.right > edge + 1 || box.left < 0)) {
                    wrong.push(e.tagName + ' ' + e.className + ' ' + e.textContent.slice(0, 40));
                  }
                }
                const line = document.createElement('li');
                line.textContent = frame.dataset.name + ': ' + root.scrollWidth + ' of ' + root.clientWidth
                    + '; ' + [...new Set(wrong)].slice(0, 6).join(' | ').replace(/[<&]/g, '?');
                document.getElementById('measured').append(line);
              }
            });
            </script>
            """)
        .toString();
  }

  /** The page with one colour scheme in force, whatever the browser prefers. */
  private static String forced(String page, String scheme) {
    String query = "(prefers-color-scheme: dark)";
    assertThat(page).contains("@media " + query);
    return page.replace(query, scheme.equals("dark") ? "screen" : "not all");
  }

  private static int accent(String scheme) {
    Matcher value = Pattern.compile("--strong: #([0-9a-f]{6})").matcher(HtmlReport.styles());
    assertThat(value.find()).isTrue();
    if (scheme.equals("dark")) {
      assertThat(value.find()).isTrue();
    }
    return Integer.parseInt(value.group(1), 16);
  }

  private static Path picture(String name) throws IOException {
    Path pictures = Path.of("target", "report-pictures").toAbsolutePath();
    Files.createDirectories(pictures);
    return pictures.resolve(name + ".png");
  }

  /** Runs the browser with a profile of its own, and returns what it wrote. */
  private String run(String... arguments) throws IOException, InterruptedException {
    Path profile = Files.createTempDirectory("superweight-browser");
    Path written = folder.resolve("out.txt");
    List<String> command =
        new ArrayList<>(
            List.of(
                browser,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--allow-file-access-from-files",
                "--user-data-dir=" + profile));
    command.addAll(List.of(arguments));
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(written.toFile())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    try {
      assertThat(process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS))
          .as("the browser came to an end")
          .isTrue();
      assertThat(process.exitValue()).isZero();
      return Files.readString(written);
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
      delete(profile);
    }
  }

  /** Leftovers of a browser that is still ending are left to the system. */
  private static void delete(Path profile) throws IOException {
    Files.walkFileTree(
        profile,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            file.toFile().delete();
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException gone) {
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path directory, IOException gone) {
            directory.toFile().delete();
            return FileVisitResult.CONTINUE;
          }
        });
  }

  private static Optional<Path> chromium() {
    for (String name : List.of("chromium", "chromium-browser", "google-chrome")) {
      for (String place : System.getenv().getOrDefault("PATH", "").split(File.pathSeparator)) {
        Path program = Path.of(place, name);
        if (Files.isExecutable(program)) {
          return Optional.of(program);
        }
      }
    }
    return Optional.empty();
  }
}
