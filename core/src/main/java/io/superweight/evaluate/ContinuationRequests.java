package io.superweight.evaluate;

import io.superweight.InputException;
import io.superweight.python.PythonText;
import io.superweight.tokenizer.BosPolicy;
import java.util.Arrays;

/**
 * From a context and its continuation to the tokens that are scored, as the LM Evaluation Harness
 * does it ({@code TemplateLM._encode_pair}, {@code HFLM._loglikelihood_tokens}).
 */
final class ContinuationRequests {
  private final EvaluationSettings settings;
  private final BosPolicy bos;
  private int shortened;

  ContinuationRequests(EvaluationSettings settings) {
    this.settings = settings;
    this.bos = settings.taskBos();
  }

  /**
   * The request. White space at the end of the context goes to the continuation; the continuation
   * is what the tokens of both together have beyond as many as the context has alone, whether or
   * not those begin it; what is too long loses its beginning.
   *
   * @throws InputException of kind TEXT where nothing is left to condition on or to score, or the
   *     continuation alone is longer than the model's context: the harness stops there, too
   */
  Request of(int document, int part, String context, String continuation) {
    int[] before;
    int[] scored;
    if (context.isEmpty()) {
      before = new int[] {settings.prefix()};
      scored = settings.tokenizer().encode(continuation);
      if (scored.length > 1 && scored[0] == before[0]) {
        scored = Arrays.copyOfRange(scored, 1, scored.length);
      }
    } else {
      String bare = PythonText.rstrip(context);
      String whole = context + continuation;
      before = settings.tokenizer().encode(bare, bos);
      int[] together = settings.tokenizer().encode(whole, bos);
      scored =
          Arrays.copyOfRange(together, Math.min(before.length, together.length), together.length);
    }
    if (before.length == 0 || scored.length == 0) {
      throw refused(
          document,
          before.length == 0 ? "a context of white space alone" : "a continuation of no tokens");
    }
    if (scored.length > settings.maxLength()) {
      throw refused(
          document,
          "a continuation of "
              + scored.length
              + " tokens, more than the context of "
              + settings.maxLength());
    }
    int total = before.length + scored.length;
    int dropped = Math.max(0, total - (settings.maxLength() + 1));
    shortened += dropped > 0 ? 1 : 0;
    int[] tokens = new int[total - dropped];
    for (int i = 0; i < tokens.length; i++) {
      int at = i + dropped;
      tokens[i] = at < before.length ? before[at] : scored[at - before.length];
    }
    return new Request(document, part, tokens, tokens.length - scored.length);
  }

  private static InputException refused(int document, String what) {
    return new InputException(
        InputException.Kind.TEXT,
        "document "
            + document
            + " has "
            + what
            + ": take it out of the data, or use a model that can take it in");
  }

  /** How many requests were too long and lost their beginning so far. */
  int shortened() {
    return shortened;
  }

  /** What is done about BOS, in words. */
  String bosInWords() {
    boolean added =
        switch (bos) {
          case ALWAYS -> true;
          case NEVER -> false;
          case AUTO -> settings.tokenizer().addsBos();
        };
    String who =
        settings.bos() != BosPolicy.AUTO
            ? "as asked"
            : bos == BosPolicy.AUTO ? "the tokenizer's own behaviour" : settings.preset().text();
    return (added ? "first token of each request" : "none") + " (" + who + ")";
  }
}
