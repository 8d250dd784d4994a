package io.superweight.edit;

import io.superweight.InputException;
import io.superweight.compute.Matrix;
import io.superweight.model.Coordinate;
import io.superweight.model.Transformer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Finds the weights that a text names:
 *
 * <ul>
 *   <li>{@code layers.11.mlp.down[507,1229]}, one weight
 *   <li>{@code layers.11.mlp.down[507,*]}, a row; {@code [*,1229]}, a column; {@code
 *       layers.*.mlp.down[507,1229]}, the same place in every layer
 *   <li>{@code @FILE}: coordinates one a line, or a document of {@code find --json} or {@code
 *       verify --json}, or an entry of the catalog; {@code @-} is standard input
 *   <li>{@code @catalog}: what is published of this model
 * </ul>
 *
 * Several are separated by spaces, commas or semicolons.
 */
public final class WeightSelector {
  private static final Pattern PATTERN =
      Pattern.compile(
          "@?(layers\\.(?:\\d{1,6}|\\*)\\.[a-z_.0-9*]+)\\[\\s*(\\d{1,9}|\\*)\\s*,\\s*(\\d{1,9}|\\*)\\s*]");

  private final Transformer model;
  private final Supplier<Collection<Coordinate>> catalog;
  private final InputStream standardInput;

  /**
   * @param catalog the published weights of the model; throws an {@link InputException} where there
   *     are none
   * @param standardInput read for {@code @-}
   */
  public WeightSelector(
      Transformer model, Supplier<Collection<Coordinate>> catalog, InputStream standardInput) {
    this.model = model;
    this.catalog = catalog;
    this.standardInput = standardInput;
  }

  /**
   * The weights that a text names, each once, in order.
   *
   * @throws InputException of kind USAGE for what names none, or some that the model does not have;
   *     of kind NOT_FOUND and MALFORMED for files
   */
  public List<Coordinate> select(String text) {
    TreeSet<Coordinate> weights = new TreeSet<>();
    for (String name : names(text)) {
      add(name, weights);
    }
    if (weights.isEmpty()) {
      throw usage(
          "\"" + text + "\" names no weight: write a coordinate like layers.11.mlp.down[507,1229]");
    }
    return List.copyOf(weights);
  }

  /** The names of a text: separators within brackets belong to a name. */
  private static List<String> names(String text) {
    String whole = text.strip();
    if (whole.startsWith("@") && !PATTERN.matcher(whole).lookingAt()) {
      return List.of(whole); // a file's name may have spaces in it
    }
    List<String> names = new ArrayList<>();
    StringBuilder name = new StringBuilder();
    boolean within = false;
    for (char c : whole.toCharArray()) {
      within = c == '[' || (within && c != ']');
      if (!within && (Character.isWhitespace(c) || c == ',' || c == ';')) {
        if (!name.isEmpty()) {
          names.add(name.toString());
          name.setLength(0);
        }
      } else {
        name.append(c);
      }
    }
    if (!name.isEmpty()) {
      names.add(name.toString());
    }
    return names;
  }

  private void add(String name, TreeSet<Coordinate> weights) {
    Matcher pattern = PATTERN.matcher(name);
    if (pattern.matches()) {
      matching(name, pattern.group(1), pattern.group(2), pattern.group(3), weights);
    } else if (name.equals("@catalog")) {
      for (Coordinate weight : catalog.get()) {
        model.weight(weight);
        weights.add(weight);
      }
    } else if (name.startsWith("@")) {
      fromFile(name.substring(1), weights);
    } else {
      Coordinate.parse(name); // says what is wrong with it
      throw usage("\"" + name + "\" is no coordinate");
    }
  }

