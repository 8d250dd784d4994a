package io.superweight.catalog;

import io.superweight.InputException;
import io.superweight.catalog.CatalogEntry.Digest;
import io.superweight.catalog.CatalogEntry.Shape;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Coordinate;
import io.superweight.model.Transformer;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** The published super weights: those that come with this program, and those of a folder. */
public final class Catalog {
  private static final String RESOURCES = "/io/superweight/catalog/";

  /** A file of the user's folder may be so large. */
  private static final long MOST_BYTES = 1 << 20;

  private final List<CatalogEntry> entries;

  private Catalog(List<CatalogEntry> entries) {
    this.entries = entries.stream().sorted(Comparator.comparing(CatalogEntry::id)).toList();
  }

  /** What comes with this program. */
  public static Catalog builtIn() {
    List<CatalogEntry> entries = new ArrayList<>();
    for (String file : new String(resource("index.txt"), StandardCharsets.UTF_8).lines().toList()) {
      entries.add(CatalogJson.read(file, "", resource(file)));
    }
    return new Catalog(entries);
  }

  private static byte[] resource(String file) {
    try (InputStream in = Catalog.class.getResourceAsStream(RESOURCES + file)) {
      if (in == null) {
        throw new IllegalStateException(RESOURCES + file + " is missing from the jar");
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What comes with this program and what lies in the user's folder. */
  public static Catalog ofUser(Map<String, String> environment) {
    return builtIn().with(userFolder(environment));
  }

  /**
   * The user's own folder, whether it is there or not: {@code SUPERWEIGHT_CATALOG}, else {@code
   * superweight/catalog} in {@code XDG_CONFIG_HOME} or {@code ~/.config}.
   *
   * @param environment {@code System.getenv()} outside tests
   */
  public static Path userFolder(Map<String, String> environment) {
    String own = environment.getOrDefault("SUPERWEIGHT_CATALOG", "");
    if (!own.isBlank()) {
      return Path.of(own);
    }
    String config = environment.getOrDefault("XDG_CONFIG_HOME", "");
    String home = environment.getOrDefault("HOME", "");
    Path base =
        config.isBlank()
            ? Path.of(home.isBlank() ? System.getProperty("user.home") : home, ".config")
            : Path.of(config);
    return base.resolve("superweight").resolve("catalog");
  }

  /**
   * These entries and those of a folder's {@code .json} files, which take the place of entries of
   * the same id. A folder that does not exist has none.
   *
   * @throws InputException of kind MALFORMED for a file that is no entry
   */
  public Catalog with(Path folder) {
    Map<String, CatalogEntry> byId = new LinkedHashMap<>();
    entries.forEach(entry -> byId.put(entry.id(), entry));
    if (Files.isDirectory(folder)) {
      try (Stream<Path> files = Files.list(folder)) {
        for (Path file : files.filter(f -> f.toString().endsWith(".json")).sorted().toList()) {
          CatalogEntry entry = read(file);
          byId.put(entry.id(), entry);
        }
      } catch (IOException e) {
        throw new InputException(
            InputException.Kind.NOT_FOUND,
            "the catalog's folder " + folder + " cannot be read: " + e.getMessage(),
            e);
      }
    }
    return new Catalog(List.copyOf(byId.values()));
  }

  /**
   * Reads an entry from a file.
   *
   * @throws InputException of kind MALFORMED for one that is none
   */
  public static CatalogEntry read(Path file) {
    try {
      if (Files.size(file) > MOST_BYTES) {
        throw new InputException(
            InputException.Kind.MALFORMED,
            file + " is too large for an entry of the catalog: move it elsewhere");
      }
      return CatalogJson.read(file.toString(), file.toString(), Files.readAllBytes(file));
    } catch (IOException e) {
      throw new InputException(
          InputException.Kind.NOT_FOUND, file + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** All entries, by id. */
  public List<CatalogEntry> entries() {
    return entries;
  }

  /** The entry of an id, of a hub name, or of the last part of one; case does not matter. */
  public Optional<CatalogEntry> find(String name) {
    String wanted = plain(name);
    return entries.stream()
        .filter(e -> e.id().equals(wanted) || plain(e.name()).equals(wanted))
        .findFirst()
        .or(() -> entries.stream().filter(e -> named(e, name)).findFirst());
  }

  /** How sure it is that an entry speaks of a checkpoint. */
  public enum Likeness {
    /** The very bytes were measured. */
    DIGEST,
    /** The name and the sizes. */
    NAME,
    /** The sizes alone: only the weights' values can tell. */
    SHAPE
  }

  /**
   * An entry that may speak of a checkpoint.
   *
   * @param likeness why
   */
  public record Match(CatalogEntry entry, Likeness likeness) {}

  /**
   * The entries that may speak of a checkpoint, the surest first. Nothing is read but its
   * configuration and its digest.
   */
  public List<Match> match(Checkpoint checkpoint) {
    Shape shape = shape(checkpoint.config());
    String digest = checkpoint.digest();
    List<Match> matches = new ArrayList<>();
    for (CatalogEntry entry : entries) {
      if (entry.digests().stream().map(Digest::sha256).anyMatch(digest::equalsIgnoreCase)) {
        matches.add(new Match(entry, Likeness.DIGEST));
      } else if (entry.shape().layers() > 0 && entry.shape().fits(shape)) {
        matches.add(
            new Match(entry, named(entry, checkpoint.source()) ? Likeness.NAME : Likeness.SHAPE));
      }
    }
    matches.sort(Comparator.comparing(Match::likeness));
    return matches;
  }

  /**
   * Looks whether a model carries the weights that are published of it. Where several entries fit
   * its sizes, the one whose weights are there speaks.
   *
   * @return empty where no entry fits
   */
  public Optional<CatalogCheck> check(Transformer model) {
    List<CatalogCheck> checks =
        match(model.checkpoint()).stream().map(m -> CatalogCheck.of(m, model)).toList();
    return checks.stream()
        .min(
            Comparator.comparing(
                    (CatalogCheck c) -> c.match().likeness() == Likeness.DIGEST ? 0 : 1)
                .thenComparing(CatalogCheck::verdict)
                .thenComparing(c -> c.match().likeness())
                .thenComparing(c -> -c.entry().weights().size()));
  }

  /**
   * The published weights of a model, for edits.
   *
   * @throws InputException of kind NOT_FOUND where nothing is published of it, or the model does
   *     not have what is
   */
  public List<Coordinate> weightsOf(Transformer model) {
    CatalogCheck check =
        check(model)
            .orElseThrow(() ->
                notFound(
                    model,
                    "the catalog holds no model of these sizes ("
                        + shape(model.checkpoint().config()).words()
                        + ")"));
    if (check.entry().weights().isEmpty()) {
      throw notFound(
          model,
          "of " + check.entry().name() + " the catalog says: " + check.entry().finding().text());
    }
    if (check.verdict() == CatalogCheck.Verdict.ABSENT) {
      throw notFound(
          model, "the catalog's weights of " + check.entry().name() + " are not in this model");
    }
    return check.entry().coordinates();
  }

  private static InputException notFound(Transformer model, String why) {
    return new InputException(
        InputException.Kind.NOT_FOUND,
        model.checkpoint().source()
            + ": "
            + why
            + "; look for its own with superweight find, and give @FILE");
  }

  /** The sizes of a configuration. */
  static Shape shape(ModelConfig config) {
    return new Shape(
        config.text("model_type", ""),
        config.count("num_hidden_layers", 0),
        config.count("hidden_size", 0),
        config.count("intermediate_size", 0),
        config.count("vocab_size", 0),
        config.count("num_attention_heads", 0),
        config.count("num_key_value_heads", 0));
  }

  /** Whether a path or hub name is that of one of the entry's models. */
  private static boolean named(CatalogEntry entry, String source) {
    String wanted = plain(source);
    for (String model : entry.models()) {
      if (plain(model).equals(wanted)) {
        return true;
      }
    }
    // A folder of the hub's cache: …/models--org--name/snapshots/commit
    String path = source.toLowerCase(Locale.ROOT);
    return entry.models().stream()
        .anyMatch(
            m -> path.contains("models--" + m.toLowerCase(Locale.ROOT).replace("/", "--") + "/"));
  }

  /**
   * The last part of a path or hub name without revision, ending and type: {@code
   * org/Mistral-7B-v0.1@main} and {@code ./mistral-7b-v0.1.Q4_K_M.gguf} are {@code
   * mistral-7b-v0.1}.
   */
  static String plain(String name) {
    String last = name.strip().replaceAll("[/\\\\]+$", "");
    last = last.substring(Math.max(last.lastIndexOf('/'), last.lastIndexOf('\\')) + 1);
    return last.toLowerCase(Locale.ROOT)
        .replaceAll("@.*$| \\(embedded\\)$", "")
        .replaceAll("\\.(gguf|safetensors)$", "")
        .replaceAll("-\\d{5}-of-\\d{5}$", "")
        .replaceAll("[.-](i?q\\d[\\w]*|f16|f32|bf16|fp16|fp32)$", "")
        .replace('_', '-');
  }
}
