package io.superweight.find;

/**
 * A spike of the residual stream: one channel at one token, far above everything else, that
 * persists over layers (Yu et al. 2024, section 3.2; Sun et al. 2024 call it a massive activation).
 *
 * @param layer the layer that writes it (its onset): the spike is absent from the stream that
 *     enters the layer and present in the one that leaves it; −1 where the embedding holds it
 * @param channel channel of the residual stream
 * @param prompt index of the prompt in {@link FindResult#prompts()}
 * @param position position of the token in its prompt, 0 being the first
 * @param tokenId id of that token
 * @param token text of that token
 * @param value signed value at its peak, in the stream that leaves {@link #peakLayer}
 * @param peakLayer the layer after which it is largest
 * @param lastLayer the last layer that it leaves with at least half of its peak
 * @param alike how many of the observed activations are within a tenth of it or larger: {@code |a|
 *     ≥ |value| / 10}, itself included
 * @param observed how many activations of the residual stream were observed: tokens × channels ×
 *     layers of all prompts
 * @param typical median of |a| over the stream's channels and tokens after the peak layer
 * @param writer which part of the layer writes it
 */
public record SuperActivation(
    int layer,
    int channel,
    int prompt,
    int position,
    int tokenId,
    String token,
    float value,
    int peakLayer,
    int lastLayer,
    long alike,
    long observed,
    float typical,
    Writer writer) {

  /** The part of a layer that a spike comes from. */
  public enum Writer {
    /** The token embedding. */
    EMBEDDING,
    /** Attention: no weight of a down projection is to blame. */
    ATTENTION,
    /** The MLP, through its down projection. */
    MLP,
    /**
     * The norm after the MLP (Gemma 2 and 3, OLMo-2): the down projection's own output has no spike
     * of that size, the norm's division and weight make it.
     */
    POST_NORM
  }
}