  private void matching(
      String name, String part, String row, String col, TreeSet<Coordinate> weights) {
    List<String> parts = List.of(part);
    if (part.contains("*")) {
      Pattern glob = Pattern.compile("\\Q" + part.replace("*", "\\E[^.]+\\Q") + "\\E");
      parts = model.matrices().keySet().stream().filter(glob.asMatchPredicate()).toList();
      if (parts.isEmpty()) {
        throw usage("no matrix of the model is named like " + part + ": " + parts());
      }
    }
    for (String one : parts) {
      Matrix matrix = model.matrices().get(one);
      if (matrix == null) {
        throw usage("the model has no matrix " + one + ": " + parts());
      }
      int firstRow = row.equals("*") ? 0 : Integer.parseInt(row);
      int firstCol = col.equals("*") ? 0 : Integer.parseInt(col);
      if (firstRow >= matrix.rows() || firstCol >= matrix.cols()) {
        throw usage(
            name
                + " lies outside of the matrix, which is ["
                + matrix.rows()
                + ", "
                + matrix.cols()
                + "]: choose a row below "
                + matrix.rows()
                + " and a column below "
                + matrix.cols());
      }
      int lastRow = row.equals("*") ? matrix.rows() - 1 : firstRow;
      int lastCol = col.equals("*") ? matrix.cols() - 1 : firstCol;
      long count = (lastRow - firstRow + 1L) * (lastCol - firstCol + 1L);
      if (weights.size() + count > Edits.MOST) {
        throw usage(name + " names more than " + Edits.MOST + " weights: choose a row or a column");
      }
      for (int r = firstRow; r <= lastRow; r++) {
        for (int c = firstCol; c <= lastCol; c++) {
          weights.add(new Coordinate(one, r, c));
        }
      }
    }
  }

  private String parts() {
    return "it has "
        + model.layers()
        + " layers, with parts like "
        + model.matrices().keySet().stream()
            .filter(part -> part.endsWith("down"))
            .findFirst()
            .orElse("none");
  }

  private void fromFile(String file, TreeSet<Coordinate> weights) {
    String text = read(file);
    if (text.stripLeading().startsWith("{")) {
      for (JsonNode weight : weightsOf(file, text)) {
        add(weight.asString(""), weights);
      }
      return;
    }
    int found = weights.size();
    for (String line : text.lines().toList()) {
      String bare = line.replaceFirst("#.*", "").strip();
      if (bare.startsWith("@")) {
        throw usage(file + ": a file of coordinates cannot name another file: " + bare);
      }
      for (String name : names(bare)) {
        add(name, weights);
      }
    }
    if (weights.size() == found && found == 0) {
      throw usage(
          file + " holds no coordinate: write them one a line, as find --quiet prints them");
    }
  }

  private List<JsonNode> weightsOf(String file, String text) {
    JsonNode document;
    try {
      document = JsonMapper.shared().readTree(text);
    } catch (JacksonException e) {
      throw new InputException(
          InputException.Kind.MALFORMED,
          file + " is no JSON document: write it again with find --json=" + file,
          e);
    }
    String schema = document.path("schema").asString("");
    JsonNode weights =
        switch (schema) {
          case "superweight.find/1" -> document.at("/headline/weights");
          case "superweight.verify/1" -> document.at("/verification/superWeights");
          case "superweight.catalog/1" -> document.path("weights");
          default ->
              throw new InputException(
                  InputException.Kind.MALFORMED,
                  file
                      + (schema.isEmpty() ? " has no schema" : " is a " + schema)
                      + ": give a document of find --json, verify --json or the catalog");
        };
    JsonNode of = document.path("model");
    if (of.path("layers").isInt()
        && of.path("hiddenSize").isInt()
        && (of.path("layers").asInt() != model.layers()
            || of.path("hiddenSize").asInt() != model.hiddenSize())) {
      throw usage(
          file
              + " is about a model of "
              + of.path("layers").asInt()
              + " layers × "
              + of.path("hiddenSize").asInt()
              + " channels, this one has "
              + model.layers()
              + " × "
              + model.hiddenSize()
              + ": run find on this model");
    }
    List<JsonNode> found =
        weights
            .valueStream()
            .map(w -> w.isObject() ? w.path("weight") : w)
            .filter(JsonNode::isString)
            .toList();
    if (found.isEmpty()) {
      throw usage(file + " names no weight: nothing was found there, so there is nothing to edit");
    }
    return found;
  }

  private String read(String file) {
    try {
      if (file.equals("-")) {
        return new String(standardInput.readAllBytes(), StandardCharsets.UTF_8);
      }
      Path path = Path.of(file);
      if (file.isEmpty() || !Files.isRegularFile(path)) {
        throw notFound(file);
      }
      return new String(Files.readAllBytes(path), StandardCharsets.UTF_8);
    } catch (InvalidPathException e) {
      throw notFound(file);
    } catch (IOException e) {
      throw new InputException(
          InputException.Kind.NOT_FOUND, file + " cannot be read: " + e.getMessage(), e);
    }
  }

  private static InputException notFound(String file) {
    return new InputException(
        InputException.Kind.NOT_FOUND,
        "@"
            + file
            + ": there is no such file; give one that find --quiet or find --json wrote, or @catalog");
  }

  private static InputException usage(String message) {
    return new InputException(InputException.Kind.USAGE, message);
  }
}
