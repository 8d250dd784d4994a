package io.superweight.recipe;

import io.superweight.InputException;
import java.util.Locale;
import java.util.function.ToLongFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How large a mix may be, as a user says it: bytes ({@code 90M}, powers of ten), bits a weight
 * ({@code 4.5}), or the name of a stock mix, whose size it then is.
 */
public record Budget(String text) {
  private static final Pattern NUMBER =
      Pattern.compile("(\\d{1,12}(?:\\.\\d{1,6})?)\\s*([kMG]?)B?", Pattern.CASE_INSENSITIVE);

  /** More bits than that a weight are bytes. */
  private static final double MOST_BITS = 32;

  /**
   * In bytes.
   *
   * @param elements weights
   * @param named bytes of a stock mix
   * @throws InputException of kind USAGE for what is none of the three
   */
  long bytes(long elements, ToLongFunction<String> named) {
    Matcher number = NUMBER.matcher(text.strip());
    if (!number.matches()) {
      return named.applyAsLong(text.strip());
    }
    double value = Double.parseDouble(number.group(1));
    String unit = number.group(2).toLowerCase(Locale.ROOT);
    if (unit.isEmpty()) {
      return value <= MOST_BITS ? (long) (value * elements / 8) : (long) value;
    }
    return (long) (value * (unit.equals("k") ? 1e3 : unit.equals("m") ? 1e6 : 1e9));
  }
}
