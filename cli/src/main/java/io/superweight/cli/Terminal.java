package io.superweight.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.nio.charset.StandardCharsets;

/**
 * Where a command writes and what it may write there.
 *
 * @param out results
 * @param err progress and errors
 * @param outIsTerminal whether a person looks at {@code out}
 * @param errIsTerminal whether a person looks at {@code err}
 * @param columns width of the terminal in characters
 * @param color whether colours may be used on {@code out}
 */
public record Terminal(
    PrintStream out,
    PrintStream err,
    boolean outIsTerminal,
    boolean errIsTerminal,
    int columns,
    boolean color) {

  /** The width that text is set in where no terminal says its own. */
  static final int PLAIN_COLUMNS = 100;

  /** Two streams that are no terminals, for tests and for callers in the same process. */
  static Terminal plain(PrintStream out, PrintStream err) {
    return new Terminal(out, err, false, false, PLAIN_COLUMNS, false);
  }

  /**
   * The terminal of this process, as the launcher describes it. Java cannot ask whether one stream
   * alone is a terminal, so the launcher does.
   *
   * @param out a stream that keeps the error of a failed write
   */
  static Terminal ofProcess(OutputStream out) {
    boolean outIsTerminal = "terminal".equals(System.getProperty("superweight.out"));
    boolean errIsTerminal = "terminal".equals(System.getProperty("superweight.err"));
    int columns = Integer.getInteger("superweight.columns", PLAIN_COLUMNS);
    String noColor = System.getenv("NO_COLOR");
    boolean color =
        outIsTerminal
            && (noColor == null || noColor.isEmpty())
            && !"dumb".equals(System.getenv("TERM"));
    return new Terminal(
        new PrintStream(out, false, StandardCharsets.UTF_8),
        new PrintStream(standardError(), true, StandardCharsets.UTF_8),
        outIsTerminal,
        errIsTerminal,
        columns,
        color);
  }

  Terminal withoutColor() {
    return new Terminal(out, err, outIsTerminal, errIsTerminal, columns, false);
  }

  /**
   * Standard error. The launcher sends descriptor 2 nowhere, because the JVM announces the
   * incubating vector module there before any of our code runs, and hands over the real one as
   * descriptor 3.
   */
  private static OutputStream standardError() {
    if (System.getProperty("superweight.stderr") == null) {
      return new FileOutputStream(FileDescriptor.err);
    }
    try {
      Constructor<FileDescriptor> constructor =
          FileDescriptor.class.getDeclaredConstructor(int.class);
      constructor.setAccessible(true);
      return new FileOutputStream(
          constructor.newInstance(Integer.getInteger("superweight.stderr", 2)));
    } catch (ReflectiveOperationException | RuntimeException e) {
      return new FileOutputStream(FileDescriptor.err);
    }
  }

  /** Keeps the first error of a write, which {@link PrintStream} would swallow. */
  static final class Checked extends OutputStream {
    private final OutputStream to;
    private IOException failure;

    Checked(OutputStream to) {
      this.to = to;
    }

    /** The first error, or null. */
    IOException failure() {
      return failure;
    }

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int from, int count) throws IOException {
      try {
        to.write(bytes, from, count);
      } catch (IOException e) {
        failure = failure == null ? e : failure;
        throw e;
      }
    }

    @Override
    public void flush() throws IOException {
      try {
        to.flush();
      } catch (IOException e) {
        failure = failure == null ? e : failure;
        throw e;
      }
    }
  }
}
