package io.superweight.convert;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.GgufCheckpoint;
import io.superweight.model.Architecture;
import io.superweight.model.Coordinate;
import io.superweight.model.family.Families;
import io.superweight.tensor.Tensor;
import io.superweight.tokenizer.TokenizerFiles;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a GGUF file is to hold.
 *
 * @param metadata as {@link io.superweight.checkpoint.GgufLayout} takes it
 * @param tensors in the order in which they will lie
 * @param places where each matrix of the model lies, by canonical part name: {@code
 *     layers.3.mlp.down}
 * @param notices what llama.cpp will do otherwise than the model does, one line each
 */
public record GgufContent(
    Map<String, Object> metadata,
    List<OutputTensor> tensors,
    Map<String, Place> places,
    List<String> notices) {
  /**
   * A matrix within a tensor.
   *
   * @param tensor the name in the file
   * @param row where row r of the matrix lies in the tensor
   */
  public record Place(String tensor, java.util.function.LongUnaryOperator row) {}

  /** One element of a tensor of the file. */
  public record Element(String tensor, long row, int col) {}

  public GgufContent {
    metadata = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(metadata));
    tensors = List.copyOf(tensors);
    places = Map.copyOf(places);
    notices = List.copyOf(notices);
  }

  /**
   * The content of a checkpoint: a GGUF file as it is, or a safetensors folder converted.
   *
   * @param tokenizer where {@code tokenizer.json} lies, for safetensors
   * @throws InputException of kind UNSUPPORTED where llama.cpp has no such architecture
   */
  public static GgufContent of(Checkpoint checkpoint, Optional<TokenizerFiles> tokenizer) {
    return checkpoint instanceof GgufCheckpoint gguf
        ? asItIs(gguf)
        : new GgufConversion(checkpoint, tokenizer).content();
  }

  private static GgufContent asItIs(GgufCheckpoint gguf) {
    Map<String, Object> metadata = new LinkedHashMap<>();
    for (String key : gguf.metadata().keys()) {
      if (!key.startsWith("split.")) {
        metadata.put(key, gguf.metadata().encoded(key));
      }
    }
    List<OutputTensor> tensors = new ArrayList<>();
    for (String name : gguf.names()) {
      tensors.add(OutputTensor.of(name, gguf.require(name)));
    }
    Map<String, Place> places = new LinkedHashMap<>();
    Architecture architecture = Families.of(gguf);
    for (String part : MatrixParts.ALL) {
      for (int i = 0; i < architecture.layers(); i++) {
        place(gguf, architecture, part, i, places);
      }
    }
    return new GgufContent(metadata, tensors, places, List.of());
  }

  private static void place(
      Checkpoint gguf, Architecture architecture, String part, int layer, Map<String, Place> out) {
    boolean expert = part.startsWith("mlp.experts.");
    int experts =
        expert ? architecture.mlp().experts().map(Architecture.Experts::count).orElse(0) : 1;
    for (int e = 0; e < experts; e++) {
      for (String name : MatrixParts.names(architecture, part, layer, e)) {
        Optional<Tensor> tensor = gguf.find(name);
        if (tensor.isPresent()) {
          long first = tensor.get().shape().rank() == 3 ? e * tensor.get().shape().dimension(1) : 0;
          out.putIfAbsent(
              MatrixParts.canonical(part, layer, e), new Place(name, row -> first + row));
        }
      }
    }
  }

  /** Whether the embedding serves as output head. */
  boolean tiedHead() {
    return tensors.stream().noneMatch(tensor -> tensor.name().equals("output.weight"));
  }

  /** The tensor of that name. */
  OutputTensor tensor(String name) {
    return tensors.stream().filter(t -> t.name().equals(name)).findFirst().orElseThrow();
  }

  /**
   * Where a weight of the model lies.
   *
   * @throws InputException of kind USAGE where the model has no such weight
   */
  public Element element(Coordinate weight) {
    Place place = places.get(weight.part());
    if (place == null) {
      throw new InputException(
          InputException.Kind.USAGE,
          weight
              + ": the file has no matrix "
              + weight.part()
              + "; it has parts like "
              + places.keySet().stream()
                  .filter(p -> p.endsWith("down"))
                  .sorted()
                  .findFirst()
                  .orElse("none"));
    }
    OutputTensor tensor = tensor(place.tensor());
    long row = place.row().applyAsLong(weight.row());
    if (row >= tensor.rowCount() || weight.col() >= tensor.cols()) {
      throw new InputException(
          InputException.Kind.USAGE,
          weight
              + " lies outside of "
              + tensor.name()
              + ", which is "
              + tensor.shape()
              + "; check the coordinate");
    }
    return new Element(place.tensor(), row, weight.col());
  }
}
