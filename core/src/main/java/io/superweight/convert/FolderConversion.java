package io.superweight.convert;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.GgufCheckpoint;
import io.superweight.checkpoint.GgufMetadata;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.convert.GgufContent.Place;
import io.superweight.model.Architecture;
import io.superweight.model.family.Families;
import io.superweight.tensor.Shape;
import io.superweight.tensor.Tensor;
import io.superweight.tokenizer.GgufVocabulary;
import io.superweight.tokenizer.HuggingFaceFiles;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongUnaryOperator;

/**
 * A GGUF file as a folder that transformers loads: what {@link GgufConversion} does, undone. Query
 * and key rows go back to halves, norms lose the one that was added, fused matrices are grouped by
 * head again, GPT-2's turned, stacks of experts taken apart, the configuration is written in the
 * family's own key names, the vocabulary as {@code tokenizer.json}.
 */
final class FolderConversion {
  private final GgufCheckpoint gguf;
  private final GgufMetadata metadata;
  private final ModelConfig config;
  private final String type;
  private final Architecture from;
  private final Architecture to;
  private final int heads;
  private final int keyValueHeads;
  private final int headDim;
  private final WholeMatrices whole = new WholeMatrices();
  private final List<OutputTensor> tensors = new ArrayList<>();
  private final Map<String, Place> places = new LinkedHashMap<>();
  private final Set<String> linear = new LinkedHashSet<>();
  private final Set<String> used = new HashSet<>();

  FolderConversion(GgufCheckpoint gguf) {
    this.gguf = gguf;
    this.metadata = gguf.metadata();
    this.config = gguf.config();
    this.type = HubConfig.type(config);
    this.from = Families.of(config, Checkpoint.Format.GGUF);
    this.to = Families.of(config, Checkpoint.Format.SAFETENSORS);
    this.heads = from.attention().heads();
    this.keyValueHeads = from.attention().keyValueHeads();
    this.headDim = from.attention().headDim();
  }

  FolderContent content() {
    single("embed");
    single("positions");
    for (int i = 0; i < from.layers(); i++) {
      layer(i);
    }
    single("final_norm");
    single("head");
    for (String name : gguf.names()) {
      if (!used.contains(name) && !name.startsWith("rope_f")) {
        throw unsupported(
            "the tensor \"" + name + "\" has no place in a " + type + " of transformers");
      }
    }
    List<String> notices = new ArrayList<>();
    Map<String, byte[]> files = new LinkedHashMap<>();
    files.put("generation_config.json", SafetensorsExport.json(HubConfig.generation(config)));
    try {
      files.putAll(
          HuggingFaceFiles.of(
              GgufVocabulary.of(gguf.source(), metadata),
              id("tokenizer.ggml.padding_token_id"),
              metadata.text("tokenizer.chat_template")));
    } catch (InputException e) {
      notices.add(
          "no tokenizer is written ("
              + e.getMessage()
              + "); copy the files of the original model into the folder");
    }
    return new FolderContent(
        gguf.source(),
        gguf.digest(),
        new HubConfig(gguf, type).json(),
        files,
        tensors,
        places,
        linear,
        FolderContent.embeddings(to),
        to.parts().getOrDefault("head", List.of()),
        notices);
  }

  private java.util.OptionalInt id(String key) {
    return metadata.has(key)
        ? java.util.OptionalInt.of(metadata.count(key, 0))
        : java.util.OptionalInt.empty();
  }

  private InputException unsupported(String why) {
    return new InputException(
        InputException.Kind.UNSUPPORTED, gguf.source() + ": " + why + "; keep the model in GGUF");
  }

  /** The tensor that holds a part, unless another part has it already. */
  private Optional<Tensor> find(String part, int layer, int expert) {
    for (String name : MatrixParts.names(from, part, layer, expert)) {
      Optional<Tensor> tensor = gguf.find(name);
      if (tensor.isPresent()) {
        return used.contains(name) && tensor.get().shape().rank() < 3 ? Optional.empty() : tensor;
      }
    }
    return Optional.empty();
  }

  /** What transformers calls a part. */
  private String name(String part, int layer, int expert) {
    List<String> names = MatrixParts.names(to, part, layer, expert);
    if (names.isEmpty()) {
      throw unsupported("transformers' " + type + " has no part " + part);
    }
    boolean mixtral = type.equals("mixtral"); // block_sparse_moe, which stands last
    boolean oneNorm =
        type.equals("falcon") && gguf.find("blk." + layer + ".attn_norm_2.weight").isEmpty();
    return mixtral || (oneNorm && part.equals("attn.norm")) ? names.getLast() : names.getFirst();
  }

  private void single(String part) {
    find(part, -1, 0).ifPresent(tensor -> whole(part, -1, tensor));
  }

  private void layer(int i) {
    part("attn.norm", i);
    boolean fused = List.of("phi3", "gpt2", "gpt_neox", "falcon").contains(type);
    Optional<Tensor> qkv = find("attn.qkv", i, 0);
    if (qkv.isPresent() && !fused) {
      split(i, qkv.get());
    } else if (qkv.isPresent()) {
      whole("attn.qkv", i, qkv.get());
    } else {
      part("attn.q", i);
      part("attn.k", i);
      part("attn.v", i);
    }
    for (String part : List.of("attn.q_norm", "attn.k_norm", "attn.o", "attn.post_norm")) {
      part(part, i);
    }
    part("mlp.norm", i);
    part("mlp.router", i);
    for (String kind : List.of("gate", "up", "down")) {
      experts(i, kind);
    }
    for (String part :
        List.of("mlp.shared.gate", "mlp.shared.up", "mlp.shared.down", "mlp.shared.router")) {
      part(part, i);
    }
    part("mlp.gate", i);
    part(type.equals("phi3") ? "mlp.gate_up" : "mlp.up", i);
    part("mlp.down", i);
    part("mlp.post_norm", i);
  }

