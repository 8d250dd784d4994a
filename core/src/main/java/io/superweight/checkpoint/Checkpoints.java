package io.superweight.checkpoint;

import io.superweight.InputException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Opens checkpoints, whatever their format. */
public final class Checkpoints {
  private Checkpoints() {}

  /**
   * Opens a folder in Hugging Face's layout ({@code config.json} beside {@code model.safetensors},
   * whole or sharded), one of its {@code .safetensors} files, or a GGUF file (of a split set: any
   * part). Nothing is read but headers. A GGUF checkpoint is a {@link GgufCheckpoint}.
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
      return Files.isRegularFile(path) && Magic.of(files.map(path)) != Magic.OTHER
          ? GgufFiles.open(path, source, files)
          : SafetensorsFolder.open(path, source, files);
    } catch (RuntimeException | Error e) {
      files.close();
      throw e;
    }
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
   * A GGUF checkpoint that lies in memory.
   *
   * @param source its name
   * @param parts the file, or all parts of a split one; they must outlive the checkpoint
   */
  public static GgufCheckpoint inMemory(String source, List<MemorySegment> parts) {
    return GgufFiles.inMemory(source, parts);
  }
}
