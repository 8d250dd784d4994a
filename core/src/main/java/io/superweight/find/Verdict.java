package io.superweight.find;

/** What a weight, or a set of weights that act together, was found to be. */
public enum Verdict {
  /** Zeroing it multiplies perplexity by the importance bar at least, or the text collapses. */
  SUPER_WEIGHT("super weight"),
  /** A real effect below the bar. */
  MINOR("minor"),
  /** It looks the part, but zeroing it is not told from zeroing any other weight, or is slight. */
  PROMINENT_BUT_HARMLESS("prominent but harmless"),
  /** The model predicts better without it. */
  REMOVAL_HELPS("removal helps"),
  /** The interval still crosses a boundary of the rule after the text was doubled up to the cap. */
  UNDECIDED("undecided"),
  /** Not verified: nothing was zeroed. */
  CANDIDATE("candidate"),
  /** The model cannot be judged on this text; the verification gives the reason. */
  REFUSED("refused");

  private final String words;

  Verdict(String words) {
    this.words = words;
  }

  /** For people: {@code "prominent but harmless"}. */
  public String words() {
    return words;
  }
}
