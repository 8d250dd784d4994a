package io.superweight.checkpoint;

import io.superweight.InputException;
import io.superweight.Sha256;
import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import io.superweight.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.zip.CRC32C;

/** Tensors by name over segments that one owner keeps alive. */
class MappedCheckpoint implements Checkpoint {
  /** Bytes of a tensor that the digest reads: all of a smaller one. */
  private static final int DIGEST_SAMPLES = 16;

  private static final int DIGEST_SAMPLE_BYTES = 4096;

  /** What one update takes: a buffer holds less than 2 GB. */
  private static final long CRC_BYTES = 1L << 30;

  private final Format format;
  private final String source;
  private final ModelConfig config;
  private final Map<String, Tensor> tensors;
  private final Map<String, String> others;
  private final Map<String, PackedMatrix> packed;
  private final Map<String, RawTensor> parts;
  private final DecodedMatrices decoded;
  private final Optional<Path> path;
  private final Runnable onClose;
  private volatile String digest;
  private volatile String contents;

  /**
   * @param others names of tensors that are left out, with their type
   * @param onClose frees the segments
   */
  MappedCheckpoint(
      Format format,
      String source,
      ModelConfig config,
      Map<String, Tensor> tensors,
      Map<String, String> others,
      Optional<Path> path,
      Runnable onClose) {
    this(format, source, config, tensors, others, Map.of(), Map.of(), path, onClose);
  }

  /**
   * @param packed matrices that are decoded when they are asked for
   * @param parts what they are made of, for the digest
   */
  MappedCheckpoint(
      Format format,
      String source,
      ModelConfig config,
      Map<String, Tensor> tensors,
      Map<String, String> others,
      Map<String, PackedMatrix> packed,
      Map<String, RawTensor> parts,
      Optional<Path> path,
      Runnable onClose) {
    this.format = format;
    this.source = source;
    this.config = config;
    this.tensors = plainNames(tensors);
    this.others = plainNames(others);
    this.packed = plainNames(packed);
    this.parts = parts;
    this.decoded = new DecodedMatrices(this.packed);
    this.path = path;
    this.onClose = onClose;
  }

  /** Multimodal models keep their decoder in a folder of names: here it is as if it were alone. */
  private static <T> Map<String, T> plainNames(Map<String, T> named) {
    Map<String, T> plain = new LinkedHashMap<>();
    named.forEach((name, value) -> {
      String shorter = plainName(name);
      plain.put(named.containsKey(shorter) ? name : shorter, value);
    });
    return Collections.unmodifiableMap(plain);
  }

  private static String plainName(String name) {
    if (name.startsWith("language_model.")) {
      return name.substring("language_model.".length());
    }
    if (name.startsWith("model.language_model.")) {
      return "model." + name.substring("model.language_model.".length());
    }
    return name;
  }

  @Override
  public Format format() {
    return format;
  }

  @Override
  public String source() {
    return source;
  }

  @Override
  public ModelConfig config() {
    return config;
  }

  @Override
  public Set<String> names() {
    if (packed.isEmpty()) {
      return tensors.keySet();
    }
    Set<String> names = new LinkedHashSet<>(tensors.keySet());
    names.addAll(packed.keySet());
    return Collections.unmodifiableSet(names);
  }

