package io.superweight.checkpoint;

import io.superweight.InputException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Opens checkpoints, whatever their format. */
public final class Checkpoints {
  private Checkpoints() {}

  /**
   * Opens a folder in Hugging Face's layout ({@code config.json} beside {@code model.safetensors},
   * whole or sharded), one of its {@code .safetensors} files, a GGUF file (of a split set: any
   * part), or a folder that holds one GGUF file. Nothing is read but headers. A GGUF checkpoint is
   * a {@link GgufCheckpoint}.
   *
   * <p>A file that is cut short while it is open makes later reads of its tensors throw {@link
   * InternalError}; the command line turns that into one line, as no single read can.
   *
   * @throws InputException of kind NOT_FOUND, MALFORMED or UNSUPPORTED
   */
  public static Checkpoint open(Path path) {
    return open(path, path.toString());
  }

  /**
   * The same under another name.
   *
   * @param source where it comes from, as the user would name it
   */
  public static Checkpoint open(Path path, String source) {
    if (!Files.exists(path)) {
      throw new InputException(
          InputException.Kind.NOT_FOUND,
          path + " does not exist; name a model folder, a GGUF file or org/name");
    }
    MappedFiles files = new MappedFiles();
    try {
      if (Files.isDirectory(path)) {
        Optional<Path> gguf = SafetensorsFolder.has(path) ? Optional.empty() : GgufFiles.in(path);
        return gguf.isPresent()
            ? GgufFiles.open(gguf.get(), source, files)
            : SafetensorsFolder.open(path, source, files);
      }
      MemorySegment file = files.map(path);
      if (Magic.of(file) == Magic.GGUF || named(path, ".gguf")) {
        return GgufFiles.open(path, file, source, files);
      }
      if (named(path, ".safetensors")) {
        return SafetensorsFolder.open(path, source, files);
      }
      Magic.refuseOtherFiles(path.toString(), file, "GGUF or safetensors");
      throw new InputException(
          InputException.Kind.MALFORMED,
          path
              + (file.byteSize() == 0 ? " is empty" : " is no model")
              + "; name a model folder, a GGUF file or a .safetensors file");
    } catch (RuntimeException | Error e) {
      files.close();
      throw e;
    }
  }

  private static boolean named(Path path, String ending) {
    return path.getFileName().toString().toLowerCase(Locale.ROOT).endsWith(ending);
  }

  /**
   * A checkpoint that lies in memory: the embedded model.
   *
   * @param source its name
   * @param configJson the bytes of {@code config.json}
   * @param safetensors its files; they must outlive the checkpoint, which does not free them
   */
  public static Checkpoint inMemory(
      String source, byte[] configJson, List<MemorySegment> safetensors) {
    return SafetensorsFolder.inMemory(source, configJson, safetensors);
  }

  /**
   * The same, of which the caller knows the digest.
   *
   * @param digest what {@link Checkpoint#digest()} gives, by another check of the same bytes
   */
  public static Checkpoint inMemory(
      String source, byte[] configJson, List<MemorySegment> safetensors, String digest) {
    return SafetensorsFolder.inMemory(source, configJson, safetensors).withDigest(digest);
  }

  /**
   * A GGUF checkpoint that lies in memory.
   *
   * @param source its name
   * @param parts the file, or all parts of a split one; they must outlive the checkpoint
   */
  public static GgufCheckpoint inMemory(String source, List<MemorySegment> parts) {
    return GgufFiles.inMemory(source, parts);
  }
}