  private void part(String part, int layer) {
    find(part, layer, 0).ifPresent(tensor -> whole(part, layer, tensor));
  }

  private void whole(String part, int layer, Tensor tensor) {
    used.add(tensor.name());
    String name = name(part, layer, 0);
    add(part, layer, name, tensor);
    bias(tensor)
        .ifPresent(bias ->
            tensors.add(
                OutputTensor.vector(
                    biasOf(name),
                    bias.dtype(),
                    bias,
                    0,
                    (int) bias.shape().elements(),
                    source(part))));
  }

  private Optional<Tensor> bias(Tensor weight) {
    String name = weight.name();
    if (!name.endsWith(".weight")) {
      return Optional.empty();
    }
    Optional<Tensor> bias = gguf.find(biasOf(name));
    bias.ifPresent(found -> used.add(found.name()));
    return bias;
  }

  private static String biasOf(String weight) {
    return weight.substring(0, weight.length() - "weight".length()) + "bias";
  }

  private void add(String part, int layer, String name, Tensor tensor) {
    if (part.endsWith("norm")) {
      float offset = from.norm().offset() - to.norm().offset();
      tensors.add(
          offset == 0
              ? OutputTensor.of(name, tensor)
              : OutputTensor.of(
                  name, tensor.dtype(), tensor.shape(), OutputTensor.rowsOf(tensor, offset)));
      return;
    }
    if (part.equals("mlp.shared.router")) { // a vector there, a matrix of one row here
      tensors.add(
          OutputTensor.of(
              name,
              tensor.dtype(),
              Shape.of(1, tensor.shape().elements()),
              OutputTensor.rowsOf(tensor, 0)));
      return;
    }
    boolean turned = layer >= 0 && to.mlp().transposed() && !from.mlp().transposed();
    OutputTensor out =
        turned ? OutputTensor.turned(name, tensor, whole) : OutputTensor.of(name, tensor);
    Optional<LongUnaryOperator> source = source(part);
    tensors.add(source.isPresent() ? out.permuted(source.get()) : out);
    if (layer >= 0 && !turned) {
      if (!part.endsWith("router")) {
        linear.add(name);
      }
      // The coordinates of a model are those of the file that it was read from.
      long rows = tensor.shape().dimension(0);
      LongUnaryOperator place = source.map(s -> GgufConversion.inverse(s, rows)).orElse(row -> row);
      if (part.equals("mlp.gate_up")) {
        FolderContent.put(places, part, layer, 0, name, rows);
      } else {
        places.put(MatrixParts.canonical(part, layer, 0), new Place(name, place));
      }
    }
  }

  /** Queries, keys and values of one matrix as matrices of their own. */
  private void split(int layer, Tensor fused) {
    used.add(fused.name());
    Optional<Tensor> bias = bias(fused);
    int cols = (int) fused.shape().dimension(1);
    int first = 0;
    for (String part : List.of("attn.q", "attn.k", "attn.v")) {
      int rows = (part.equals("attn.q") ? heads : keyValueHeads) * headDim;
      int at = first;
      String name = name(part, layer, 0);
      tensors.add(
          OutputTensor.of(name, fused.dtype(), Shape.of(rows, cols), OutputTensor.rowsOf(fused, 0))
              .permuted(row -> at + row));
      linear.add(name);
      places.put(MatrixParts.canonical(part, layer, 0), new Place(name, row -> row));
      bias.ifPresent(b ->
          tensors.add(OutputTensor.vector(biasOf(name), b.dtype(), b, at, rows, Optional.empty())));
      first += rows;
    }
  }

  private void experts(int layer, String kind) {
    String part = "mlp.experts." + kind;
    int count = from.mlp().experts().map(Architecture.Experts::count).orElse(0);
    for (int e = 0; e < count; e++) {
      Optional<Tensor> found = find(part, layer, e);
      if (found.isEmpty()) {
        continue;
      }
      used.add(found.get().name());
      Tensor tensor = found.get().shape().rank() == 3 ? found.get().at(e) : found.get();
      String name = name(part, layer, e);
      tensors.add(OutputTensor.of(name, tensor));
      linear.add(name);
      places.put(MatrixParts.canonical(part, layer, e), new Place(name, row -> row));
    }
  }

  /** Where a row of the matrix in the folder lies in the file; empty where it does likewise. */
  private Optional<LongUnaryOperator> source(String part) {
    if ((part.equals("attn.q") || part.equals("attn.k"))
        && from.attention().interleavedRope()
        && !to.attention().interleavedRope()) {
      // Neighbours become rows of the two halves of a head.
      return Optional.of(row -> {
        long within = row % headDim;
        int half = headDim / 2;
        return row - within + (within < half ? 2 * within : 2 * (within - half) + 1);
      });
    }
    if (part.equals("attn.qkv")
        && to.attention().fusedLayout() == Architecture.FusedLayout.GROUPED
        && from.attention().fusedLayout() == Architecture.FusedLayout.CONCATENATED) {
      int inGroup = heads / keyValueHeads;
      long group = (long) (inGroup + 2) * headDim;
      return Optional.of(row -> {
        long of = row / group;
        long kind = row % group / headDim; // queries, then a key and a value
        long head =
            kind < inGroup ? of * inGroup + kind : heads + (kind - inGroup) * keyValueHeads + of;
        return head * headDim + row % headDim;
      });
    }
    return Optional.empty();
  }
}
