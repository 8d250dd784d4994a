package io.superweight.checkpoint;

import io.superweight.InputException;
import io.superweight.hub.HubRepository;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The files of a model repository that are needed to run it, and no others: configuration,
 * tokenizer, and the weights once, though many repositories hold them as PyTorch pickles, ONNX and
 * several GGUF files, too.
 */
final class HubModel {
  private static final Set<String> TOKENIZER =
      Set.of("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt");

  private static final Set<String> BESIDE =
      Set.of(
          SafetensorsFolder.CONFIG,
          "generation_config.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "merges.txt",
          "chat_template.jinja",
          "chat_template.json");

  /** Asked for by readers of a model, and missing in many: the cache notes that they are. */
  private static final Set<String> OFTEN_MISSING =
      Set.of("generation_config.json", "tokenizer.json", "added_tokens.json");

  private static final int NAMED_AT_MOST = 8;

  /** {@code name-00001-of-00003.gguf}. */
  private static final Pattern GGUF_PART = Pattern.compile("(.*)-\\d{5}-of-(\\d{5})\\.gguf");

  private final HubRepository repository;

  /** One GGUF file of the repository; empty for the repository's own choice. */
  private final Optional<String> file;

  HubModel(HubRepository repository, Optional<String> file) {
    this.repository = repository;
    this.file = file;
  }

  /** Whether the cache has the revision, if only in part. */
  boolean isKnown() {
    return repository.cachedFolder().isPresent();
  }

  /** The model, if the cache has all of it; asks nothing of the network. */
  Optional<Path> whole() {
    return here().filter(path -> Files.isRegularFile(path) || hasTokenizer(path));
  }

  /** The model, if the cache has its configuration and weights, with a tokenizer or without. */
  Optional<Path> here() {
    Optional<Path> folder = repository.cachedFolder();
    if (file.isPresent()) {
      return folder
          .map(snapshot -> snapshot.resolve(file.get()))
          .filter(path ->
              parts(path.toString()).stream().allMatch(p -> Files.isRegularFile(Path.of(p))));
    }
    return folder.filter(this::hasWeights);
  }

  private boolean hasWeights(Path snapshot) {
    if (SafetensorsFolder.has(snapshot)) {
      return Files.exists(snapshot.resolve(SafetensorsFolder.CONFIG))
          && (Files.exists(snapshot.resolve(SafetensorsFolder.SINGLE))
              || shards(snapshot.resolve(SafetensorsFolder.INDEX)).stream()
                  .allMatch(shard -> Files.exists(snapshot.resolve(shard))));
    }
    // A GGUF file that was fetched by its name is not what the name of the repository means.
    boolean means =
        repository.cachedList().stream()
            .flatMap(List::stream)
            .noneMatch(Set.of(SafetensorsFolder.SINGLE, SafetensorsFolder.INDEX)::contains);
    return means
        && GgufFiles.in(snapshot)
            .filter(gguf -> parts(gguf.toString()).stream().allMatch(p -> Files.exists(Path.of(p))))
            .isPresent();
  }

  private boolean hasTokenizer(Path snapshot) {
    return !SafetensorsFolder.has(snapshot)
        || TOKENIZER.stream().anyMatch(name -> Files.exists(snapshot.resolve(name)))
        || repository.isKnownToLack("tokenizer.json");
  }

