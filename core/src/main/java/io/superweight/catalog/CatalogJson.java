package io.superweight.catalog;

import io.superweight.InputException;
import io.superweight.catalog.CatalogEntry.Digest;
import io.superweight.catalog.CatalogEntry.Evidence;
import io.superweight.catalog.CatalogEntry.Finding;
import io.superweight.catalog.CatalogEntry.KnownWeight;
import io.superweight.catalog.CatalogEntry.Shape;
import io.superweight.model.Coordinate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Entries as JSON documents, {@code docs/schema/catalog-1.json}. */
public final class CatalogJson {
  /** Name and version of the document's form. */
  public static final String SCHEMA = "superweight.catalog/1";

  private static final Pattern ID = Pattern.compile("[a-z0-9][a-z0-9._-]{0,99}");

  private CatalogJson() {}

  /**
   * Reads an entry.
   *
   * @param file where it is from, for messages
   * @throws InputException of kind MALFORMED that names what is wrong with it
   */
  static CatalogEntry read(String file, String origin, byte[] bytes) {
    JsonNode root;
    try {
      root = JsonMapper.shared().readTree(bytes);
    } catch (JacksonException e) {
      throw malformed(file, "is no JSON: " + e.getOriginalMessage());
    }
    return new Reader(file, root).entry(origin);
  }

  private static InputException malformed(String file, String what) {
    return new InputException(
        InputException.Kind.MALFORMED, file + " " + what + "; docs/catalog.md describes an entry");
  }

  private record Reader(String file, JsonNode root) {
    CatalogEntry entry(String origin) {
      if (!SCHEMA.equals(root.path("schema").asString(""))) {
        throw malformed(file, "is no entry of the catalog: its schema must be " + SCHEMA);
      }
      String id = text(root, "id");
      if (!ID.matcher(id).matches()) {
        throw malformed(file, "has the id \"" + id + "\": lower-case letters, digits, . _ - only");
      }
      Map<String, String> sources = new LinkedHashMap<>();
      for (Map.Entry<String, JsonNode> source : object(root, "sources").properties()) {
        sources.put(source.getKey(), source.getValue().asString(""));
      }
      List<KnownWeight> weights = new ArrayList<>();
      for (JsonNode weight : list(root, "weights")) {
        weights.add(
            new KnownWeight(
                coordinate(text(weight, "weight")),
                number(weight, "value"),
                rank(weight),
                keys(weight, sources),
                weight.path("note").asString("")));
      }
      List<Evidence> evidence = new ArrayList<>();
      for (JsonNode one : list(root, "evidence")) {
        String source = text(one, "source");
        if (!sources.containsKey(source)) {
          throw malformed(file, "cites \"" + source + "\", which is not among its sources");
        }
        evidence.add(
            new Evidence(
                texts(one, "weights"),
                text(one, "measure"),
                number(one, "value")
                    .orElseThrow(() -> malformed(file, "has evidence without a value")),
                number(one, "low"),
                number(one, "high"),
                text(one, "how"),
                source));
      }
      List<Digest> digests = new ArrayList<>();
      for (JsonNode digest : list(root, "digests")) {
        digests.add(new Digest(text(digest, "sha256"), text(digest, "what")));
      }
      Finding finding = finding(text(root, "finding"));
      if (finding == Finding.SUPER_WEIGHTS && weights.isEmpty()) {
        throw malformed(file, "finds super weights and names none");
      }
      return new CatalogEntry(
          id,
          text(root, "name"),
          texts(root, "models"),
          finding,
          shape(object(root, "shape")),
          digests,
          weights,
          evidence,
          texts(root, "notes"),
          sources,
          origin);
    }

    private Shape shape(JsonNode shape) {
      return new Shape(
          shape.path("family").asString(""),
          size(shape, "layers"),
          size(shape, "hiddenSize"),
          size(shape, "intermediateSize"),
          size(shape, "vocabularySize"),
          size(shape, "heads"),
          size(shape, "keyValueHeads"));
    }

    private int size(JsonNode shape, String name) {
      JsonNode value = shape.path(name);
      if (value.isMissingNode() || value.isNull()) {
        return 0;
      }
      if (!value.isInt() || value.asInt() < 1) {
        throw malformed(file, "has a \"" + name + "\" that is no positive whole number");
      }
      return value.asInt();
    }

    private Finding finding(String text) {
      for (Finding finding : Finding.values()) {
        if (finding.name().toLowerCase(Locale.ROOT).equals(text)) {
          return finding;
        }
      }
      throw malformed(
          file, "has the finding \"" + text + "\": super_weights, none or unlocated are known");
    }

    private Coordinate coordinate(String text) {
      try {
        return Coordinate.parse(text);
      } catch (InputException e) {
        throw malformed(file, "names a weight that is no coordinate: " + e.getMessage());
      }
    }

