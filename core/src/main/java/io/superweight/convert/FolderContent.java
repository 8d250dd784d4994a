package io.superweight.convert;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.GgufCheckpoint;
import io.superweight.convert.GgufContent.Element;
import io.superweight.convert.GgufContent.Place;
import io.superweight.model.Architecture;
import io.superweight.model.Coordinate;
import io.superweight.model.family.Families;
import io.superweight.tensor.Tensor;
import io.superweight.tokenizer.TokenizerFiles;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * What a folder in Hugging Face's layout is to hold.
 *
 * @param source the model, for messages
 * @param digest tells the model's bytes apart
 * @param config what {@code config.json} says, of the unquantized model
 * @param files the other small files, by name
 * @param tensors in the order in which they will lie
 * @param places where each matrix of the layers lies, by canonical part name
 * @param linear names of the tensors that are weights of linear maps within the layers
 * @param embeddings names of embeddings and learned positions
 * @param heads names that the output head may have
 * @param notices what is not as in the model, one line each
 */
public record FolderContent(
    String source,
    String digest,
    Map<String, Object> config,
    Map<String, byte[]> files,
    List<OutputTensor> tensors,
    Map<String, Place> places,
    Set<String> linear,
    Set<String> embeddings,
    List<String> heads,
    List<String> notices) {
  static final String CONFIG = "config.json";

  /** Copied beside the weights where they are there. */
  private static final List<String> COPIED =
      List.of(
          "generation_config.json",
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "tokenizer.model",
          "vocab.json",
          "merges.txt",
          "added_tokens.json",
          "chat_template.jinja");

  public FolderContent {
    config = Collections.unmodifiableMap(new LinkedHashMap<>(config));
    files = Collections.unmodifiableMap(new LinkedHashMap<>(files));
    tensors = List.copyOf(tensors);
    places = Map.copyOf(places);
    linear = Collections.unmodifiableSet(new LinkedHashSet<>(linear));
    embeddings = Set.copyOf(embeddings);
    heads = List.copyOf(heads);
    notices = List.copyOf(notices);
  }

  /**
   * The content of a checkpoint: a folder as it is, or a GGUF file converted.
   *
   * @param small where configuration and tokenizer lie; empty for a GGUF file, which holds its own
   * @throws InputException of kind UNSUPPORTED where the model cannot be written so
   */
  public static FolderContent of(Checkpoint checkpoint, Optional<TokenizerFiles> small) {
    if (checkpoint instanceof GgufCheckpoint gguf) {
      return new FolderConversion(gguf).content();
    }
    TokenizerFiles beside =
        small.orElseThrow(() ->
            new InputException(
                InputException.Kind.UNSUPPORTED,
                checkpoint.source()
                    + ": there is no config.json beside it; name the model's folder"));
    return asItIs(checkpoint, beside);
  }

  private static FolderContent asItIs(Checkpoint checkpoint, TokenizerFiles beside) {
    Map<String, Object> config = new LinkedHashMap<>(json(beside));
    // Matrices that were packed are unpacked now.
    config.remove("quantization_config");
    config.remove("compression_config");
    if (config.get("text_config") instanceof Map<?, ?>) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          checkpoint.source()
              + ": of a multimodal model only the decoder is read; write GGUF, or use the decoder's own checkpoint");
    }
    Map<String, byte[]> files = new LinkedHashMap<>();
    for (String name : COPIED) {
      beside.read(name).ifPresent(bytes -> files.put(name, bytes));
    }
    List<OutputTensor> tensors = new ArrayList<>();
    for (String name : checkpoint.names()) {
      tensors.add(OutputTensor.of(name, checkpoint.require(name)));
    }
    Architecture architecture = Families.of(checkpoint);
    Map<String, Place> places = new LinkedHashMap<>();
    Set<String> linear = new LinkedHashSet<>();
    for (String part : MatrixParts.ALL) {
      for (int i = 0; i < architecture.layers(); i++) {
        place(checkpoint, architecture, part, i, places, linear);
      }
    }
    if (architecture.mlp().transposed()) {
      linear.clear();
      places.clear();
    }
    return new FolderContent(
        checkpoint.source(),
        checkpoint.digest(),
        config,
        files,
        tensors,
        places,
        linear,
        embeddings(architecture),
        architecture.parts().getOrDefault("head", List.of()),
        List.of());
  }

  /** Rounds matrices in place. */
  public interface Rounding {
    /**
     * Refuses a matrix before any work.
     *
     * @param part its canonical name
     */
    void require(String part, int rows, int cols);

    /**
     * @param part its canonical name
     * @param values float32 {@code [rows, cols]}
     */
    void round(String part, MemorySegment values, int rows, int cols);
  }

  /**
   * The same with every matrix of the layers rounded, each as a whole.
   *
   * @param text says what is done, as far as it decides the bytes
   * @throws InputException of kind UNSUPPORTED where matrices lie turned round
   */
  public FolderContent rounded(String text, Rounding rounding) {
    if (places.isEmpty()) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          source
              + ": its matrices lie turned round, which is not rounded so; write GGUF with --type");
    }
    Map<String, TreeMap<Long, String>> partsOf = new LinkedHashMap<>();
    places.forEach((part, place) -> {
      // A fused matrix has up behind gate; in all others a part is the whole tensor.
      long first = part.endsWith(".up") ? place.row().applyAsLong(0) : 0;
      partsOf.computeIfAbsent(place.tensor(), t -> new TreeMap<>()).put(first, part);
    });
    WholeMatrices whole = new WholeMatrices();
    List<OutputTensor> out = new ArrayList<>();
    for (OutputTensor tensor : tensors) {
      TreeMap<Long, String> parts = partsOf.get(tensor.name());
      if (parts == null) {
        out.add(tensor);
        continue;
      }
      int cols = tensor.cols();
      pieces(tensor, parts, (part, first, rows) -> rounding.require(part, rows, cols));
      out.add(
          OutputTensor.of(
              tensor.name(),
              tensor.stored(),
              tensor.shape(),
              (row, to, at) ->
                  System.arraycopy(
                      whole.get(tensor.name(), () -> rounded(tensor, parts, rounding)),
                      Math.toIntExact(row * cols),
                      to,
                      at,
                      cols)));
    }
    return new FolderContent(
        source,
        digest + " " + text,
        config,
        files,
        out,
        places,
        linear,
        embeddings,
        heads,
        notices);
  }

  /** What is done with a matrix that lies in a tensor. */
  private interface Piece {
    void at(String part, long firstRow, int rows);
  }

  private static void pieces(OutputTensor tensor, TreeMap<Long, String> parts, Piece piece) {
    parts.forEach((first, part) -> {
      Long next = parts.higherKey(first);
      long end = next == null ? tensor.rowCount() : next;
      piece.at(part, first, Math.toIntExact(end - first));
    });
  }

  private static float[] rounded(
      OutputTensor tensor, TreeMap<Long, String> parts, Rounding rounding) {
    int cols = tensor.cols();
    float[] values = tensor.all();
    pieces(
        tensor,
        parts,
        (part, first, rows) ->
            rounding.round(
                part,
                MemorySegment.ofArray(values).asSlice(4 * first * cols, 4L * rows * cols),
                rows,
                cols));
    return values;
  }

  static Set<String> embeddings(Architecture architecture) {
    Set<String> names = new LinkedHashSet<>(architecture.parts().get("embed"));
    names.addAll(architecture.parts().getOrDefault("positions", List.of()));
    return names;
  }

  private static void place(
      Checkpoint checkpoint,
      Architecture architecture,
      String part,
      int layer,
      Map<String, Place> places,
      Set<String> linear) {
    boolean expert = part.startsWith("mlp.experts.");
    int experts =
        expert ? architecture.mlp().experts().map(Architecture.Experts::count).orElse(0) : 1;
    for (int e = 0; e < experts; e++) {
      for (String name : MatrixParts.names(architecture, part, layer, e)) {
        Optional<Tensor> tensor = checkpoint.find(name);
        if (tensor.isPresent() && tensor.get().shape().rank() == 2) {
          if (!part.endsWith("router")) {
            linear.add(name);
          }
          put(places, part, layer, e, name, tensor.get().shape().dimension(0));
          break;
        }
      }
    }
  }

  /** A fused matrix has the gates' rows first, then those of up. */
  static void put(
      Map<String, Place> places, String part, int layer, int expert, String name, long rows) {
    if (part.equals("mlp.gate_up")) {
      places.put(MatrixParts.canonical("mlp.gate", layer, 0), new Place(name, row -> row));
      places.put(MatrixParts.canonical("mlp.up", layer, 0), new Place(name, row -> rows / 2 + row));
    } else {
      places.put(MatrixParts.canonical(part, layer, expert), new Place(name, row -> row));
    }
  }

  @SuppressWarnings("unchecked") // an object is read as a map of strings
  private static Map<String, Object> json(TokenizerFiles files) {
    byte[] bytes =
        files
            .read(CONFIG)
            .orElseThrow(() ->
                new InputException(
                    InputException.Kind.MALFORMED,
                    files.source() + " has no config.json; fetch the whole model folder"));
    try {
      return JsonMapper.shared().readValue(bytes, LinkedHashMap.class);
    } catch (JacksonException e) {
      throw new InputException(
          InputException.Kind.MALFORMED,
          files.source() + ": config.json is no JSON object; fetch it again",
          e);
    }
  }

  /** Whether a tensor is no matrix of a layer. */
  boolean outside(String name) {
    return embeddings.contains(name) || heads.contains(name);
  }

  /** The tensor of that name. */
  OutputTensor tensor(String name) {
    return tensors.stream().filter(t -> t.name().equals(name)).findFirst().orElseThrow();
  }

  /** A weight by its coordinate in the folder, whose rows may stand in another order. */
  public Coordinate written(Coordinate weight) {
    element(weight); // refuses what lies in no matrix of its own
    Place place = places.get(weight.part());
    long fused = weight.part().endsWith(".up") ? place.row().applyAsLong(0) : 0;
    long row = place.row().applyAsLong(weight.row()) - fused;
    return new Coordinate(weight.part(), Math.toIntExact(row), weight.col());
  }

  /**
   * Where a weight of the model lies.
   *
   * @throws InputException of kind UNSUPPORTED where it lies in no matrix of its own
   */
  public Element element(Coordinate weight) {
    Place place = places.get(weight.part());
    if (place == null) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          weight + " lies in no matrix of its own in this format; write GGUF to hold it");
    }
    return new Element(place.tensor(), place.row().applyAsLong(weight.row()), weight.col());
  }
}
