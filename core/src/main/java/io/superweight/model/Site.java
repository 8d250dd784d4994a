package io.superweight.model;

/**
 * A named place in the forward pass.
 *
 * @param layer the layer, −1 outside of layers
 * @param expert the expert, −1 where the site is not an expert's
 */
public record Site(Kind kind, int layer, int expert) {

  /** What flows there; the shape is {@code [tokens, width]}. */
  public enum Kind {
    /** Token embeddings (scaled, with learned positions added): hidden size. */
    EMBED("embed", false, false),
    /** Residual stream entering a layer: hidden size. */
    RESID_PRE("resid.pre", true, false),
    /**
     * What queries, keys and values are projected from: the normed stream (of a family without norm
     * before attention the stream, as a copy): hidden size.
     */
    ATTN_IN("attn.in", true, false),
    /**
     * Queries as attention takes them, after their norm and rotary embedding: heads · head size.
     */
    ATTN_QUERY("attn.query", true, false),
    /** Keys likewise: key-value heads · head size. */
    ATTN_KEY("attn.key", true, false),
    /** Values: key-value heads · head size. */
    ATTN_VALUE("attn.value", true, false),
    /**
     * What each query makes of each key, after the softmax: told once for each head, in order, as
     * {@code [queries, keys]}, those behind a query being 0. For transforms alone: where one wants
     * it, attention is computed head by head and its weights are held.
     */
    ATTN_WEIGHTS("attn.weights", true, false),
    /** Input of the output projection: heads · head size. */
    ATTN_MIXED("attn.mixed", true, false),
    /**
     * What attention adds to the residual stream (after a post-norm, where there is one): hidden
     * size.
     */
    ATTN_OUT("attn.out", true, false),
    /**
     * What gate and up (or the experts and their router) are applied to: the normed stream (of a
     * family without norm before the MLP the stream, as a copy): hidden size.
     */
    MLP_IN("mlp.in", true, false),
    /**
     * Input of the down projection, in a layer with experts that of the shared expert: intermediate
     * size.
     */
    DOWN_IN("mlp.down.in", true, false),
    /**
     * Output of the down projection, before a post-norm, in a layer with experts that of the shared
     * expert, before its gate: hidden size.
     */
    DOWN_OUT("mlp.down.out", true, false),
    /** Input of an expert's down projection, for the tokens routed to it: its intermediate size. */
    EXPERT_DOWN_IN("mlp.experts.{e}.down.in", true, true),
    /** Output of an expert's down projection, before the router's weight: hidden size. */
    EXPERT_DOWN_OUT("mlp.experts.{e}.down.out", true, true),
    /**
     * What the MLP adds to the residual stream (after a post-norm, where there is one): hidden
     * size.
     */
    MLP_OUT("mlp.out", true, false),
    /** Residual stream leaving a layer: hidden size. */
    RESID_POST("resid.post", true, false),
    /** Output of the final norm: hidden size. */
    FINAL_NORM("final_norm", false, false),
    /** Logits: vocabulary size. */
    LOGITS("logits", false, false);

    private final String text;
    private final boolean inLayer;
    private final boolean inExpert;

    Kind(String text, boolean inLayer, boolean inExpert) {
      this.text = text;
      this.inLayer = inLayer;
      this.inExpert = inExpert;
    }

    /** Whether each layer has one. */
    public boolean inLayer() {
      return inLayer;
    }

    /** Whether each expert has one. */
    public boolean inExpert() {
      return inExpert;
    }
  }

  public static Site of(Kind kind) {
    return new Site(kind, -1, -1);
  }

  public static Site of(Kind kind, int layer) {
    return new Site(kind, layer, -1);
  }

  /** The stable name: {@code layers.3.mlp.down.in}, {@code final_norm}. */
  public String name() {
    String text = kind.text.replace("{e}", String.valueOf(expert));
    return kind.inLayer ? "layers." + layer + "." + text : text;
  }

  @Override
  public String toString() {
    return name();
  }
}
