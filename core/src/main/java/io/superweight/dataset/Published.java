package io.superweight.dataset;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * A split as its authors publish it, outside of the hub.
 *
 * @param name what it is on the hub
 * @param folders where it lies in a folder of data: as the archive unpacks, or under a plain name
 * @param file a pattern of the file's name
 * @param labels the name of the file with the labels beside it; empty for none
 * @param rows from the files to the hub's fields
 */
record Published(
    DatasetName name, List<String> folders, Pattern file, String labels, Conversion rows) {

  /** From the files to rows. */
  interface Conversion {
    /**
     * @param labels one for each row; empty where there is no such file
     */
    List<JsonNode> rows(RowFile file, List<String> labels);
  }

  private static final Pattern TELLING = Pattern.compile("ARC|sciq|hellaswag|lambada|wiki|c4");

  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  static final List<Published> ALL =
      List.of(
          arc("ARC-Easy", "test", "Test"),
          arc("ARC-Easy", "validation", "Dev"),
          arc("ARC-Challenge", "test", "Test"),
          arc("ARC-Challenge", "validation", "Dev"),
          labelled("baber/piqa", "", List.of("piqa", "physicaliqa-train-dev"), "valid", "goal"),
          labelled("baber/piqa", "", List.of("piqa", "physicaliqa-train-dev"), "dev", "goal"),
          labelled(
              "allenai/winogrande",
              "winogrande_xl",
              List.of("winogrande", "winogrande_1.1"),
              "dev",
              "sentence"),
          plain("allenai/sciq", "", "test", List.of("sciq"), "(sciq_)?test\\.jsonl?"),
          plain(
              "allenai/sciq", "", "validation", List.of("sciq"), "(sciq_)?valid(ation)?\\.jsonl?"),
          plain("Rowan/hellaswag", "", "validation", List.of("hellaswag"), "hellaswag_val\\.jsonl"),
          plain(
              "EleutherAI/lambada_openai",
              "default",
              "test",
              List.of("lambada"),
              "lambada_test(_en)?\\.jsonl"),
          wikitext("EleutherAI/wikitext_document_level", Published::pages),
          wikitext("Salesforce/wikitext", Published::lines),
          plain(
              "allenai/c4",
              "en",
              "validation",
              List.of("c4", "en", "c4/en"),
              "c4[-_.]validation.*\\.jsonl?(\\.gz)?"));

  private static Published arc(String configuration, String split, String suffix) {
    return new Published(
        new DatasetName("allenai/ai2_arc", configuration, split),
        List.of("arc", configuration, "ARC-V1-Feb2018-2/" + configuration),
        Pattern.compile(configuration + "-" + suffix + "\\.jsonl"),
        "",
        (file, labels) -> file.rows().stream().map(Published::arcRow).toList());
  }

  private static Published plain(
      String repository, String configuration, String split, List<String> folders, String file) {
    return new Published(
        new DatasetName(repository, configuration, split),
        folders,
        Pattern.compile(file),
        "",
        (rows, labels) -> rows.rows());
  }

  private static Published labelled(
      String repository, String configuration, List<String> folders, String file, String field) {
    return new Published(
        new DatasetName(repository, configuration, "validation"),
        folders,
        Pattern.compile(file + "\\.jsonl"),
        file + "-labels.lst",
        (rows, labels) -> labelled(rows, labels, field));
  }

  private static Published wikitext(
      String repository, java.util.function.Function<String, List<JsonNode>> rows) {
    return new Published(
        new DatasetName(repository, "wikitext-2-raw-v1", "test"),
        List.of("wikitext-2-raw"),
        Pattern.compile("wiki\\.test\\.raw"),
        "",
        (file, labels) -> rows.apply(file.text()));
  }

  /** Whether a file of that name is this split. */
  boolean matches(Path path) {
    return file.matcher(String.valueOf(path.getFileName())).matches();
  }

  /** Whether the file's name alone says which set it is of, whatever folder it lies in. */
  boolean tells(Path path) {
    return TELLING.matcher(String.valueOf(path.getFileName())).lookingAt();
  }

  private static JsonNode arcRow(JsonNode published) {
    ObjectNode row = JSON.objectNode();
    row.set("id", published.path("id"));
    row.set("question", published.path("question").path("stem"));
    ArrayNode texts = JSON.arrayNode();
    ArrayNode labels = JSON.arrayNode();
    for (JsonNode choice : published.path("question").path("choices")) {
      texts.add(choice.path("text"));
      labels.add(choice.path("label"));
    }
    row.set("choices", JSON.objectNode().set("text", texts).set("label", labels));
    row.set("answerKey", published.path("answerKey"));
    return row;
  }

  /** PIQA's label is a number, WinoGrande's an answer that its rows may also hold themselves. */
  private static List<JsonNode> labelled(RowFile file, List<String> labels, String field) {
    List<JsonNode> rows = file.rows();
    if (!labels.isEmpty() && labels.size() != rows.size()) {
      throw file.malformed(
          "has " + rows.size() + " rows, but " + labels.size() + " labels lie beside it");
    }
    List<JsonNode> labelled = new ArrayList<>();
    for (int i = 0; i < rows.size(); i++) {
      if (!(rows.get(i) instanceof ObjectNode row) || !row.has(field)) {
        throw file.malformed("has no \"" + field + "\" in row " + (i + 1));
      }
      if (!labels.isEmpty()) {
        String label = labels.get(i);
        String own = row.path("answer").asString(label);
        if (!own.equals(label)) {
          throw file.malformed(
              "answers " + own + " in row " + (i + 1) + ", but the labels beside it say " + label);
        }
        row.put(field.equals("goal") ? "label" : "answer", label);
      }
      labelled.add(row);
    }
    return labelled;
  }

  /**
   * The lines as the hub's rows: with their line feed, but a blank one empty.
   *
   * @param raw {@code wiki.test.raw}
   */
  private static List<JsonNode> lines(String raw) {
    return raw.lines()
        .map(line -> line.isBlank() ? "" : line + "\n")
        .map(line -> (JsonNode) JSON.objectNode().put("text", line))
        .toList();
  }

  /** A page begins at a heading of the first level; the line feed before it belongs to neither. */
  private static final Pattern BETWEEN_PAGES =
      Pattern.compile("(?<!^ )\n(?= = [^=\n](?:[^\n]*[^=\n])? = \n)");

  private static List<JsonNode> pages(String raw) {
    return BETWEEN_PAGES
        .splitAsStream(raw)
        .map(page -> (JsonNode) JSON.objectNode().put("page", page))
        .toList();
  }
}