  @Override
  public Optional<Tensor> find(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      tensor = tensors.get(plainName(name));
    }
    if (tensor == null && !packed.isEmpty()) {
      String known = packed.containsKey(name) ? name : plainName(name);
      return packed.containsKey(known) ? Optional.of(decoded.get(known)) : Optional.empty();
    }
    return Optional.ofNullable(tensor);
  }

  @Override
  public Tensor require(String name) {
    Optional<Tensor> found = find(name);
    if (found.isPresent()) {
      return found.get();
    }
    String type = others.get(plainName(name));
    if (type != null) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          source
              + ": tensor \""
              + name
              + "\" is stored as "
              + type
              + ", which is not known; convert the model to bfloat16 or GGUF");
    }
    if (config.values().get("quantization_config") instanceof Map<?, ?> quantization) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          source
              + ": the weights are packed by "
              + Json.shorten(String.valueOf(quantization.get("quant_method")))
              + " (no tensor \""
              + name
              + "\"), which is not known; use the unquantized model or a GGUF file");
    }
    return Checkpoint.super.require(name);
  }

  @Override
  public long tensorBytes() {
    return tensors.values().stream().mapToLong(tensor -> tensor.data().byteSize()).sum()
        + parts.values().stream().mapToLong(part -> part.data().byteSize()).sum();
  }

  @Override
  public DType mainType() {
    Map<DType, Long> bytes = new EnumMap<>(DType.class);
    tensors.values().forEach(t -> bytes.merge(t.dtype(), t.data().byteSize(), Long::sum));
    packed
        .values()
        .forEach(m -> bytes.merge(m.type(), m.type().bytes((long) m.rows() * m.cols()), Long::sum));
    return bytes.entrySet().stream()
        .max(Map.Entry.comparingByValue())
        .map(Map.Entry::getKey)
        .orElse(DType.F32);
  }

  @Override
  public Optional<String> packing() {
    return packed.isEmpty()
        ? Optional.empty()
        : Optional.of(
            packed.values().stream()
                .map(PackedMatrix::format)
                .distinct()
                .sorted()
                .collect(Collectors.joining(", ")));
  }

  @Override
  public Optional<PackedElement> packedElement(String name, int row, int col) {
    PackedMatrix matrix = packed.get(packed.containsKey(name) ? name : plainName(name));
    return matrix == null || row >= matrix.rows() || col >= matrix.cols()
        ? Optional.empty()
        : Optional.of(new PackedElement(matrix.format(), matrix.steps().at(row, col)));
  }

  @Override
  public String digest() {
    String known = digest;
    if (known == null) {
      known = computeDigest();
      digest = known;
    }
    return known;
  }

  @Override
  public String contents() {
    String known = contents;
    if (known == null) {
      CRC32C crc = new CRC32C();
      new TreeMap<>(tensors).values().forEach(tensor -> update(crc, tensor.data()));
      new TreeMap<>(parts).values().forEach(part -> update(crc, part.data()));
      known = digest() + "-%08x".formatted(crc.getValue());
      contents = known;
    }
    return known;
  }

  private static void update(CRC32C crc, MemorySegment data) {
    for (long from = 0; from < data.byteSize(); from += CRC_BYTES) {
      crc.update(data.asSlice(from, Math.min(CRC_BYTES, data.byteSize() - from)).asByteBuffer());
    }
  }

  /** This one, whose digest is known. */
  MappedCheckpoint withDigest(String known) {
    digest = known;
    return this;
  }

  /** Sorted by name, so that it does not depend on how a model is cut into files. */
  private String computeDigest() {
    MessageDigest sha = Sha256.start();
    new TreeMap<>(tensors)
        .forEach((name, tensor) ->
            digest(sha, name, tensor.dtype().name(), tensor.shape(), tensor.data()));
    new TreeMap<>(parts)
        .forEach((name, part) -> digest(sha, name, part.type(), part.shape(), part.data()));
    return Sha256.hex(sha);
  }

  private static void digest(
      MessageDigest sha, String name, String type, Shape shape, MemorySegment data) {
    String line = name + "\0" + type + "\0" + shape + "\0";
    sha.update(line.getBytes(StandardCharsets.UTF_8));
    long all = data.byteSize();
    if (all <= (long) DIGEST_SAMPLES * DIGEST_SAMPLE_BYTES) {
      sha.update(data.toArray(ValueLayout.JAVA_BYTE));
      return;
    }
    for (int i = 0; i < DIGEST_SAMPLES; i++) {
      // The first sample starts at 0, the last ends at the end.
      long from = (all - DIGEST_SAMPLE_BYTES) / (DIGEST_SAMPLES - 1) * i;
      from = i == DIGEST_SAMPLES - 1 ? all - DIGEST_SAMPLE_BYTES : from;
      sha.update(data.asSlice(from, DIGEST_SAMPLE_BYTES).toArray(ValueLayout.JAVA_BYTE));
    }
  }

  @Override
  public Optional<Path> path() {
    return path;
  }

  @Override
  public void close() {
    decoded.close();
    onClose.run();
  }
}
