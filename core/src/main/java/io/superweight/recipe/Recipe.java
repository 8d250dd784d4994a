package io.superweight.recipe;

import io.superweight.statistics.Interval;
import java.util.List;

/**
 * Which modules get which bits, and whether that gains anything.
 *
 * @param tool for whom
 * @param budgetBytes of the matrices of all layers; embedding and output head are not counted, both
 *     mixes have them alike
 * @param elements of those matrices
 * @param base what a module takes that the configuration does not name
 * @param modules each with what was chosen for it
 * @param bytes of the mix
 * @param divergence its KL(model ‖ mix), nats a token, on text that nothing was chosen on
 * @param stock the tool's own mix of at most that size
 * @param stockBytes its size
 * @param stockDivergence its KL
 * @param difference of the two, paired: below zero the recipe is better
 * @param verdict what it comes to
 * @param lines of the tool's configuration, each with the reason
 * @param chosenTokens tokens that were predicted to choose
 * @param judgedTokens tokens that were predicted to judge
 */
public record Recipe(
    Tool tool,
    long budgetBytes,
    long elements,
    String base,
    List<Module> modules,
    long bytes,
    Interval divergence,
    String stock,
    long stockBytes,
    Interval stockDivergence,
    Interval difference,
    Verdict verdict,
    List<Line> lines,
    int chosenTokens,
    int judgedTokens) {

  public Recipe {
    modules = List.copyOf(modules);
    lines = List.copyOf(lines);
  }

  /** Whether it gains. */
  public enum Verdict {
    GAIN("gain"),
    /** The interval of the difference holds zero. */
    NO_GAIN("no gain"),
    WORSE("worse than the stock mix");

    private final String text;

    Verdict(String text) {
      this.text = text;
    }

    /** For people. */
    public String text() {
      return text;
    }
  }

  /**
   * A module, or several that are stored alike because they are one where the file is run.
   *
   * @param parts canonical names
   * @param coding what was chosen
   * @param bytes it then takes
   * @param cost KL in nats a token of rounding it alone to the base's bits
   * @param perMegabyte KL that lifting it by one step spares, by a megabyte
   * @param superWeights whether it holds super weights or feeds a super activation
   */
  public record Module(
      List<String> parts,
      String coding,
      long bytes,
      double cost,
      double perMegabyte,
      boolean superWeights) {
    public Module {
      parts = List.copyOf(parts);
    }
  }

  /**
   * @param text a line for the tool
   * @param why in one line
   */
  public record Line(String text, String why) {}

  /** Bits a weight. */
  public double bits() {
    return 8.0 * bytes / elements;
  }

  /** Bits a weight of the stock mix. */
  public double stockBits() {
    return 8.0 * stockBytes / elements;
  }
}
