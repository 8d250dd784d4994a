package io.superweight.evaluate;

import java.util.List;

/**
 * What belongs to a number that an evaluation gives.
 *
 * @param name of the protocol: {@code gptq-wikitext2}, {@code lm-eval}
 * @param preset the reference whose rules it follows, {@code lm-eval-0.4.12}; empty for none
 * @param dataset {@code org/name, configuration, split}, or the file
 * @param sources the files read, with their SHA-256
 * @param notes what a reader of the number must know besides: another split than the reference's,
 *     one sentence each
 * @param bos what was done about the BOS token, in words: {@code none}, {@code first token of the
 *     text}
 * @param windowTokens the longest request
 * @param documents documents scored
 * @param documentsOfAll documents there are; larger than {@code documents} under {@code --limit}
 */
public record Protocol(
    String name,
    String preset,
    String dataset,
    List<Source> sources,
    List<String> notes,
    String bos,
    int windowTokens,
    int documents,
    int documentsOfAll) {
  public Protocol {
    sources = List.copyOf(sources);
    notes = List.copyOf(notes);
  }

  /**
   * A file that data came from.
   *
   * @param name without its folder
   * @param sha256 of its bytes, lower-case hex
   */
  public record Source(String name, String sha256) {}
}
