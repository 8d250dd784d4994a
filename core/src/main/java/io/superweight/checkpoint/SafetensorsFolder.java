package io.superweight.checkpoint;

import io.superweight.InputException;
import io.superweight.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;

/** A folder in Hugging Face's layout. */
final class SafetensorsFolder {
  static final String CONFIG = "config.json";
  static final String SINGLE = "model.safetensors";
  static final String INDEX = "model.safetensors.index.json";

  private static final long MAX_CONFIG_BYTES = 16L << 20;

  private SafetensorsFolder() {}

  /** Whether the folder has weights of this format. */
  static boolean has(Path folder) {
    return Files.exists(folder.resolve(SINGLE)) || Files.exists(folder.resolve(INDEX));
  }

  static Checkpoint open(Path path, String source, MappedFiles files) {
    boolean folder = Files.isDirectory(path);
    Path directory = folder ? path : path.toAbsolutePath().getParent();
    Path configFile = directory.resolve(CONFIG);
    if (!Files.exists(configFile)) {
      throw new InputException(
          InputException.Kind.MALFORMED,
          source
              + ": there is no "
              + CONFIG
              + " in "
              + directory
              + "; fetch the whole model folder");
    }
    ModelConfig config =
        config(configFile.toString(), MappedFiles.read(configFile, MAX_CONFIG_BYTES));
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    Map<String, RawTensor> others = new LinkedHashMap<>();
    Path single = folder ? directory.resolve(SINGLE) : path;
    Path index = directory.resolve(INDEX);
    if (Files.exists(single)) {
      SafetensorsHeader header = SafetensorsHeader.read(single.toString(), files.map(single));
      tensors.putAll(header.tensors());
      others.putAll(header.others());
    } else if (Files.exists(index)) {
      shards(index, files, tensors, others);
    } else {
      throw new InputException(
          InputException.Kind.MALFORMED,
          source
              + ": there is neither "
              + SINGLE
              + " nor "
              + INDEX
              + " in "
              + directory
              + (Files.exists(directory.resolve("pytorch_model.bin"))
                      || Files.exists(directory.resolve("pytorch_model.bin.index.json"))
                  ? "; PyTorch's .bin files are not read: convert the model to safetensors"
                  : "; fetch the whole model folder"));
    }
    return checkpoint(source, config, tensors, others, Optional.of(directory), files::close);
  }

  static MappedCheckpoint inMemory(String source, byte[] configJson, List<MemorySegment> segments) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    Map<String, RawTensor> others = new LinkedHashMap<>();
    for (MemorySegment segment : segments) {
      SafetensorsHeader header = SafetensorsHeader.read(source, segment);
      tensors.putAll(header.tensors());
      others.putAll(header.others());
    }
    return checkpoint(
        source,
        config(source + ": " + CONFIG, configJson),
        tensors,
        others,
        Optional.empty(),
        () -> {});
  }

  /** What quantizers packed is unpacked when it is asked for. */
  private static MappedCheckpoint checkpoint(
      String source,
      ModelConfig config,
      Map<String, Tensor> tensors,
      Map<String, RawTensor> others,
      Optional<Path> directory,
      Runnable onClose) {
    PackedFormats.Packed packed = PackedFormats.of(source, config, tensors, others);
    Map<String, Tensor> whole = new LinkedHashMap<>(tensors);
    whole.keySet().removeAll(packed.parts());
    Map<String, String> types = new LinkedHashMap<>();
    others.forEach((name, raw) -> types.put(name, raw.type()));
    types.keySet().removeAll(packed.parts());
    Map<String, RawTensor> parts = new TreeMap<>();
    for (String part : packed.parts()) {
      Tensor tensor = tensors.get(part);
      parts.put(
          part,
          tensor == null
              ? others.get(part)
              : new RawTensor(part, tensor.dtype().name(), tensor.shape(), tensor.data()));
    }
    return new MappedCheckpoint(
        Checkpoint.Format.SAFETENSORS,
        source,
        config,
        whole,
        types,
        packed.matrices(),
        parts,
        directory,
        onClose);
  }

  private static ModelConfig config(String source, byte[] json) {
    refuseEmptyOrPointer(source, json);
    return HuggingFaceConfig.normalize(source, Json.object(source, json));
  }

  private static void refuseEmptyOrPointer(String source, byte[] json) {
    if (new String(json, StandardCharsets.UTF_8).isBlank()) {
      throw new InputException(InputException.Kind.MALFORMED, source + " is empty; fetch it again");
    }
    Magic.refuseOtherFiles(source, MemorySegment.ofArray(json), "JSON");
  }

  private static void shards(
      Path index, MappedFiles files, Map<String, Tensor> tensors, Map<String, RawTensor> others) {
    byte[] json = MappedFiles.read(index, SafetensorsHeader.MAX_HEADER_BYTES);
    refuseEmptyOrPointer(index.toString(), json);
    if (!(Json.object(index.toString(), json).get("weight_map") instanceof Map<?, ?> map)
        || map.isEmpty()) {
      throw malformed(index, "it has no weight_map");
    }
    Map<String, String> shardOf = new LinkedHashMap<>();
    map.forEach((name, shard) -> {
      if (!(shard instanceof String file)) {
        throw malformed(index, "the shard of \"" + Json.shorten((String) name) + "\" is no name");
      }
      shardOf.put((String) name, file);
    });
    for (String shard : new TreeSet<>(shardOf.values())) {
      Path file = inside(index, shard);
      SafetensorsHeader header = SafetensorsHeader.read(file.toString(), files.map(file));
      // A tensor that the index does not name counts too, as it does for transformers.
      header
          .tensors()
          .forEach((name, tensor) -> {
            if (shardOf.getOrDefault(name, shard).equals(shard)) {
              tensors.putIfAbsent(name, tensor);
            }
          });
      header
          .others()
          .forEach((name, type) -> {
            if (shardOf.getOrDefault(name, shard).equals(shard)) {
              others.putIfAbsent(name, type);
            }
          });
    }
    shardOf.forEach((name, shard) -> {
      if (!tensors.containsKey(name) && !others.containsKey(name)) {
        throw malformed(
            index,
            "it places \""
                + Json.shorten(name)
                + "\" in "
                + Json.shorten(shard)
                + ", which has no such tensor");
      }
    });
  }

  /** The shard's path, which must lie in the folder of the index (it may be a link). */
  private static Path inside(Path index, String shard) {
    Path name;
    try {
      name = Path.of(shard);
    } catch (InvalidPathException e) {
      throw malformed(index, "the shard name \"" + Json.shorten(shard) + "\" is no file name");
    }
    if (shard.isBlank() || name.isAbsolute() || name.normalize().startsWith("..")) {
      throw malformed(
          index, "the shard name \"" + Json.shorten(shard) + "\" leaves the model's folder");
    }
    Path file = index.resolveSibling(name);
    if (!Files.exists(file)) {
      throw malformed(index, "the shard " + Json.shorten(shard) + " is missing");
    }
    return file;
  }

  private static InputException malformed(Path file, String trouble) {
    return new InputException(
        InputException.Kind.MALFORMED,
        file + ": " + trouble + "; fetch the whole model folder again");
  }
}
