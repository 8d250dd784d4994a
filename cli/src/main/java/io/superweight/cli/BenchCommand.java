package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.compute.Devices;
import io.superweight.measure.Bench;
import io.superweight.measure.BenchReport;
import io.superweight.measure.BenchSettings;
import io.superweight.measure.Ceiling;
import io.superweight.measure.LayerShape;
import io.superweight.measure.ProductSpeed;
import io.superweight.measure.Spread;
import io.superweight.report.BenchJson;
import io.superweight.report.Numerals;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code superweight bench}. */
@Command(
    name = "bench",
    sortOptions = false,
    header = BenchCommand.HEADER,
    description = {
      "",
      "Measures what this machine can do at most (reading memory and disk, multiplying and adding), then products "
          + "of the shapes that models of 1 and 7 billion parameters have, and sets one beside the other. Takes "
          + "under a minute, 1.3 GB of memory and 512 MB of the temporary folder, which it gives back.",
      "",
      "On a machine that does other work at the same time only what one run measured can be compared.",
      "",
      "  superweight bench --quick",
      "  superweight bench --device java --threads 1 --json=bench.json"
    },
    parameterListHeading = "%n",
    optionListHeading = "%nOptions:%n")
final class BenchCommand implements Runnable {
  /** The line of it in the list of commands. */
  static final String HEADER =
      "Measure this machine's ceilings and what the kernels reach of them.";

  /** Up to so many tokens, reading the weights takes most of the time. */
  private static final int READING = 16;

