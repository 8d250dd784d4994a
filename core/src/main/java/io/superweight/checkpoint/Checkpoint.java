package io.superweight.checkpoint;

import io.superweight.InputException;
import io.superweight.tensor.DType;
import io.superweight.tensor.Tensor;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The weights and the configuration of one model, memory-mapped and never written. A folder in
 * Hugging Face's layout and a GGUF file look alike from here on.
 *
 * <p>Tensors are views of the mapping: valid until {@link #close()}. Thread-safe.
 */
public interface Checkpoint extends AutoCloseable {

  /** The file format, which decides tensor names and a few storage conventions. */
  enum Format {
    SAFETENSORS,
    GGUF
  }

  Format format();

  /** Where it was opened, as the user would name it: a path, {@code org/name@revision}, …. */
  String source();

  /** The hyperparameters, in the newest key names of Hugging Face's {@code config.json}. */
  ModelConfig config();

  /** The names of all tensors, in the order of the file. */
  Set<String> names();

  Optional<Tensor> find(String name);

  /**
   * The tensor of that name.
   *
   * @throws InputException of kind MALFORMED if there is none
   */
  default Tensor require(String name) {
    return find(name)
        .orElseThrow(() ->
            new InputException(
                InputException.Kind.MALFORMED,
                source() + ": the checkpoint has no tensor \"" + name + "\"; is it complete?"));
  }

  /** The type that most of the bytes are stored in. */
  default DType mainType() {
    Map<DType, Long> bytes = new EnumMap<>(DType.class);
    for (String name : names()) {
      Tensor tensor = require(name);
      bytes.merge(tensor.dtype(), tensor.data().byteSize(), Long::sum);
    }
    return bytes.entrySet().stream()
        .max(Map.Entry.comparingByValue())
        .map(Map.Entry::getKey)
        .orElse(DType.F32);
  }

  /** The bytes of all tensors; of packed ones those that lie in the file. */
  long tensorBytes();

  /**
   * How a quantizer packed the matrices, such as {@code GPTQ 4-bit}, which are then unpacked, each
   * when it is first asked for, to the type that the quantizer's own library unpacks them to.
   */
  default Optional<String> packing() {
    return Optional.empty();
  }

  /**
   * An element of a packed matrix.
   *
   * @param format how it is packed, such as {@code GPTQ 4-bit}
   * @param step the distance of neighbouring values at it; of 4-bit and 8-bit floats the scale
   */
  record PackedElement(String format, float step) {}

  /**
   * How an element of a matrix is packed.
   *
   * @param name of the matrix in the checkpoint
   * @return empty where it is not packed
   */
  default Optional<PackedElement> packedElement(String name, int row, int col) {
    return Optional.empty();
  }

  /**
   * A SHA-256 over names, types, shapes and bytes sampled evenly from each tensor (all bytes of
   * small ones): it tells models apart without reading them whole. Lower-case hex.
   */
  String digest();

  /**
   * {@link #digest} and a CRC-32C of every byte of every tensor: it tells models apart that differ
   * in a single weight, but reads them whole, once. What is stored by model is stored by this.
   */
  String contents();

  /** The folder or file that tokenizer files are looked for in; empty for one held in memory. */
  Optional<Path> path();

  @Override
  void close();
}
