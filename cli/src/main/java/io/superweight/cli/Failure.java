package io.superweight.cli;

import io.superweight.InputException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;

/**
 * What the command says and ends with when something went wrong.
 *
 * @param line one line without a line break
 * @param exitCode as {@link ExitCode} lists them
 */
record Failure(String line, int exitCode) {

  /** The failure that a thrown object amounts to. */
  static Failure of(Throwable thrown) {
    return switch (thrown) {
      case InputException e -> new Failure(oneLine(e.getMessage()), e.kind().exitCode());
      case OutOfMemoryError e ->
          new Failure(
              "out of memory with a heap of "
                  + (Runtime.getRuntime().maxMemory() >> 20)
                  + " MiB ("
                  + oneLine(e.getMessage())
                  + "): give it more with SUPERWEIGHT_JAVA_OPTS=-Xmx4g, or use fewer or shorter prompts",
              ExitCode.MEMORY);
      case StackOverflowError e ->
          new Failure(
              "a file or an expression is nested too deeply to be read; is it what it says it is?",
              InputException.Kind.MALFORMED.exitCode());
      // What the JVM throws when a page of a mapped file is gone.
      case InternalError e when String.valueOf(e.getMessage()).contains("unsafe memory access") ->
          new Failure(
              "a file of the checkpoint was cut or replaced while it was read: run it again when the copy or download is complete",
              InputException.Kind.MALFORMED.exitCode());
      case UncheckedIOException e -> of(e.getCause());
      case NoSuchFileException e ->
          new Failure(
              oneLine(e.getMessage()) + " does not exist",
              InputException.Kind.NOT_FOUND.exitCode());
      case FileNotFoundException e ->
          new Failure(oneLine(e.getMessage()), InputException.Kind.NOT_FOUND.exitCode());
      case AccessDeniedException e ->
          new Failure(
              "no permission to read " + oneLine(e.getMessage()),
              InputException.Kind.NOT_FOUND.exitCode());
      case IOException e ->
          new Failure(
              "reading failed: " + oneLine(e.getMessage()),
              InputException.Kind.NOT_FOUND.exitCode());
      default ->
          new Failure(
              "internal error, which is a bug: "
                  + oneLine(thrown.toString())
                  + place(thrown)
                  + "; please report it with what --debug prints and the output of superweight doctor",
              ExitCode.INTERNAL);
    };
  }

  private static String place(Throwable thrown) {
    for (StackTraceElement frame : thrown.getStackTrace()) {
      if (frame.getClassName().startsWith("io.superweight.")) {
        return " at " + frame.getFileName() + ":" + frame.getLineNumber();
      }
    }
    return "";
  }

  /** The text on one line, with anything that would steer a terminal shown as a question mark. */
  static String oneLine(String text) {
    String flat = String.valueOf(text).replaceAll("\\s*\\R\\s*", "; ").strip();
    StringBuilder safe = new StringBuilder(flat.length());
    flat.codePoints().forEach(c -> safe.appendCodePoint(Character.isISOControl(c) ? '?' : c));
    return safe.toString();
  }
}
