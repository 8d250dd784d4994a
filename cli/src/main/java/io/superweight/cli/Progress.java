package io.superweight.cli;

import io.superweight.experiment.SweepProgress;
import io.superweight.hub.DownloadListener;
import io.superweight.model.PassListener;
import io.superweight.report.Numerals;
import java.io.PrintStream;

/**
 * Says on standard error how far a command is: a line that rewrites itself on a terminal, plain
 * lines elsewhere.
 */
final class Progress implements PassListener, DownloadListener, AutoCloseable {
  /** How progress is shown. */
  enum Kind {
    AUTO,
    BAR,
    PLAIN,
    NONE
  }

  private static final int BAR_WIDTH = 24;
  private static final long BAR_EVERY_NANOS = 100_000_000L;
  private static final long PLAIN_EVERY_NANOS = 5_000_000_000L;

  private final PrintStream err;
  private final Kind kind;
  private final int columns;
  private String stage = "";
  private int pass;
  private long lastShown;
  private boolean barOpen;
  private boolean interrupted;
  private String interruption = "interrupted";

  /** What is known of the whole work: its share done, and words; empty where only passes are. */
  private double share;

  private String shareWords = "";

  private Transfer transfer = new Transfer();

  /** Ctrl-C, or a signal that ends the program while it works, leaves one line behind. */
  private final Thread onInterrupt = new Thread(this::interrupt, "progress-end");

  private Progress(PrintStream err, Kind kind, int columns) {
    this.err = err;
    this.kind = kind;
    this.columns = columns;
  }

  static Progress on(Terminal terminal, Kind wanted) {
    Kind kind = wanted == Kind.AUTO ? (terminal.errIsTerminal() ? Kind.BAR : Kind.PLAIN) : wanted;
    Progress progress = new Progress(terminal.err(), kind, terminal.columns());
    try {
      Runtime.getRuntime().addShutdownHook(progress.onInterrupt);
    } catch (IllegalStateException e) {
      // the JVM is ending already
    }
    return progress;
  }

  /** A new stage of the work: "searching". */
  void stage(String name) {
    stage = name;
    pass = 0;
    shareWords = "";
    lastShown = System.nanoTime();
    if (kind == Kind.BAR) {
      draw(stage + " …");
    }
  }

  /** One line that stays. */
  synchronized void line(String text) {
    if (kind != Kind.NONE) {
      clear();
      err.println("superweight: " + text);
    }
  }

  /** How much of the stage is done, for work whose extent is known; passes no longer count. */
  void share(double done, String words) {
    share = Math.clamp(done, 0, 1);
    shareWords = words;
    show(share, stage + ", " + words);
  }

  /** How far scoring is. */
  void scores(SweepProgress done) {
    String left =
        done.secondsLeft().isPresent()
            ? ", " + Numerals.seconds(done.secondsLeft().getAsDouble()) + " left"
            : "";
    share(
        done.ofScores() == 0 ? 1 : (double) done.scores() / done.ofScores(),
        Numerals.count(done.scores())
            + " of "
            + Numerals.count(done.ofScores())
            + " scores"
            + left
            + ", "
            + Shown.text(done.evaluation()));
  }

  /** What is said where the program is interrupted from now on. */
  synchronized void onInterrupt(String line) {
    interruption = line;
  }

  @Override
  public void layerDone(int layer, int layers) {
    if (layer == 0) {
      pass++;
      return;
    }
    String at = "layer " + layer + " of " + layers;
    if (shareWords.isEmpty()) {
      show((double) layer / layers, stage + ", pass " + pass + ", " + at);
    } else {
      show(share, stage + ", " + shareWords + ", " + at);
    }
  }

  @Override
  public void notice(String line) {
    transfer = new Transfer();
    line(line);
  }

  @Override
  public void received(String what, long bytes, long total) {
    transfer.at(bytes, System.nanoTime() / 1e9);
    if (due()) {
      show(
          total > 0 ? (double) bytes / total : 0,
          "fetching " + what + ", " + transfer.words(total));
    }
  }

  private boolean due() {
    long since = System.nanoTime() - lastShown;
    return kind == Kind.BAR && since >= BAR_EVERY_NANOS
        || kind == Kind.PLAIN && since >= PLAIN_EVERY_NANOS;
  }

  private void show(double done, String where) {
    long now = System.nanoTime();
    if (kind == Kind.BAR && now - lastShown >= BAR_EVERY_NANOS) {
      lastShown = now;
      int filled = (int) (BAR_WIDTH * done);
      draw("█".repeat(filled) + "░".repeat(BAR_WIDTH - filled) + " " + where);
    } else if (kind == Kind.PLAIN && now - lastShown >= PLAIN_EVERY_NANOS) {
      lastShown = now;
      err.println("superweight: " + where);
    }
  }

  private synchronized void draw(String text) {
    if (interrupted) {
      return;
    }
    barOpen = true;
    err.print("\r" + Columns.cut(text, Math.max(20, columns - 1)) + "\u001B[K");
    err.flush();
  }

  /** Takes the bar away, so that something else can be said. */
  synchronized void clear() {
    if (barOpen) {
      err.print("\r\u001B[K");
      err.flush();
      barOpen = false;
    }
  }

  private synchronized void interrupt() {
    clear();
    interrupted = true;
    err.println("superweight: " + interruption);
  }

  @Override
  public synchronized void close() {
    clear();
    if (!interrupted) {
      try {
        Runtime.getRuntime().removeShutdownHook(onInterrupt);
      } catch (IllegalStateException e) {
        // the JVM is ending already, and the hook with it
      }
    }
  }
}
