package io.superweight.find;

/** How candidates are chosen. */
public enum Rule {
  /** Ours: relative, several weights a layer, with roles. See {@link Finder}. */
  SUPERWEIGHT("superweight"),
  /**
   * The paper's recipe with the threshold of its released code (Yu et al. 2024, section 3.1): one
   * argmax a layer, |a| > 50 on both sides, zero and repeat.
   */
  PAPER("paper"),
  /** Residual persistence, version 5 of the arctos replication. */
  ARCTOS_V5("arctos-v5");

  private final String text;

  Rule(String text) {
    this.text = text;
  }

  /** As {@code --rule} takes it. */
  public String text() {
    return text;
  }
}
