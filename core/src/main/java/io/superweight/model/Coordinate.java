package io.superweight.model;

import io.superweight.InputException;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One scalar of a weight matrix, in the model's canonical part names: {@code
 * layers.11.mlp.down[507,1229]}, for an expert {@code layers.3.mlp.experts.12.down[161,288]}.
 *
 * @param part canonical part name
 * @param row output channel
 * @param col input channel
 */
public record Coordinate(String part, int row, int col) implements Comparable<Coordinate> {
  private static final Pattern TEXT =
      Pattern.compile(
          "(layers\\.(\\d{1,6})\\.[a-z_.0-9]+)\\[\\s*(\\d{1,9})\\s*,\\s*(\\d{1,9})\\s*]");
  private static final Pattern PART =
      Pattern.compile("layers\\.(\\d+)\\.(?:mlp\\.experts\\.(\\d+)\\.)?.*");

  /** The weight {@code [row, col]} of a layer's down projection. */
  public static Coordinate down(int layer, int row, int col) {
    return new Coordinate("layers." + layer + ".mlp.down", row, col);
  }

  /** The weight {@code [row, col]} of an expert's down projection. */
  public static Coordinate expertDown(int layer, int expert, int row, int col) {
    return new Coordinate("layers." + layer + ".mlp.experts." + expert + ".down", row, col);
  }

  /**
   * Reads the text form.
   *
   * @throws InputException of kind USAGE if it is not one
   */
  public static Coordinate parse(String text) {
    Matcher m = TEXT.matcher(text.strip());
    if (!m.matches()) {
      throw new InputException(
          InputException.Kind.USAGE,
          "\"" + text + "\" is no coordinate: write it like layers.11.mlp.down[507,1229]");
    }
    return new Coordinate(m.group(1), Integer.parseInt(m.group(3)), Integer.parseInt(m.group(4)));
  }

  /** The layer, 0 being the first. */
  public int layer() {
    Matcher m = PART.matcher(part);
    if (!m.matches()) {
      throw new IllegalStateException(part + " is in no layer");
    }
    return Integer.parseInt(m.group(1));
  }

  /** The expert of a mixture-of-experts layer. */
  public OptionalInt expert() {
    Matcher m = PART.matcher(part);
    return m.matches() && m.group(2) != null
        ? OptionalInt.of(Integer.parseInt(m.group(2)))
        : OptionalInt.empty();
  }

  @Override
  public int compareTo(Coordinate other) {
    int byLayer = Integer.compare(layer(), other.layer());
    if (byLayer != 0) {
      return byLayer;
    }
    int byExpert = Integer.compare(expert().orElse(-1), other.expert().orElse(-1));
    if (byExpert != 0) {
      return byExpert;
    }
    int byPart = part.compareTo(other.part);
    if (byPart != 0) {
      return byPart;
    }
    return row != other.row ? Integer.compare(row, other.row) : Integer.compare(col, other.col);
  }

  @Override
  public String toString() {
    return part + "[" + row + "," + col + "]";
  }
}
