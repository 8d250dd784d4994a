package io.superweight.convert;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.GgufLayout;
import io.superweight.checkpoint.SafetensorsWriter;
import io.superweight.convert.GgufContent.Element;
import io.superweight.model.Architecture;
import io.superweight.model.Coordinate;
import io.superweight.model.family.Families;
import io.superweight.tensor.BlockEncoder;
import io.superweight.tensor.DType;
import io.superweight.tensor.Dequantizer;
import io.superweight.tensor.Tensor;
import io.superweight.tokenizer.TokenizerFiles;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A folder in Hugging Face's layout whose matrices hold what a quantized type makes of them, in a
 * plain type: it loads anywhere and scores as the quantized file would. Weights that are held are
 * written as they were.
 */
public final class SafetensorsExport implements Export {
  /** Copied beside the weights where they are there. */
  private static final List<String> COPIED =
      List.of(
          "config.json",
          "generation_config.json",
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "tokenizer.model",
          "vocab.json",
          "merges.txt",
          "added_tokens.json",
          "chat_template.jinja");

  private final List<GgufLayout.Entry> entries = new ArrayList<>();
  private final List<DType> simulated = new ArrayList<>();
  private final Map<String, OutputTensor> originals = new LinkedHashMap<>();
  private final Map<String, OutputTensor> written = new LinkedHashMap<>();
  private final TokenizerFiles files;
  private final TensorFile file;

  /**
   * @param checkpoint a safetensors folder
   * @param types what the matrices' values are rounded to
   * @param dtype F32, F16 or BF16, which all tensors take; null leaves each tensor its own
   * @param files where configuration and tokenizer lie
   * @param held weights that stay as they are
   * @throws InputException of kind UNSUPPORTED for a GGUF file
   */
  public SafetensorsExport(
      Checkpoint checkpoint,
      TypeChoice types,
      DType dtype,
      TokenizerFiles files,
      Collection<Element> held) {
    this.files = files;
    if (checkpoint.format() != Checkpoint.Format.SAFETENSORS) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          checkpoint.source()
              + ": GGUF is not written as safetensors yet; write GGUF (leave --format out)");
    }
    String head = Families.of(checkpoint).tiedHead() ? "" : "lm_head.weight";
    List<SafetensorsWriter.Entry> declared = new ArrayList<>();
    List<TensorFile.Slot> slots = new ArrayList<>();
    long offset = 0;
    for (String name : checkpoint.names()) {
      Tensor tensor = checkpoint.require(name);
      OutputTensor original = OutputTensor.of(name, tensor);
      DType as = dtype != null ? dtype : tensor.dtype();
      DType choice = types.ofSafetensors(original, name.equals(head) || name.contains("embed"));
      OutputTensor out = choice.quantized() ? rounded(original, choice, held) : original;
      originals.put(name, original);
      written.put(name, out);
      simulated.add(choice);
      entries.add(new GgufLayout.Entry(name, as, tensor.shape()));
      declared.add(SafetensorsWriter.Entry.of(name, as, tensor.shape()));
      slots.add(new TensorFile.Slot(out, as, offset));
      offset += as.bytes(tensor.shape().elements());
    }
    byte[] header = SafetensorsWriter.head(declared, Map.of("format", "pt"));
    this.file =
        new TensorFile(
            slots.stream()
                .map(s -> new TensorFile.Slot(s.tensor(), s.dtype(), header.length + s.offset()))
                .toList(),
            header,
            header.length + offset,
            "safetensors " + checkpoint.digest() + " " + simulated + " " + held,
            HeldWeights.NONE);
  }

  /** Where a weight lies in a folder of safetensors. */
  public static Element element(Checkpoint checkpoint, Coordinate weight) {
    Architecture architecture = Families.of(checkpoint);
    String part = weight.part().replaceFirst("layers\\.\\d+\\.", "");
    int expert = weight.expert().orElse(0);
    part = part.replaceFirst("experts\\.\\d+\\.", "experts.");
    for (String name : MatrixParts.names(architecture, part, weight.layer(), expert)) {
      Optional<Tensor> tensor = checkpoint.find(name);
      if (tensor.isPresent() && !architecture.mlp().transposed()) {
        return new Element(name, weight.row(), weight.col());
      }
    }
    throw new InputException(
        InputException.Kind.UNSUPPORTED,
        weight + " lies in no matrix of its own in this checkpoint; write GGUF to hold it");
  }

  private static OutputTensor rounded(OutputTensor original, DType type, Collection<Element> held) {
    int cols = original.cols();
    List<Element> own =
        held.stream().filter(element -> element.tensor().equals(original.name())).toList();
    return OutputTensor.of(
        original.name(),
        original.stored(),
        original.shape(),
        (row, out, at) -> {
          original.read(row, out, at);
          MemorySegment block = MemorySegment.ofArray(new byte[(int) type.bytes(cols)]);
          List<Element> here = own.stream().filter(e -> e.row() == row).toList();
          float[] exact = new float[here.size()];
          for (int i = 0; i < exact.length; i++) {
            exact[i] = out[at + here.get(i).col()];
          }
          new BlockEncoder(type).encode(out, at, cols, block, 0);
          Dequantizer.decode(type, block, 0, cols, out, at);
          for (int i = 0; i < exact.length; i++) {
            out[at + here.get(i).col()] = exact[i];
          }
        });
  }

  @Override
  public List<GgufLayout.Entry> entries() {
    return entries;
  }

  @Override
  public long size() {
    return file.size();
  }

  @Override
  public List<String> notices() {
    return List.of();
  }

  @Override
  public List<HeldWeights.Outcome> outcomes(Collection<Element> elements) {
    List<String> names = List.copyOf(originals.keySet());
    return elements.stream()
        .map(element -> {
          OutputTensor original = originals.get(element.tensor());
          float[] before = new float[original.cols()];
          float[] after = new float[original.cols()];
          original.read(element.row(), before, 0);
          written.get(element.tensor()).read(element.row(), after, 0);
          DType type = simulated.get(names.indexOf(element.tensor()));
          HeldWeights.Outcome usual =
              HeldWeights.outcome(original, type, element, HeldWeights.NONE);
          return new HeldWeights.Outcome(
              element,
              type,
              before[element.col()],
              after[element.col()],
              usual.storedUsually(),
              usual.othersUsually(),
              usual.othersUsually());
        })
        .toList();
  }

  @Override
  public double seconds(int threads) {
    return file.seconds(threads);
  }

  @Override
  public void requireRoom(Path target) {
    file.requireRoom(target);
  }

  /** Writes a folder: it appears under its name when all is in it. */
  @Override
  public long write(Path target, int threads, Listener listener) {
    Path folder =
        target
            .toAbsolutePath()
            .resolveSibling("." + target.toAbsolutePath().getFileName() + ".draft");
    try {
      Files.createDirectories(folder);
      long resumed = file.write(folder.resolve("model.safetensors"), threads, listener);
      for (String name : COPIED) {
        Optional<byte[]> bytes = files.read(name);
        if (bytes.isPresent()) {
          Files.write(folder.resolve(name), bytes.get());
        }
      }
      Files.move(folder, target);
      return resumed;
    } catch (IOException e) {
      throw new InputException(
          InputException.Kind.OUTPUT,
          target
              + " cannot be written ("
              + e.getMessage()
              + "); name a folder that is not there yet",
          e);
    }
  }
}
