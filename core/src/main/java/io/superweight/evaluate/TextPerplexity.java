package io.superweight.evaluate;

import io.superweight.InputException;
import io.superweight.Sha256;
import io.superweight.find.VerificationText;
import io.superweight.tokenizer.BosPolicy;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/**
 * Perplexity per token of a text of one's own, document by document, each in windows that are their
 * own context. The first token of a window is scored only where BOS stands before it.
 */
public final class TextPerplexity implements Evaluation {
  /** Tokens of a window, BOS included, where nobody wants another number. */
  public static final int WINDOW = 512;

  /** A rest of a document with fewer scored tokens is dropped. */
  private static final int SHORTEST = 8;

  private final String name;
  private final Protocol protocol;
  private final List<Request> requests;
  private final int documents;

  private TextPerplexity(String name, Protocol protocol, List<Request> requests, int documents) {
    this.name = name;
    this.protocol = protocol;
    this.requests = List.copyOf(requests);
    this.documents = documents;
  }

  /**
   * Cuts a file of one's own, under the name {@code text}. The limit of the settings is one of
   * documents.
   *
   * @throws InputException as {@link VerificationText#of}; of kind TEXT where no document is long
   *     enough; of kind UNSUPPORTED where BOS is asked for and the tokenizer has none
   */
  public static TextPerplexity of(Path file, EvaluationSettings settings) {
    VerificationText text = VerificationText.of(file);
    try {
      return of("text", text, text.name(), Sha256.hex(Files.readAllBytes(file)), settings);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Cuts the text that comes with Superweight, under the name {@code prose}. */
  public static TextPerplexity builtIn(EvaluationSettings settings) {
    VerificationText text = VerificationText.builtIn();
    byte[] joined = String.join("\f", text.documents()).getBytes(StandardCharsets.UTF_8);
    return of("prose", text, "documents joined by form feeds", Sha256.hex(joined), settings);
  }

  private static TextPerplexity of(
      String name,
      VerificationText text,
      String source,
      String sha256,
      EvaluationSettings settings) {
    int window = settings.window().orElse(Math.min(WINDOW, settings.maxLength()));
    int taken = settings.taken(text.documents().size());
    int[] start = settings.tokenizer().encode("", settings.bos());
    boolean bosFirst = settings.tokenizer().bos().isPresent() && start.length == 1;
    List<Request> requests = new ArrayList<>();
    int documents = 0;
    for (String document : text.documents().subList(0, taken)) {
      List<int[]> windows =
          cut(settings.tokenizer().encode(document), bosFirst ? start : new int[0], window);
      for (int w = 0; w < windows.size(); w++) {
        requests.add(new Request(documents, w, windows.get(w), 1));
      }
      documents += windows.isEmpty() ? 0 : 1;
    }
    if (requests.isEmpty()) {
      throw new InputException(
          InputException.Kind.TEXT,
          text.name() + " has no document of " + (SHORTEST + 1) + " tokens: give some prose");
    }
    Protocol protocol =
        new Protocol(
            "text",
            "",
            text.name(),
            List.of(new Protocol.Source(source, sha256)),
            documents == taken
                ? List.of()
                : List.of((taken - documents) + " documents are too short to be scored."),
            bosFirst
                ? "first token of every window"
                : settings.bos() == BosPolicy.NEVER ? "none" : "none, as the model's tokenizer",
            window,
            documents,
            text.documents().size());
    return new TextPerplexity(name, protocol, requests, documents);
  }

  private static List<int[]> cut(int[] ids, int[] start, int window) {
    List<int[]> windows = new ArrayList<>();
    int body = window - start.length;
    for (int from = 0; from < ids.length; from += body) {
      int count = Math.min(body, ids.length - from);
      if (start.length + count <= SHORTEST) {
        break;
      }
      int[] tokens = new int[start.length + count];
      System.arraycopy(start, 0, tokens, 0, start.length);
      System.arraycopy(ids, from, tokens, start.length, count);
      windows.add(tokens);
    }
    return windows;
  }

  @Override
  public String name() {
    return name;
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
    double[] nats = new double[documents];
    double[] tokens = new double[documents];
    for (int r = 0; r < requests.size(); r++) {
      nats[requests.get(r).document()] -= scores.get(r).logProbability();
      tokens[requests.get(r).document()] += requests.get(r).scored();
    }
    return List.of(
        new Metric(
            "perplexity",
            Metric.Link.EXP,
            nats,
            tokens,
            OptionalDouble.empty(),
            OptionalDouble.empty(),
            false));
  }
}
