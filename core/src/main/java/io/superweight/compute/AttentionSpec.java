package io.superweight.compute;

/**
 * What attention needs to know beside queries, keys and values.
 *
 * @param heads query heads
 * @param keyValueHeads key and value heads; divides {@code heads}, query head h reads key head
 *     {@code h · keyValueHeads / heads}
 * @param headDim channels of a head
 * @param scale factor of the scores, usually {@code 1/√headDim}
 * @param softcap scores become {@code softcap · tanh(score / softcap)}; 0 for none (Gemma 2)
 * @param window a query sees the last {@code window} keys, its own among them; 0 for all
 */
public record AttentionSpec(
    int heads, int keyValueHeads, int headDim, float scale, float softcap, int window) {

  /**
   * One sequence of an attention call: queries are the last {@code queryCount} positions of its
   * keys.
   *
   * @param queryRow first row in the query and output buffers
   * @param queryCount rows there
   * @param keyRow first row in the key and value buffers
   * @param keyCount rows there, at least {@code queryCount}
   */
  public record Span(int queryRow, int queryCount, int keyRow, int keyCount) {}
}
