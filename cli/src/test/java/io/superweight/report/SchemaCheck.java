package io.superweight.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/**
 * Checks a document against the part of JSON Schema that docs/schema uses, and refuses a schema
 * that uses more.
 */
public final class SchemaCheck {
  private static final List<String> KNOWN =
      List.of(
          "$schema",
          "$defs",
          "$ref",
          "title",
          "description",
          "type",
          "required",
          "properties",
          "additionalProperties",
          "items",
          "enum",
          "const",
          "anyOf",
          "minimum",
          "pattern");

  private final JsonNode root;
  private final List<String> errors = new ArrayList<>();

  private SchemaCheck(JsonNode root) {
    this.root = root;
  }

  /** What is wrong, one line each; empty for a valid document. */
  public static List<String> errors(JsonNode schema, JsonNode document) {
    SchemaCheck check = new SchemaCheck(schema);
    check.check(schema, document, "");
    return check.errors;
  }

  private void check(JsonNode schema, JsonNode value, String at) {
    for (String keyword : schema.propertyNames()) {
      if (!KNOWN.contains(keyword)) {
        throw new IllegalArgumentException("the schema uses " + keyword + " at " + at);
      }
    }
    if (schema.has("$ref")) {
      String name = schema.get("$ref").asString().replace("#/$defs/", "");
      check(root.required("$defs").required(name), value, at);
    }
    if (schema.has("anyOf")
        && schema
            .get("anyOf")
            .valueStream()
            .noneMatch(choice -> {
              SchemaCheck attempt = new SchemaCheck(root);
              attempt.check(choice, value, at);
              return attempt.errors.isEmpty();
            })) {
      // The errors of the first choice say more than that none fits.
      check(schema.get("anyOf").get(0), value, at);
    }
    if (schema.has("const") && !schema.get("const").equals(value)) {
      errors.add(at + " is " + value + ", not " + schema.get("const"));
    }
    if (schema.has("enum") && schema.get("enum").valueStream().noneMatch(value::equals)) {
      errors.add(at + " is " + value + ", none of " + schema.get("enum"));
    }
    if (schema.has("type")) {
      JsonNode type = schema.get("type");
      if (type.isArray()
          ? type.valueStream().noneMatch(one -> isA(one.asString(), value))
          : !isA(type.asString(), value)) {
        errors.add(at + " is " + value.getNodeType() + ", not " + type);
        return;
      }
    }
    if (schema.has("minimum")
        && value.isNumber()
        && value.asDouble() < schema.get("minimum").asDouble()) {
      errors.add(at + " is " + value + ", under " + schema.get("minimum"));
    }
    if (schema.has("pattern")
        && !Pattern.compile(schema.get("pattern").asString()).matcher(value.asString()).find()) {
      errors.add(at + " is " + value + ", which does not match");
    }
    if (schema.has("properties")) {
      JsonNode properties = schema.get("properties");
      for (JsonNode name : schema.required("required")) {
        if (!value.has(name.asString())) {
          errors.add(at + " lacks " + name.asString());
        }
      }
      for (Map.Entry<String, JsonNode> field : value.properties()) {
        if (properties.has(field.getKey())) {
          check(properties.get(field.getKey()), field.getValue(), at + "/" + field.getKey());
        } else {
          errors.add(at + " has " + field.getKey() + ", which the schema does not know");
        }
      }
    }
    if (schema.has("items")) {
      for (int i = 0; i < value.size(); i++) {
        check(schema.get("items"), value.get(i), at + "/" + i);
      }
    }
  }

  private static boolean isA(String type, JsonNode value) {
    return switch (type) {
      case "object" -> value.isObject();
      case "array" -> value.isArray();
      case "string" -> value.isString();
      case "boolean" -> value.isBoolean();
      case "null" -> value.isNull();
      case "integer" -> value.isIntegralNumber();
      case "number" -> value.isNumber();
      default -> throw new IllegalArgumentException("no type " + type);
    };
  }
}
