package io.superweight.checkpoint;

import io.superweight.InputException;
import io.superweight.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A GGUF file, or the parts that llama-gguf-split made of one. */
final class GgufFiles {
  /** {@code name-00001-of-00003.gguf}. */
  private static final Pattern PART = Pattern.compile("(.*)-(\\d{5})-of-(\\d{5})\\.gguf");

  private static final int MAX_PARTS = 99_999;

  private GgufFiles() {}

  /**
   * The GGUF file of a folder, or the first part of its split set; empty where there is none.
   *
   * @throws InputException of kind NOT_FOUND where there are several
   */
  static Optional<Path> in(Path folder) {
    List<Path> candidates;
    try (Stream<Path> files = Files.list(folder)) {
      candidates = files.filter(GgufFiles::mayBeModel).sorted().toList();
    } catch (IOException e) {
      throw MappedFiles.unreadable(folder, e);
    }
    if (candidates.size() > 1) {
      throw new InputException(
          InputException.Kind.NOT_FOUND,
          folder
              + " holds "
              + candidates.size()
              + " GGUF models; name one of them: "
              + Json.shorten(
                  candidates.stream()
                      .map(file -> file.getFileName().toString())
                      .collect(Collectors.joining(", "))));
    }
    return candidates.stream().findFirst();
  }

  /** Not a later part of a split set, nor the image encoder that lies beside some models. */
  static boolean mayBeModel(Path file) {
    String name = file.getFileName().toString();
    Matcher part = PART.matcher(name);
    return name.endsWith(".gguf")
        && !name.startsWith("mmproj")
        && (!part.matches() || part.group(2).equals("00001"));
  }

  static GgufCheckpoint open(Path path, String source, MappedFiles files) {
    return open(path, files.map(path), source, files);
  }

  /**
   * @param first the file's bytes
   */
  static GgufCheckpoint open(Path path, MemorySegment first, String source, MappedFiles files) {
    GgufFile file = GgufFile.read(path.toString(), first);
    int parts = parts(path.toString(), file);
    List<String> names = new ArrayList<>();
    List<GgufFile> all = new ArrayList<>();
    if (parts == 1) {
      names.add(path.toString());
      all.add(file);
    } else {
      Matcher name = PART.matcher(path.getFileName().toString());
      if (!name.matches()) {
        throw malformed(
            path.toString(),
            "it is a part of a split file, but is not named like \"…-00001-of-%05d.gguf\""
                .formatted(parts));
      }
      for (int i = 1; i <= parts; i++) {
        Path part = path.resolveSibling("%s-%05d-of-%05d.gguf".formatted(name.group(1), i, parts));
        if (!Files.exists(part)) {
          throw malformed(part.toString(), "this part of the split file is missing");
        }
        names.add(part.toString());
        all.add(part.equals(path) ? file : GgufFile.read(part.toString(), files.map(part)));
      }
    }
    return merged(source, names, all, Optional.of(path), files::close);
  }

  static GgufCheckpoint inMemory(String source, List<MemorySegment> segments) {
    List<String> names = new ArrayList<>();
    List<GgufFile> all = new ArrayList<>();
    for (MemorySegment segment : segments) {
      names.add(source);
      all.add(GgufFile.read(source, segment));
    }
    if (all.isEmpty() || parts(source, all.getFirst()) != all.size()) {
      throw malformed(source, "parts of the split file are missing");
    }
    return merged(source, names, all, Optional.empty(), () -> {});
  }

  private static int parts(String source, GgufFile file) {
    int count = file.metadata().count("split.count", 1);
    if (count > MAX_PARTS) {
      throw malformed(source, "split.count " + count + " is absurd");
    }
    return Math.max(1, count);
  }

  private static GgufCheckpoint merged(
      String source,
      List<String> names,
      List<GgufFile> files,
      Optional<Path> path,
      Runnable onClose) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    GgufMetadata metadata = files.getFirst().metadata();
    for (int i = 0; i < files.size(); i++) {
      GgufMetadata own = files.get(i).metadata();
      if (files.size() > 1
          && (own.count("split.no", -1) != i || own.count("split.count", -1) != files.size())) {
        throw malformed(names.get(i), "it is not part " + (i + 1) + " of " + files.size());
      }
      for (Tensor tensor : files.get(i).tensors().values()) {
        if (tensors.putIfAbsent(tensor.name(), tensor) != null) {
          throw malformed(
              names.get(i), "\"" + Json.shorten(tensor.name()) + "\" is in an earlier part too");
        }
      }
    }
    int expected = metadata.count("split.tensors.count", tensors.size());
    if (files.size() > 1 && expected != tensors.size()) {
      throw malformed(
          names.getFirst(), "the parts hold " + tensors.size() + " tensors of " + expected);
    }
    ModelConfig config = GgufConfig.read(names.getFirst(), metadata, tensors);
    return new Mapped(source, config, tensors, path, onClose, metadata);
  }

  private static InputException malformed(String source, String trouble) {
    return new InputException(
        InputException.Kind.MALFORMED, source + ": " + trouble + "; fetch all parts again");
  }

  private static final class Mapped extends MappedCheckpoint implements GgufCheckpoint {
    private final GgufMetadata metadata;

    Mapped(
        String source,
        ModelConfig config,
        Map<String, Tensor> tensors,
        Optional<Path> path,
        Runnable onClose,
        GgufMetadata metadata) {
      super(Format.GGUF, source, config, tensors, Map.of(), path, onClose);
      this.metadata = metadata;
    }

    @Override
    public GgufMetadata metadata() {
      return metadata;
    }
  }
}
