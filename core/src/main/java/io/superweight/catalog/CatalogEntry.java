package io.superweight.catalog;

import io.superweight.model.Coordinate;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * What is published of one model.
 *
 * @param id short name, as of the file: {@code llama-7b}
 * @param name for people
 * @param models names on the hub, {@code org/name}, of the models that it speaks of; compared
 *     without regard to case
 * @param finding what was found
 * @param shape the model's sizes
 * @param digests checkpoints that were measured themselves
 * @param weights the coordinates; empty where there are none, or only a row is known
 * @param evidence what removing them does
 * @param notes contradictions and traps, one or two sentences each, with the keys of sources in
 *     brackets
 * @param sources citations by key
 * @param origin the file that it was read from; empty for an entry of this program's own
 */
public record CatalogEntry(
    String id,
    String name,
    List<String> models,
    Finding finding,
    Shape shape,
    List<Digest> digests,
    List<KnownWeight> weights,
    List<Evidence> evidence,
    List<String> notes,
    Map<String, String> sources,
    String origin) {

  public CatalogEntry {
    models = List.copyOf(models);
    digests = List.copyOf(digests);
    weights = List.copyOf(weights);
    evidence = List.copyOf(evidence);
    notes = List.copyOf(notes);
    sources = java.util.Collections.unmodifiableMap(new java.util.LinkedHashMap<>(sources));
  }

  /** What a source says of a model. */
  public enum Finding {
    /** Coordinates of super weights. */
    SUPER_WEIGHTS("super weights"),
    /** Looked for, and there are none. */
    NONE("none found"),
    /** A row or a neuron, but no weight. */
    UNLOCATED("no single weight");

    private final String text;

    Finding(String text) {
      this.text = text;
    }

    /** For people. */
    public String text() {
      return text;
    }
  }

  /**
   * The sizes that tell models apart; 0 where one is not known.
   *
   * @param family as {@code model_type} names it; empty where it is not known
   */
  public record Shape(
      String family,
      int layers,
      int hiddenSize,
      int intermediateSize,
      int vocabularySize,
      int heads,
      int keyValueHeads) {

    /** Fine-tunes add a few tokens, and files pad the vocabulary to whole blocks. */
    private static final int ADDED_TOKENS = 256;

    /**
     * Whether a model of one shape may be a version of a model of the other. Families are not
     * compared: GGUF calls several of them llama.
     */
    public boolean fits(Shape other) {
      return same(layers, other.layers, 0)
          && same(hiddenSize, other.hiddenSize, 0)
          && same(intermediateSize, other.intermediateSize, 0)
          && same(heads, other.heads, 0)
          && same(keyValueHeads, other.keyValueHeads, 0)
          && same(vocabularySize, other.vocabularySize, ADDED_TOKENS);
    }

    private static boolean same(int a, int b, int tolerance) {
      return a == 0 || b == 0 || Math.abs(a - b) <= tolerance;
    }

    /** "32 layers × 4,096 channels". */
    public String words() {
      return String.format(java.util.Locale.ROOT, "%d layers × %,d channels", layers, hiddenSize);
    }
  }

  /**
   * A checkpoint that was measured.
   *
   * @param sha256 {@link io.superweight.checkpoint.Checkpoint#digest()}
   * @param what which file it was: {@code SmolLM2-135M-Instruct, GGUF, Q4_1}
   */
  public record Digest(String sha256, String what) {}

  /**
   * A published coordinate.
   *
   * @param value its value; empty where no source gives one
   * @param rank by magnitude in its matrix, 1 being the largest; empty where no source gives one
   * @param sources keys of {@link CatalogEntry#sources()}
   * @param note what is special about it; may be empty
   */
  public record KnownWeight(
      Coordinate weight,
      OptionalDouble value,
      OptionalLong rank,
      List<String> sources,
      String note) {
    public KnownWeight {
      sources = List.copyOf(sources);
    }
  }

  /**
   * What a change of some weights did.
   *
   * @param weights the changed ones: coordinates, or a row as {@code layers.2.mlp.down[3968,*]}
   * @param measure what was measured: {@code perplexity ratio}
   * @param value what it came to
   * @param low lower bound of a 95 % interval, empty where none is given
   * @param high upper bound
   * @param how what was changed and measured, in words
   * @param source a key of {@link CatalogEntry#sources()}
   */
  public record Evidence(
      List<String> weights,
      String measure,
      double value,
      OptionalDouble low,
      OptionalDouble high,
      String how,
      String source) {
    public Evidence {
      weights = List.copyOf(weights);
    }
  }

  /** The coordinates. */
  public List<Coordinate> coordinates() {
    return weights.stream().map(KnownWeight::weight).sorted().toList();
  }
}
