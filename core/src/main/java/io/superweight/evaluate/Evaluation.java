package io.superweight.evaluate;

import java.util.List;

/** A task or a perplexity protocol, bound to data and a tokenizer. */
public interface Evaluation {
  /** As the user names it: {@code arc_easy}, {@code gptq-wikitext2}. */
  String name();

  /** What was done, for everybody who reads the number. */
  Protocol protocol();

  /** All requests, by document, then part. The same call gives the same requests. */
  List<Request> requests();

  /**
   * The metrics, in the order in which the reference prints them.
   *
   * @param scores one for each request, in the order of {@link #requests()}
   */
  List<Metric> metrics(List<Score> scores);
}
