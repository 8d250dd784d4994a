package io.superweight.evaluate;

/**
 * Tokens of which the last ones are scored, given all before them: a choice of a question, or a
 * window of a text.
 *
 * @param document the document that it belongs to: the independent unit of intervals, from 0
 * @param part the choice or window within the document, from 0
 * @param tokens token ids; may be one more than the model's context, since nothing is asked of the
 *     position of the last one
 * @param from the first scored token, at least 1: tokens {@code from} to {@code tokens.length} are
 *     scored
 */
public record Request(int document, int part, int[] tokens, int from) {
  public Request {
    if (from < 1 || from > tokens.length) {
      throw new IllegalArgumentException(
          "scored from " + from + " of " + tokens.length + " tokens");
    }
  }

  /** How many tokens are scored. */
  public int scored() {
    return tokens.length - from;
  }
}
