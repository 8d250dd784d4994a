package io.superweight.evaluate;

import io.superweight.dataset.Dataset;
import io.superweight.dataset.DatasetName;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A data set of one field. */
final class MadeUpRows {
  private MadeUpRows() {}

  static Dataset of(DatasetName name, String field, List<String> texts) {
    JsonMapper json = JsonMapper.shared();
    List<JsonNode> rows = new ArrayList<>();
    texts.forEach(text -> rows.add(json.createObjectNode().put(field, text)));
    return new Dataset(name, List.of(new Dataset.File("made here", "00")), rows);
  }
}
