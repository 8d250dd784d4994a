package io.superweight.find;

import io.superweight.InputException;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;

/**
 * A text as token windows: each is its own context, starts with BOS where the policy says so, and
 * belongs to a unit of the bootstrap. Windows come round by round: the first of each document, then
 * the second of each, so that any prefix is as varied as it can be.
 *
 * @param scored what is predicted
 * @param heldOut windows of text that is never scored: means are estimated on it, greedy text
 *     starts from it
 */
public record Windows(List<Window> scored, List<Window> heldOut) {
  /** Units enough for documents to be the units; of fewer documents each window is one. */
  static final int ENOUGH_DOCUMENTS = 8;

  /** One document or window in so many is held out. */
  private static final int HOLD_OUT = 8;

  /** A shorter rest of a document is dropped. */
  private static final int SHORTEST = 24;

  /**
   * @param unit index of the document (or of the window, where documents are few)
   * @param ids token ids, BOS included
   */
  public record Window(int unit, int[] ids) {
    /** How many tokens are predicted. */
    public int predicted() {
      return ids.length - 1;
    }
  }

  /**
   * Cuts a text.
   *
   * @throws InputException of kind TEXT where it is too short
   */
  public static Windows of(VerificationText text, Tokenizer tokenizer, BosPolicy bos, int tokens) {
    List<List<int[]>> documents = new ArrayList<>();
    for (String document : text.documents()) {
      documents.add(cut(document, tokenizer, bos, tokens));
    }
    boolean byDocument = documents.size() >= 2 * ENOUGH_DOCUMENTS;
    List<Window> scored = new ArrayList<>();
    List<Window> heldOut = new ArrayList<>();
    int deepest = documents.stream().mapToInt(List::size).max().orElse(0);
    int running = 0;
    for (int round = 0; round < deepest; round++) {
      for (int d = 0; d < documents.size(); d++) {
        if (round < documents.get(d).size()) {
          int unit = byDocument ? d : running;
          boolean held = unit % HOLD_OUT == HOLD_OUT - 1;
          (held ? heldOut : scored).add(new Window(unit, documents.get(d).get(round)));
          running++;
        }
      }
    }
    if (scored.stream().map(Window::unit).distinct().count() < ENOUGH_DOCUMENTS) {
      throw new InputException(
          InputException.Kind.TEXT,
          text.name()
              + " is too short to judge a model on: it makes "
              + (scored.size() + heldOut.size())
              + " windows of up to "
              + tokens
              + " tokens, and "
              + (ENOUGH_DOCUMENTS + 2)
              + " are needed; give some pages of prose");
    }
    return new Windows(scored, heldOut);
  }

  private static List<int[]> cut(String document, Tokenizer tokenizer, BosPolicy bos, int tokens) {
    int[] ids = tokenizer.encode(document);
    boolean bosFirst = bos == BosPolicy.ALWAYS || bos == BosPolicy.AUTO && tokenizer.addsBos();
    int[] start = bosFirst ? tokenizer.bos().stream().toArray() : new int[0];
    int body = tokens - start.length;
    List<int[]> windows = new ArrayList<>();
    for (int from = 0; from < ids.length; from += body) {
      int count = Math.min(body, ids.length - from);
      if (count < Math.min(SHORTEST, body)) {
        break;
      }
      int[] window = new int[start.length + count];
      System.arraycopy(start, 0, window, 0, start.length);
      System.arraycopy(ids, from, window, start.length, count);
      windows.add(window);
    }
    return windows;
  }
}
