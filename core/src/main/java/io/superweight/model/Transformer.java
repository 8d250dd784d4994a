package io.superweight.model;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.Matrix;
import io.superweight.model.family.Families;
import java.util.List;
import java.util.Map;

/**
 * A decoder on a device: the checkpoint's weights, read where they lie, and the passes over them.
 *
 * <p>It goes layer by layer over all sequences of all variants, so that one pass reads each weight
 * from disk once. Not thread-safe: one pass at a time. It closes neither the checkpoint nor the
 * device.
 */
public final class Transformer implements AutoCloseable {
  private final Checkpoint checkpoint;
  private final Architecture architecture;
  private final Device device;
  private final Device.Scope scope;
  private final Weights weights;
  private final LayerPages pages;
  private final RopeTables ropes;
  private final Device.Kept kept;
  private PassListener listener = PassListener.NONE;
  private ActivationMemory memory = ActivationMemory.of(ActivationMemory.DEFAULT_BYTES);

  private Transformer(Checkpoint checkpoint, Architecture architecture, Device device) {
    this.checkpoint = checkpoint;
    this.architecture = architecture;
    this.device = device;
    this.scope = device.scope();
    try {
      this.weights = new Weights(checkpoint, architecture, device, scope);
      // A device with memory of its own reads the files itself.
      this.pages = new LayerPages(weights, device.inHostMemory());
      this.ropes = new RopeTables(device);
      this.kept = device.keep(weights.inOrder());
    } catch (RuntimeException e) {
      scope.close();
      throw e;
    }
  }

  /**
   * Binds the weights of a checkpoint.
   *
   * @throws InputException of kind UNSUPPORTED for an unknown architecture, MALFORMED where tensors
   *     are missing or have other shapes than the configuration asks for
   */
  public static Transformer load(Checkpoint checkpoint, Device device) {
    return new Transformer(checkpoint, Families.of(checkpoint), device);
  }

  /**
   * Binds the weights to an architecture of one's own: the declared one with a switch set
   * otherwise.
   */
  static Transformer load(Checkpoint checkpoint, Architecture architecture, Device device) {
    return new Transformer(checkpoint, architecture, device);
  }

  /** Whom later passes tell how far they are; {@link PassListener#NONE} for nobody. */
  public void listener(PassListener whom) {
    listener = whom;
  }

  /** How much memory later passes may take for what grows with the text. */
  public void activationMemory(ActivationMemory bound) {
    memory = bound;
  }

  /**
   * Says that no pass follows: what the passes have mapped of the weights is unmapped beside what
   * the caller does next. A pass that follows after all only maps it again.
   */
  public void noPassFollows() {
    pages.letGo();
  }

  public Architecture architecture() {
    return architecture;
  }

  public Checkpoint checkpoint() {
    return checkpoint;
  }

  public Device device() {
    return device;
  }

  /** Bytes of weights that each pass copies to a device whose memory is too small for all. */
  public long streamedBytes() {
    return kept.streamedBytes();
  }

  public int layers() {
    return architecture.layers();
  }

  public int hiddenSize() {
    return architecture.hiddenSize();
  }

  public int vocabularySize() {
    return architecture.vocabularySize();
  }

  /** Tokens of the longest sequence. */
  public int maxPositions() {
    return architecture.maxPositions();
  }

  /** Experts of a layer; 0 where its MLP is dense. */
  public int experts(int layer) {
    return weights.layers.get(layer).experts().size();
  }

  /**
   * Whether the MLP's output goes through a norm before it joins the residual stream (Gemma 2 and
   * 3, OLMo-2).
   */
  public boolean postNorm() {
    return architecture.norm().placement() != Architecture.NormPlacement.PRE;
  }

  /** The weight of that norm as it is applied, {@code [hidden]}; only where {@link #postNorm}. */
  public float[] postNormWeight(int layer) {
    if (!postNorm()) {
      throw new IllegalStateException(architecture.family() + " has no norm after the MLP");
    }
    Buffer stored = weights.layers.get(layer).mlpPostNorm().weight();
    float[] values =
        new SiteValues(0, 0, device.host(stored), 1, stored.cols(), new int[] {0}).toArray();
    for (int i = 0; i < values.length; i++) {
      values[i] += architecture.norm().offset();
    }
    return values;
  }

  /**
   * A layer's down projection {@code [hidden, intermediate]}; of an expert where {@code expert ≥
   * 0}.
   */
  public Matrix down(int layer, int expert) {
    Weights.Layer bound = weights.layers.get(layer);
    if (expert < 0 && bound.mlp() == null) {
      throw new IllegalArgumentException("layer " + layer + " has experts: name one");
    }
    return (expert < 0 ? bound.mlp() : bound.experts().get(expert)).down().matrix();
  }

  /**
   * The matrices whose scalars can be named in a {@link Coordinate}, by canonical part name, in
   * order.
   */
  public Map<String, Matrix> matrices() {
    return java.util.Collections.unmodifiableMap(weights.editable);
  }

  /**
   * The value of a weight.
   *
   * @throws InputException of kind USAGE where the model has no such coordinate
   */
  public float weight(Coordinate coordinate) {
    return device.row(require(coordinate), coordinate.row())[coordinate.col()];
  }

  /** The matrix that a coordinate lies in. */
  private Matrix require(Coordinate coordinate) {
    Matrix matrix = weights.editable.get(coordinate.part());
    if (matrix == null) {
      throw new InputException(
          InputException.Kind.USAGE,
          "the model has no matrix "
              + coordinate.part()
              + "; it has "
              + layers()
              + " layers, with parts like "
              + weights.editable.keySet().stream()
                  .filter(part -> part.endsWith("down"))
                  .findFirst()
                  .orElse("none"));
    }
    if (coordinate.row() >= matrix.rows() || coordinate.col() >= matrix.cols()) {
      throw new InputException(
          InputException.Kind.USAGE,
          coordinate
              + " lies outside of the matrix, which is ["
              + matrix.rows()
              + ", "
              + matrix.cols()
              + "]");
    }
    return matrix;
  }

