package io.superweight.evaluate;

import java.util.Arrays;
import java.util.List;

/**
 * Another evaluation whose requests all begin with the same tokens, which are not scored: what a
 * key-value cache that is kept from request to request begins with. The same tokens are scored as
 * without it, so perplexities can be compared.
 *
 * @param prefix token ids
 * @param text what they are, for people
 */
public record Prefixed(Evaluation of, int[] prefix, String text) implements Evaluation {
  public Prefixed {
    if (prefix.length == 0) {
      throw new IllegalArgumentException("a prefix has tokens");
    }
  }

  @Override
  public String name() {
    return of.name();
  }

  @Override
  public Protocol protocol() {
    Protocol p = of.protocol();
    return new Protocol(
        p.name(),
        p.preset(),
        p.dataset(),
        p.sources(),
        p.notes(),
        p.bos() + "; before it the prefix " + Arrays.toString(prefix) + " " + text,
        p.windowTokens() + prefix.length,
        p.documents(),
        p.documentsOfAll());
  }

  @Override
  public List<Request> requests() {
    return of.requests().stream()
        .map(r -> {
          int[] tokens = Arrays.copyOf(prefix, prefix.length + r.tokens().length);
          System.arraycopy(r.tokens(), 0, tokens, prefix.length, r.tokens().length);
          return new Request(r.document(), r.part(), tokens, r.from() + prefix.length);
        })
        .toList();
  }

  @Override
  public List<Metric> metrics(List<Score> scores) {
    return of.metrics(scores);
  }
}
