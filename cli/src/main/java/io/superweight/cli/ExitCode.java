package io.superweight.cli;

import io.superweight.InputException;

/** The exit codes of the command that are not an {@link InputException.Kind}'s. */
final class ExitCode {
  /** Done; also where nothing was found. */
  static final int OK = 0;

  /** A bug. */
  static final int INTERNAL = 1;

  /** Memory ran out. */
  static final int MEMORY = 8;

  /** The reader of the output went away. */
  static final int BROKEN_PIPE = 141;

  private ExitCode() {}
}
