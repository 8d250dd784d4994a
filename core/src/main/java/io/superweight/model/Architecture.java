package io.superweight.model;

import io.superweight.compute.Activation;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the forward pass has to know about a model: sizes, switches, and where its parts lie in the
 * checkpoint. It is data; {@code family.Families} makes it from a configuration.
 *
 * @param family as {@code model_type} names it
 * @param maxPositions tokens of the longest sequence
 * @param norm the normalisation and where it stands
 * @param attention the switches of attention
 * @param mlp the switches of the MLP
 * @param layerSpecs what differs from layer to layer, {@code [layers]}
 * @param parallelResidual attention and MLP both read the stream that enters the layer (Falcon,
 *     GPT-NeoX)
 * @param embeddingScale factor of the token embeddings
 * @param residualScale factor of what attention and MLP add to the stream (Granite)
 * @param logitScale factor of the logits
 * @param logitSoftcap {@code cap · tanh(logit / cap)}; 0 for none
 * @param tiedHead the output head is the embedding matrix
 * @param positionOffset first row of the learned positions; empty where there are none
 * @param parts names in the checkpoint by canonical part name; {@code {i}} stands for the layer,
 *     {@code {e}} for the expert
 */
public record Architecture(
    String family,
    int hiddenSize,
    int vocabularySize,
    int maxPositions,
    Norm norm,
    Attention attention,
    Mlp mlp,
    List<LayerSpec> layerSpecs,
    boolean parallelResidual,
    float embeddingScale,
    float residualScale,
    float logitScale,
    float logitSoftcap,
    boolean tiedHead,
    Optional<Integer> positionOffset,
    Map<String, List<String>> parts) {

  public Architecture {
    layerSpecs = List.copyOf(layerSpecs);
    parts = Map.copyOf(parts);
  }

  /** The same with other layer specs. */
  Architecture withLayerSpecs(List<LayerSpec> specs) {
    return new Architecture(
        family,
        hiddenSize,
        vocabularySize,
        maxPositions,
        norm,
        attention,
        mlp,
        specs,
        parallelResidual,
        embeddingScale,
        residualScale,
        logitScale,
        logitSoftcap,
        tiedHead,
        positionOffset,
        parts);
  }

  /** The number of layers. */
  public int layers() {
    return layerSpecs.size();
  }

  /** Root-mean-square norm or LayerNorm. */
  public enum NormKind {
    RMS,
    LAYER
  }

  /** Where norms stand in a layer. */
  public enum NormPlacement {
    /** Before attention and MLP. */
    PRE,
    /** After attention and MLP, before their output joins the stream (OLMo-2). */
    POST,
    /** Both (Gemma 2 and 3). */
    SANDWICH
  }

  /**
   * @param offset added to the stored weight of an RMS norm (Gemma: 1, but 0 in GGUF, which stores
   *     the sum)
   */
  public record Norm(NormKind kind, NormPlacement placement, float epsilon, float offset) {}

  /** Norms of queries and keys. */
  public enum QueryKeyNorm {
    NONE,
    /** Each head by itself, one weight of head size (Qwen 3, Gemma 3). */
    PER_HEAD,
    /** All heads together (OLMo-2). */
    WHOLE
  }

  /** How a fused query-key-value matrix is laid out. */
  public enum FusedLayout {
    /** All queries, all keys, all values. */
    CONCATENATED,
    /**
     * For each key-value head: its queries, its key, its value (GPT-NeoX, Falcon's newer decoder).
     */
    GROUPED
  }

  /**
   * @param scale factor of the scores
   * @param softcap of the scores; 0 for none
   * @param clip queries, keys and values are clamped to ± this; 0 for none
   * @param interleavedRope rotary pairs are neighbours (GGUF's Llama) and not half a head apart
   */
  public record Attention(
      int heads,
      int keyValueHeads,
      int headDim,
      float scale,
      float softcap,
      float clip,
      QueryKeyNorm queryKeyNorm,
      FusedLayout fusedLayout,
      boolean interleavedRope) {}

  /**
   * @param gated {@code down(act(gate(x)) · up(x))}; else {@code down(act(up(x)))}
   * @param transposed matrices are stored as {@code [in, out]} (GPT-2); holds for attention too
   * @param experts mixture of experts, for the layers that are sparse
   */
  public record Mlp(
      int intermediateSize,
      Activation activation,
      boolean gated,
      boolean transposed,
      Optional<Experts> experts) {}

  /**
   * @param count experts in a layer
   * @param perToken experts that a token is routed to
   * @param normalised the chosen experts' weights are made to sum to 1
   * @param shared a dense MLP of its own runs beside the routed experts
   */
  public record Experts(int count, int perToken, boolean normalised, boolean shared) {}

  /**
   * @param window tokens that attention sees; 0 for all
   * @param rope rotary embedding; empty for none
   * @param sparse whether the MLP is a mixture of experts
   */
  public record LayerSpec(int window, Optional<RopeSpec> rope, boolean sparse) {}
}