    private List<String> keys(JsonNode weight, Map<String, String> sources) {
      List<String> keys = texts(weight, "sources");
      for (String key : keys) {
        if (!sources.containsKey(key)) {
          throw malformed(file, "cites \"" + key + "\", which is not among its sources");
        }
      }
      if (keys.isEmpty()) {
        throw malformed(file, "has a weight without a source");
      }
      return keys;
    }

    private OptionalLong rank(JsonNode weight) {
      OptionalDouble rank = number(weight, "rank");
      if (rank.isEmpty()) {
        return OptionalLong.empty();
      }
      if (!(rank.getAsDouble() >= 1) || rank.getAsDouble() != Math.rint(rank.getAsDouble())) {
        throw malformed(file, "has a rank that is no positive whole number");
      }
      return OptionalLong.of((long) rank.getAsDouble());
    }

    private OptionalDouble number(JsonNode of, String name) {
      JsonNode value = of.path(name);
      if (value.isMissingNode() || value.isNull()) {
        return OptionalDouble.empty();
      }
      if (!value.isNumber()) {
        throw malformed(file, "has a \"" + name + "\" that is no number");
      }
      return OptionalDouble.of(value.asDouble());
    }

    private String text(JsonNode of, String name) {
      JsonNode value = of.path(name);
      if (!value.isString() || value.asString().isBlank()) {
        throw malformed(file, "lacks the text \"" + name + "\"");
      }
      return value.asString();
    }

    private JsonNode object(JsonNode of, String name) {
      JsonNode value = of.path(name);
      if (!value.isObject()) {
        throw malformed(file, "lacks the object \"" + name + "\"");
      }
      return value;
    }

    private JsonNode list(JsonNode of, String name) {
      JsonNode value = of.path(name);
      if (!value.isArray()) {
        throw malformed(file, "lacks the list \"" + name + "\"");
      }
      return value;
    }

    private List<String> texts(JsonNode of, String name) {
      List<String> texts = new ArrayList<>();
      for (JsonNode value : list(of, name)) {
        if (!value.isString()) {
          throw malformed(file, "has something in \"" + name + "\" that is no text");
        }
        texts.add(value.asString());
      }
      return texts;
    }
  }

  /** An entry as a document, indented, one newline at the end. */
  public static String write(CatalogEntry entry) {
    JsonMapper mapper = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
    ObjectNode root = mapper.createObjectNode();
    root.put("schema", SCHEMA);
    root.put("id", entry.id());
    root.put("name", entry.name());
    texts(root.putArray("models"), entry.models());
    root.put("finding", entry.finding().name().toLowerCase(Locale.ROOT));
    ObjectNode shape = root.putObject("shape");
    shape.put("family", entry.shape().family());
    size(shape, "layers", entry.shape().layers());
    size(shape, "hiddenSize", entry.shape().hiddenSize());
    size(shape, "intermediateSize", entry.shape().intermediateSize());
    size(shape, "vocabularySize", entry.shape().vocabularySize());
    size(shape, "heads", entry.shape().heads());
    size(shape, "keyValueHeads", entry.shape().keyValueHeads());
    ArrayNode digests = root.putArray("digests");
    entry
        .digests()
        .forEach(d -> digests.addObject().put("sha256", d.sha256()).put("what", d.what()));
    ArrayNode weights = root.putArray("weights");
    for (KnownWeight known : entry.weights()) {
      ObjectNode weight = weights.addObject();
      weight.put("weight", known.weight().toString());
      number(weight, "value", known.value());
      if (known.rank().isPresent()) {
        weight.put("rank", known.rank().getAsLong());
      } else {
        weight.putNull("rank");
      }
      texts(weight.putArray("sources"), known.sources());
      if (!known.note().isEmpty()) {
        weight.put("note", known.note());
      }
    }
    ArrayNode evidence = root.putArray("evidence");
    for (Evidence one : entry.evidence()) {
      ObjectNode node = evidence.addObject();
      texts(node.putArray("weights"), one.weights());
      node.put("measure", one.measure());
      node.put("value", one.value());
      number(node, "low", one.low());
      number(node, "high", one.high());
      node.put("how", one.how());
      node.put("source", one.source());
    }
    texts(root.putArray("notes"), entry.notes());
    ObjectNode sources = root.putObject("sources");
    entry.sources().forEach(sources::put);
    return mapper.writeValueAsString(root).replace("\r\n", "\n") + "\n";
  }

  private static void texts(ArrayNode array, List<String> texts) {
    texts.forEach(array::add);
  }

  private static void size(ObjectNode shape, String name, int size) {
    if (size > 0) {
      shape.put(name, size);
    }
  }

  private static void number(ObjectNode node, String name, OptionalDouble value) {
    if (value.isPresent()) {
      node.put(name, value.getAsDouble());
    } else {
      node.putNull(name);
    }
  }
}
