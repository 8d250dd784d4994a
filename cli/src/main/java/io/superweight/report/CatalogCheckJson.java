package io.superweight.report;

import io.superweight.catalog.CatalogCheck;
import java.io.OutputStream;
import java.util.List;
import java.util.Optional;

/** Whether a model has its published weights, {@code docs/schema/catalog-check-1.json}. */
public final class CatalogCheckJson {
  /** Name and version of the document's form. */
  public static final String SCHEMA = "superweight.catalog-check/1";

  private CatalogCheckJson() {}

  /**
   * Writes the document, UTF-8; the stream is flushed and left open.
   *
   * @param check empty where the catalog has no model of these sizes
   * @throws java.io.UncheckedIOException where the stream cannot be written
   */
  public static void write(
      String version, ModelFacts model, Optional<CatalogCheck> check, OutputStream out) {
    DocumentWriter.write(
        out,
        SCHEMA,
        json -> {
          SharedJson.tool(json, version);
          SharedJson.model(json, model);
          json.textOrNull("entry", check.map(c -> c.entry().id()).orElse(""));
          json.textOrNull("likeness", check.map(c -> lower(c.match().likeness())).orElse(""));
          json.text("verdict", check.map(c -> lower(c.verdict())).orElse("nothing_to_check"));
          json.text(
              "sentence",
              check.map(CatalogCheck::sentence).orElse("The catalog has no model of these sizes."));
          json.array(
              "weights",
              check.map(CatalogCheck::weights).orElse(List.of()),
              found -> {
                json.text("weight", found.known().weight().toString());
                json.measured("published", found.known().value().orElse(Double.NaN));
                json.measured("value", found.value());
                json.indexOrNull("rank", found.type() == null ? -1 : (int) found.rank());
                json.textOrNull("dtype", found.type() == null ? "" : found.type().name());
                json.choice("state", found.state());
              });
        });
  }

  private static String lower(Enum<?> value) {
    return value.name().toLowerCase(java.util.Locale.ROOT);
  }
}