  /**
   * One pass: every sequence through every variant.
   *
   * @param sequences token ids, at least one each
   * @param variants the versions of the model; results are indexed in this order
   * @param probes observers of sites
   * @param head what to do after the last layer
   * @throws InputException of kind TEXT for an empty or too long sequence or an id outside of the
   *     vocabulary, of kind USAGE for an edit of a weight that the model does not have
   */
  public PassResult forward(
      List<int[]> sequences, List<Variant> variants, List<? extends Probe> probes, Head head) {
    return forward(List.of(new Batch(sequences, variants, probes, head))).getFirst();
  }

  /**
   * One pass of several batches, which reads each weight once for all of them. In every layer the
   * batches come in order: what a probe of one saw there, a transform of a later one may use.
   *
   * @return one result for each batch, in order
   * @throws InputException as {@link #forward(List, List, List, Head)}
   * @throws java.util.concurrent.CancellationException between two layers, where the thread has
   *     been interrupted
   */
  public List<PassResult> forward(List<Batch> batches) {
    batches.forEach(this::check);
    try (ForwardPass pass =
        new ForwardPass(architecture, weights, device, batches, memory, pages, ropes, listener)) {
      return pass.run();
    }
  }

  /**
   * Greedy text: the most probable next token, {@code count} times, with a key-value cache.
   *
   * @return {@code [variant][count]} token ids
   * @throws InputException as {@link #forward}; of kind TEXT where prompt and text exceed the
   *     context
   */
  public int[][] generate(List<Variant> variants, int[] prompt, int count) {
    return generate(variants, java.util.Collections.nCopies(variants.size(), prompt), count);
  }

  /**
   * Greedy text of several prompts together, which reads the weights once a token for all of them.
   *
   * @param prompts one for each variant, all equally long
   */
  public int[][] generate(List<Variant> variants, List<int[]> prompts, int count) {
    check(prompts, variants);
    int length = prompts.getFirst().length;
    if (prompts.size() != variants.size() || prompts.stream().anyMatch(p -> p.length != length)) {
      throw new IllegalArgumentException("one prompt for each variant, all equally long");
    }
    if (length + count > maxPositions()) {
      throw tooLong(length + count);
    }
    try (ForwardPass pass =
        ForwardPass.cached(
            architecture, weights, device, variants, length + count, memory, pages, ropes)) {
      int[][] text = new int[variants.size()][count];
      int[][] next = prompts.toArray(int[][]::new);
      for (int i = 0; i < count; i++) {
        int[] chosen = pass.step(next);
        for (int v = 0; v < chosen.length; v++) {
          text[v][i] = chosen[v];
          next[v] = new int[] {chosen[v]};
        }
      }
      return text;
    }
  }

  /**
   * Whether a sequence of {@code length} tokens is computed up to {@code shared} tokens as one that
   * is not longer is: not where the frequencies of its rotary embedding depend on its length.
   */
  public boolean sharesPrefix(int shared, int length) {
    return architecture.layerSpecs().stream()
        .flatMap(spec -> spec.rope().stream())
        .allMatch(rope -> rope.regime(shared) == rope.regime(length));
  }

  private void check(Batch batch) {
    if (batch.head() != Head.SCORE_WANTED) {
      check(batch.sequences(), batch.variants());
      return;
    }
    for (int q = 0; q < batch.sequences().size(); q++) {
      if (batch.position(q) + batch.rows(q) > maxPositions()) {
        throw tooLong(batch.position(q) + batch.rows(q));
      }
      if (batch.position(q) + batch.rows(q) == 0) {
        throw new IllegalArgumentException("one token alone tells nothing");
      }
      checkIds(batch.sequences().get(q));
    }
    for (Variant variant : batch.variants()) {
      if (variant.transforms().stream().anyMatch(t -> t.wants(Site.of(Site.Kind.LOGITS)))) {
        throw new IllegalArgumentException(variant.name() + " changes logits that are never whole");
      }
    }
    checkEdits(batch.variants());
  }

  private void check(List<int[]> sequences, List<Variant> variants) {
    if (sequences.isEmpty() || variants.isEmpty()) {
      throw new IllegalArgumentException("a pass needs sequences and variants");
    }
    for (int[] sequence : sequences) {
      if (sequence.length == 0) {
        throw new InputException(
            InputException.Kind.TEXT, "the prompt is empty: give it at least one token");
      }
      if (sequence.length > maxPositions()) {
        throw tooLong(sequence.length);
      }
      checkIds(sequence);
    }
    checkEdits(variants);
  }

  private void checkIds(int[] sequence) {
    int vocabulary = vocabularySize();
    for (int id : sequence) {
      if (id < 0 || id >= vocabulary) {
        throw new InputException(
            InputException.Kind.TEXT,
            "token id "
                + id
                + " is outside of the model's vocabulary of "
                + vocabulary
                + "; do tokenizer and model belong together?");
      }
    }
  }

  private void checkEdits(List<Variant> variants) {
    for (Variant variant : variants) {
      for (ScalarEdit edit : variant.edits()) {
        require(edit.coordinate());
      }
    }
  }

  private InputException tooLong(int tokens) {
    return new InputException(
        InputException.Kind.TEXT,
        tokens
            + " tokens are more than the model's context of "
            + maxPositions()
            + ": give a shorter text");
  }

  @Override
  public void close() {
    pages.close();
    kept.close();
    ropes.close();
    scope.close();
  }
}