  @ParentCommand private SuperweightCommand parent;

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "FILE",
      description =
          "A file, or a folder whose largest file is taken, to read cold from the disk; its first 512 MB are "
              + "dropped from the page cache. Without it: a temporary file.")
  private Path file;

  @Option(names = "--quick", description = "Less of everything, in about 15 seconds")
  private boolean quick;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads that compute. Default: all cores")
  private int threads;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      description = "onednn or java. Default: all that run here")
  private String device = Devices.AUTO;

  @Mixin private JsonOption json;

  @Mixin private ScreenOptions screen;

  @Override
  public void run() {
    Terminal terminal = screen.terminal(parent);
    int workers = Threads.of(threads);
    Optional<OutputFile> document = json.file();
    BenchSettings settings =
        new BenchSettings(
            workers, device, quick, Optional.ofNullable(file).map(BenchCommand::readable));
    BenchReport report;
    try (Progress shown = screen.progress(terminal)) {
      report = Bench.run(settings, what -> shown.stage("measuring: " + what));
    }
    json.write(
        terminal,
        document,
        out -> BenchJson.write(Version.number(), report, out),
        () -> print(report, terminal));
  }

  private static Path readable(Path given) {
    Path found = given;
    if (Files.isDirectory(given)) {
      try (Stream<Path> files = Files.list(given)) {
        found =
            files
                .filter(Files::isRegularFile)
                .max(Comparator.comparingLong(f -> f.toFile().length()))
                .orElseThrow(() ->
                    new InputException(
                        InputException.Kind.NOT_FOUND,
                        "there is no file in " + given + ": name one, or leave it out"));
      } catch (IOException e) {
        throw new InputException(
            InputException.Kind.NOT_FOUND,
            given + " cannot be read: give yourself read permission, or leave it out");
      }
    }
    if (!Files.isRegularFile(found) || !Files.isReadable(found)) {
      throw new InputException(
          InputException.Kind.NOT_FOUND,
          "there is no readable file " + given + ": check the path, or leave it out");
    }
    return found;
  }

  private static void print(BenchReport report, Terminal terminal) {
    Look look = new Look(terminal.color());
    int width = Math.clamp(terminal.columns(), 40, 132);
    terminal
        .out()
        .println(
            look.strong(
                Columns.cut(
                    report.processor()
                        + ", "
                        + Numerals.counted(report.threads(), "thread")
                        + ", "
                        + report.jvm(),
                    width)));
    report.devices().forEach(d -> terminal.out().println(look.faint(Columns.cut(d, width))));
    terminal.out().println();
    Table ceilings =
        new Table()
            .left("ceiling", Table.ALWAYS)
            .right("median", Table.ALWAYS)
            .left("unit", Table.ALWAYS)
            .right("lowest–highest", 2)
            .left("how", 1);
    for (Ceiling ceiling : report.ceilings()) {
      ceilings
          .row()
          .cell(ceiling.kind().text())
          .cell(ceiling.value().map(s -> rate(s.median())).orElse("–"))
          .cell(ceiling.kind().unit())
          .cell(ceiling.value().map(BenchCommand::range).orElse("–"))
          .cell(ceiling.value().isPresent() ? ceiling.how() : "")
          .under(ceiling.value().isPresent() ? "" : ceiling.how());
    }
    ceilings.render(width, look).forEach(terminal.out()::println);
    products(report, width, look).forEach(terminal.out()::println);
    terminal.out().println();
    String note =
        "Products y[M, N] = x[M, K] · W[N, K]ᵀ, W from memory: GB/s of W up to "
            + READING
            + " tokens, GFLOP/s above; in brackets the share of what the best rounds of the "
            + "ceilings allow (memory and arithmetic: f32 multiply-add, for bf16 by oneDNN the dot product). "
            + "Medians of 3 to 15 rounds after a warm-up; "
            + Numerals.seconds(report.seconds())
            + " in all"
            + (report.skipped() == 0
                ? "."
                : "; " + Numerals.counted(report.skipped(), "product") + " left out, time was up.");
    Columns.wrap(note, Math.min(width, 110)).forEach(l -> terminal.out().println(look.faint(l)));
  }

  private record Line(String device, String dtype, LayerShape shape) {}

  private static List<String> products(BenchReport report, int width, Look look) {
    Map<Line, Map<Integer, ProductSpeed>> lines = new LinkedHashMap<>();
    List<String> devices = report.products().stream().map(ProductSpeed::device).distinct().toList();
    report.products().stream()
        .sorted(
            Comparator.comparingInt((ProductSpeed p) -> devices.indexOf(p.device()))
                .thenComparing(ProductSpeed::dtype)
                .thenComparing(p -> p.shape().model()))
        .forEach(p ->
            lines
                .computeIfAbsent(
                    new Line(p.device(), p.dtype().name().toLowerCase(Locale.ROOT), p.shape()),
                    key -> new TreeMap<>())
                .put(p.tokens(), p));
    List<Integer> tokens =
        report.products().stream().map(ProductSpeed::tokens).distinct().sorted().toList();
    Table table =
        new Table()
            .left("device", Table.ALWAYS)
            .left("W", Table.ALWAYS)
            .left("model", 1)
            .right("N × K", Table.ALWAYS);
    tokens.forEach(m -> table.right("M = " + m, Table.ALWAYS));
    lines.forEach((line, speeds) -> {
      Table.Row row =
          table
              .row()
              .cell(line.device())
              .cell(line.dtype())
              .cell(line.shape().model())
              .cell(line.shape().rows() + " × " + line.shape().cols());
      tokens.forEach(m -> row.cell(cell(speeds.get(m))));
    });
    return lines.isEmpty()
        ? List.of()
        : Stream.concat(Stream.of(""), table.render(width, look).stream()).toList();
  }

  private static String cell(ProductSpeed p) {
    if (p == null) {
      return "–";
    }
    String rate = rate(p.tokens() <= READING ? p.gigabytes() : p.gigaflops());
    return Double.isNaN(p.ofCeiling())
        ? rate
        : rate + " (" + Math.round(100 * p.ofCeiling()) + " %)";
  }

  private static String rate(double rate) {
    return rate < 10 ? String.format(Locale.ROOT, "%.1f", rate) : String.valueOf(Math.round(rate));
  }

  private static String range(Spread spread) {
    return rate(spread.low()) + "–" + rate(spread.high());
  }
}
