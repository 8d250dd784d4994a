package io.superweight.evaluate;

import io.superweight.InputException;
import java.util.List;
import tools.jackson.databind.JsonNode;

/**
 * A row of a data set with messages for what it lacks.
 *
 * @param source the data set
 * @param index from 0
 * @param fields the row
 */
record Row(String source, int index, JsonNode fields) {
  /** A text. */
  String text(String field) {
    JsonNode node = fields.path(field);
    if (!node.isString()) {
      throw lacks("no text \"" + field + "\"");
    }
    return node.asString();
  }

  /** A whole number, also one written as a text. */
  int number(String field) {
    JsonNode node = fields.path(field);
    if (node.isInt() || node.isLong()) {
      return node.asInt();
    }
    if (node.isString() && node.asString().matches("\\d{1,9}")) {
      return Integer.parseInt(node.asString());
    }
    throw lacks("no number \"" + field + "\"");
  }

  List<String> texts(String field) {
    return texts(field, fields.path(field));
  }

  List<String> texts(String field, String nested) {
    return texts(field + "." + nested, fields.path(field).path(nested));
  }

  private List<String> texts(String name, JsonNode list) {
    if (!list.isArray() || list.isEmpty() || !list.valueStream().allMatch(JsonNode::isString)) {
      throw lacks("no list of texts \"" + name + "\"");
    }
    return list.valueStream().map(JsonNode::asString).toList();
  }

  /** The right choice, checked. */
  int gold(int index, int choices) {
    if (index < 0 || index >= choices) {
      throw lacks("a right answer that is none of its " + choices + " choices");
    }
    return index;
  }

  InputException lacks(String what) {
    return new InputException(
        InputException.Kind.MALFORMED,
        source + ": row " + index + " has " + what + ": use the hub's field names (docs/guide.md)");
  }
}
