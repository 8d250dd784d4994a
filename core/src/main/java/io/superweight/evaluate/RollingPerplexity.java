package io.superweight.evaluate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;

/**
 * The harness's perplexities of whole documents, per word, per byte and in bits per byte. Every
 * token of a document is scored once; the document is the independent unit.
 *
 * <p>Words and bytes are counted on the text as published, tokens are those of the cleaned text.
 */
final class RollingPerplexity implements Evaluation {
  /**
   * A text to be scored.
   *
   * @param tokens of the cleaned text
   * @param words of the published text
   * @param bytes of the published text in UTF-8
   */
  record Document(int[] tokens, int words, int bytes) {}

  private final Protocol protocol;
  private final List<Document> documents;
  private final List<Request> requests;

  /**
   * @param prefix the token before each document
   * @param maxLength tokens that the model takes in at most
   */
  RollingPerplexity(Protocol protocol, List<Document> documents, int prefix, int maxLength) {
    this.protocol = protocol;
    this.documents = List.copyOf(documents);
    List<Request> all = new ArrayList<>();
    for (int d = 0; d < documents.size(); d++) {
      all.addAll(windows(d, documents.get(d).tokens(), prefix, maxLength));
    }
    this.requests = List.copyOf(all);
  }

  /**
   * Cuts a document as the harness does ({@code get_rolling_token_windows} with {@code
   * context_len=1}, then {@code make_disjoint_window}). All windows but the last stand side by
   * side, with one token of context each: the prefix token, or the last one of the window before.
   * The last window's tokens have as much context as fits.
   *
   * @return requests of at most {@code maxLength + 1} tokens, the last of which the model need not
   *     see; none for no tokens
   */
  static List<Request> windows(int document, int[] tokens, int prefix, int maxLength) {
    List<Request> windows = new ArrayList<>();
    for (int done = 0; done < tokens.length; ) {
      int scored = Math.min(tokens.length - done, maxLength);
      int end = done + scored;
      int[] window;
      int from;
      if (done == 0) {
        window = new int[scored + 1];
        window[0] = prefix;
        System.arraycopy(tokens, 0, window, 1, scored);
        from = 1;
      } else {
        int first = end - maxLength - 1;
        window = Arrays.copyOfRange(tokens, first, end);
        from = done - first;
      }
      windows.add(new Request(document, windows.size(), window, from));
      done = end;
    }
    return windows;
  }

  @Override
  public String name() {
    return protocol.name();
  }

  @Override
  public Protocol protocol() {
    return protocol;
  }

  @Override
  public List<Request> requests() {
    return requests;
  }

  @Override
  public List<Metric> metrics(List<Score> scores) {
    double[] nats = new double[documents.size()];
    for (int r = 0; r < requests.size(); r++) {
      nats[requests.get(r).document()] -= scores.get(r).logProbability();
    }
    double[] words = documents.stream().mapToDouble(Document::words).toArray();
    double[] bytes = documents.stream().mapToDouble(Document::bytes).toArray();
    double[] bits = Arrays.stream(nats).map(n -> n / Math.log(2)).toArray();
    return List.of(
        metric("word_perplexity", Metric.Link.EXP, nats, words),
        metric("byte_perplexity", Metric.Link.EXP, nats, bytes),
        metric("bits_per_byte", Metric.Link.IDENTITY, bits, bytes));
  }

  private static Metric metric(String name, Metric.Link link, double[] sums, double[] weights) {
    return new Metric(
        name, link, sums, weights, OptionalDouble.empty(), OptionalDouble.empty(), false);
  }
}
