package io.superweight.experiment;

import io.superweight.model.Coordinate;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The numbers of the paper and of the notebook that its figures were drawn from (resource {@code
 * paper.json}).
 *
 * @param source what they were taken from
 * @param tasks the seven tasks, in the order of every list of accuracies
 * @param models the paper's models
 */
public record Paper(String source, List<String> tasks, List<PaperModel> models) {
  public Paper {
    tasks = List.copyOf(tasks);
    models = List.copyOf(models);
  }

  /**
   * A model of the paper.
   *
   * @param name as the paper names it
   * @param ids on the hub
   * @param superWeights Table 2, the layer of one corrected
   * @param values of these weights as replications report them; empty where not known
   * @param note what is to be known about its row of Table 2
   * @param numbers lists of numbers by figure and name, {@code figure3.input}
   * @param tokens of Figure 5
   */
  public record PaperModel(
      String name,
      List<String> ids,
      List<Coordinate> superWeights,
      List<Double> values,
      String note,
      Map<String, List<Double>> numbers,
      List<String> tokens) {

    /** Whether the paper has that figure or table for this model. */
    public boolean has(String figure) {
      return numbers.keySet().stream().anyMatch(key -> key.startsWith(figure + "."));
    }

    /** Numbers of a figure; none where the paper has none. */
    public List<Double> numbers(String figure, String name) {
      return numbers.getOrDefault(figure + "." + name, List.of());
    }
  }

  /** Reads the resource. */
  public static Paper load() {
    try (InputStream in = Paper.class.getResourceAsStream("paper.json")) {
      JsonNode root = JsonMapper.shared().readTree(in);
      List<PaperModel> models = new ArrayList<>();
      root.get("models").forEach(node -> models.add(model(node)));
      return new Paper(root.get("source").asString(), texts(root.get("tasks")), models);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static PaperModel model(JsonNode node) {
    Map<String, List<Double>> numbers = new LinkedHashMap<>();
    List<String> tokens = List.of();
    for (Map.Entry<String, JsonNode> figure : node.properties()) {
      if (figure.getValue().isObject()) {
        for (Map.Entry<String, JsonNode> list : figure.getValue().properties()) {
          if (list.getKey().equals("tokens")) {
            tokens = texts(list.getValue());
          } else {
            numbers.put(figure.getKey() + "." + list.getKey(), doubles(list.getValue()));
          }
        }
      }
    }
    return new PaperModel(
        node.get("name").asString(),
        texts(node.get("ids")),
        texts(node.get("superWeights")).stream().map(Coordinate::parse).toList(),
        node.has("values") ? doubles(node.get("values")) : List.of(),
        node.path("note").asString(""),
        numbers,
        tokens);
  }

  private static List<String> texts(JsonNode list) {
    return list.valueStream().map(JsonNode::asString).toList();
  }

  private static List<Double> doubles(JsonNode list) {
    return list.valueStream().map(JsonNode::asDouble).toList();
  }

  /** The paper's model of that name; one that it always has. */
  public PaperModel require(String name) {
    return models.stream().filter(model -> model.name().equals(name)).findFirst().orElseThrow();
  }

  /**
   * The model that the user's is, told by its name: a folder, file or repository in the path begins
   * with the last part of a hub id, whatever its case ({@code llama-7b.Q4_0.gguf}).
   */
  public Optional<PaperModel> named(String source) {
    List<String> parts =
        Arrays.stream(source.split("[/\\\\]|--")).map(part -> plain(part) + "-").toList();
    return models.stream()
        .filter(model ->
            model.ids().stream()
                .map(id -> plain(id.substring(id.indexOf('/') + 1)).replaceAll("-hf$", "") + "-")
                .anyMatch(id -> parts.stream().anyMatch(part -> part.startsWith(id))))
        .findFirst();
  }

  /** Words of lower-case letters and digits, with one hyphen between. */
  private static String plain(String text) {
    return text.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-");
  }
}
