package io.superweight.convert;

import io.superweight.checkpoint.GgufLayout;
import io.superweight.tensor.DType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A GGUF file that is about to be written: its content and each tensor's type. Same content and
 * choice, same bytes, whatever the number of threads and however often it was interrupted.
 */
public final class GgufExport implements Export {
  private final GgufContent content;
  private final GgufLayout layout;
  private final TensorFile file;
  private final HeldWeights held;

  /**
   * @param source what tells the input's bytes apart: {@link
   *     io.superweight.checkpoint.Checkpoint#digest()}
   * @param held weights whose blocks are stored so that they come back exactly
   */
  public GgufExport(GgufContent content, TypeChoice types, String source, HeldWeights held) {
    this.content = content;
    this.held = held;
    List<GgufLayout.Entry> entries = new ArrayList<>();
    for (OutputTensor tensor : content.tensors()) {
      entries.add(
          new GgufLayout.Entry(
              tensor.name(), types.of(tensor, content.tiedHead()), tensor.shape()));
    }
    Map<String, Object> metadata = new LinkedHashMap<>(content.metadata());
    if (types.type() != null) {
      metadata.put("general.file_type", fileType(types.type()));
      if (types.type().quantized()) {
        metadata.put("general.quantization_version", 2);
      }
    }
    this.layout = new GgufLayout(metadata, entries);
    List<TensorFile.Slot> slots = new ArrayList<>();
    for (int i = 0; i < entries.size(); i++) {
      slots.add(
          new TensorFile.Slot(content.tensors().get(i), entries.get(i).dtype(), layout.offset(i)));
    }
    this.file =
        new TensorFile(
            slots, layout.header(), layout.size(), "gguf " + source + " " + held.elements(), held);
  }

  /** The number of the type in llama.cpp's list of file types (llama.h, llama_ftype). */
  private static int fileType(DType type) {
    return switch (type) {
      case F32 -> 0;
      case F16 -> 1;
      case Q4_0 -> 2;
      case Q4_1 -> 3;
      case Q8_0 -> 7;
      case Q5_0 -> 8;
      case Q5_1 -> 9;
      case Q4_K -> 14;
      case Q5_K -> 16;
      case Q6_K -> 18;
      case BF16 -> 32;
      default -> throw new IllegalArgumentException("no file is of type " + type);
    };
  }

  @Override
  public List<HeldWeights.Outcome> outcomes(java.util.Collection<GgufContent.Element> elements) {
    return elements.stream()
        .map(element -> {
          OutputTensor tensor = content.tensor(element.tensor());
          int index = content.tensors().indexOf(tensor);
          return HeldWeights.outcome(tensor, layout.entries().get(index).dtype(), element, held);
        })
        .toList();
  }

  @Override
  public List<String> notices() {
    return content.notices();
  }

  @Override
  public List<Item> items() {
    return layout.entries().stream()
        .map(entry -> new Item(entry.name(), entry.dtype().name(), entry.bytes()))
        .toList();
  }

  @Override
  public long size() {
    return layout.size();
  }

  /** The tensors whose type another one than was asked for: the block does not divide the row. */
  public List<GgufLayout.Entry> fallbacks(TypeChoice types) {
    List<GgufLayout.Entry> found = new ArrayList<>();
    for (int i = 0; i < layout.entries().size(); i++) {
      GgufLayout.Entry entry = layout.entries().get(i);
      OutputTensor tensor = content.tensors().get(i);
      if (types.type() != null
          && tensor.shape().rank() >= 2
          && tensor.cols() % types.type().blockElements() != 0
          && entry.dtype() == TypeChoice.fitting(types.type(), tensor.cols())) {
        found.add(entry);
      }
    }
    return found;
  }

  @Override
  public void requireRoom(Path target) {
    file.requireRoom(target);
  }

  @Override
  public double seconds(int threads) {
    return file.seconds(threads);
  }

  @Override
  public long write(Path target, int threads, Listener listener) {
    return file.write(target, threads, listener);
  }
}