  /**
   * Fetches what the cache lacks; gives the folder, or the GGUF file.
   *
   * @throws InputException of kind NOT_FOUND or UNSUPPORTED where the repository has no weights
   *     that can be read, else as {@link HubRepository#files}
   */
  Path fetch() {
    List<String> names = repository.list();
    if (file.isPresent()) {
      return gguf(file.get(), names);
    }
    boolean single = names.contains(SafetensorsFolder.SINGLE);
    if (!single && !names.contains(SafetensorsFolder.INDEX)) {
      return gguf(onlyGguf(names), names);
    }
    if (!names.contains(SafetensorsFolder.CONFIG)) {
      throw new InputException(
          InputException.Kind.NOT_FOUND,
          repository + " has weights, but no " + SafetensorsFolder.CONFIG + adapterHint(names));
    }
    repository.noteMissing(OFTEN_MISSING);
    String weights = single ? SafetensorsFolder.SINGLE : SafetensorsFolder.INDEX;
    repository.files(
        name -> BESIDE.contains(name) || TOKENIZER.contains(name) || name.equals(weights));
    if (!single) {
      Set<String> shards = shards(repository.folder().resolve(weights));
      repository.files(shards::contains);
    }
    return repository.folder();
  }

  private Path gguf(String name, List<String> names) {
    if (!names.contains(name)) {
      throw new InputException(
          InputException.Kind.NOT_FOUND,
          repository + " has no file " + name + "; its GGUF files: " + listed(ggufs(names)));
    }
    Set<String> parts = new TreeSet<>(parts(name));
    repository.files(parts::contains);
    return repository.folder().resolve(name);
  }

  /** All parts of the split set that a GGUF file belongs to; of others the file itself. */
  private static List<String> parts(String name) {
    Matcher part = GGUF_PART.matcher(name);
    if (!part.matches()) {
      return List.of(name);
    }
    return Stream.iterate(1, i -> i <= Integer.parseInt(part.group(2)), i -> i + 1)
        .map(i -> "%s-%05d-of-%s.gguf".formatted(part.group(1), i, part.group(2)))
        .toList();
  }

  /** GGUF files that may be a model each, of a split one the first part. */
  private static List<String> ggufs(List<String> names) {
    return names.stream().filter(name -> GgufFiles.mayBeModel(Path.of(name))).sorted().toList();
  }

  private String onlyGguf(List<String> names) {
    List<String> ggufs = ggufs(names);
    if (ggufs.size() == 1) {
      return ggufs.getFirst();
    }
    if (!ggufs.isEmpty()) {
      throw new InputException(
          InputException.Kind.NOT_FOUND,
          repository
              + " holds "
              + ggufs.size()
              + " GGUF models; name one of them, as "
              + named(ggufs.getFirst())
              + ": "
              + listed(ggufs));
    }
    if (names.stream().anyMatch(name -> name.endsWith(".bin") || name.endsWith(".pth"))) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          repository
              + " has its weights as PyTorch pickles only, which are not read (they can run code)"
              + "; look for a revision or a copy of it with safetensors, or convert it"
              + adapterHint(names));
    }
    throw new InputException(
        InputException.Kind.NOT_FOUND,
        repository
            + " has neither "
            + SafetensorsFolder.SINGLE
            + " nor its shards nor a GGUF file; is it a model?"
            + adapterHint(names));
  }

  private String named(String gguf) {
    String text = repository.toString();
    int at = text.indexOf('@');
    return at < 0 ? text + "/" + gguf : text.substring(0, at) + "/" + gguf + text.substring(at);
  }

  private static String adapterHint(List<String> names) {
    return names.contains("adapter_config.json")
        ? "; it is an adapter: merge it into its base model first"
        : "";
  }

  private static String listed(List<String> names) {
    return names.isEmpty()
        ? "none"
        : String.join(", ", names.subList(0, Math.min(NAMED_AT_MOST, names.size())))
            + (names.size() > NAMED_AT_MOST ? ", …" : "");
  }

  /** The shards that an index names. */
  private static Set<String> shards(Path index) {
    byte[] json = MappedFiles.read(index, SafetensorsHeader.MAX_HEADER_BYTES);
    Set<String> shards = new TreeSet<>();
    if (Json.object(index.toString(), json).get("weight_map") instanceof Map<?, ?> map) {
      map.values().forEach(shard -> shards.add(String.valueOf(shard)));
    }
    return shards; // what is wrong with it is told when it is opened
  }
}
