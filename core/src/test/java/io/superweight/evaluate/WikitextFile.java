package io.superweight.evaluate;

import io.superweight.Fixtures;
import io.superweight.dataset.Dataset;
import io.superweight.dataset.DatasetName;
import io.superweight.dataset.Datasets;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** WikiText-2's raw test file as the hub has it: line by line, and page by page. */
final class WikitextFile implements Datasets {
  private static final Pattern TITLE = Pattern.compile(" = [^=].*[^=] = ");

  static String raw() {
    try {
      return Files.readString(Fixtures.path("data/wikitext-2-raw/wiki.test.raw"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public Dataset open(DatasetName name) {
    return switch (name.repository()) {
      case "Salesforce/wikitext" -> rows(name, "text", lines());
      case "EleutherAI/wikitext_document_level" -> rows(name, "page", pages());
      default -> throw new AssertionError(name);
    };
  }

  private static List<String> lines() {
    return raw().lines().map(line -> line.equals(" ") ? "" : line + "\n").toList();
  }

  /** Titles begin pages; the line break before one, which joins them, is left out. */
  private static List<String> pages() {
    List<String> pages = new ArrayList<>();
    List<String> page = new ArrayList<>();
    for (String line : raw().lines().toList()) {
      if (TITLE.matcher(line).matches() && page.size() > 1) {
        pages.add(String.join("\n", page));
        page.clear();
      }
      page.add(line);
    }
    pages.add(String.join("\n", page) + "\n");
    return pages;
  }

  static Dataset rows(DatasetName name, String field, List<String> texts) {
    JsonMapper json = JsonMapper.shared();
    List<JsonNode> rows = new ArrayList<>();
    texts.forEach(text -> rows.add(json.createObjectNode().put(field, text)));
    return new Dataset(name, List.of(new Dataset.File("made here", "00")), rows);
  }
}
