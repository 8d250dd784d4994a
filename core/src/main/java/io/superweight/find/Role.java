package io.superweight.find;

/** What a weight does to the residual stream at its token and channel. */
public enum Role {
  /** It writes a super activation: the spike was not there before and persists over layers. */
  SOURCE("source", true),
  /**
   * It writes a spike that is much smaller or much shorter-lived than the model's super activation,
   * and that later layers do read.
   */
  MINOR_SOURCE("minor source", true),
  /**
   * It writes what a later source consumes: without it the source's input, and with it the super
   * activation, shrinks.
   */
  PRECURSOR("precursor", true),
  /** It cancels a spike that the stream already carries: opposite sign, the residual falls. */
  ERASER("eraser", false),
  /** It writes a spike in the last layers, or one that is gone at once: little can read it. */
  ECHO("echo", false),
  /**
   * An ordinary weight in the column of a large input: it stands out only because the input does,
   * mostly after the real source of the same column is zeroed.
   */
  ORPHANED_INPUT("orphaned input", false),
  /** One of many weights that write a channel together: no few of them explain it. */
  DIFFUSE("diffuse", false),
  /**
   * It writes a spike of the MLP's output that is no super activation: it holds too small a part of
   * the stream at its token.
   */
  BELOW_BAR("below the bar", false),
  /**
   * A norm behind the MLP makes the spike, not the product: the down projection's own output has
   * none there.
   */
  NORM_MADE("made by the norm", false);

  private final String text;
  private final boolean accepted;

  Role(String text, boolean accepted) {
    this.text = text;
    this.accepted = accepted;
  }

  /** For people: {@code "minor source"}. */
  public String text() {
    return text;
  }

  /** Whether a weight in this role is a candidate for a super weight. */
  public boolean accepted() {
    return accepted;
  }
}
