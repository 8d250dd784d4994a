package io.superweight;

/**
 * Something that the user gave cannot be used: a file, a name, a prompt. The message is one line
 * that names the trouble and the fix; the {@link Kind} decides the exit code of the command.
 */
public final class InputException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What was wrong, with the exit code that the command ends with (docs/guide.md lists them). */
  public enum Kind {
    /** The words of the command are off. */
    USAGE(2),
    /** No such model, file or folder. */
    NOT_FOUND(3),
    /** A checkpoint or tokenizer file is broken. */
    MALFORMED(4),
    /** The file is sound, but holds what this version does not know: an architecture, a type. */
    UNSUPPORTED(5),
    /** The prompt or text cannot be used: empty, too long, not UTF-8. */
    TEXT(6),
    /** An output file cannot be written. */
    OUTPUT(7),
    /** A hub cannot be reached, or does not let this user have it. */
    NETWORK(9),
    /** An accelerator failed while it computed: its memory ran out, or it was lost. */
    DEVICE(14);

    private final int exitCode;

    Kind(int exitCode) {
      this.exitCode = exitCode;
    }

    /** The exit code of the command. */
    public int exitCode() {
      return exitCode;
    }
  }

  private final Kind kind;

  public InputException(Kind kind, String message) {
    super(message);
    this.kind = kind;
  }

  public InputException(Kind kind, String message, Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  /** What was wrong. */
  public Kind kind() {
    return kind;
  }
}
