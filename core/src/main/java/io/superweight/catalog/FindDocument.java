package io.superweight.catalog;

import io.superweight.InputException;
import io.superweight.catalog.CatalogEntry.Digest;
import io.superweight.catalog.CatalogEntry.Evidence;
import io.superweight.catalog.CatalogEntry.Finding;
import io.superweight.catalog.CatalogEntry.KnownWeight;
import io.superweight.catalog.CatalogEntry.Shape;
import io.superweight.model.Coordinate;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Makes an entry of what {@code find --json} found. */
public final class FindDocument {
  private static final String KEY = "SW";

  private FindDocument() {}

  /**
   * The entry.
   *
   * @param file a document of {@code find --json}
   * @param model the hub name or name of the model; empty for that in the document
   * @throws InputException of kind NOT_FOUND or MALFORMED for a file that is none, of kind USAGE
   *     where the search proved nothing
   */
  public static CatalogEntry entry(Path file, Optional<String> model) {
    JsonNode root;
    try {
      root = JsonMapper.shared().readTree(Files.readAllBytes(file));
    } catch (JacksonException e) {
      throw malformed(file, "is no JSON");
    } catch (IOException e) {
      throw new InputException(
          InputException.Kind.NOT_FOUND,
          file + " cannot be read: write it with superweight find MODEL --json=" + file,
          e);
    }
    if (!root.path("schema").asString("").equals("superweight.find/1")) {
      throw malformed(file, "is no document of find --json");
    }
    String kind = root.at("/headline/kind").asString("");
    Finding finding =
        switch (kind) {
          case "super_weights" -> Finding.SUPER_WEIGHTS;
          case "none" -> Finding.NONE;
          case "candidates" -> throw unproven(file, "zeroed nothing: run find with --verify");
          case "undecided" ->
              throw unproven(file, "is undecided: run find with more text, --text FILE");
          case "refused" -> throw unproven(file, "could not judge this model");
          default -> throw malformed(file, "has no headline");
        };
    String source = root.at("/model/source").asString("");
    String name = model.orElse(root.at("/model/name").asString(""));
    String id = Catalog.plain(name).replaceAll("[^a-z0-9._-]+", "-").replaceAll("^[._-]+", "");
    if (id.isEmpty()) {
      throw new InputException(
          InputException.Kind.USAGE, "the model has no name: give one with --name org/name");
    }
    Map<String, JsonNode> candidates = new HashMap<>();
    for (JsonNode candidate : root.path("candidates").valueStream().toList()) {
      candidates.put(candidate.path("weight").asString(""), candidate);
    }
    List<KnownWeight> weights = new ArrayList<>();
    int intermediate = 0;
    int hidden = root.at("/model/hiddenSize").asInt(0);
    for (JsonNode weight : weights(root, finding)) {
      JsonNode found = candidates.get(weight.asString(""));
      if (found == null) {
        throw malformed(file, "names the weight " + weight.asString("") + " and no evidence of it");
      }
      Coordinate coordinate = Coordinate.parse(weight.asString(""));
      if (hidden > 0 && coordinate.expert().isEmpty()) {
        intermediate = (int) (found.path("matrixSize").asLong() / hidden);
      }
      weights.add(
          new KnownWeight(
              coordinate,
              OptionalDouble.of(found.path("value").asDouble()),
              OptionalLong.of(found.path("rank").asLong()),
              List.of(KEY),
              String.format(
                  Locale.ROOT,
                  "%s, share %.2f",
                  found.path("role").asString("").replace('_', ' '),
                  found.path("share").asDouble())));
    }
    String what =
        root.at("/model/name").asString("")
            + ", "
            + root.at("/model/format").asString("")
            + ", "
            + root.at("/model/dtype").asString("");
    return new CatalogEntry(
        id,
        name,
        name.contains("/") ? List.of(name) : List.of(Catalog.plain(source)),
        finding,
        new Shape(
            root.at("/model/family").asString(""),
            root.at("/model/layers").asInt(0),
            hidden,
            intermediate,
            root.at("/model/vocabularySize").asInt(0),
            0,
            0),
        List.of(new Digest(root.at("/model/digest").asString(""), what)),
        weights,
        evidence(root, weights.stream().map(w -> w.weight().toString()).toList()),
        List.of(),
        Map.of(
            KEY,
            "superweight "
                + root.at("/tool/version").asString("")
                + ", find --rule "
                + root.at("/search/rule").asString("")
                + " on "
                + what),
        "");
  }

  private static List<JsonNode> weights(JsonNode root, Finding finding) {
    return finding == Finding.NONE
        ? List.of()
        : root.at("/headline/weights").valueStream().toList();
  }

  private static List<Evidence> evidence(JsonNode root, List<String> ours) {
    JsonNode protocol = root.at("/verification/protocol");
    String how =
        String.format(
            Locale.ROOT,
            "%,d tokens of %s, windows of %,d, %s",
            protocol.path("scoredTokens").asLong(),
            protocol.path("text").asString(""),
            protocol.path("windowTokens").asLong(),
            protocol.path("bosAdded").asBoolean(false) ? "BOS first" : "no BOS");
    List<Evidence> evidence = new ArrayList<>();
    for (JsonNode set : root.at("/verification/sets").valueStream().toList()) {
      if (!set.at("/joint/perplexityRatio/estimate").isNumber()) {
        continue; // infinite: JSON has no word for it
      }
      if (!set.path("members").valueStream().map(w -> w.asString("")).allMatch(ours::contains)) {
        continue; // what was looked at on the way
      }
      int members = set.path("members").size();
      evidence.add(
          evidence(
              set.path("joint"),
              set.path("members"),
              (members > 1 ? "zeroed together, " : "zeroed, ") + how));
      for (JsonNode member : set.path("memberVerdicts").valueStream().toList()) {
        if (members > 1 && member.at("/alone/perplexityRatio/estimate").isNumber()) {
          evidence.add(
              evidence(
                  member.path("alone"),
                  member.path("alone").path("zeroed"),
                  "zeroed alone, " + how));
        }
      }
    }
    return evidence;
  }

  private static Evidence evidence(JsonNode effect, JsonNode weights, String how) {
    JsonNode ratio = effect.path("perplexityRatio");
    return new Evidence(
        weights.valueStream().map(w -> w.asString("")).toList(),
        "perplexity ratio",
        ratio.path("estimate").asDouble(),
        bound(ratio.path("low")),
        bound(ratio.path("high")),
        how,
        KEY);
  }

  private static OptionalDouble bound(JsonNode value) {
    return value.isNumber() ? OptionalDouble.of(value.asDouble()) : OptionalDouble.empty();
  }

  private static InputException unproven(Path file, String why) {
    return new InputException(
        InputException.Kind.USAGE,
        "the catalog holds what is proven; the search of " + file + " " + why);
  }

  private static InputException malformed(Path file, String why) {
    return new InputException(
        InputException.Kind.MALFORMED,
        file + " " + why + ": write one with superweight find MODEL --json=" + file);
  }
}
