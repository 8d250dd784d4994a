package io.superweight.cli;

import static java.util.stream.Collectors.joining;

import com.sun.management.OperatingSystemMXBean;
import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelLocator;
import io.superweight.compute.Device;
import io.superweight.compute.Devices;
import io.superweight.compute.Precision;
import io.superweight.hub.DownloadListener;
import io.superweight.hub.Hub;
import io.superweight.models.Books12m;
import io.superweight.nativelib.NativeCache;
import io.superweight.report.Numerals;
import io.superweight.tokenizer.Tokenizer;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParentCommand;

/** {@code superweight doctor}. */
@Command(
    name = "doctor",
    header = DoctorCommand.HEADER,
    description = {"", "Changes nothing and needs no network. Exit code 0 also where it warns."})
final class DoctorCommand implements Runnable {
  /** The line of it in the list of commands. */
  static final String HEADER =
      "Say which JDK, kernels, libraries and caches are in use, and what to do where one is missing.";

  @ParentCommand private SuperweightCommand parent;

  /**
   * One thing looked at.
   *
   * @param fix what to do; empty where all is well
   */
  record Finding(String subject, String found, String fix) {
    boolean fine() {
      return fix.isEmpty();
    }
  }

  @Override
  public void run() {
    Terminal terminal = parent.terminal();
    Look look = new Look(terminal.color());
    List<Finding> findings = examine();
    int width = findings.stream().mapToInt(f -> f.subject().length()).max().orElse(0);
    String indent = " ".repeat(width + 6);
    for (Finding finding : findings) {
      String mark = finding.fine() ? look.good("ok  ") : look.warning("warn");
      String subject = finding.subject() + " ".repeat(width - finding.subject().length());
      List<String> lines =
          Columns.wrap(finding.found(), Math.max(40, terminal.columns() - indent.length() - 1));
      terminal.out().println(mark + "  " + look.strong(subject) + "  " + lines.getFirst());
      lines.stream().skip(1).forEach(line -> terminal.out().println(indent + "  " + line));
      if (!finding.fine()) {
        Columns.wrap("→ " + finding.fix(), Math.max(40, terminal.columns() - indent.length() - 1))
            .forEach(line -> terminal.out().println(indent + "  " + look.warning(line)));
      }
    }
  }

  static List<Finding> examine() {
    List<Finding> findings = new ArrayList<>();
    findings.add(new Finding("superweight", Version.number(), ""));
    findings.add(jdk());
    findings.add(vectorModule());
    findings.add(nativeAccess());
    findings.addAll(devices());
    findings.add(memory());
    findings.add(tokenizerLibrary());
    findings.add(embeddedModel());
    findings.add(hub());
    findings.add(hubCache());
    findings.add(
        startCaches(
            System.getProperty("superweight.start"), System.getProperty("superweight.start.id")));
    return findings;
  }

  private static Finding jdk() {
    Runtime.Version version = Runtime.version();
    boolean buggy =
        version.feature() == 25
            && version.compareToIgnoreOptional(Runtime.Version.parse("25.0.3")) < 0;
    return new Finding(
        "JDK",
        version + ", " + System.getProperty("java.vendor") + ", " + System.getProperty("java.home"),
        buggy
            ? "25.0.3 or newer: earlier ones can corrupt memory handed to native code (JDK-8377811)"
            : "");
  }

  private static Finding vectorModule() {
    boolean present = ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
    return present
        ? new Finding("vector module", "jdk.incubator.vector is there", "")
        : new Finding(
            "vector module",
            "absent: products are computed one number at a time, several times slower",
            "start with ./superweight, or pass --add-modules jdk.incubator.vector to java");
  }

  private static Finding nativeAccess() {
    boolean enabled = DoctorCommand.class.getModule().isNativeAccessEnabled();
    return enabled
        ? new Finding("native access", "enabled", "")
        : new Finding(
            "native access",
            "not enabled: the JDK prints warnings when the tokenizer library loads",
            "start with ./superweight, or pass --enable-native-access=ALL-UNNAMED to java");
  }

  private static Finding memory() {
    String heap = bytes(Runtime.getRuntime().maxMemory()) + " heap at most";
    int processors = Runtime.getRuntime().availableProcessors();
    if (ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system) {
      return new Finding(
          "machine",
          processors
              + (processors == 1 ? " processor, " : " processors, ")
              + bytes(system.getTotalMemorySize())
              + " memory, "
              + heap
              + " (weights are mapped, not loaded: a model may be larger than memory)",
          "");
    }
    return new Finding("machine", processors + " processors, " + heap, "");
  }

