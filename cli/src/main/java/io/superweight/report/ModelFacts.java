package io.superweight.report;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.hub.HubCache;
import io.superweight.model.Transformer;
import io.superweight.tensor.DType;
import io.superweight.tensor.Tensor;
import io.superweight.tokenizer.Tokenizer;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.Map;

/**
 * What a report says of the model that it is about.
 *
 * @param name the last part of the source, for headlines
 * @param source as the user named it
 * @param commit of the hub's repository; empty for a path and for the embedded model
 * @param digest {@link Checkpoint#digest()}
 * @param format safetensors or GGUF
 * @param family as {@code model_type} names it
 * @param parameters elements of all tensors
 * @param bytes bytes of all tensors
 * @param dtype how most of the bytes are stored
 * @param layers number of layers
 * @param hiddenSize channels of the residual stream
 * @param vocabularySize tokens
 * @param maxPositions tokens of the longest sequence
 * @param tokenizer {@link Tokenizer#description()}
 * @param bosToken id of the BOS token, −1 for none
 * @param addsBos whether the model's own tokenizer puts BOS first
 * @param device what computed
 */
public record ModelFacts(
    String name,
    String source,
    String commit,
    String digest,
    String format,
    String family,
    long parameters,
    long bytes,
    String dtype,
    int layers,
    int hiddenSize,
    int vocabularySize,
    int maxPositions,
    String tokenizer,
    int bosToken,
    boolean addsBos,
    String device) {

  /** The facts of a loaded model. */
  public static ModelFacts of(Transformer model, Tokenizer tokenizer) {
    Checkpoint checkpoint = model.checkpoint();
    Map<DType, Long> bytes = new EnumMap<>(DType.class);
    long parameters = 0;
    for (String name : checkpoint.names()) {
      Tensor tensor = checkpoint.require(name);
      parameters += tensor.shape().elements();
      bytes.merge(tensor.dtype(), tensor.data().byteSize(), Long::sum);
    }
    String dtype =
        bytes.entrySet().stream()
            .max(Comparator.comparingLong(Map.Entry::getValue))
            .map(entry -> entry.getKey().name())
            .orElse("none");
    dtype = checkpoint.packing().orElse(dtype);
    String source = checkpoint.source();
    return new ModelFacts(
        name(source),
        source,
        checkpoint.path().flatMap(HubCache::commitOf).orElse(""),
        checkpoint.digest(),
        checkpoint.format() == Checkpoint.Format.GGUF ? "GGUF" : "safetensors",
        model.architecture().family(),
        parameters,
        checkpoint.tensorBytes(),
        dtype,
        model.layers(),
        model.hiddenSize(),
        model.vocabularySize(),
        model.maxPositions(),
        tokenizer.description(),
        tokenizer.bos().orElse(-1),
        tokenizer.addsBos(),
        model.device().description());
  }

  private static String name(String source) {
    String trimmed = source.replaceAll("[/\\\\]+$", "");
    int slash = Math.max(trimmed.lastIndexOf('/'), trimmed.lastIndexOf('\\'));
    String last = slash < 0 ? trimmed : trimmed.substring(slash + 1);
    return last.isEmpty() || last.equals(".") ? source : last;
  }

  /** The digest's first 16 digits: enough to tell models apart that one looks at. */
  public String shortDigest() {
    return digest.substring(0, Math.min(16, digest.length()));
  }

  /** "llama, 30 layers × 576 channels, 135 M parameters, Q4_1". */
  public String summary() {
    return family
        + ", "
        + layers
        + " layers × "
        + hiddenSize
        + " channels, "
        + Numerals.magnitude(parameters)
        + " parameters, "
        + dtype
        + " in "
        + format;
  }
}
