package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.checkpoint.DraftFile;
import io.superweight.convert.Export;
import io.superweight.report.Numerals;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What the commands that write a model ask for. */
final class WriteOptions {
  @Option(
      names = {"-o", "--out"},
      required = true,
      paramLabel = "FILE",
      description = "The file to write; its folder must exist")
  private Path out;

  @Option(names = "--force", description = "Replace the file where there is one")
  private boolean force;

  @Option(
      names = "--dry-run",
      description = "Say what would be written: types, size, time and room on the disk")
  private boolean dryRun;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads that encode. The file does not depend on it. Default: all cores")
  private int threads;

  @Mixin private ScreenOptions screen;

  Terminal terminal(SuperweightCommand parent) {
    return screen.terminal(parent);
  }

  Progress progress(Terminal terminal) {
    return screen.progress(terminal);
  }

  Path out() {
    return out;
  }

  private int threads() {
    return Threads.of(threads);
  }

  /**
   * Refuses what cannot be written, before any work.
   *
   * @throws InputException of kind OUTPUT
   */
  void check() {
    if (Files.isDirectory(out)) {
      throw new InputException(
          InputException.Kind.OUTPUT, out + " is a folder that exists; give --out another name");
    }
    OutputFile.at(out, "--out");
    if (Files.exists(out) && !Files.isRegularFile(out)) {
      throw new InputException(
          InputException.Kind.OUTPUT, out + " is no plain file; give --out another name");
    }
    if (Files.exists(out) && !force && !dryRun) {
      throw new InputException(
          InputException.Kind.OUTPUT, out + " exists; add --force to replace it");
    }
  }

  /** Writes the file, or says what it would be. */
  void write(Export export, Terminal terminal, Progress shown) {
    check();
    int workers = threads();
    export.notices().forEach(shown::line);
    if (dryRun) {
      shown.clear();
      preview(export, workers, terminal.out());
      return;
    }
    export.requireRoom(out);
    shown.stage("writing " + out.getFileName());
    shown.onInterrupt("interrupted; the same command goes on from what is written");
    long start = System.nanoTime();
    long resumed =
        export.write(
            out,
            workers,
            (bytes, total, tensor) ->
                shown.share(
                    (double) bytes / total, size(bytes) + " of " + size(total) + ", " + tensor));
    double seconds = (System.nanoTime() - start) / 1e9;
    shown.clear();
    PrintStream to = terminal.out();
    to.println(
        "Wrote "
            + out
            + ", "
            + size(export.size())
            + " in "
            + Numerals.seconds(seconds)
            + (resumed > 0 ? "; " + size(resumed) + " were there from before" : ""));
    types(export, to);
  }

  private void preview(Export export, int workers, PrintStream to) {
    to.println(out + " would be " + size(export.size()));
    types(export, to);
    to.println(
        "It would take about "
            + Numerals.seconds(export.seconds(workers))
            + " on "
            + Numerals.counted(workers, "thread")
            + ", where the disk keeps up");
    try {
      long usable = Files.getFileStore(out.toAbsolutePath().getParent()).getUsableSpace();
      to.println(
          "The disk has "
              + size(usable)
              + " left"
              + (usable < export.size() ? ", which is too little" : ""));
      if (Files.exists(DraftFile.draftOf(out))) {
        to.println("An earlier attempt left a part of it, which would be used where it fits");
      }
      if (Files.exists(out)) {
        to.println(out + " exists: --force would replace it");
      }
    } catch (IOException e) {
      throw new InputException(
          InputException.Kind.OUTPUT, out + ": " + e.getMessage() + "; give --out another name", e);
    }
  }

  private static void types(Export export, PrintStream to) {
    Map<String, Integer> count = new TreeMap<>();
    Map<String, Long> bytes = new TreeMap<>();
    for (Export.Item item : export.items()) {
      count.merge(item.type(), 1, Integer::sum);
      bytes.merge(item.type(), item.bytes(), Long::sum);
    }
    bytes.forEach(
        (type, all) -> to.printf("  %-5s %5d tensors  %s%n", type, count.get(type), size(all)));
  }

  static String size(long bytes) {
    return bytes < 1_000_000
        ? String.format(java.util.Locale.ROOT, "%.1f kB", bytes / 1e3)
        : bytes < 1_000_000_000
            ? String.format(java.util.Locale.ROOT, "%.1f MB", bytes / 1e6)
            : String.format(java.util.Locale.ROOT, "%.2f GB", bytes / 1e9);
  }
}