  /** One line a device: what it is, or why it does not run here. */
  private static List<Finding> devices() {
    Devices devices = Devices.onClassPath();
    List<Finding> findings = new ArrayList<>();
    for (String name : devices.names()) {
      String what = "device " + name;
      if (!devices.present(name)) {
        findings.add(new Finding(what, "this machine has none", ""));
        continue;
      }
      try (Device device =
          devices.open(name, Runtime.getRuntime().availableProcessors(), Precision.BF16).device()) {
        findings.add(new Finding(what, device.description(), device.notice().orElse("")));
      } catch (InputException unusable) {
        findings.add(
            new Finding(what, "does not run here; --device java does", unusable.getMessage()));
      }
    }
    return findings;
  }

  /** Loads the library and has it do something: nothing less shows that it works here. */
  private static Finding tokenizerLibrary() {
    String what = "Hugging Face's tokenizers";
    try (Tokenizer tokenizer = Books12m.tokenizer()) {
      String text = "Summer is hot.";
      String back = tokenizer.decode(tokenizer.encode(text));
      return new Finding(
          "tokenizer library",
          what + ", loaded from " + NativeCache.ofUser().folder(),
          back.strip().equals(text)
              ? ""
              : "it does not give a text back as it was: please report it");
    } catch (InputException e) {
      return new Finding(
          "tokenizer library",
          what + " cannot be loaded; GGUF files, which bring their vocabulary, work without",
          e.getMessage());
    }
  }

  private static Finding embeddedModel() {
    try (Checkpoint checkpoint = Books12m.checkpoint()) {
      return new Finding(
          "embedded model",
          "books-12m, "
              + Numerals.bytes(Books12m.weightBytes())
              + " of weights, digest "
              + checkpoint.digest().substring(0, 16),
          checkpoint.digest().equals(Books12m.DIGEST)
              ? ""
              : "these are not the weights that this version was made with: install it again");
    } catch (RuntimeException e) {
      return new Finding(
          "embedded model",
          Failure.of(e).line(),
          "install it again; in a source tree: rm -r models/*/target, then ./superweight");
    }
  }

  private static Finding hub() {
    try {
      return new Finding(
          "Hugging Face hub", new Hub(System.getenv(), DownloadListener.SILENT).description(), "");
    } catch (InputException e) {
      return new Finding("Hugging Face hub", "cannot be used", e.getMessage());
    }
  }

  private static Finding hubCache() {
    Path hub = new ModelLocator(System.getenv()).hubCache();
    if (!Files.isDirectory(hub)) {
      return new Finding(
          "Hugging Face cache",
          hub + " does not exist yet; org/name models are fetched into it",
          "");
    }
    try (Stream<Path> entries = Files.list(hub)) {
      long models = entries.filter(p -> p.getFileName().toString().startsWith("models--")).count();
      return new Finding(
          "Hugging Face cache", hub + ", " + models + (models == 1 ? " model" : " models"), "");
    } catch (IOException e) {
      return new Finding(
          "Hugging Face cache", hub + " cannot be read", "give yourself read permission");
    }
  }

  /**
   * The JVM's caches that the launcher makes: AOT caches for help and for short searches, a class
   * archive for the rest.
   */
  static Finding startCaches(String folder, String id) {
    String subject = "start-up caches";
    if (folder == null || id == null) {
      return new Finding(
          subject,
          "none: each start loads all classes anew, about 0.3 s slower",
          "start with ./superweight, and set SUPERWEIGHT_CACHE to a folder that can be written");
    }
    Optional<String> light = cache(Path.of(folder, "light-" + id + ".aot"), "AOT cache (help)");
    Optional<String> brief =
        cache(Path.of(folder, "short-" + id + ".aot"), "AOT cache (short searches)");
    Optional<String> full =
        cache(Path.of(folder, "full-" + id + ".jsa"), "class archive (all else)");
    return new Finding(
        subject,
        light.isPresent() && full.isPresent()
            ? Stream.of(light, brief, full).flatMap(Optional::stream).collect(joining(", "))
                + ", in "
                + folder
            : "being made in " + folder + "; they serve the next start",
        "");
  }

  /** Empty where there is none, or an empty file, which stands for one that cannot be made here. */
  private static Optional<String> cache(Path file, String what) {
    try {
      long bytes = Files.size(file);
      return bytes == 0
          ? Optional.empty()
          : Optional.of(what + " " + file.getFileName() + ", " + Numerals.bytes(bytes));
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  static String bytes(long count) {
    if (count >= 10L << 30) {
      return String.format(Locale.ROOT, "%d GiB", count >> 30);
    }
    if (count >= 1L << 30) {
      return String.format(Locale.ROOT, "%.1f GiB", count / (double) (1L << 30));
    }
    return count >> 20 > 0 ? (count >> 20) + " MiB" : (count >> 10) + " KiB";
  }
}
